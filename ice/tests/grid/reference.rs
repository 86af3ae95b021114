//! Whether two hosts can reach each other, by trying everything: written apart from the agent and from the simulator.
//!
//! Each host knows its sockets, the server's view of them, and the peer's addresses as signalled; it sends from every
//! socket to every address it knows, again and again, until nothing new happens anywhere: no mapping, no opened filter,
//! no address learnt from what arrives. Opening a way never closes another, so the order does not matter. A path exists
//! if then a datagram gets through and its answer comes back from where the datagram was sent to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

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
    /// There are pairs of addresses of one IP version, and no way between any.
    NoWay,
    /// There is no way, and every datagram shows a new address that might be one.
    Endless,
    /// The hosts share no IP version.
    NoPairs,
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
    Socket(usize),
}

/// The network with all that it has been taught by datagrams.
struct Search<'a> {
    plan: &'a Plan,
    /// The outside port of an inside address at a gateway. Numbers stand for ports: which one a NAT takes is all the same.
    mappings: BTreeMap<(usize, SocketAddr, Part), u16>,
    insides: BTreeMap<(usize, u16), SocketAddr>,
    /// Whom an outside port of a NAT, or an inside address of a firewall, has sent to.
    contacted: BTreeSet<(usize, SocketAddr, Part)>,
}

impl Search<'_> {
    /// Sends a datagram; says where it comes out, and with which source.
    fn send(&mut self, from: &Socket, to: SocketAddr) -> Option<(End, SocketAddr)> {
        let (mut realm, mut source, mut to) = (from.realm, from.address, to);
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
        self.plan.sockets.iter().position(here).map(End::Socket)
    }

    fn has_address(&self, realm: usize, ip: IpAddr) -> bool {
        self.plan.sockets.iter().any(|socket| socket.realm == realm && socket.address.ip() == ip)
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
        self.mappings.len() + self.contacted.len()
    }
}

/// Searches a plan.
pub(crate) fn search(plan: &Plan) -> Verdict {
    let mut search =
        Search { plan, mappings: BTreeMap::new(), insides: BTreeMap::new(), contacted: BTreeSet::new() };
    let candidates = gather(plan, &mut search);
    let mut known = BTreeSet::new();
    for (index, socket) in plan.sockets.iter().enumerate() {
        for (host, address) in &candidates {
            if *host != socket.host && address.is_ipv4() == socket.address.is_ipv4() {
                known.insert((index, *address));
            }
        }
    }
    if known.is_empty() {
        return Verdict::NoPairs;
    }
    let mut silent = false;
    for _ in 0..ROUNDS {
        let before = (search.size(), known.len());
        for (from, to) in known.clone() {
            let sender = &plan.sockets[from];
            if let Some((End::Socket(at), source)) = search.send(sender, to)
                && plan.sockets[at].host != sender.host
            {
                known.insert((at, source));
            }
        }
        silent = (search.size(), known.len()) == before;
        if silent {
            break;
        }
    }
    let works = |(from, to): &(usize, SocketAddr)| {
        let sender = &plan.sockets[*from];
        let Some((End::Socket(at), source)) = search.send(sender, *to) else { return false };
        plan.sockets[at].host != sender.host
            && search.send(&plan.sockets[at], source) == Some((End::Socket(*from), *to))
    };
    match known.iter().any(works) {
        true => Verdict::Path,
        false if silent => Verdict::NoWay,
        false => Verdict::Endless,
    }
}

/// The addresses that each host tells the other: its own, and those that the server sees. Relayed ones will join here.
fn gather(plan: &Plan, search: &mut Search<'_>) -> BTreeSet<(usize, SocketAddr)> {
    let mut candidates = BTreeSet::new();
    for socket in &plan.sockets {
        candidates.insert((socket.host, socket.address));
        for server in Plan::servers() {
            if server.is_ipv4() == socket.address.is_ipv4()
                && let Some((End::Server, seen)) = search.send(socket, server)
            {
                candidates.insert((socket.host, seen));
            }
        }
    }
    candidates
}
