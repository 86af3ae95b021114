//! The master secret and what follows from it (RFC 5246, Sections 6.3 and 8.1; RFC 7627; RFC 5705).

use std::fmt;
use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::config::{CipherSuite, Role};
use crate::crypto::prf::prf;
use crate::crypto::{CryptoError, Provider};
use crate::handshake::{Transcript, VERIFY_DATA_LEN};
use crate::record::{Opener, Sealer, fixed_iv_len};

/// The master secret and the randoms.
pub(crate) struct Secrets {
    suite: CipherSuite,
    master: Zeroizing<[u8; 48]>,
    client_random: [u8; 32],
    server_random: [u8; 32],
}

impl Secrets {
    /// Derives the master secret; the transcript ends with the ClientKeyExchange.
    pub(crate) fn derive(
        provider: &dyn Provider,
        suite: CipherSuite,
        shared_secret: &[u8; 32],
        transcript: &Transcript,
        client_random: [u8; 32],
        server_random: [u8; 32],
    ) -> Self {
        // RFC 7627, Section 4: the seed is the hash of the handshake up to and including the ClientKeyExchange.
        let session_hash = transcript.hash(provider, suite.hash());
        let mut master = Zeroizing::new([0; 48]);
        let label = "extended master secret";
        prf(provider, suite.hash(), shared_secret, label, &[session_hash.as_ref()], master.as_mut_slice());
        Self { suite, master, client_random, server_random }
    }

    /// The key that `role` writes with and the one that it reads with.
    pub(crate) fn keys(&self, provider: &dyn Provider, role: Role) -> Result<(Sealer, Opener), CryptoError> {
        // RFC 5246, Section 6.3: client_write_key, server_write_key, client_write_IV, server_write_IV; an AEAD
        // has no MAC keys.
        let mut block = Zeroizing::new([0; 2 * (32 + 12)]);
        let (key_len, iv_len) = (self.suite.aead().key_len(), fixed_iv_len(self.suite));
        let used = key_len.saturating_add(iv_len).saturating_mul(2);
        let block = block.get_mut(..used).ok_or(CryptoError)?;
        let seed: [&[u8]; 2] = [&self.server_random, &self.client_random];
        prf(provider, self.suite.hash(), self.master.as_slice(), "key expansion", &seed, block);
        let (client_key, rest) = block.split_at_checked(key_len).ok_or(CryptoError)?;
        let (server_key, rest) = rest.split_at_checked(key_len).ok_or(CryptoError)?;
        let (client_iv, server_iv) = rest.split_at_checked(iv_len).ok_or(CryptoError)?;
        let (write, read) = match role {
            Role::Client => ((client_key, client_iv), (server_key, server_iv)),
            Role::Server => ((server_key, server_iv), (client_key, client_iv)),
        };
        Ok((
            Sealer::new(provider, self.suite, write.0, write.1)?,
            Opener::new(provider, self.suite, read.0, read.1)?,
        ))
    }

    /// What the Finished message of `role` says after the messages of `transcript`.
    pub(crate) fn verify_data(
        &self,
        provider: &dyn Provider,
        role: Role,
        transcript: &Transcript,
    ) -> [u8; VERIFY_DATA_LEN] {
        // RFC 5246, Section 7.4.9.
        let label = match role {
            Role::Client => "client finished",
            Role::Server => "server finished",
        };
        let hash = transcript.hash(provider, self.suite.hash());
        let mut out = [0; VERIFY_DATA_LEN];
        prf(provider, self.suite.hash(), self.master.as_slice(), label, &[hash.as_ref()], &mut out);
        out
    }

    /// RFC 5705, Section 4; `None` for the context is not the same as an empty one.
    pub(crate) fn export(
        &self,
        provider: &dyn Provider,
        label: &str,
        context: Option<&[u8]>,
        out: &mut [u8],
    ) {
        let length;
        let with_context: [&[u8]; 4];
        let without_context: [&[u8]; 2] = [&self.client_random, &self.server_random];
        let seed: &[&[u8]] = match context {
            None => &without_context,
            Some(context) => {
                length = u16::try_from(context.len()).unwrap_or(u16::MAX).to_be_bytes();
                with_context = [&self.client_random, &self.server_random, &length, context];
                &with_context
            }
        };
        prf(provider, self.suite.hash(), self.master.as_slice(), label, seed, out);
    }

    pub(crate) fn key_log_line(&self) -> String {
        let mut line = String::from("CLIENT_RANDOM ");
        let hex =
            |line: &mut String, bytes: &[u8]| bytes.iter().try_for_each(|byte| write!(line, "{byte:02x}"));
        // Writing to a string does not fail.
        let _ = hex(&mut line, &self.client_random);
        line.push(' ');
        let _ = hex(&mut line, self.master.as_slice());
        line
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({:?})", self.suite)
    }
}
