//! What an Opus packet says of itself in its first bytes
//! ([RFC 6716, Section 3](https://www.rfc-editor.org/rfc/rfc6716#section-3)), for those who time, record or forward it
//! without decoding.

/// How long a packet lasts, in ticks of the 48 kHz clock that Opus has in RTP whatever its bandwidth
/// ([RFC 7587, Section 4.1](https://www.rfc-editor.org/rfc/rfc7587#section-4.1)): 120 to 5,760. `None` for bytes that are not
/// an Opus packet by [RFC 6716, Section 3.4](https://www.rfc-editor.org/rfc/rfc6716#section-3.4).
#[must_use]
pub fn duration(payload: &[u8]) -> Option<u32> {
    let (toc, rest) = payload.split_first()?;
    let frames = match toc & 0x03 {
        0 => equal_frames(rest, 1)?,
        // RFC 6716, Section 3.2.3: two frames of equal length.
        1 => equal_frames(rest, 2)?,
        // RFC 6716, Section 3.2.4: the first frame's length, and two frames.
        2 => frames_after_lengths(rest, 2)?,
        _ => any_frames(rest)?,
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

/// How many frames there are behind a byte that says so, which must be as many bytes as they say
/// ([RFC 6716, Section 3.2.5](https://www.rfc-editor.org/rfc/rfc6716#section-3.2.5)).
fn any_frames(rest: &[u8]) -> Option<u32> {
    let (flags, mut rest) = rest.split_first()?;
    let mut padding = 0;
    let mut more = flags & PADDED != 0;
    while more {
        let (byte, after) = rest.split_first()?;
        more = *byte == 255;
        padding += if more { 254 } else { usize::from(*byte) };
        rest = after;
    }
    let rest = rest.get(..rest.len().checked_sub(padding)?)?;
    let count = flags & 0x3f;
    if flags & VARIABLE == 0 { equal_frames(rest, count) } else { frames_after_lengths(rest, count) }
}

/// So many frames of one length, if there can be.
fn equal_frames(frames: &[u8], count: u8) -> Option<u32> {
    let divisor = usize::from(count);
    let whole = count != 0 && frames.len().is_multiple_of(divisor) && frames.len() <= divisor * MAX_FRAME;
    whole.then_some(count.into())
}

/// So many frames behind the lengths of all but the last, if there can be.
fn frames_after_lengths(mut rest: &[u8], count: u8) -> Option<u32> {
    let mut total = 0;
    for _ in 1..count {
        let len;
        (len, rest) = frame_length(rest)?;
        total += len;
    }
    let last = rest.len().checked_sub(total)?;
    (count != 0 && last <= MAX_FRAME).then_some(count.into())
}

/// A frame's length, and what follows it: one byte up to 251, or two
/// ([RFC 6716, Section 3.2.1](https://www.rfc-editor.org/rfc/rfc6716#section-3.2.1)).
fn frame_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ 0..252, rest @ ..] => Some((usize::from(*short), rest)),
        [low, high, rest @ ..] => Some((usize::from(*high) * 4 + usize::from(*low), rest)),
        _ => None,
    }
}

/// The flags of a packet of any number of frames: their lengths differ, and padding follows them.
const VARIABLE: u8 = 0x80;
const PADDED: u8 = 0x40;

/// The most bytes of a frame (RFC 6716, Section 3.4).
const MAX_FRAME: usize = 1275;

/// 120 ms.
const MAX_TICKS: u32 = 5760;
