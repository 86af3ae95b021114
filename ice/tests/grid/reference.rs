//! Whether two hosts can reach each other, by trying everything: written apart from the agent and from the simulator.
//!
//! Each host knows its sockets, the server's view of them, its relays, and the peer's addresses as signalled; it sends from
//! every socket and every relay to every address it knows, again and again, until nothing new happens anywhere: no mapping,
//! no opened filter, no permission, no address learnt from what arrives. Opening a way never closes another, so the order
//! does not matter. A path exists if then a datagram gets through and its answer comes back from where the datagram was
//! sent to.
//!
//! A relay is a socket on the server that lets in whatever IP address its host has sent to by it, and no other. A host has
//! one of each IP version for each of its sockets, if the server answers that socket's datagrams or is reached by a stream.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use duologue_ice::CandidatePolicy;
use duologue_netsim::Behaviour;

use crate::plan::{GatewayKind, INTERNET, Plan, Socket};

/// How often everything is sent. Most networks are silent after three rounds. Behind two NATs that take a new port for each
/// address and let in more than that address there is no end: what each host learns of the other is void with its next
/// datagram.
const ROUNDS: usize = 8;

/// What the search says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is a path.
    Path,
    NoPath {
        /// Every datagram shows a new address that might be one.
        endless: bool,
        /// Which host has anything to send to.
        has_pairs: [bool; 2],
    },
}

impl Verdict {
    /// Both have addresses to try, and there is no way between any.
    pub(crate) const NO_WAY: Self = Self::NoPath { endless: false, has_pairs: [true; 2] };
    /// Neither has any address to try.
    pub(crate) const NO_PAIRS: Self = Self::NoPath { endless: false, has_pairs: [false; 2] };
}

/// The part of a remote address that a behaviour distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Part(Option<IpAddr>, Option<u16>);

fn part(behaviour: Behaviour, remote: SocketAddr) -> Part {
    match behaviour {
        Behaviour::EndpointIndependent => Part(None, None),
        Behaviour::AddressDependent => Part(Some(remote.ip()), None),
        Behaviour::AddressAndPortDependent => Part(Some(remote.ip()), Some(remote.port())),
    }
}

/// Where a datagram has come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Server,
    /// One of the search's sockets.
    Socket(usize),
}

/// The network with all that it has been taught by datagrams.
struct Search<'a> {
    plan: &'a Plan,
    /// Those of the plan, and then the relays.
    sockets: Vec<Socket>,
    /// Whom a relay lets in.
    permitted: BTreeSet<(usize, IpAddr)>,
    /// The outside port of an inside address at a gateway. Numbers stand for ports: which one a NAT takes is all the same.
    mappings: BTreeMap<(usize, SocketAddr, Part), u16>,
    insides: BTreeMap<(usize, u16), SocketAddr>,
    /// Whom an outside port of a NAT, or an inside address of a firewall, has sent to.
    contacted: BTreeSet<(usize, SocketAddr, Part)>,
}

impl Search<'_> {
    /// Sends a datagram; says where it comes out, and with which source.
    fn send(&mut self, from: usize, to: SocketAddr) -> Option<(End, SocketAddr)> {
        let Socket { host, realm, address } = self.sockets[from];
        if self.is_relay(from) {
            self.permitted.insert((from, to.ip()));
        } else if self.plan.sockets_of(host).any(|own| own.address.ip() == to.ip()) {
            // It would not leave the host.
            return None;
        }
        let (end, source) = self.carry(realm, address, to)?;
        match end {
            End::Socket(at) if self.is_relay(at) && !self.permitted.contains(&(at, source.ip())) => None,
            _ => Some((end, source)),
        }
    }

    fn carry(&mut self, from: usize, source: SocketAddr, to: SocketAddr) -> Option<(End, SocketAddr)> {
        let (mut realm, mut source, mut to) = (from, source, to);
        loop {
            if let Some(end) = self.at(realm, to) {
                return Some((end, source));
            }
            if let Some(gateway) = self.inwards(realm, to.ip()) {
                to = self.enter(gateway, source, to)?;
                realm = gateway + 1;
                continue;
            }
            if self.has_address(realm, to.ip()) || realm == INTERNET {
                return None;
            }
            source = self.leave(realm - 1, source, to)?;
            realm = self.plan.gateways[realm - 1].outside;
        }
    }

    fn at(&self, realm: usize, to: SocketAddr) -> Option<End> {
        if realm == INTERNET && Plan::servers().contains(&to) {
            return Some(End::Server);
        }
        let here = |socket: &Socket| socket.realm == realm && socket.address == to;
        self.sockets.iter().position(here).map(End::Socket)
    }

    fn has_address(&self, realm: usize, ip: IpAddr) -> bool {
        self.sockets.iter().any(|socket| socket.realm == realm && socket.address.ip() == ip)
    }

    const fn is_relay(&self, socket: usize) -> bool {
        socket >= self.plan.sockets.len()
    }

    /// Whether the host sends to its peer from there.
    fn is_used(&self, socket: usize) -> bool {
        self.is_relay(socket) || self.plan.setups[self.sockets[socket].host].policy != CandidatePolicy::Relay
    }

    /// The gateway to go in by.
    fn inwards(&self, realm: usize, ip: IpAddr) -> Option<usize> {
        let mut inner = self.plan.gateways.iter().enumerate().filter(|(_, gateway)| gateway.outside == realm);
        let leads = |(index, kind): (usize, &GatewayKind)| match kind {
            GatewayKind::Nat { public, .. } => *public == ip,
            GatewayKind::Firewall(_) => {
                self.has_address(index + 1, ip) || self.inwards(index + 1, ip).is_some()
            }
        };
        inner.find(|(index, gateway)| leads((*index, &gateway.kind))).map(|(index, _)| index)
    }

    fn enter(&self, gateway: usize, source: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        let (filtering, inside) = match &self.plan.gateways[gateway].kind {
            GatewayKind::Nat { config, .. } => (config.filtering, *self.insides.get(&(gateway, to.port()))?),
            GatewayKind::Firewall(filtering) => ((*filtering)?, to),
        };
        self.contacted.contains(&(gateway, to, part(filtering, source))).then_some(inside)
    }

    fn leave(&mut self, gateway: usize, source: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        let (filtering, outside) = match &self.plan.gateways[gateway].kind {
            GatewayKind::Nat { public, config } => {
                let other_version = public.is_ipv4() != to.is_ipv4();
                if other_version || (to.ip() == *public && !config.hairpinning) {
                    return None;
                }
                let free = 10_000 + u16::try_from(self.mappings.len()).unwrap();
                let port = *self.mappings.entry((gateway, source, part(config.mapping, to))).or_insert(free);
                self.insides.insert((gateway, port), source);
                (config.filtering, SocketAddr::new(*public, port))
            }
            GatewayKind::Firewall(filtering) => ((*filtering)?, source),
        };
        self.contacted.insert((gateway, outside, part(filtering, to)));
        Some(outside)
    }

    /// How much the network has been taught.
    fn size(&self) -> usize {
        self.mappings.len() + self.contacted.len() + self.permitted.len()
    }
}

/// Searches a plan.
pub(crate) fn search(plan: &Plan) -> Verdict {
    let mut search = Search {
        plan,
        sockets: plan.sockets.clone(),
        permitted: BTreeSet::new(),
        mappings: BTreeMap::new(),
        insides: BTreeMap::new(),
        contacted: BTreeSet::new(),
    };
    let candidates = search.gather();
    let mut known = BTreeSet::new();
    for (index, socket) in search.sockets.iter().enumerate().filter(|(index, _)| search.is_used(*index)) {
        for (host, address) in &candidates {
            if *host != socket.host && address.is_ipv4() == socket.address.is_ipv4() {
                known.insert((index, *address));
            }
        }
    }
    let mut silent = false;
    for _ in 0..ROUNDS {
        let before = (search.size(), known.len());
        for (from, to) in known.clone() {
            known.extend(search.reach(from, to));
        }
        silent = (search.size(), known.len()) == before;
        if silent {
            break;
        }
    }
    let works = |(from, to): &(usize, SocketAddr)| {
        let reached = search.reach(*from, *to);
        reached.is_some_and(|(at, source)| search.reach(at, source) == Some((*from, *to)))
    };
    if known.iter().any(works) {
        return Verdict::Path;
    }
    let has_pairs = [0, 1].map(|host| known.iter().any(|(from, _)| search.sockets[*from].host == host));
    Verdict::NoPath { endless: !silent, has_pairs }
}

impl Search<'_> {
    /// Sends to the peer; gives the peer's socket that takes it, and the source that it sees.
    fn reach(&mut self, from: usize, to: SocketAddr) -> Option<(usize, SocketAddr)> {
        let (End::Socket(at), source) = self.send(from, to)? else { return None };
        let is_peer = self.sockets[at].host != self.sockets[from].host;
        (is_peer && self.is_used(at)).then_some((at, source))
    }

    /// The addresses that each host tells the other: its own, those that the server sees, and its relays.
    fn gather(&mut self) -> BTreeSet<(usize, SocketAddr)> {
        let mut candidates = BTreeSet::new();
        for (index, socket) in self.plan.sockets.iter().enumerate() {
            let setup = self.plan.setups[socket.host];
            if setup.policy == CandidatePolicy::All {
                candidates.insert((socket.host, socket.address));
            }
            let mut relays = 0;
            for server in Plan::servers() {
                if server.is_ipv4() != socket.address.is_ipv4() {
                    continue;
                }
                // Streams pass everywhere.
                relays += usize::from(setup.turn.by_streams());
                if let Some(seen) = self.ask(index, server) {
                    if setup.policy != CandidatePolicy::Relay {
                        candidates.insert((socket.host, seen));
                    }
                    relays += usize::from(setup.turn.by_datagrams());
                }
            }
            for _ in 0..relays {
                candidates.extend(self.add_relays(socket.host));
            }
        }
        candidates
    }

    /// How the server sees a socket, if its answer arrives.
    fn ask(&mut self, socket: usize, server: SocketAddr) -> Option<SocketAddr> {
        let (End::Server, seen) = self.send(socket, server)? else { return None };
        (self.carry(INTERNET, server, seen)?.0 == End::Socket(socket)).then_some(seen)
    }

    /// A relay of each IP version.
    fn add_relays(&mut self, host: usize) -> [(usize, SocketAddr); 2] {
        Plan::servers().map(|server| {
            let port = 50_000 + u16::try_from(self.sockets.len()).unwrap();
            let address = SocketAddr::new(server.ip(), port);
            self.sockets.push(Socket { host, realm: INTERNET, address });
            (host, address)
        })
    }
}
