//! What a server is told at its start.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::policy::PeerPolicy;
use crate::crypto::LongTermProvider;

/// A server's configuration. Make one by [`Self::new`] and change its fields. `Debug` prints secrets as their number.
#[derive(Clone)]
#[non_exhaustive]
pub struct RelayConfig {
    /// Makes keys and computes integrities.
    pub crypto: &'static dyn LongTermProvider,
    /// REALM, best the provider's domain name. Longer than 44 bytes, some requests over UDP are too short to be answered
    /// with it: see [the bound](super).
    pub realm: String,
    /// Passwords by user name, both prepared by OpaqueString. Default: none.
    pub users: BTreeMap<String, String>,
    /// Secrets shared with an application that hands out credentials of the REST kind, as
    /// [`crate::auth::Credentials::from_shared_secret`] makes them; several while one replaces another. Such a user may
    /// allocate until the second in its name, and refresh what it has allocated after it. Default: none.
    pub shared_secrets: Vec<Vec<u8>>,
    /// Whether clients are asked to send a hash in place of the user's name; those of shared secrets cannot. Default `false`.
    pub username_anonymity: bool,
    /// The addresses to which nothing is relayed. Default: [`PeerPolicy::default`].
    pub peers: PeerPolicy,
    /// Whether there are IPv4 addresses to relay from. Default `true`.
    pub ipv4: bool,
    /// Whether there are IPv6 addresses to relay from. Default `false`.
    pub ipv6: bool,
    /// The ports of relayed addresses, of which one is drawn for each. Default 49152 to 65535.
    pub ports: RangeInclusive<u16>,
    /// Whether the embedder can keep datagrams from being fragmented. If not, DONT-FRAGMENT is refused
    /// ([RFC 8656, Section 7.2]). Default `false`.
    ///
    /// [RFC 8656, Section 7.2]: https://www.rfc-editor.org/rfc/rfc8656#section-7.2
    pub dont_fragment: bool,
    /// The lifetime of allocations whose clients ask for no longer one, in seconds; zero counts as one. Default 600.
    pub default_lifetime: u32,
    /// The longest lifetime, in seconds. Default 3,600.
    pub max_lifetime: u32,
    /// How long a nonce is taken. Default one hour.
    pub nonce_lifetime: Duration,
    /// The most allocations and reservations at one time. Default 1,000.
    pub max_allocations: usize,
    /// The same for one user. Default 10.
    pub max_allocations_per_user: usize,
    /// The most permissions of one allocation. Default 64.
    pub max_permissions: usize,
    /// The most channels of one allocation. Default 64.
    pub max_channels: usize,
    /// The highest channel number that is taken, up to 0x7FFF. Default 0x4FFF ([RFC 8656, Section 12]); clients of RFC 5766,
    /// coturn's test client among them, draw theirs from 0x4000 to 0x7FFF.
    ///
    /// [RFC 8656, Section 12]: https://www.rfc-editor.org/rfc/rfc8656#section-12
    pub highest_channel: u16,
    /// The most answers that wait for [`super::Relay::poll_transmit`]; strangers get half of the room. Default 256.
    pub max_waiting: usize,
    /// SOFTWARE in answers to Allocate and Refresh requests; at most 127 characters. Default `duologue`; empty sends none.
    pub software: &'static str,
}

impl RelayConfig {
    /// The defaults, with a provider of cryptography and a realm.
    #[must_use]
    pub fn new(crypto: &'static dyn LongTermProvider, realm: &str) -> Self {
        Self {
            crypto,
            realm: realm.to_owned(),
            users: BTreeMap::new(),
            shared_secrets: Vec::new(),
            username_anonymity: false,
            peers: PeerPolicy::default(),
            ipv4: true,
            ipv6: false,
            ports: 49_152..=65_535,
            dont_fragment: false,
            default_lifetime: 600,
            max_lifetime: 3_600,
            nonce_lifetime: Duration::from_secs(3_600),
            max_allocations: 1_000,
            max_allocations_per_user: 10,
            max_permissions: 64,
            max_channels: 64,
            highest_channel: 0x4fff,
            max_waiting: 256,
            software: "duologue",
        }
    }
}

impl fmt::Debug for RelayConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayConfig")
            .field("realm", &self.realm)
            .field("users", &self.users.len())
            .field("shared_secrets", &self.shared_secrets.len())
            .field("peers", &self.peers)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}
