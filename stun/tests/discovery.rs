//! The discovery of NAT behaviour finds what the simulated NAT was told to do.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_netsim::{Addresses, Behaviour as Kind, Link, NatConfig, NatKind, Network, Node, Realm};
use duologue_stun::discovery::{Behaviour, Discovery, DiscoveryConfig, DiscoveryDiscard, Report};
use duologue_stun::{Attribute, AttributeType, Class, ErrorCode, Message, Method, TransactionId, Writer};

/// What a server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    /// All of RFC 5780.
    Full,
    /// It has one address.
    Plain,
    /// It refuses CHANGE-REQUEST with 420.
    Refusing,
    /// It does not look at CHANGE-REQUEST.
    Ignoring,
}

enum Host {
    Client { discovery: Box<Discovery>, local: SocketAddr, report: Option<Report> },
    Server { kind: Server, answers: VecDeque<(Addresses, Vec<u8>)> },
}

const PORTS: [u16; 2] = [3478, 3479];

fn server_address(ip: usize, port: usize) -> SocketAddr {
    let ip = if ip == 0 { [198, 51, 100, 1] } else { [198, 51, 100, 2] };
    SocketAddr::from((ip, PORTS[port]))
}

impl Node for Host {
    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Client { discovery, report, .. } = self {
            discovery.handle_timeout(now);
            assert!(discovery.poll_timeout().is_none_or(|next| next > now));
            *report = report.take().or_else(|| discovery.poll_event());
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Client { discovery, report, .. } => {
                let _ = discovery.handle_datagram(now, addresses.source, datagram);
                *report = report.take().or_else(|| discovery.poll_event());
            }
            Self::Server { kind, answers } => answers.push_back(answer(*kind, addresses, datagram)),
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Client { discovery, local, .. } => {
                let transmit = discovery.poll_transmit(now, 1_500, out)?;
                assert_eq!(transmit.len, out.len());
                Some(Addresses { source: *local, destination: transmit.destination })
            }
            Self::Server { answers, .. } => {
                let (addresses, bytes) = answers.pop_front()?;
                out.extend_from_slice(&bytes);
                Some(addresses)
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Client { discovery, .. } => discovery.poll_timeout(),
            Self::Server { .. } => None,
        }
    }
}

fn answer(kind: Server, addresses: Addresses, datagram: &[u8]) -> (Addresses, Vec<u8>) {
    let request = Message::parse(datagram).unwrap();
    let (mut ip, mut port) = (
        usize::from(addresses.destination.ip() != server_address(0, 0).ip()),
        usize::from(addresses.destination.port() != PORTS[0]),
    );
    let mut out = vec![];
    let change = request.attribute(AttributeType::CHANGE_REQUEST).unwrap();
    if kind == Server::Refusing && change.is_some() {
        Writer::new(&mut out, Class::Error, Method::BINDING, request.transaction_id())
            .error_code(ErrorCode::UNKNOWN_ATTRIBUTE)
            .unknown_attributes(&[AttributeType::CHANGE_REQUEST])
            .finish()
            .unwrap();
    } else {
        let mut writer = Writer::new(&mut out, Class::Success, Method::BINDING, request.transaction_id())
            .xor_mapped_address(addresses.source);
        if kind != Server::Plain {
            writer = writer.other_address(server_address(1 - ip, 1 - port));
        }
        writer.finish().unwrap();
        if let (Server::Full, Some(Attribute::ChangeRequest { ip: other_ip, port: other_port })) =
            (kind, change)
        {
            ip ^= usize::from(other_ip);
            port ^= usize::from(other_port);
        }
    }
    (Addresses { source: server_address(ip, port), destination: addresses.source }, out)
}

fn discover(kind: Server, nat: Option<NatConfig>, loss: f64) -> Report {
    let mut network = Network::new(7);
    let link = Link { delay: Duration::from_millis(20), ..Link::default() };
    let (client, server) = (network.add_host(), network.add_host());
    let realm = match nat {
        Some(nat) => network.add_nat(Realm::INTERNET, "203.0.113.9".parse().unwrap(), nat),
        None => Realm::INTERNET,
    };
    let mut lossy = link.clone();
    lossy.loss = duologue_netsim::Loss::Random(loss);
    network.add_interface(client, "10.0.0.2".parse().unwrap(), realm, lossy, link.clone());
    for ip in 0..2 {
        network.add_interface(
            server,
            server_address(ip, 0).ip(),
            Realm::INTERNET,
            link.clone(),
            link.clone(),
        );
    }
    let local = "10.0.0.2:5000".parse().unwrap();
    let mut config = DiscoveryConfig::new(server_address(0, 0));
    config.local = Some(local);
    let now = network.now();
    let discovery = Box::new(Discovery::new(Arc::new(config), [3; 32], now));
    let mut hosts =
        [Host::Client { discovery, local, report: None }, Host::Server { kind, answers: VecDeque::new() }];
    let done = |hosts: &[Host]| matches!(&hosts[0], Host::Client { report: Some(_), .. });
    assert!(network.run_until(&mut hosts, now + Duration::from_secs(60), |hosts| done(hosts)));
    let Host::Client { mut discovery, report: Some(report), .. } = hosts.into_iter().next().unwrap() else {
        panic!("the first host is the client");
    };
    assert_eq!(discovery.poll_event(), None, "told once");
    assert_eq!(discovery.poll_timeout(), None);
    report
}

const fn behaviour(kind: Kind) -> Behaviour {
    match kind {
        Kind::EndpointIndependent => Behaviour::EndpointIndependent,
        Kind::AddressDependent => Behaviour::AddressDependent,
        Kind::AddressAndPortDependent => Behaviour::AddressAndPortDependent,
    }
}

#[test]
fn each_mapping_and_each_filtering_of_rfc_4787_is_found() {
    let kinds = [Kind::EndpointIndependent, Kind::AddressDependent, Kind::AddressAndPortDependent];
    for mapping in kinds {
        for filtering in kinds {
            let nat = NatConfig { mapping, filtering, ..NatConfig::from(NatKind::FullCone) };
            for loss in [0.0, 0.1] {
                let report = discover(Server::Full, Some(nat.clone()), loss);
                assert_eq!(report.mapping, Some(behaviour(mapping)));
                assert_eq!(report.filtering, Some(behaviour(filtering)));
                assert_eq!(report.translated, Some(true));
                assert_eq!(report.mapped.unwrap().ip().to_string(), "203.0.113.9");
            }
        }
    }
}

#[test]
fn without_a_nat_all_is_independent_and_nothing_is_translated() {
    let report = discover(Server::Full, None, 0.0);
    assert_eq!(report.translated, Some(false));
    assert_eq!(report.mapping, Some(Behaviour::EndpointIndependent));
    assert_eq!(report.filtering, Some(Behaviour::EndpointIndependent));
}

#[test]
fn a_server_that_cannot_leaves_open_what_it_does_not_show() {
    let nat = NatConfig::from(NatKind::Symmetric);
    let report = discover(Server::Plain, Some(nat.clone()), 0.0);
    assert!(report.mapped.is_some());
    assert_eq!((report.mapping, report.filtering), (None, None));
    for kind in [Server::Refusing, Server::Ignoring] {
        let report = discover(kind, Some(nat.clone()), 0.0);
        assert_eq!(report.mapping, Some(Behaviour::AddressAndPortDependent));
        assert_eq!(report.filtering, None, "{kind:?}");
    }
}

#[test]
fn silence_is_told_after_four_requests() {
    let mut now = Network::new(1).now();
    let start = now;
    let mut discovery = Discovery::new(Arc::new(DiscoveryConfig::new(server_address(0, 0))), [3; 32], now);
    let mut out = vec![];
    assert_eq!(discovery.poll_transmit(now, 10, &mut out), None);
    assert!(out.is_empty());
    let mut sent = 0;
    while discovery.poll_transmit(now, 1_500, &mut out).is_some() || discovery.poll_timeout().is_some() {
        sent += usize::from(!out.is_empty());
        out.clear();
        now = discovery.poll_timeout().unwrap();
        discovery.handle_timeout(now);
    }
    assert_eq!((sent, now - start), (4, Duration::from_millis(5_500)));
    let nothing = Report { mapped: None, translated: None, mapping: None, filtering: None };
    assert_eq!(discovery.poll_event(), Some(nothing));
    assert_eq!(discovery.handle_datagram(now, server_address(0, 0), b""), Err(DiscoveryDiscard::Closed));
}

#[test]
fn answers_of_others_change_nothing() {
    let now = Network::new(1).now();
    let mut discovery = Discovery::new(Arc::new(DiscoveryConfig::new(server_address(0, 0))), [3; 32], now);
    let mut request = vec![];
    discovery.poll_transmit(now, 1_500, &mut request).unwrap();
    let id = Message::parse(&request).unwrap().transaction_id();
    let answer = |class, id| {
        let mut out = vec![];
        let writer = Writer::new(&mut out, class, Method::BINDING, id);
        writer.xor_mapped_address(server_address(0, 0)).finish().unwrap();
        out
    };
    let wrong = answer(Class::Success, TransactionId([0; 12]));
    let good = answer(Class::Success, id);
    let refused = [
        (server_address(0, 0), wrong, DiscoveryDiscard::UnknownTransaction),
        (server_address(0, 1), good.clone(), DiscoveryDiscard::WrongSource),
        (server_address(0, 1), answer(Class::Error, id), DiscoveryDiscard::WrongSource),
        (server_address(0, 0), answer(Class::Request, id), DiscoveryDiscard::Malformed),
        (server_address(0, 0), good[..good.len() - 1].to_vec(), DiscoveryDiscard::Malformed),
    ];
    for (source, datagram, reason) in refused {
        assert_eq!(discovery.handle_datagram(now, source, &datagram), Err(reason));
    }
    assert_eq!(discovery.poll_event(), None);
    discovery.handle_datagram(now, server_address(0, 0), &good).unwrap();
    assert!(discovery.poll_event().unwrap().mapped.is_some());
}
