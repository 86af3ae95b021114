//! The peers: permissions ([RFC 8656, Section 9]) and channels ([RFC 8656, Section 12]).
//!
//! A permission is for an IP address, a channel for an address with its port. A ChannelBind request installs and refreshes
//! the permission too, so a peer with a channel needs no CreatePermission.
//!
//! [RFC 8656, Section 9]: https://www.rfc-editor.org/rfc/rfc8656#section-9
//! [RFC 8656, Section 12]: https://www.rfc-editor.org/rfc/rfc8656#section-12

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::attribute::ChannelNumber;

/// How far a peer's permission is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its request has not left.
    Wanted,
    /// Its first request has left.
    Requested,
    /// The server has confirmed it; it is to be asked again at the instant. `None` while that is under way.
    Confirmed { refresh_at: Option<Instant> },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) progress: Progress,
    /// The channel, bound or being bound.
    pub(super) channel: Option<ChannelNumber>,
    /// The server has confirmed the channel.
    pub(super) bound: bool,
}

/// Ordered by address, so that the peers of one IP address stand together.
#[derive(Debug, Default)]
pub(super) struct Peers {
    all: BTreeMap<SocketAddr, Peer>,
    /// The channels that were ever given out in this allocation, by number from the first on.
    channels: Vec<SocketAddr>,
    /// The same the other way round.
    numbers: BTreeMap<SocketAddr, ChannelNumber>,
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, peer: SocketAddr) -> Option<&Peer> {
        self.all.get(&peer)
    }

    pub(super) fn get_mut(&mut self, peer: SocketAddr) -> Option<&mut Peer> {
        self.all.get_mut(&peer)
    }

    pub(super) fn insert(&mut self, peer: SocketAddr) {
        self.all.insert(peer, Peer { progress: Progress::Wanted, channel: None, bound: false });
    }

    pub(super) fn remove(&mut self, peer: SocketAddr) -> bool {
        self.all.remove(&peer).is_some()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.all.keys().copied()
    }

    /// The number for a peer's channel. `None` when the numbers are used up.
    ///
    /// RFC 8656, Section 12: an address may be bound to another channel, or a channel to another address, only five
    /// minutes after the binding has expired. Here a number stays with its address as long as the allocation lives.
    pub(super) fn assign_channel(&mut self, peer: SocketAddr) -> Option<ChannelNumber> {
        if let Some(number) = self.numbers.get(&peer) {
            return Some(*number);
        }
        let used = u16::try_from(self.channels.len()).ok()?;
        let number = ChannelNumber::new(ChannelNumber::MIN.get().checked_add(used)?)?;
        self.channels.push(peer);
        self.numbers.insert(peer, number);
        Some(number)
    }

    /// The address to which a channel was given.
    pub(super) fn by_channel(&self, channel: ChannelNumber) -> Option<SocketAddr> {
        let at = usize::from(channel.get() - ChannelNumber::MIN.get());
        self.channels.get(at).copied()
    }

    /// Whether the server may have a permission for the peer's IP address, since a request for it has left.
    pub(super) fn is_permitted(&self, peer: SocketAddr) -> bool {
        self.of_ip(peer).any(|peer| peer.progress != Progress::Wanted)
    }

    /// Whether a permission for the peer's IP address has been asked for.
    pub(super) fn is_wanted(&self, peer: SocketAddr) -> bool {
        self.of_ip(peer).next().is_some()
    }

    fn of_ip(&self, peer: SocketAddr) -> impl Iterator<Item = &Peer> {
        let range = SocketAddr::new(peer.ip(), 0)..=SocketAddr::new(peer.ip(), u16::MAX);
        self.all.range(range).map(|(_, peer)| peer)
    }

    /// The server knows nothing any more.
    pub(super) fn reset(&mut self) {
        self.channels.clear();
        self.numbers.clear();
        for peer in self.all.values_mut() {
            *peer = Peer { progress: Progress::Wanted, channel: None, bound: false };
        }
    }

    pub(super) fn next_refresh(&self) -> Option<Instant> {
        self.all.values().filter_map(Peer::refresh_at).min()
    }

    /// One peer whose refresh is due; it is then under way.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<SocketAddr> {
        let due = |peer: &Peer| peer.refresh_at().is_some_and(|at| at <= now);
        let (address, peer) = self.all.iter_mut().find(|(_, peer)| due(peer))?;
        peer.progress = Progress::Confirmed { refresh_at: None };
        Some(*address)
    }
}

impl Peer {
    const fn refresh_at(&self) -> Option<Instant> {
        match self.progress {
            Progress::Confirmed { refresh_at } => refresh_at,
            Progress::Wanted | Progress::Requested => None,
        }
    }

    /// The server has confirmed the permission, which is asked for again after `wait`. Says whether that is new.
    pub(super) fn confirm(&mut self, now: Instant, wait: Duration) -> bool {
        let new = !matches!(self.progress, Progress::Confirmed { .. });
        self.progress = Progress::Confirmed { refresh_at: now.checked_add(wait.max(SHORTEST_WAIT)) };
        new
    }
}

/// However short the wait is configured, it makes no storm of requests.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
