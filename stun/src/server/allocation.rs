//! What the server keeps for a client.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::RelayId;
use super::user::{Seal, User};
use crate::attribute::{AddressFamily, ErrorCode};
use crate::message::TransactionId;

/// What a 5-tuple has.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) user: Arc<User>,
    /// The request that made it.
    pub(super) transaction_id: TransactionId,
    pub(super) state: State,
    /// Where it stands in the table of deadlines.
    pub(super) deadline: Instant,
}

#[derive(Debug)]
pub(super) enum State {
    /// Sockets are being opened.
    Opening(Opening),
    /// It is there.
    Open(Open),
}

/// An allocation that waits for its sockets.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) seal: Seal,
    /// In seconds.
    pub(super) lifetime: u32,
    pub(super) even: bool,
    pub(super) reserve: bool,
    /// One for each family, or one.
    pub(super) parts: Vec<Part>,
    /// A family that was refused before any socket was asked for.
    pub(super) refused: Option<(AddressFamily, ErrorCode)>,
}

/// One family's sockets.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) family: AddressFamily,
    pub(super) attempts: u8,
    /// The socket, and behind it the one to be reserved. None: it could not be had.
    pub(super) sockets: Vec<Socket>,
}

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: RelayId,
    pub(super) port: u16,
    pub(super) address: Option<SocketAddr>,
}

/// A relayed address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relayed {
    pub(super) id: RelayId,
    pub(super) family: AddressFamily,
    /// The port that was asked for.
    pub(super) port: u16,
    pub(super) address: SocketAddr,
    pub(super) expires: Instant,
}

/// An allocation that relays.
#[derive(Debug)]
pub(super) struct Open {
    /// At most one for each family; never none.
    pub(super) relays: Vec<Relayed>,
    pub(super) refused: Option<(AddressFamily, ErrorCode)>,
    pub(super) token: Option<[u8; 8]>,
    permissions: BTreeMap<IpAddr, Instant>,
    channels: BTreeMap<u16, Channel>,
    by_peer: BTreeMap<SocketAddr, u16>,
    pub(super) bytes_to_peers: u64,
    pub(super) bytes_to_client: u64,
}

#[derive(Debug, Clone, Copy)]
struct Channel {
    peer: SocketAddr,
    expires: Instant,
}

/// The next higher port, kept for a client that brings its token.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) relayed: Relayed,
    pub(super) quota: Vec<u8>,
}

impl Open {
    pub(super) const fn new(
        relays: Vec<Relayed>,
        refused: Option<(AddressFamily, ErrorCode)>,
        token: Option<[u8; 8]>,
    ) -> Self {
        Self {
            relays,
            refused,
            token,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            bytes_to_peers: 0,
            bytes_to_client: 0,
        }
    }

    /// The address from which a peer is spoken to.
    pub(super) fn relay_for(&self, peer: SocketAddr) -> Option<RelayId> {
        let family = AddressFamily::of(peer);
        self.relays.iter().find(|relay| relay.family == family).map(|relay| relay.id)
    }

    pub(super) fn expires(&self) -> Option<Instant> {
        self.relays.iter().map(|relay| relay.expires).min()
    }

    /// RFC 8656, Section 9: addresses are compared, ports are not.
    pub(super) fn is_permitted(&self, now: Instant, peer: IpAddr) -> bool {
        self.permissions.get(&peer).is_some_and(|expires| now < *expires)
    }

    /// Whether there is room for `new` permissions more; those that have ended are forgotten.
    pub(super) fn has_room(&mut self, now: Instant, new: usize, max: usize) -> bool {
        self.permissions.retain(|_, expires| now < *expires);
        self.permissions.len().saturating_add(new) <= max
    }

    pub(super) fn permit(&mut self, now: Instant, peer: IpAddr) {
        self.permissions.insert(peer, now + PERMISSION_LIFETIME);
    }

    /// The peer of a bound channel.
    pub(super) fn peer_of(&self, now: Instant, channel: u16) -> Option<SocketAddr> {
        self.channels.get(&channel).filter(|channel| now < channel.expires).map(|channel| channel.peer)
    }

    /// The channel that is bound to a peer.
    pub(super) fn channel_of(&self, now: Instant, peer: SocketAddr) -> Option<u16> {
        self.by_peer.get(&peer).copied().filter(|channel| self.peer_of(now, *channel) == Some(peer))
    }

    /// Binds a channel, or binds it again. The peer's permission is the caller's to renew.
    ///
    /// # Errors
    /// 400: channel or peer is bound otherwise; 508: too many are.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        channel: u16,
        peer: SocketAddr,
        max: usize,
    ) -> Result<(), ErrorCode> {
        self.channels.retain(|_, channel| now < channel.expires);
        let channels = &self.channels;
        self.by_peer.retain(|_, channel| channels.contains_key(channel));
        // RFC 8656, Section 12.2: neither the channel nor the address may be bound to another.
        match (self.channels.get(&channel), self.by_peer.get(&peer)) {
            (Some(bound), _) if bound.peer != peer => return Err(ErrorCode::BAD_REQUEST),
            (_, Some(bound)) if *bound != channel => return Err(ErrorCode::BAD_REQUEST),
            (None, None) if self.channels.len() >= max => return Err(ErrorCode::INSUFFICIENT_CAPACITY),
            _ => {}
        }
        self.channels.insert(channel, Channel { peer, expires: now + CHANNEL_LIFETIME });
        self.by_peer.insert(peer, channel);
        Ok(())
    }

    /// Forgets the permissions and channels of families without a relayed address (RFC 8656, Section 8.1).
    pub(super) fn forget_other_families(&mut self) {
        let relays = &self.relays;
        let kept = |ip: IpAddr| {
            let family = AddressFamily::of(SocketAddr::new(ip, 0));
            relays.iter().any(|relay| relay.family == family)
        };
        self.permissions.retain(|ip, _| kept(*ip));
        self.channels.retain(|_, channel| kept(channel.peer.ip()));
        self.by_peer.retain(|peer, _| kept(peer.ip()));
    }
}

/// RFC 8656, Section 9: "The Permission Lifetime MUST be 300 seconds".
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// RFC 8656, Section 12: "A channel binding lasts for 10 minutes".
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
