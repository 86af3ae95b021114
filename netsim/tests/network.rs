//! The network does to datagrams what its links and NATs say.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use duologue_netsim::{Link, Loss, NatKind, Network, Outage, Realm};
use std::time::Duration;
use support::{Post, addresses};

const A_TO_B: (&str, &str) = ("192.0.2.1:1000", "192.0.2.2:2000");

/// Sends `count` numbered datagrams of 972 bytes (1,000 with headers) from the first to the second host.
fn flood(link: &Link, seed: u64, count: u16) -> (Network, [Post; 2]) {
    let mut network = Network::pair(seed, link);
    let mut nodes = [Post::default(), Post::default()];
    for number in 0..count {
        let mut bytes = number.to_be_bytes().to_vec();
        bytes.resize(972, 0);
        nodes[0].outbox.push_back((addresses(A_TO_B.0, A_TO_B.1), bytes));
    }
    let limit = network.now() + Duration::from_secs(3600);
    network.run_to(&mut nodes, limit);
    (network, nodes)
}

fn numbers(post: &Post) -> Vec<u16> {
    post.inbox.iter().map(|(_, _, bytes)| u16::from_be_bytes([bytes[0], bytes[1]])).collect()
}

#[test]
fn a_link_of_one_megabit_takes_eight_milliseconds_per_thousand_bytes() {
    let delay = Duration::from_millis(20);
    let link = Link { rate: Some(1_000_000), delay, queue: Duration::from_secs(1), ..Link::default() };
    let (_, nodes) = flood(&link, 1, 3);
    let first = nodes[1].inbox[0].0;
    assert_eq!(nodes[1].inbox[2].0 - first, Duration::from_millis(16));
}

#[test]
fn what_a_host_sends_to_its_own_address_arrives_at_once_and_is_never_lost() {
    let link = Link { delay: Duration::from_millis(20), loss: Loss::Random(1.0), ..Link::default() };
    let mut network = Network::new(1);
    let host = network.add_host();
    for (ip, realm) in [
        ("192.0.2.1", Realm::INTERNET),
        ("10.0.0.1", network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), NatKind::Symmetric)),
    ] {
        network.add_interface(host, ip.parse().unwrap(), realm, link.clone(), link.clone());
    }
    let mut nodes = [Post::default()];
    for destination in ["192.0.2.1:2", "10.0.0.1:2"] {
        nodes[0].outbox.push_back((addresses("192.0.2.1:1", destination), b"x".to_vec()));
    }
    let now = network.now();
    network.run_to(&mut nodes, now);
    let heard: Vec<_> = nodes[0].inbox.iter().map(|(_, one, _)| *one).collect();
    assert_eq!(heard, [addresses("192.0.2.1:1", "192.0.2.1:2"), addresses("192.0.2.1:1", "10.0.0.1:2")]);
}

#[test]
fn a_full_queue_drops_its_tail() {
    let link = Link { rate: Some(1_000_000), queue: Duration::from_millis(40), ..Link::default() };
    let (network, nodes) = flood(&link, 1, 20);
    assert_eq!(numbers(&nodes[1]), (0..6).collect::<Vec<_>>());
    assert_eq!(network.stats().queue_dropped, 14);
}

#[test]
fn random_loss_comes_near_its_probability_and_is_the_same_for_the_same_seed() {
    let link = Link { loss: Loss::Random(0.2), ..Link::default() };
    let (network, nodes) = flood(&link, 7, 10_000);
    assert!((1_800..2_200).contains(&network.stats().lost), "{:?}", network.stats());
    assert_eq!(numbers(&nodes[1]), numbers(&flood(&link, 7, 10_000).1[1]));
    assert_ne!(numbers(&nodes[1]), numbers(&flood(&link, 8, 10_000).1[1]));
}

#[test]
fn loss_in_bursts_loses_runs_of_datagrams() {
    let link = Link { loss: Loss::Bursts { enter: 0.01, leave: 0.25 }, ..Link::default() };
    let (network, nodes) = flood(&link, 3, 10_000);
    let received = numbers(&nodes[1]);
    let gaps = received.windows(2).filter(|pair| pair[1] - pair[0] > 1).count() as u64;
    assert!(network.stats().lost > 2 * gaps, "{gaps} gaps, {:?}", network.stats());
}

#[test]
fn exactly_the_listed_datagrams_are_lost() {
    let link = Link { loss: Loss::Listed([0, 3].into()), ..Link::default() };
    assert_eq!(numbers(&flood(&link, 1, 5).1[1]), [1, 2, 4]);
}

#[test]
fn duplication_reordering_and_corruption_happen_and_are_counted() {
    let link = Link { duplicate: 0.1, reorder: 0.1, corrupt: 0.1, ..Link::default() };
    let link = Link { rate: Some(10_000_000), queue: Duration::from_secs(60), ..link };
    let (network, nodes) = flood(&link, 5, 1_000);
    let stats = network.stats();
    assert!(stats.duplicated > 50 && stats.reordered > 50 && stats.corrupted > 50, "{stats:?}");
    assert_eq!(stats.delivered, 1_000 + stats.duplicated);
    assert!(!numbers(&nodes[1]).is_sorted());
}

#[test]
fn a_pulled_cable_loses_everything_until_it_is_back() {
    let mut network = Network::new(1);
    let (a, b) = (network.add_host(), network.add_host());
    network.add_interface(a, "192.0.2.1".parse().unwrap(), Realm::INTERNET, Link::default(), Link::default());
    let cable = network.add_interface(
        b,
        "192.0.2.2".parse().unwrap(),
        Realm::INTERNET,
        Link::default(),
        Link::default(),
    );
    let mut nodes = [Post::default(), Post::default()];
    for connected in [false, true] {
        network.set_connected(cable, connected);
        nodes[0].outbox.push_back((addresses(A_TO_B.0, A_TO_B.1), vec![u8::from(connected)]));
        while network.step(&mut nodes).is_some() {}
    }
    assert_eq!(nodes[1].inbox.len(), 1);
    assert_eq!(nodes[1].inbox[0].2, [1]);
}

#[test]
fn an_outage_loses_what_it_says_and_the_rest_arrives() {
    for (outage, heard, answered) in [
        (Outage::None, true, true),
        (Outage::Outbound, true, false),
        (Outage::Inbound, false, false),
        (Outage::Both, false, false),
    ] {
        let mut network = Network::pair(1, &Link::default());
        let host = network.add_host();
        let ip = "192.0.2.3".parse().unwrap();
        let cable = network.add_interface(host, ip, Realm::INTERNET, Link::default(), Link::default());
        let mut nodes = [Post::default(), Post::default(), Post { replies: true, ..Post::default() }];
        network.set_outage(cable, outage);
        nodes[0].outbox.push_back((addresses(A_TO_B.0, "192.0.2.3:1"), b"x".to_vec()));
        while network.step(&mut nodes).is_some() {}
        assert_eq!(
            (nodes[2].inbox.len(), nodes[0].inbox.len()),
            (heard.into(), answered.into()),
            "{outage:?}"
        );
        assert_eq!(network.stats().lost, u64::from(!heard || !answered));
    }
}

#[test]
fn a_removed_interface_neither_sends_nor_receives_until_it_is_restored() {
    let mut network = Network::new(1);
    let (a, b) = (network.add_host(), network.add_host());
    let link = Link { delay: Duration::from_millis(10), ..Link::default() };
    let cable =
        network.add_interface(a, "192.0.2.1".parse().unwrap(), Realm::INTERNET, link.clone(), link.clone());
    network.add_interface(b, "192.0.2.2".parse().unwrap(), Realm::INTERNET, link.clone(), link);
    let mut nodes = [Post::default(), Post { replies: true, ..Post::default() }];
    // It goes while the answer is under way.
    nodes[0].outbox.push_back((addresses(A_TO_B.0, A_TO_B.1), b"x".to_vec()));
    let halfway = network.now() + Duration::from_millis(35);
    network.run_to(&mut nodes, halfway);
    network.remove_interface(cable);
    nodes[0].outbox.push_back((addresses(A_TO_B.0, A_TO_B.1), b"y".to_vec()));
    nodes[1].outbox.push_back((addresses(A_TO_B.1, A_TO_B.0), b"z".to_vec()));
    while network.step(&mut nodes).is_some() {}
    assert_eq!((nodes[0].inbox.len(), nodes[1].inbox.len()), (0, 1));
    assert_eq!((network.stats().lost, network.stats().unroutable), (1, 2));
    network.restore_interface(cable);
    nodes[0].outbox.push_back((addresses(A_TO_B.0, A_TO_B.1), b"x".to_vec()));
    while network.step(&mut nodes).is_some() {}
    assert_eq!(nodes[0].inbox.len(), 1);
}

#[test]
fn a_host_with_an_interface_of_each_ip_version_answers_from_the_one_that_was_asked() {
    let mut network = Network::new(1);
    let (a, b) = (network.add_host(), network.add_host());
    for (host, ip) in [(a, "192.0.2.1"), (a, "2001:db8::1"), (b, "192.0.2.2"), (b, "2001:db8::2")] {
        network.add_interface(host, ip.parse().unwrap(), Realm::INTERNET, Link::default(), Link::default());
    }
    let mut nodes = [Post::default(), Post { replies: true, ..Post::default() }];
    nodes[0].outbox.push_back((addresses("192.0.2.1:1", "192.0.2.2:2"), b"x".to_vec()));
    nodes[0].outbox.push_back((addresses("[2001:db8::1]:1", "[2001:db8::2]:2"), b"x".to_vec()));
    while network.step(&mut nodes).is_some() {}
    let heard: Vec<_> = nodes[0].inbox.iter().map(|(_, one, _)| *one).collect();
    let v6 = addresses("[2001:db8::2]:2", "[2001:db8::1]:1");
    assert_eq!(heard, [addresses("192.0.2.2:2", "192.0.2.1:1"), v6]);
}

#[test]
fn a_capture_is_a_pcap_file_with_a_record_per_datagram() {
    let mut network = Network::pair(1, &Link::default());
    network.start_capture();
    let mut nodes = [Post::default(), Post { replies: true, ..Post::default() }];
    nodes[0].outbox.push_back((addresses(A_TO_B.0, A_TO_B.1), b"hello".to_vec()));
    while network.step(&mut nodes).is_some() {}
    let capture = network.capture().unwrap();
    let record = 16 + 20 + 8 + 5;
    assert_eq!(capture.len(), 24 + 2 * record);
    assert_eq!(&capture[24 + record - 5..24 + record], b"hello");
}

#[test]
fn a_capture_sees_the_public_addresses_of_both_directions() {
    let mut network = Network::new(1);
    network.start_capture();
    let (client, server) = (network.add_host(), network.add_host());
    let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), NatKind::FullCone);
    network.add_interface(client, "10.0.0.1".parse().unwrap(), inside, Link::default(), Link::default());
    let server_ip = "192.0.2.1".parse().unwrap();
    network.add_interface(server, server_ip, Realm::INTERNET, Link::default(), Link::default());
    let mut nodes = [Post::default(), Post { replies: true, ..Post::default() }];
    nodes[0].outbox.push_back((addresses("10.0.0.1:5000", "192.0.2.1:1"), b"x".to_vec()));
    while network.step(&mut nodes).is_some() {}
    let capture = network.capture().unwrap();
    // Source and destination of an IPv4 header stand at its bytes 12 to 19; a record's header has 16.
    let ends = |record: usize| {
        let ip = 24 + record * (16 + 20 + 8 + 1) + 16;
        (&capture[ip + 12..ip + 16], &capture[ip + 16..ip + 20])
    };
    let (public, server) = (&[203, 0, 113, 1][..], &[192, 0, 2, 1][..]);
    assert_eq!((ends(0), ends(1)), ((public, server), (server, public)));
    assert_eq!(capture.len(), 24 + 2 * (16 + 20 + 8 + 1));
}
