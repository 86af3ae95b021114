//! The simulated network: two peers behind NATs, and a STUN server between them.

use crate::Args;
use duologue::ice::Path;
use duologue::stun::write_binding_response;
use duologue::{Arrival, PeerConnection};
use duologue_netsim::{Addresses, Link, Loss, Network, Node, Realm};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Where the STUN server listens.
pub(crate) const STUN_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 3478);
/// Alice's and Bob's private addresses; each stands behind a NAT of its own.
pub(crate) const PRIVATE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 5000),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2)), 6000),
];
const PUBLIC: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1))];

/// Alice is host 0, Bob host 1, the STUN server host 2. A peer's loss is on its uplink, its delay on both of its links.
pub(crate) fn build(args: &Args) -> Network {
    let mut network = Network::new(args.seed);
    let delay = Duration::from_micros(args.rtt * 1000 / 4);
    let up = Link {
        rate: Some((args.rate * 1e6) as u64),
        delay,
        loss: Loss::Random(args.loss / 100.0),
        ..Link::default()
    };
    let down = Link { delay, ..Link::default() };
    for (index, kind) in [args.nat_a, args.nat_b].into_iter().enumerate() {
        let host = network.add_host();
        let inside = network.add_nat(Realm::INTERNET, PUBLIC[index], kind);
        network.add_interface(host, PRIVATE[index].ip(), inside, up.clone(), down.clone());
    }
    let server = network.add_host();
    network.add_interface(server, STUN_SERVER.ip(), Realm::INTERNET, Link::default(), Link::default());
    network
}

/// A program on a host of the network.
pub(crate) enum Host {
    Peer(Box<PeerConnection>),
    StunServer(VecDeque<(Addresses, Vec<u8>)>),
}

impl Host {
    /// The peer connection on this host. Only the STUN server has none.
    pub(crate) fn peer(&mut self) -> Option<&mut PeerConnection> {
        match self {
            Self::Peer(peer) => Some(peer),
            Self::StunServer(_) => None,
        }
    }
}

impl Node for Host {
    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Peer(peer) = self {
            peer.handle_timeout(now);
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Peer(peer) => {
                let path = Path::udp(addresses.destination, addresses.source);
                // A refused datagram is counted in the connection's statistics.
                let _ = peer.handle_datagram(now, Arrival::new(path, now), datagram);
            }
            Self::StunServer(answers) => {
                let mut answer = Vec::new();
                if write_binding_response(datagram, addresses.source, &mut answer).is_some() {
                    let back = Addresses { source: addresses.destination, destination: addresses.source };
                    answers.push_back((back, answer));
                }
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Peer(peer) => {
                let path = peer.poll_transmit(now, NonZeroUsize::MIN, out)?.path;
                Some(Addresses { source: path.local, destination: path.remote })
            }
            Self::StunServer(answers) => {
                let (addresses, bytes) = answers.pop_front()?;
                out.extend_from_slice(&bytes);
                Some(addresses)
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Peer(peer) => peer.poll_timeout(),
            Self::StunServer(_) => None,
        }
    }
}
