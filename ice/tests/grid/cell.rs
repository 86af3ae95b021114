//! The cells of the grid: where the two hosts are, and what is between them.

use std::net::IpAddr;
use std::time::Duration;

use duologue_ice::{CandidatePolicy, Role};
use duologue_netsim::{Behaviour, NatConfig};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::plan::{GatewayKind, INTERNET, Plan, Setup, Turn};

/// What stands between a host's IPv4 address and the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Guard {
    Open,
    /// `None` lets no datagram through, but streams.
    Firewall(Option<Behaviour>),
    Nat(NatConfig),
    /// A home's NAT behind a carrier's.
    TwoLevels {
        home: NatConfig,
        carrier: NatConfig,
    },
}

/// What stands between a host's IPv6 address and the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard6 {
    Open,
    Firewall(Option<Behaviour>),
}

/// A host's addresses; at least one. Each is an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) v4: Vec<Guard>,
    pub(crate) v6: Vec<Guard6>,
}

/// How near the hosts are to one another by their first IPv4 addresses. The others are strangers' always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbours {
    /// Only the internet is between them. `alike`: both have the same private addresses.
    Strangers { alike: bool },
    /// Both are behind the first host's guards.
    OneHome,
    /// Each has a home of its own, behind the first host's carrier.
    OneCarrier,
}

/// A call to be made.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) seed: u64,
    pub(crate) places: [Place; 2],
    pub(crate) setups: [Setup; 2],
    pub(crate) neighbours: Neighbours,
    /// Probability of loss of each datagram that anybody sends.
    pub(crate) loss: f64,
    /// From anybody to anybody else on the internet.
    pub(crate) one_way: Duration,
    pub(crate) roles: [Role; 2],
}

/// Every NAT of one level: mapping, filtering, hairpinning and port preservation.
pub(crate) fn nats() -> Vec<NatConfig> {
    let mut all = vec![];
    for mapping in Behaviour::ALL {
        for filtering in Behaviour::ALL {
            for (hairpinning, port_preservation) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                all.push(NatConfig {
                    mapping,
                    filtering,
                    hairpinning,
                    port_preservation,
                    timeout: Duration::from_secs(120),
                    inbound_refresh: false,
                });
            }
        }
    }
    all
}

/// Every guard of one level.
pub(crate) fn guards() -> Vec<Guard> {
    let filters = [None].into_iter().chain(Behaviour::ALL.map(Some));
    let others = std::iter::once(Guard::Open).chain(filters.map(Guard::Firewall));
    nats().into_iter().map(Guard::Nat).chain(others).collect()
}

/// The same for IPv6.
pub(crate) fn guards6() -> Vec<Guard6> {
    let filters = [None].into_iter().chain(Behaviour::ALL.map(Some));
    std::iter::once(Guard6::Open).chain(filters.map(Guard6::Firewall)).collect()
}

impl Place {
    pub(crate) fn v4(guard: &Guard) -> Self {
        Self { v4: vec![guard.clone()], v6: vec![] }
    }

    pub(crate) fn v6(guard: Guard6) -> Self {
        Self { v4: vec![], v6: vec![guard] }
    }
}

impl Cell {
    /// Two strangers, 50 ms from each other, without loss and without a TURN server.
    pub(crate) fn of(seed: u64, places: [Place; 2]) -> Self {
        Self {
            seed,
            places,
            setups: [Setup::PLAIN; 2],
            neighbours: Neighbours::Strangers { alike: false },
            loss: 0.0,
            one_way: Duration::from_millis(50),
            roles: if seed.is_multiple_of(2) { CONTROLLING_FIRST } else { CONTROLLED_FIRST },
        }
    }

    /// Any cell, drawn from the seed.
    pub(crate) fn draw(seed: u64, loss: f64) -> Self {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let versions = dice.one_of(&[
            ([true, true], [false, false]),
            ([true, true], [false, false]),
            ([false, false], [true, true]),
            ([true, true], [true, true]),
            ([true, true], [true, false]),
            ([true, false], [true, true]),
            ([true, false], [false, true]),
        ]);
        let (v4, v6) = versions;
        let neighbours = dice.one_of(&[
            Neighbours::Strangers { alike: false },
            Neighbours::Strangers { alike: false },
            Neighbours::Strangers { alike: true },
            Neighbours::OneHome,
            Neighbours::OneCarrier,
        ]);
        let places = [0, 1].map(|index| Place {
            v4: (0..dice.interfaces(v4[index]))
                .map(|interface| match neighbours {
                    Neighbours::OneCarrier if interface == 0 => dice.two_levels(),
                    _ => dice.guard(),
                })
                .collect(),
            v6: (0..dice.interfaces(v6[index])).map(|_| dice.guard6()).collect(),
        });
        let setups = [0, 1].map(|_| dice.setup());
        let one_way = Duration::from_millis(1 + dice.below(120));
        let roles = dice.one_of(&[CONTROLLING_FIRST, CONTROLLED_FIRST]);
        Self { seed, places, setups, neighbours, loss, one_way, roles }
    }

    /// The network of the cell.
    pub(crate) fn plan(&self) -> Plan {
        let mut plan = Plan::new(self.setups);
        for Attachment { host, interface, realm } in self.v4_attachments(&mut plan) {
            let alike = self.neighbours == Neighbours::Strangers { alike: true };
            let open = !self.has_private_address(host, interface);
            let number = if alike && !open { 2 } else { 2 + u8::try_from(host).unwrap() };
            let place = u8::try_from(interface).unwrap();
            let ip = if open { [192, 0, 2, number + 10 * place] } else { [10, 0, place, number] };
            plan.add_socket(host, realm, IpAddr::from(ip));
        }
        for (host, place) in self.places.iter().enumerate() {
            for (interface, guard) in place.v6.iter().enumerate() {
                let realm = match guard {
                    Guard6::Open => INTERNET,
                    Guard6::Firewall(filtering) => {
                        plan.add_gateway(INTERNET, GatewayKind::Firewall(*filtering))
                    }
                };
                let ip = format!("2001:db8:{}:{interface}::1", host + 1);
                plan.add_socket(host, realm, ip.parse().unwrap());
            }
        }
        plan
    }

    /// What an IPv4 address of a host is behind.
    fn guard_of(&self, host: usize, interface: usize) -> &Guard {
        match (self.neighbours, self.places[0].v4.first(), interface) {
            (Neighbours::OneHome, Some(first), 0) => first,
            _ => &self.places[host].v4[interface],
        }
    }

    fn has_private_address(&self, host: usize, interface: usize) -> bool {
        matches!(self.guard_of(host, interface), Guard::Nat(_) | Guard::TwoLevels { .. })
    }

    /// The realms of the hosts' IPv4 addresses.
    fn v4_attachments(&self, plan: &mut Plan) -> Vec<Attachment> {
        let mut attachments: Vec<Attachment> = vec![];
        let mut carrier_of_first = None;
        let interfaces =
            |host: usize| (0..self.places[host].v4.len()).map(move |interface| (host, interface));
        for (host, interface) in interfaces(0).chain(interfaces(1)) {
            let shared = attachments.iter().find(|other| {
                interface == 0 && other.interface == 0 && self.neighbours == Neighbours::OneHome
            });
            let number = u8::try_from(10 * interface + host + 1).unwrap();
            let public = IpAddr::from([203, 0, 113, number]);
            let realm = match (shared, self.guard_of(host, interface)) {
                (Some(shared), _) => shared.realm,
                (None, Guard::Open) => INTERNET,
                (None, Guard::Firewall(filtering)) => {
                    plan.add_gateway(INTERNET, GatewayKind::Firewall(*filtering))
                }
                (None, Guard::Nat(config)) => {
                    plan.add_gateway(INTERNET, GatewayKind::Nat { public, config: config.clone() })
                }
                (None, Guard::TwoLevels { home, carrier }) => {
                    let is_shared = self.neighbours == Neighbours::OneCarrier && interface == 0;
                    let known = carrier_of_first.filter(|_| is_shared);
                    let carrier = known.unwrap_or_else(|| {
                        let config = carrier.clone();
                        plan.add_gateway(INTERNET, GatewayKind::Nat { public, config })
                    });
                    carrier_of_first = carrier_of_first.or(Some(carrier));
                    let public = IpAddr::from([100, 64, 0, number]);
                    plan.add_gateway(carrier, GatewayKind::Nat { public, config: home.clone() })
                }
            };
            attachments.push(Attachment { host, interface, realm });
        }
        attachments
    }
}

/// Where an IPv4 address of a host is.
struct Attachment {
    host: usize,
    /// Its place among the host's.
    interface: usize,
    realm: usize,
}

const CONTROLLING_FIRST: [Role; 2] = [Role::Controlling, Role::Controlled];
const CONTROLLED_FIRST: [Role; 2] = [Role::Controlled, Role::Controlling];

/// Draws from a seed.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let index = self.below(all.len() as u64);
        all[usize::try_from(index).unwrap()].clone()
    }

    /// Of four hosts with an IP version one has it on two interfaces.
    fn interfaces(&mut self, any: bool) -> usize {
        if any { self.one_of(&[1, 1, 1, 2]) } else { 0 }
    }

    fn setup(&mut self) -> Setup {
        use CandidatePolicy::{All, NoHost, Relay};
        let turn = self.one_of(&[Turn::None, Turn::None, Turn::Udp, Turn::Tcp, Turn::UdpAndTcp]);
        let policy = self.one_of(&[All, All, All, All, All, All, NoHost, Relay]);
        Setup { turn, policy }
    }

    fn nat(&mut self) -> NatConfig {
        let timeout = self.one_of(&[30, 120]);
        let inbound_refresh = self.one_of(&[false, true]);
        NatConfig { timeout: Duration::from_secs(timeout), inbound_refresh, ..self.one_of(&nats()) }
    }

    fn guard(&mut self) -> Guard {
        match self.below(8) {
            0 => Guard::Open,
            1 => Guard::Firewall(self.filter()),
            2..5 => Guard::Nat(self.nat()),
            _ => self.two_levels(),
        }
    }

    fn two_levels(&mut self) -> Guard {
        Guard::TwoLevels { home: self.nat(), carrier: self.nat() }
    }

    fn guard6(&mut self) -> Guard6 {
        if self.below(4) == 0 { Guard6::Open } else { Guard6::Firewall(self.filter()) }
    }

    fn filter(&mut self) -> Option<Behaviour> {
        let blocked = self.below(8) == 0;
        let filtering = self.one_of(&Behaviour::ALL);
        (!blocked).then_some(filtering)
    }
}
