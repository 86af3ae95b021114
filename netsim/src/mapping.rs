//! A NAT at work: its mappings, what they let in, and how long they live.

use crate::firewall::{STREAM_TIMEOUT, Transport};
use crate::nat::{NatConfig, Seen};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The first port of those that a NAT hands out in turn.
const FIRST_PORT: u16 = 40_000;

/// A NAT with what it has seen.
#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) config: NatConfig,
    pub(crate) public: IpAddr,
    datagrams: Mappings,
    streams: Mappings,
}

impl Nat {
    pub(crate) fn new(config: NatConfig, public: IpAddr) -> Self {
        let datagrams = Mappings::new(config.timeout);
        Self { config, public, datagrams, streams: Mappings::new(STREAM_TIMEOUT) }
    }

    /// Forgets all mappings, as a restart does; new ones get other ports.
    pub(crate) fn rebind(&mut self) {
        self.datagrams.by_port.clear();
        self.streams.by_port.clear();
    }

    /// The public source of a packet from inside. `None` when every port is taken, or for another IP version.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        transport: Transport,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        if inside.is_ipv4() != self.public.is_ipv4() {
            return None;
        }
        let (mappings, config) = self.split(transport);
        let port = mappings.outbound(now, config, inside, remote)?;
        Some(SocketAddr::new(self.public, port))
    }

    /// The inside destination of a packet that came from `remote` to the public `port`, if it may pass.
    pub(crate) fn inbound(
        &mut self,
        now: Instant,
        transport: Transport,
        remote: SocketAddr,
        port: u16,
    ) -> Option<SocketAddr> {
        let (mappings, config) = self.split(transport);
        let mapping = mappings.by_port.get_mut(&port)?;
        let alive = now.saturating_duration_since(mapping.used) < mappings.timeout;
        let passes = mapping.contacted.contains(&config.filtering.sees(remote));
        if !alive || !passes {
            return None;
        }
        if config.inbound_refresh {
            mapping.used = now;
        }
        Some(mapping.inside)
    }

    fn split(&mut self, transport: Transport) -> (&mut Mappings, &NatConfig) {
        let Self { config, datagrams, streams, .. } = self;
        match transport {
            Transport::Datagram => (datagrams, config),
            Transport::Stream => (streams, config),
        }
    }
}

#[derive(Debug)]
struct Mapping {
    inside: SocketAddr,
    key: Seen,
    contacted: BTreeSet<Seen>,
    used: Instant,
}

/// The mappings of one transport.
#[derive(Debug)]
struct Mappings {
    by_port: BTreeMap<u16, Mapping>,
    next_port: u16,
    timeout: Duration,
}

impl Mappings {
    const fn new(timeout: Duration) -> Self {
        Self { by_port: BTreeMap::new(), next_port: FIRST_PORT, timeout }
    }

    fn outbound(
        &mut self,
        now: Instant,
        config: &NatConfig,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Option<u16> {
        let timeout = self.timeout;
        self.by_port.retain(|_, mapping| now.saturating_duration_since(mapping.used) < timeout);
        let key = config.mapping.sees(remote);
        let known = self.by_port.iter().find(|(_, mapping)| mapping.inside == inside && mapping.key == key);
        let port = match known {
            Some((port, _)) => *port,
            None => self.free_port(config.port_preservation.then_some(inside.port()))?,
        };
        let mapping = self.by_port.entry(port).or_insert_with(|| Mapping {
            inside,
            key,
            contacted: BTreeSet::new(),
            used: now,
        });
        mapping.used = now;
        mapping.contacted.insert(config.filtering.sees(remote));
        Some(port)
    }

    fn free_port(&mut self, wanted: Option<u16>) -> Option<u16> {
        if let Some(wanted) = wanted.filter(|wanted| !self.by_port.contains_key(wanted)) {
            return Some(wanted);
        }
        for _ in FIRST_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.by_port.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }
}
