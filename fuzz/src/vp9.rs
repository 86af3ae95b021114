//! Arbitrary bytes as payloads and as frames of VP9: whatever comes is read or refused, what is written is read back.

use super::video::{payloads, round_trip};
use duologue_rtp::codec::Codec;

/// One input: a list of payloads, and then the same bytes as one frame, once with the mark that VP9 frames begin with.
pub fn run(data: &[u8]) {
    payloads(Codec::Vp9, data);
    if let [a, b, c, d, frame @ ..] = data {
        let options = [*a, *b, *c, *d];
        round_trip(Codec::Vp9, frame, options);
        let mut marked = frame.to_vec();
        if let Some(first) = marked.first_mut() {
            // Not of profile 3, whose reserved bit may be set.
            *first = *first & 0x1f | 0x80;
            assert!(round_trip(Codec::Vp9, &marked, options));
        }
    }
}
