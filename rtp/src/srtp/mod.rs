//! SRTP and SRTCP: packets encrypted and authenticated in place, roll-over counters, replay windows
//! ([RFC 3711](https://www.rfc-editor.org/rfc/rfc3711)).
//!
//! DTLS hands out keying material; [`MasterKey::from_keying_material`] makes one [`MasterKey`] for each direction of
//! it. A [`Sender`] protects what we send, a [`Receiver`] takes off the protection of what the peer sent and refuses
//! what is forged or comes a second time. The primitives come from a [`Provider`], and their keys are set up once.
//!
//! What is in and what is out:
//! - the four profiles of [`Profile`]; none without encryption, no Master Key Identifier, no re-keying
//!   ([RFC 8827, Section 6.5](https://www.rfc-editor.org/rfc/rfc8827#section-6.5));
//! - a key derivation rate of zero ([RFC 5764, Section 4.1.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.1.2));
//! - packets for different sources (SSRCs) share the keys, each source has its own packet index and replay window.
//!
//! ```
//! # #[cfg(feature = "rust-crypto")] {
//! use duologue_rtp::srtp::{Discard, MasterKey, Profile, RUST_CRYPTO, Receiver, Sender};
//! use duologue_rtp::{ExtendedSequence, SequenceNumber, Ssrc};
//!
//! let profile = Profile::AeadAes128Gcm;
//! let exported = vec![7; profile.keying_material_len()]; // by DTLS, equal on both sides
//! let (client, _) = MasterKey::from_keying_material(profile, &exported).unwrap();
//! let mut sender = Sender::new(&RUST_CRYPTO, &client);
//! let mut receiver = Receiver::new(&RUST_CRYPTO, &client, [3; 16]);
//!
//! let mut packet = vec![0x80, 96, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9];
//! packet.extend_from_slice(b"payload");
//! sender.protect_rtp(&mut packet, 0, 12, Ssrc(9), ExtendedSequence(5)).unwrap();
//! assert_eq!(packet.len(), 12 + 7 + profile.rtp_overhead());
//!
//! let mut again = packet.clone();
//! let unprotected = receiver.unprotect_rtp(&mut packet, 12, Ssrc(9), SequenceNumber(5)).unwrap();
//! assert_eq!(&packet[12..unprotected.len], b"payload");
//! assert_eq!(receiver.unprotect_rtp(&mut again, 12, Ssrc(9), SequenceNumber(5)), Err(Discard::Replayed));
//! # }
//! ```

mod aead;
mod counter_mode;
mod error;
mod key;
mod profile;
mod provider;
mod receiver;
pub(crate) mod replay;
mod sender;
pub(crate) mod sources;
mod transform;
#[cfg(test)]
#[cfg(feature = "rust-crypto")]
mod vectors;

pub use error::{Discard, ProtectError};
pub use key::MasterKey;
pub use profile::Profile;
#[cfg(feature = "aws-lc-rs")]
pub use provider::{AWS_LC_RS, AwsLcRs};
pub use provider::{Aead, AesKey, Cipher, Mac, Provider};
#[cfg(feature = "rust-crypto")]
pub use provider::{RUST_CRYPTO, RustCrypto};
pub use receiver::{Receiver, Unprotected};
pub use sender::Sender;
pub use sources::MAX_SOURCES;
