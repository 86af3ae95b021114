//! The primitives that STUN needs: HMAC-SHA1 under a key that is set up once, and for long-term credentials MD5, SHA-256
//! and HMAC-SHA256.

use std::fmt::Debug;

/// Makes keys for MESSAGE-INTEGRITY. A configuration carries it as `&'static dyn HmacProvider`.
pub trait HmacProvider: Debug + Send + Sync {
    /// Sets up HMAC-SHA1 for `secret`, which for short-term credentials is the password
    /// (RFC 8489, Section 9.1.1). The result keeps no copy of the secret that `Debug` would print.
    fn key(&self, secret: &[u8]) -> Box<dyn HmacKey>;
}

/// HMAC-SHA1 with its key in place; computing one allocates nothing.
pub trait HmacKey: Debug + Send + Sync {
    /// The HMAC over `header` followed by `body`.
    fn sign(&self, header: &[u8], body: &[u8]) -> [u8; 20];

    /// Whether `tag` is the HMAC over `header` followed by `body`, compared in constant time.
    fn verify(&self, header: &[u8], body: &[u8], tag: &[u8; 20]) -> bool;
}

/// What long-term credentials need besides HMAC-SHA1 ([RFC 8489, Section 9.2]). The TURN client's configuration carries
/// it as `&'static dyn LongTermProvider`.
///
/// [RFC 8489, Section 9.2]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2
pub trait LongTermProvider: HmacProvider {
    /// Sets up HMAC-SHA256 for `secret`. The result keeps no copy of the secret that `Debug` would print.
    fn key_sha256(&self, secret: &[u8]) -> Box<dyn HmacSha256Key>;

    /// MD5 over the parts, one behind the other.
    fn md5(&self, parts: &[&[u8]]) -> [u8; 16];

    /// SHA-256 over the parts, one behind the other.
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32];
}

/// HMAC-SHA256 with its key in place; computing one allocates nothing.
pub trait HmacSha256Key: Debug + Send + Sync {
    /// The HMAC over `header` followed by `body`.
    fn sign(&self, header: &[u8], body: &[u8]) -> [u8; 32];

    /// Whether `tag` is the HMAC over `header` followed by `body`, compared in constant time.
    fn verify(&self, header: &[u8], body: &[u8], tag: &[u8; 32]) -> bool;
}

/// All of them by the crates `hmac`, `sha1`, `sha2` and `md-5` of RustCrypto: pure Rust, SHA instructions where the
/// processor has them.
#[cfg(feature = "rust-crypto")]
pub static RUST_CRYPTO: RustCrypto = RustCrypto;

/// The type of [`RUST_CRYPTO`].
#[cfg(feature = "rust-crypto")]
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

#[cfg(feature = "rust-crypto")]
mod rust_crypto {
    use std::fmt;

    use hmac::{Hmac, KeyInit, Mac};
    use md5::Md5;
    use sha1::Sha1;
    use sha2::{Digest, Sha256};

    use super::{HmacKey, HmacProvider, HmacSha256Key, LongTermProvider, RustCrypto};

    impl HmacProvider for RustCrypto {
        fn key(&self, secret: &[u8]) -> Box<dyn HmacKey> {
            Box::new(Key(keyed::<Hmac<Sha1>>(secret)))
        }
    }

    impl LongTermProvider for RustCrypto {
        fn key_sha256(&self, secret: &[u8]) -> Box<dyn HmacSha256Key> {
            Box::new(Key(keyed::<Hmac<Sha256>>(secret)))
        }

        fn md5(&self, parts: &[&[u8]]) -> [u8; 16] {
            digest::<Md5>(parts).finalize().into()
        }

        fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
            digest::<Sha256>(parts).finalize().into()
        }
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn keyed<M: KeyInit>(secret: &[u8]) -> M {
        M::new_from_slice(secret).expect("HMAC takes keys of any length")
    }

    fn digest<D: Digest>(parts: &[&[u8]]) -> D {
        parts.iter().fold(D::new(), |digest, part| digest.chain_update(part))
    }

    struct Key<M>(M);

    impl<M> fmt::Debug for Key<M> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("HmacKey")
        }
    }

    impl HmacKey for Key<Hmac<Sha1>> {
        fn sign(&self, header: &[u8], body: &[u8]) -> [u8; 20] {
            self.over(header, body).finalize().into_bytes().into()
        }

        fn verify(&self, header: &[u8], body: &[u8], tag: &[u8; 20]) -> bool {
            self.over(header, body).verify(&(*tag).into()).is_ok()
        }
    }

    impl HmacSha256Key for Key<Hmac<Sha256>> {
        fn sign(&self, header: &[u8], body: &[u8]) -> [u8; 32] {
            self.over(header, body).finalize().into_bytes().into()
        }

        fn verify(&self, header: &[u8], body: &[u8], tag: &[u8; 32]) -> bool {
            self.over(header, body).verify(&(*tag).into()).is_ok()
        }
    }

    impl<M: Mac + Clone> Key<M> {
        fn over(&self, header: &[u8], body: &[u8]) -> M {
            let mut mac = self.0.clone();
            mac.update(header);
            mac.update(body);
            mac
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// RFC 2202, Section 3, test cases 1, 2 and 6.
        #[test]
        fn the_vectors_of_rfc_2202_pass() {
            let cases: [(&[u8], &[u8], &str); 3] = [
                (&[0x0b; 20], b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
                (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
                (
                    &[0xaa; 80],
                    b"Test Using Larger Than Block-Size Key - Hash Key First",
                    "aa4ae5e15272d00e95705637ce8a3b55ed402112",
                ),
            ];
            for (secret, text, tag) in cases {
                let key = RustCrypto.key(secret);
                let (header, body) = text.split_at(3);
                let signed = key.sign(header, body);
                let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(hex, tag);
                assert!(key.verify(header, body, &signed));
                assert!(!key.verify(body, header, &signed));
            }
        }

        /// RFC 4231, Sections 4.2 and 4.3; RFC 1321, Appendix A.5; RFC 6234, Section 8.5.
        #[test]
        fn the_vectors_of_the_long_term_primitives_pass() {
            fn hex(bytes: &[u8]) -> String {
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            let cases: [(&[u8], &[u8], &str); 2] = [
                (
                    &[0x0b; 20],
                    b"Hi There",
                    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                ),
                (
                    b"Jefe",
                    b"what do ya want for nothing?",
                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                ),
            ];
            for (secret, text, tag) in cases {
                let key = RustCrypto.key_sha256(secret);
                let (header, body) = text.split_at(3);
                let signed = key.sign(header, body);
                assert_eq!(hex(&signed), tag);
                assert!(key.verify(header, body, &signed));
                assert!(!key.verify(body, header, &signed));
            }
            assert_eq!(hex(&RustCrypto.md5(&[b"a", b"", b"bc"])), "900150983cd24fb0d6963f7d28e17f72");
            assert_eq!(
                hex(&RustCrypto.sha256(&[b"ab", b"c"])),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            );
        }

        #[test]
        fn debug_prints_no_secret() {
            assert_eq!(format!("{:?}", RustCrypto.key(b"secret")), "HmacKey");
            assert_eq!(format!("{:?}", RustCrypto.key_sha256(b"secret")), "HmacKey");
        }
    }
}
