//! G.711 and G.722: how long a payload lasts, and G.711's two laws.
//!
//! A law turns a sample of 16 bits into a byte whose steps grow with the sample's size
//! ([ITU-T G.711](https://www.itu.int/rec/T-REC-G.711), in RTP
//! [RFC 3551, Section 4.5.14](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.14)).

/// How long a payload of PCMU, PCMA or G.722 of so many bytes lasts, in ticks of their clock of 8 kHz. For all three a byte is
/// one tick: G.722 has two samples in a byte, but keeps the clock that it was once given by mistake
/// ([RFC 3551, Section 4.5.2](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.2)).
#[must_use]
pub fn duration(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).unwrap_or(u32::MAX)
}

/// A sample as mu-law. Samples beyond 32,635 are cut to it.
#[must_use]
pub fn encode_mu_law(sample: i16) -> u8 {
    let magnitude = sample.unsigned_abs().min(MU_CLIP) + MU_BIAS;
    // The highest bit is 7 to 14 because of the bias.
    let exponent = (magnitude.ilog2()).saturating_sub(7);
    let [_, byte] = (magnitude >> (exponent + 3) & 0x0f).to_be_bytes();
    let sign = if sample < 0 { SIGN } else { 0 };
    !(sign | segment(exponent) | byte)
}

/// The sample that a byte of mu-law stands for.
#[must_use]
pub const fn decode_mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = byte >> 4 & 0x07;
    let magnitude = ((((byte & 0x0f) as i16) << 3) + MU_BIAS.cast_signed()) << exponent;
    let sample = magnitude - MU_BIAS.cast_signed();
    if byte & SIGN == 0 { sample } else { -sample }
}

/// A sample as A-law.
#[must_use]
pub fn encode_a_law(sample: i16) -> u8 {
    // The law has 13 bits; below zero it is the mirror of what is above, with -1 beside 0.
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (SIGN, sample) };
    let magnitude = magnitude.unsigned_abs() >> 3;
    let exponent = if magnitude < 32 { 0 } else { magnitude.ilog2() - 4 };
    let [_, byte] = (magnitude >> exponent.max(1) & 0x0f).to_be_bytes();
    (sign | segment(exponent) | byte) ^ A_INVERTED
}

/// The sample that a byte of A-law stands for.
#[must_use]
pub const fn decode_a_law(byte: u8) -> i16 {
    let byte = byte ^ A_INVERTED;
    let exponent = byte >> 4 & 0x07;
    let step = (((byte & 0x0f) as i16) << 4) + 8;
    let magnitude = if exponent == 0 { step } else { (step + 0x100) << (exponent - 1) };
    if byte & SIGN == 0 { -magnitude } else { magnitude }
}

/// A segment's number, 0 to 7, in its place in the byte.
const fn segment(exponent: u32) -> u8 {
    let [.., low] = (exponent << 4).to_be_bytes();
    low
}

/// The sign's bit: set below zero before mu-law's inversion, and above in A-law.
const SIGN: u8 = 0x80;

/// Added to a magnitude, so that each segment of mu-law begins at a power of two.
const MU_BIAS: u16 = 0x84;

/// The greatest magnitude of mu-law.
const MU_CLIP: u16 = 32_635;

/// A-law inverts every other bit.
const A_INVERTED: u8 = 0x55;
