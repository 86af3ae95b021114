//! A network as data: built once for the simulator, read once more by the reference.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use duologue_netsim::{Behaviour, FirewallConfig, HostId, Link, Loss, NatConfig, Network, Realm};

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
    /// `None` lets no datagram through.
    Firewall(Option<Behaviour>),
}

/// An address that a host sends from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) host: usize,
    pub(crate) realm: usize,
    pub(crate) address: SocketAddr,
}

/// Two hosts, what is around them, and a STUN server with an address of each IP version. Relays will stand beside it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) sockets: Vec<Socket>,
}

impl Plan {
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
