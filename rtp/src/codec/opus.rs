//! What an Opus packet says of itself in its first bytes
//! ([RFC 6716, Section 3](https://www.rfc-editor.org/rfc/rfc6716#section-3)), for those who time, record or forward it
//! without decoding.

/// How long a packet lasts, in ticks of the 48 kHz clock that Opus has in RTP whatever its bandwidth
/// ([RFC 7587, Section 4.1](https://www.rfc-editor.org/rfc/rfc7587#section-4.1)): 120 to 5,760. `None` for bytes that are not
/// an Opus packet.
#[must_use]
pub fn duration(payload: &[u8]) -> Option<u32> {
    let (toc, rest) = payload.split_first()?;
    let frames = match toc & 0x03 {
        0 => 1,
        // RFC 6716, Section 3.2.3: two frames of equal length leave an even number of bytes.
        1 if !rest.len().is_multiple_of(2) => return None,
        1 => 2,
        // RFC 6716, Section 3.2.4: the first frame's length follows.
        2 if !first_length_fits(rest) => return None,
        2 => 2,
        // RFC 6716, Section 3.2.5: M is the number of frames, and must not be zero.
        _ => u32::from(rest.first()? & 0x3f),
    };
    let ticks = frames * frame_ticks(toc >> 3);
    // RFC 6716, Section 3.2.5: a packet must not last longer than 120 ms.
    (1..=MAX_TICKS).contains(&ticks).then_some(ticks)
}

/// How many channels a packet is coded with: 1 or 2. A decoder makes any of them into any number, so this may change between
/// packets. `None` for no bytes.
#[must_use]
pub fn channels(payload: &[u8]) -> Option<u8> {
    payload.first().map(|toc| if toc & 0x04 == 0 { 1 } else { 2 })
}

/// Whether a packet carries no sound: a sender that uses discontinuous transmission
/// ([RFC 7587, Section 3.1.3](https://www.rfc-editor.org/rfc/rfc7587#section-3.1.3)) sends such a one when the silence
/// begins, and now and then while it lasts. Frames of one byte or none are such.
#[must_use]
pub const fn is_silence(payload: &[u8]) -> bool {
    matches!(payload.len(), 1 | 2)
}

/// The length of one frame by its configuration number, 0 to 31
/// ([RFC 6716, Section 3.1, table 2](https://www.rfc-editor.org/rfc/rfc6716#section-3.1)).
const fn frame_ticks(configuration: u8) -> u32 {
    match (configuration, configuration & 0x03) {
        // SILK alone.
        (0..12, 0) => 480,
        (0..12, 1) => 960,
        (0..12, 2) => 1920,
        (0..12, _) => 2880,
        // SILK and CELT.
        (12..16, 0 | 2) => 480,
        (12..16, _) => 960,
        // CELT alone.
        (_, 0) => 120,
        (_, 1) => 240,
        (_, 2) => 480,
        (_, _) => 960,
    }
}

/// Whether the first of two frames ends within what follows the first byte. Its length is one byte up to 251, or two
/// ([RFC 6716, Section 3.2.1](https://www.rfc-editor.org/rfc/rfc6716#section-3.2.1)).
fn first_length_fits(rest: &[u8]) -> bool {
    match rest {
        [short @ 0..252, frames @ ..] => usize::from(*short) <= frames.len(),
        [low, high, frames @ ..] => usize::from(*high) * 4 + usize::from(*low) <= frames.len(),
        _ => false,
    }
}

/// 120 ms.
const MAX_TICKS: u32 = 5760;
