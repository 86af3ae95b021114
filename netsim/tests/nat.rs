//! NATs and firewalls translate and filter as their behaviours say.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use duologue_netsim::{Addresses, Behaviour, FirewallConfig, Link, NatConfig, NatKind, Network, Realm};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use support::{Post, addresses};

/// A client behind a NAT of the given behaviours talks to 192.0.2.1:1; then strangers try its public port.
fn who_gets_in(config: NatConfig) -> [bool; 3] {
    let mut network = Network::new(1);
    let link = Link::default;
    let (client, server, stranger) = (network.add_host(), network.add_host(), network.add_host());
    let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), config);
    network.add_interface(client, "10.0.0.1".parse().unwrap(), inside, link(), link());
    network.add_interface(server, "192.0.2.1".parse().unwrap(), Realm::INTERNET, link(), link());
    network.add_interface(stranger, "192.0.2.2".parse().unwrap(), Realm::INTERNET, link(), link());
    let mut nodes = [Post::default(), Post::default(), Post::default()];
    nodes[0].outbox.push_back((addresses("10.0.0.1:5000", "192.0.2.1:1"), b"out".to_vec()));
    while network.step(&mut nodes).is_some() {}
    let public = nodes[1].inbox[0].1.source;
    assert_eq!(public.ip(), "203.0.113.1".parse::<IpAddr>().unwrap());
    let tries = [(1, "192.0.2.1:1"), (1, "192.0.2.1:2"), (2, "192.0.2.2:1")];
    tries.map(|(host, source)| {
        let before = nodes[0].inbox.len();
        let back = Addresses { source: source.parse().unwrap(), destination: public };
        nodes[host].outbox.push_back((back, b"in".to_vec()));
        while network.step(&mut nodes).is_some() {}
        nodes[0].inbox.len() > before
    })
}

#[test]
fn each_kind_of_nat_filters_as_its_name_says() {
    assert_eq!(who_gets_in(NatKind::FullCone.into()), [true, true, true]);
    assert_eq!(who_gets_in(NatKind::AddressRestricted.into()), [true, true, false]);
    assert_eq!(who_gets_in(NatKind::PortRestricted.into()), [true, false, false]);
    assert_eq!(who_gets_in(NatKind::Symmetric.into()), [true, false, false]);
}

#[test]
fn filtering_is_the_same_whatever_the_mapping() {
    for mapping in Behaviour::ALL {
        for (filtering, expected) in
            Behaviour::ALL.into_iter().zip([[true, true, true], [true, true, false], [true, false, false]])
        {
            let config = NatConfig { mapping, filtering, ..NatKind::FullCone.into() };
            assert_eq!(who_gets_in(config), expected, "{mapping:?} {filtering:?}");
        }
    }
}

#[test]
fn each_mapping_behaviour_reuses_the_port_as_its_name_says() {
    let ports = |mapping| {
        let mut network = Network::new(1);
        let (client, server) = (network.add_host(), network.add_host());
        let config = NatConfig { mapping, ..NatKind::FullCone.into() };
        let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), config);
        network.add_interface(client, "10.0.0.1".parse().unwrap(), inside, Link::default(), Link::default());
        for ip in ["192.0.2.1", "192.0.2.2"] {
            let ip = ip.parse().unwrap();
            network.add_interface(server, ip, Realm::INTERNET, Link::default(), Link::default());
        }
        let mut nodes = [Post::default(), Post::default()];
        for destination in ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"] {
            nodes[0].outbox.push_back((addresses("10.0.0.1:5000", destination), b"x".to_vec()));
        }
        while network.step(&mut nodes).is_some() {}
        let ports: Vec<_> = nodes[1].inbox.iter().map(|(_, one, _)| one.source.port()).collect();
        [ports[0] == ports[1], ports[0] == ports[2]]
    };
    assert_eq!(ports(Behaviour::EndpointIndependent), [true, true]);
    assert_eq!(ports(Behaviour::AddressDependent), [true, false]);
    assert_eq!(ports(Behaviour::AddressAndPortDependent), [false, false]);
}

#[test]
fn two_levels_of_nat_translate_twice_and_back() {
    let mut network = Network::new(1);
    let (client, server) = (network.add_host(), network.add_host());
    let carrier = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), NatKind::PortRestricted);
    let home = network.add_nat(carrier, "100.64.0.9".parse().unwrap(), NatKind::Symmetric);
    network.add_interface(client, "10.0.0.1".parse().unwrap(), home, Link::default(), Link::default());
    let server_ip = "192.0.2.1".parse().unwrap();
    network.add_interface(server, server_ip, Realm::INTERNET, Link::default(), Link::default());
    let mut nodes = [Post::default(), Post { replies: true, ..Post::default() }];
    nodes[0].outbox.push_back((addresses("10.0.0.1:5000", "192.0.2.1:1"), b"x".to_vec()));
    while network.step(&mut nodes).is_some() {}
    assert_eq!(nodes[1].inbox[0].1.source.ip().to_string(), "203.0.113.1");
    assert_eq!(nodes[0].inbox[0].1, addresses("192.0.2.1:1", "10.0.0.1:5000"));
}

#[test]
fn a_mapping_dies_without_outbound_datagrams() {
    let mut network = Network::new(1);
    let (client, server) = (network.add_host(), network.add_host());
    let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), NatKind::FullCone);
    network.add_interface(client, "10.0.0.1".parse().unwrap(), inside, Link::default(), Link::default());
    let server_ip = "192.0.2.1".parse().unwrap();
    network.add_interface(server, server_ip, Realm::INTERNET, Link::default(), Link::default());
    let mut nodes = [Post::default(), Post::default()];
    nodes[0].outbox.push_back((addresses("10.0.0.1:5000", "192.0.2.1:1"), b"x".to_vec()));
    let later = network.now() + Duration::from_secs(121);
    network.run_to(&mut nodes, later);
    let back = Addresses { source: "192.0.2.1:1".parse().unwrap(), destination: nodes[1].inbox[0].1.source };
    nodes[1].outbox.push_back((back, b"y".to_vec()));
    while network.step(&mut nodes).is_some() {}
    assert_eq!(network.stats().nat_refused, 1);
    assert!(nodes[0].inbox.is_empty());
}

#[test]
fn only_a_hairpinning_nat_leads_back_inside() {
    for hairpinning in [false, true] {
        let mut network = Network::new(1);
        let (a, b) = (network.add_host(), network.add_host());
        let config = NatConfig { hairpinning, port_preservation: true, ..NatKind::FullCone.into() };
        let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), config);
        network.add_interface(a, "10.0.0.1".parse().unwrap(), inside, Link::default(), Link::default());
        network.add_interface(b, "10.0.0.2".parse().unwrap(), inside, Link::default(), Link::default());
        let mut nodes = [Post::default(), Post::default()];
        nodes[1].outbox.push_back((addresses("10.0.0.2:6000", "192.0.2.9:1"), b"opens".to_vec()));
        nodes[0].outbox.push_back((addresses("10.0.0.1:5000", "203.0.113.1:6000"), b"x".to_vec()));
        while network.step(&mut nodes).is_some() {}
        assert_eq!(nodes[1].inbox.len(), 0, "the mapping is made after the first datagram is routed");
        nodes[0].outbox.push_back((addresses("10.0.0.1:5000", "203.0.113.1:6000"), b"x".to_vec()));
        while network.step(&mut nodes).is_some() {}
        assert_eq!(nodes[1].inbox.len(), usize::from(hairpinning));
    }
}

/// Hosts at these addresses of these realms, one node each.
fn hosts(network: &mut Network, places: &[(Realm, &str)]) -> Vec<Post> {
    let place = |(realm, ip): &(Realm, &str)| {
        let host = network.add_host();
        network.add_interface(host, ip.parse().unwrap(), *realm, Link::default(), Link::default());
        Post::default()
    };
    places.iter().map(place).collect()
}

/// Lets one host send, and says who has heard it from whom.
fn post(
    network: &mut Network,
    nodes: &mut [Post],
    from: usize,
    ends: (&str, &str),
) -> Option<(usize, SocketAddr)> {
    nodes.iter_mut().for_each(|node| node.inbox.clear());
    nodes[from].outbox.push_back((addresses(ends.0, ends.1), b"x".to_vec()));
    while network.step(nodes).is_some() {}
    nodes.iter().enumerate().find_map(|(index, node)| Some((index, node.inbox.first()?.1.source)))
}

#[test]
fn what_hairpins_comes_in_with_its_public_source() {
    let mut network = Network::new(1);
    let config = NatConfig { hairpinning: true, port_preservation: true, ..NatKind::PortRestricted.into() };
    let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), config);
    let mut nodes = hosts(&mut network, &[(inside, "10.0.0.1"), (inside, "10.0.0.2")]);
    // Each opens its filter for the other's public address; the first to do so is refused.
    let there = ("10.0.0.1:5000", "203.0.113.1:6000");
    assert_eq!(post(&mut network, &mut nodes, 0, there), None);
    let back = post(&mut network, &mut nodes, 1, ("10.0.0.2:6000", "203.0.113.1:5000"));
    assert_eq!(back, Some((0, "203.0.113.1:6000".parse().unwrap())));
    assert_eq!(post(&mut network, &mut nodes, 0, there), Some((1, "203.0.113.1:5000".parse().unwrap())));
}

#[test]
fn two_homes_of_one_carrier_reach_each_other_where_the_carrier_hairpins() {
    for hairpinning in [false, true] {
        let mut network = Network::new(1);
        let carrier = NatConfig { hairpinning, port_preservation: true, ..NatKind::FullCone.into() };
        let carrier = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), carrier);
        let home = NatConfig { port_preservation: true, ..NatKind::FullCone.into() };
        let homes = ["100.64.0.1", "100.64.0.2"]
            .map(|public| network.add_nat(carrier, public.parse().unwrap(), home.clone()));
        // Homes of the same plan: both hosts have the same private address.
        let places = [(homes[0], "10.0.0.1"), (homes[1], "10.0.0.1"), (Realm::INTERNET, "192.0.2.1")];
        let mut nodes = hosts(&mut network, &places);
        assert_eq!(
            post(&mut network, &mut nodes, 1, ("10.0.0.1:6000", "192.0.2.1:1")),
            Some((2, "203.0.113.1:6000".parse().unwrap()))
        );
        let heard = post(&mut network, &mut nodes, 0, ("10.0.0.1:5000", "203.0.113.1:6000"));
        assert_eq!(heard, hairpinning.then(|| (1, "203.0.113.1:5000".parse().unwrap())));
        // Within the carrier's network the way is open without it.
        let heard = post(&mut network, &mut nodes, 0, ("10.0.0.1:5000", "100.64.0.2:6000"));
        assert_eq!(heard, Some((1, "100.64.0.1:5000".parse().unwrap())));
    }
}

#[test]
fn a_preserved_port_goes_to_the_first_who_wants_it() {
    for port_preservation in [false, true] {
        let mut network = Network::new(1);
        let config = NatConfig { port_preservation, ..NatKind::FullCone.into() };
        let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), config);
        let places = [(inside, "10.0.0.1"), (inside, "10.0.0.2"), (Realm::INTERNET, "192.0.2.1")];
        let mut nodes = hosts(&mut network, &places);
        let ports = [(0, "10.0.0.1:5000"), (1, "10.0.0.2:5000")].map(|(index, source)| {
            post(&mut network, &mut nodes, index, (source, "192.0.2.1:1")).unwrap().1.port()
        });
        assert_eq!(ports, if port_preservation { [5_000, 40_000] } else { [40_000, 40_001] });
    }
}

#[test]
fn an_inbound_datagram_prolongs_a_mapping_only_where_the_nat_says_so() {
    for inbound_refresh in [false, true] {
        let mut network = Network::new(1);
        let timeout = Duration::from_secs(30);
        let config = NatConfig { inbound_refresh, timeout, ..NatKind::FullCone.into() };
        let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), config);
        let mut nodes = hosts(&mut network, &[(inside, "10.0.0.1"), (Realm::INTERNET, "192.0.2.1")]);
        assert!(post(&mut network, &mut nodes, 0, ("10.0.0.1:5000", "192.0.2.1:1")).is_some());
        for (seconds, heard) in [(20, true), (20, inbound_refresh)] {
            let later = network.now() + Duration::from_secs(seconds);
            network.run_to(&mut nodes, later);
            let answer = post(&mut network, &mut nodes, 1, ("192.0.2.1:1", "203.0.113.1:40000"));
            assert_eq!(answer.is_some(), heard, "{inbound_refresh} {seconds}");
        }
    }
}

#[test]
fn a_nat_translates_its_own_ip_version_alone() {
    let mut network = Network::new(1);
    let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), NatKind::FullCone);
    let mut nodes = hosts(&mut network, &[(inside, "fd00::1"), (Realm::INTERNET, "2001:db8::1")]);
    assert_eq!(post(&mut network, &mut nodes, 0, ("[fd00::1]:5000", "[2001:db8::1]:1")), None);
    assert_eq!(network.stats().unroutable, 1);
}

#[test]
fn a_firewall_filters_as_its_behaviour_says_and_changes_no_address() {
    for (filtering, expected) in
        Behaviour::ALL.into_iter().zip([[true, true, true], [true, true, false], [true, false, false]])
    {
        for ips in [
            ["192.0.2.9", "192.0.2.1", "192.0.2.2"].map(str::to_owned),
            ["9", "1", "2"].map(|n| format!("[2001:db8::{n}]")),
        ] {
            let mut network = Network::new(1);
            let config = FirewallConfig { filtering, ..FirewallConfig::default() };
            let inside = network.add_firewall(Realm::INTERNET, config);
            let realms = [inside, Realm::INTERNET, Realm::INTERNET];
            let plain = ips.each_ref().map(|ip| ip.trim_matches(['[', ']']));
            let places: Vec<_> = realms.into_iter().zip(plain).collect();
            let mut nodes = hosts(&mut network, &places);
            let at = |index: usize, port: u16| format!("{}:{port}", ips[index]);
            let client = at(0, 5000);
            let ends = [at(1, 1), at(1, 2), at(2, 1)];
            assert_eq!(post(&mut network, &mut nodes, 1, (&ends[0], &client)), None, "nobody was asked");
            let seen = post(&mut network, &mut nodes, 0, (&client, &ends[0]));
            assert_eq!(seen, Some((1, client.parse().unwrap())));
            let gets_in = [1, 1, 2]
                .into_iter()
                .zip(&ends)
                .map(|(index, end)| post(&mut network, &mut nodes, index, (end, &client)).is_some());
            assert_eq!(gets_in.collect::<Vec<_>>(), expected);
            let other = at(0, 5001);
            assert_eq!(post(&mut network, &mut nodes, 1, (&ends[0], &other)), None, "another port inside");
        }
    }
}

#[test]
fn a_firewall_closes_what_is_idle_forgets_and_may_let_no_datagram_out() {
    let inside_ip: IpAddr = "2001:db8::9".parse().unwrap();
    let (client, server) = ("[2001:db8::9]:5000", "[2001:db8::1]:1");
    for datagrams in [false, true] {
        let mut network = Network::new(1);
        let config = FirewallConfig { datagrams, ..FirewallConfig::default() };
        let inside = network.add_firewall(Realm::INTERNET, config);
        let places = [(inside, &*inside_ip.to_string()), (Realm::INTERNET, "2001:db8::1")];
        let mut nodes = hosts(&mut network, &places);
        let mut answered_after = |seconds: u64, forgets: bool| {
            let out = post(&mut network, &mut nodes, 0, (client, server)).is_some();
            assert_eq!(out, datagrams);
            if forgets {
                network.rebind_nat(inside);
            }
            let later = network.now() + Duration::from_secs(seconds);
            network.run_to(&mut nodes, later);
            post(&mut network, &mut nodes, 1, (server, client)).is_some()
        };
        assert_eq!(answered_after(119, false), datagrams);
        assert!(!answered_after(120, false));
        assert!(!answered_after(0, true));
    }
}

#[test]
fn a_nat_behind_a_firewall_is_found_from_outside() {
    let mut network = Network::new(1);
    let config = FirewallConfig { filtering: Behaviour::EndpointIndependent, ..FirewallConfig::default() };
    let office = network.add_firewall(Realm::INTERNET, config);
    let lab = network.add_nat(office, "203.0.113.1".parse().unwrap(), NatKind::FullCone);
    let mut nodes = hosts(&mut network, &[(lab, "10.0.0.1"), (Realm::INTERNET, "192.0.2.1")]);
    let public = post(&mut network, &mut nodes, 0, ("10.0.0.1:5000", "192.0.2.1:1")).unwrap().1;
    assert_eq!(public.ip().to_string(), "203.0.113.1");
    let heard = post(&mut network, &mut nodes, 1, ("192.0.2.1:1", &public.to_string()));
    assert_eq!(heard, Some((0, "192.0.2.1:1".parse().unwrap())));
    for to in ["203.0.113.1:1", "203.0.113.2:1"] {
        assert_eq!(post(&mut network, &mut nodes, 1, ("192.0.2.1:1", to)), None);
    }
}

#[test]
fn with_a_transit_two_filters_are_open_before_what_crosses_meets_them() {
    let sides = [("10.0.0.1", "203.0.113.1"), ("10.0.0.2", "203.0.113.2")];
    for (transit, arrive) in [(0, [0, 1]), (50, [1, 1])] {
        let mut network = Network::new(1);
        network.set_transit(Duration::from_millis(transit));
        let config = NatConfig { port_preservation: true, ..NatKind::PortRestricted.into() };
        let realms = sides
            .map(|(_, public)| network.add_nat(Realm::INTERNET, public.parse().unwrap(), config.clone()));
        let places = [(realms[0], sides[0].0), (realms[1], sides[1].0), (realms[1], "10.0.0.3")];
        let mut nodes = hosts(&mut network, &places);
        nodes[0].outbox.push_back((addresses("10.0.0.1:5000", "203.0.113.2:6000"), b"x".to_vec()));
        nodes[1].outbox.push_back((addresses("10.0.0.2:6000", "203.0.113.1:5000"), b"x".to_vec()));
        // What stays behind a NAT does not cross the internet.
        nodes[1].outbox.push_back((addresses("10.0.0.2:6000", "10.0.0.3:1"), b"x".to_vec()));
        let start = network.now();
        while network.step(&mut nodes).is_some() {}
        assert_eq!([1, 0].map(|index: usize| nodes[index].inbox.len()), arrive);
        assert_eq!(nodes[0].inbox[0].0 - start, Duration::from_millis(transit));
        assert_eq!(nodes[2].inbox[0].0, start);
    }
}
