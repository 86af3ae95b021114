//! The pseudorandom function of TLS 1.2 (RFC 5246, Section 5).

use super::{Hash, Provider};

/// `PRF(secret, label, seed)` with the seed in parts, filling `out`.
pub(crate) fn prf(
    provider: &dyn Provider,
    hash: Hash,
    secret: &[u8],
    label: &str,
    seed: &[&[u8]],
    out: &mut [u8],
) {
    // RFC 5246, Section 5: A(0) = label + seed, A(i) = HMAC(secret, A(i-1)), and each block of the output is
    // HMAC(secret, A(i) + label + seed).
    let mut label_and_seed = label.as_bytes().to_vec();
    for part in seed {
        label_and_seed.extend_from_slice(part);
    }
    let mut a = provider.hmac(hash, secret, &[&label_and_seed]);
    let mut blocks = out.chunks_mut(hash.output_len()).peekable();
    while let Some(block) = blocks.next() {
        let output = provider.hmac(hash, secret, &[a.as_ref(), &label_and_seed]);
        for (to, from) in block.iter_mut().zip(output.as_ref()) {
            *to = *from;
        }
        if blocks.peek().is_some() {
            a = provider.hmac(hash, secret, &[a.as_ref()]);
        }
    }
}
