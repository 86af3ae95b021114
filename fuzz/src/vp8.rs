//! Arbitrary bytes as payloads and as frames of VP8: whatever comes is read or refused, what is written is read back.

use super::video::{payloads, round_trip};
use duologue_rtp::codec::vp8::Rewriter;
use duologue_rtp::codec::{Codec, describe};

/// One input: a list of payloads, and then the same bytes as one frame.
pub fn run(data: &[u8]) {
    payloads(Codec::Vp8, data);
    rewritten(data);
    if let [a, b, c, d, frame @ ..] = data {
        assert!(round_trip(Codec::Vp8, frame, [*a, *b, *c, *d]) != frame.is_empty());
    }
}

/// A rewriter changes nothing but numbers, and those of a payload in the same way each time.
fn rewritten(mut data: &[u8]) {
    let mut rewriter = Rewriter::new();
    while let [control, len, after @ ..] = data {
        let (payload, rest) = after.split_at(usize::from(*len).min(after.len()));
        data = rest;
        match control % 8 {
            0 => rewriter.switch(),
            1 => assert_eq!(rewriter.leave_out(payload).is_ok(), describe(Codec::Vp8, payload).is_ok()),
            _ => {}
        }
        let (mut once, mut twice) = (payload.to_vec(), payload.to_vec());
        let result = rewriter.rewrite(&mut once);
        assert_eq!(result, rewriter.rewrite(&mut twice));
        assert_eq!(once, twice);
        match (result, describe(Codec::Vp8, payload)) {
            (Ok(()), Ok(mut old)) => {
                let new = describe(Codec::Vp8, &once).unwrap_or_default();
                assert_eq!(new.picture_id.is_some(), old.picture_id.is_some());
                old.picture_id = new.picture_id;
                assert_eq!(new, old);
            }
            (Ok(()), Err(_)) => unreachable!("rewritten without being read"),
            (Err(_), _) => assert_eq!(once, payload),
        }
    }
}
