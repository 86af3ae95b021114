//! Master keys, and the session keys that are derived from them.

use std::fmt;

use zeroize::Zeroizing;

use super::profile::Profile;
use super::provider::{AesKey, Provider};

/// One direction's master key and master salt. Session keys for SRTP and SRTCP are derived from it when a
/// [`Sender`](crate::srtp::Sender) or [`Receiver`](crate::srtp::Receiver) is made. It is wiped when dropped.
#[derive(Clone)]
pub struct MasterKey {
    profile: Profile,
    key: OwnedKey,
    /// The salt followed by zeros.
    salt: Zeroizing<[u8; 16]>,
}

impl MasterKey {
    /// `None` if a length is not the profile's.
    #[must_use]
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Option<Self> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return None;
        }
        let mut padded = Zeroizing::new([0; 16]);
        padded.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(Self { profile, key: OwnedKey::new(key)?, salt: padded })
    }

    /// The keys of both sides, the DTLS client's first, from what the exporter of DTLS gives for the label
    /// `EXTRACTOR-dtls_srtp`: client key, server key, client salt, server salt. `None` if the length is not
    /// [`Profile::keying_material_len`] ([RFC 5764, Section 4.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.2)).
    #[must_use]
    pub fn from_keying_material(profile: Profile, material: &[u8]) -> Option<(Self, Self)> {
        let (client_key, rest) = material.split_at_checked(profile.key_len())?;
        let (server_key, rest) = rest.split_at_checked(profile.key_len())?;
        let (client_salt, server_salt) = rest.split_at_checked(profile.salt_len())?;
        Some((Self::new(profile, client_key, client_salt)?, Self::new(profile, server_key, server_salt)?))
    }

    /// The profile the key is for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The keys for SRTP.
    pub(super) fn rtp_session_keys(&self, provider: &dyn Provider) -> SessionKeys {
        self.derive(provider, [0, 1, 2])
    }

    /// The keys for SRTCP.
    // RFC 3711, Section 4.3.2
    pub(super) fn rtcp_session_keys(&self, provider: &dyn Provider) -> SessionKeys {
        self.derive(provider, [3, 4, 5])
    }

    /// Section 4.3.1 of RFC 3711 with a key derivation rate of zero, for the labels of the encryption key, the
    /// authentication key and the salt.
    fn derive(&self, provider: &dyn Provider, [encryption, authentication, salt]: [u8; 3]) -> SessionKeys {
        // RFC 7714, Section 11: the generator's AES has the length of the master key.
        let generator = provider.cipher(self.key.as_aes_key());
        let fill = |label: u8, out: &mut [u8]| {
            // RFC 3711, Section 4.3.1: the label lies above the 48 bits of the index, and the whole is shifted by 16.
            let input = u128::from_be_bytes(*self.salt) ^ u128::from(label) << 64;
            out.fill(0);
            generator.apply(&input.to_be_bytes(), out);
        };
        let mut keys = SessionKeys {
            encryption: self.key.clone(),
            authentication: Zeroizing::new([0; 20]),
            salt: Zeroizing::new([0; 16]),
        };
        fill(encryption, keys.encryption.as_mut());
        fill(authentication, keys.authentication.as_mut_slice());
        if let Some(bytes) = keys.salt.get_mut(..self.profile.salt_len()) {
            fill(salt, bytes);
        }
        keys
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, salt) = (self.profile.key_len(), self.profile.salt_len());
        write!(f, "MasterKey({:?}, key of {key} bytes, salt of {salt} bytes)", self.profile)
    }
}

/// What SRTP or SRTCP of one direction is protected with.
pub(super) struct SessionKeys {
    pub(super) encryption: OwnedKey,
    /// Not used by the AEADs.
    pub(super) authentication: Zeroizing<[u8; 20]>,
    /// The salt followed by zeros.
    pub(super) salt: Zeroizing<[u8; 16]>,
}

/// An AES key that is wiped when dropped.
#[derive(Clone)]
pub(super) enum OwnedKey {
    Aes128(Zeroizing<[u8; 16]>),
    Aes256(Zeroizing<[u8; 32]>),
}

impl OwnedKey {
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        if let Ok(bytes) = bytes.try_into() {
            return Some(Self::Aes128(Zeroizing::new(bytes)));
        }
        Some(Self::Aes256(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn as_aes_key(&self) -> AesKey<'_> {
        match self {
            Self::Aes128(key) => AesKey::Aes128(key),
            Self::Aes256(key) => AesKey::Aes256(key),
        }
    }

    fn as_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Aes128(key) => key.as_mut_slice(),
            Self::Aes256(key) => key.as_mut_slice(),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "rust-crypto")]
mod tests {
    use super::*;
    use crate::srtp::vectors::{hex, providers};

    // RFC 3711, Appendix B.3
    #[test]
    fn the_keys_of_rfc_3711_are_derived() {
        let profile = Profile::Aes128CmHmacSha1_80;
        let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let master = MasterKey::new(profile, &key, &hex("0EC675AD498AFEEBB6960B3AABE6")).unwrap();
        for provider in providers() {
            let mut keys = master.rtp_session_keys(provider);
            assert_eq!(keys.encryption.as_mut(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
            assert_eq!(keys.authentication.to_vec(), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
            assert_eq!(keys.salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE10000"));
        }
    }

    // RFC 6188, Section 7.2. Its salt is longer than that of AEAD_AES_256_GCM, and so is what it derives.
    #[test]
    fn the_keys_of_rfc_6188_are_derived() {
        let key = hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6");
        let salt = hex("3b04803de51ee7c96423ab5b78d20000").try_into().unwrap();
        let master = MasterKey {
            profile: Profile::AeadAes256Gcm,
            key: OwnedKey::new(&key).unwrap(),
            salt: Zeroizing::new(salt),
        };
        for provider in providers() {
            let mut keys = master.rtp_session_keys(provider);
            let expected = hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
            assert_eq!(keys.encryption.as_mut(), expected);
            assert_eq!(keys.authentication.to_vec(), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
            assert_eq!(keys.salt.first_chunk::<12>().unwrap().to_vec(), hex("fa31791685ca444a9e07c6c6"));
        }
    }
}
