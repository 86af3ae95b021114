//! A network as data: built once for the simulator, read once more by the reference.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use duologue_ice::{CandidatePolicy, Config, TurnServer};
use duologue_netsim::{Behaviour, FirewallConfig, HostId, Link, Loss, NatConfig, Network, Realm};

use crate::turn_server::credentials;

/// A realm: 0 is the internet, `n + 1` lies behind gateway `n`.
pub(crate) const INTERNET: usize = 0;

/// Which port every host sends from.
pub(crate) const PORT: u16 = 5000;

/// What stands between the realm outside and a realm of its own.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub(crate) outside: usize,
    pub(crate) kind: GatewayKind,
}

#[derive(Debug, Clone)]
pub(crate) enum GatewayKind {
    Nat {
        public: IpAddr,
        config: NatConfig,
    },
    /// `None` lets no datagram through, but streams.
    Firewall(Option<Behaviour>),
}

/// How a host's agent reaches the TURN server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It does not know it.
    None,
    Udp,
    Tcp,
    /// In both ways, each with allocations of its own.
    UdpAndTcp,
}

impl Turn {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Udp, Self::Tcp, Self::UdpAndTcp];

    pub(crate) const fn by_datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::UdpAndTcp)
    }

    pub(crate) const fn by_streams(self) -> bool {
        matches!(self, Self::Tcp | Self::UdpAndTcp)
    }
}

/// What a host's agent has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) turn: Turn,
    pub(crate) policy: CandidatePolicy,
}

impl Setup {
    /// No TURN server, and all candidates.
    pub(crate) const PLAIN: Self = Self::with(Turn::None);

    pub(crate) const fn with(turn: Turn) -> Self {
        Self { turn, policy: CandidatePolicy::All }
    }

    pub(crate) fn config(self, asks_server: bool) -> Config {
        let mut config = Config::default();
        config.policy = self.policy;
        for server in Plan::servers() {
            if asks_server {
                config.stun_servers.push(server);
            }
            if self.turn.by_datagrams() {
                config.turn_servers.push(TurnServer::udp(server, Some(credentials())));
            }
            if self.turn.by_streams() {
                config.turn_servers.push(TurnServer::tcp(server, Some(credentials())));
            }
        }
        config
    }
}

/// An address that a host sends from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) host: usize,
    pub(crate) realm: usize,
    pub(crate) address: SocketAddr,
}

/// Two hosts, what is around them, and a server for STUN and TURN with an address of each IP version, from which it relays.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) setups: [Setup; 2],
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) sockets: Vec<Socket>,
}

impl Plan {
    /// Hosts without addresses.
    pub(crate) const fn new(setups: [Setup; 2]) -> Self {
        Self { setups, gateways: vec![], sockets: vec![] }
    }

    pub(crate) fn servers() -> [SocketAddr; 2] {
        [SocketAddr::from(([198, 51, 100, 1], 3478)), "[2001:db8:ffff::1]:3478".parse().unwrap()]
    }

    /// Adds a gateway and returns the realm behind it.
    pub(crate) fn add_gateway(&mut self, outside: usize, kind: GatewayKind) -> usize {
        self.gateways.push(Gateway { outside, kind });
        self.gateways.len()
    }

    pub(crate) fn add_socket(&mut self, host: usize, realm: usize, ip: IpAddr) {
        self.sockets.push(Socket { host, realm, address: SocketAddr::new(ip, PORT) });
    }

    pub(crate) fn sockets_of(&self, host: usize) -> impl Iterator<Item = &Socket> {
        self.sockets.iter().filter(move |socket| socket.host == host)
    }

    /// The plan in the simulator: hosts 0 and 1, and the server as host 2. Most of the time from one to another is spent on
    /// the internet, between the gateways; what is lost is lost by the sender's link.
    pub(crate) fn build(&self, network: &mut Network, one_way: Duration, loss: &Loss) {
        network.set_transit(one_way * 8 / 10);
        let down = Link { delay: one_way / 10, ..Link::default() };
        let up = Link { loss: loss.clone(), ..down.clone() };
        let mut realms = vec![Realm::INTERNET];
        for Gateway { outside, kind } in &self.gateways {
            realms.push(match kind {
                GatewayKind::Nat { public, config } => {
                    network.add_nat(realms[*outside], *public, config.clone())
                }
                GatewayKind::Firewall(filtering) => {
                    let mut config = FirewallConfig { datagrams: filtering.is_some(), ..Default::default() };
                    config.filtering = filtering.unwrap_or(config.filtering);
                    network.add_firewall(realms[*outside], config)
                }
            });
        }
        let attach = |network: &mut Network, host: HostId, ip: IpAddr, realm: Realm| {
            network.add_interface(host, ip, realm, up.clone(), down.clone());
        };
        let hosts = [network.add_host(), network.add_host(), network.add_host()];
        for socket in &self.sockets {
            attach(network, hosts[socket.host], socket.address.ip(), realms[socket.realm]);
        }
        for server in Self::servers() {
            attach(network, hosts[2], server.ip(), Realm::INTERNET);
        }
    }
}
