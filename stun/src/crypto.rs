//! The one primitive that STUN needs: HMAC-SHA1 under a key that is set up once.

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

/// HMAC-SHA1 by the crates `hmac` and `sha1` of RustCrypto: pure Rust, SHA instructions where the processor has them.
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
    use sha1::Sha1;

    use super::{HmacKey, HmacProvider, RustCrypto};

    impl HmacProvider for RustCrypto {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        fn key(&self, secret: &[u8]) -> Box<dyn HmacKey> {
            Box::new(Key(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length")))
        }
    }

    struct Key(Hmac<Sha1>);

    impl fmt::Debug for Key {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("HmacKey")
        }
    }

    impl HmacKey for Key {
        fn sign(&self, header: &[u8], body: &[u8]) -> [u8; 20] {
            self.over(header, body).finalize().into_bytes().into()
        }

        fn verify(&self, header: &[u8], body: &[u8], tag: &[u8; 20]) -> bool {
            self.over(header, body).verify(&(*tag).into()).is_ok()
        }
    }

    impl Key {
        fn over(&self, header: &[u8], body: &[u8]) -> Hmac<Sha1> {
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

        #[test]
        fn debug_prints_no_secret() {
            assert_eq!(format!("{:?}", RustCrypto.key(b"secret")), "HmacKey");
        }
    }
}
