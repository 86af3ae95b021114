//! Two agents find each other over every network that lets them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{Spec, World};
use duologue_ice::{Event, FailureReason, InterfaceOptions, Role, State};
use duologue_netsim::{Link, NatKind, Realm};

fn reaching_pairs() -> Vec<(NatKind, NatKind)> {
    let pairs = NatKind::ALL.into_iter().flat_map(|a| NatKind::ALL.into_iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| a.reaches(*b)).collect()
}

/// More seeds than an ordinary run takes, for a long one.
fn factor() -> u64 {
    std::env::var("DUOLOGUE_SEED_FACTOR").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// The time from both descriptions to both nominations, and how many datagrams were lost on the way.
fn connects(spec: &Spec) -> Result<(Duration, u64), String> {
    let mut world = World::new(spec);
    world.gather();
    world.exchange();
    let start = world.now();
    if world.connect() {
        for (from, to) in [(0, 1), (1, 0)] {
            let path = world.host(from).selected_path().unwrap();
            let back = world.host(to).selected_path().unwrap();
            assert_eq!(path.local.port(), 5000);
            assert!(back.remote != path.remote);
        }
        return Ok((world.now() - start, world.network.stats().lost));
    }
    Err(format!("seed {} {:?}: {:?} {:?}", spec.seed, spec.nats, world.state(0), world.state(1)))
}

#[test]
fn every_pair_of_nats_that_can_connects_without_loss() {
    for (a, b) in reaching_pairs() {
        for seed in 0..10 {
            let (time, _) = connects(&Spec::behind(seed, a, b)).unwrap();
            assert!(time < Duration::from_secs(3), "{a:?} {b:?} {seed}: {time:?}");
        }
    }
}

#[test]
fn nats_refuse_what_they_should_and_the_pairs_that_cannot_fail_with_their_reason() {
    for (a, b) in [(NatKind::Symmetric, NatKind::Symmetric), (NatKind::PortRestricted, NatKind::Symmetric)] {
        let mut world = World::new(&Spec::behind(1, a, b));
        world.gather();
        world.exchange();
        assert!(!world.connect());
        assert!(world.network.stats().nat_refused > 0);
        assert_eq!(world.state(0), State::Failed(FailureReason::NoAnswer));
        assert_eq!(world.state(1), State::Failed(FailureReason::NoAnswer));
    }
}

#[test]
fn at_5_percent_loss_with_reordering_and_duplication_every_seed_connects() {
    let mut total = 0;
    for (index, (a, b)) in reaching_pairs().into_iter().enumerate() {
        for seed in 0..10 * factor() {
            let mut spec = Spec::behind(1000 * index as u64 + seed, a, b).lossy(0.05);
            (spec.link.duplicate, spec.link.reorder) = (0.05, 0.05);
            spec.link.reorder_delay = Duration::from_millis(30);
            total += connects(&spec).unwrap().1;
        }
    }
    assert!(total > 0);
}

#[test]
fn at_20_percent_loss_on_every_leg_995_of_1000_seeds_connect() {
    for (a, b) in reaching_pairs() {
        let seeds = 1000 * factor();
        let mut failed = vec![];
        let mut times = vec![];
        let mut total = 0;
        for seed in 0..seeds {
            match connects(&Spec::behind(seed, a, b).lossy(0.2)) {
                Ok((time, lost)) => {
                    times.push(time);
                    total += lost;
                }
                Err(text) => failed.push(text),
            }
        }
        times.sort();
        assert!(total > seeds);
        assert!(failed.len() as u64 * 1000 <= 5 * seeds, "{a:?} {b:?}: {} failed: {failed:#?}", failed.len());
        println!("{a:?} {b:?}: median {:?}, failed {failed:?}", times[times.len() / 2]);
        assert!(times[times.len() / 2] < Duration::from_secs(4));
    }
}

/// With both descriptions known on both sides, host to host: the first valid pair after a round trip, and the nomination
/// known to both after two.
#[test]
fn host_to_host_takes_one_round_trip_to_a_valid_pair_and_two_to_the_nomination() {
    for roles in [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]] {
        let mut spec = Spec { roles, ..Spec::new(5) };
        // Two links of 25 ms make a way, so a round trip takes 100 ms.
        spec.link.delay = Duration::from_millis(25);
        let mut world = World::new(&spec);
        world.gather();
        world.exchange();
        let start = world.now();
        assert!(world.connect());
        let round_trip = Duration::from_millis(100);
        for index in 0..2 {
            let at = |state: State| world.nodes_reached(index, state) - start;
            assert!(at(State::Connected) <= round_trip.mul_f64(1.1), "{:?}", at(State::Connected));
            assert!(at(State::Completed) <= round_trip.mul_f64(2.2), "{:?}", at(State::Completed));
        }
        let estimate = world.host(0).agent.round_trip().unwrap();
        assert_eq!(estimate, round_trip);
    }
}

/// Candidates one by one, as they are found, after both credentials.
#[test]
fn trickled_candidates_connect_while_gathering_goes_on() {
    for seed in 0..100 {
        let mut world =
            World::new(&Spec::behind(seed, NatKind::PortRestricted, NatKind::FullCone).lossy(0.05));
        world.exchange();
        let now = world.now();
        for index in 0..2 {
            let address = world.addresses[index];
            world.host(index).agent.add_interface(now, address).unwrap();
        }
        for _ in 0..4000 {
            world.wait(Duration::from_millis(10));
            world.trickle();
            if (0..2).all(|index| world.state(index) == State::Completed) {
                break;
            }
        }
        for index in 0..2 {
            assert_eq!(world.state(index), State::Completed, "seed {seed}");
        }
    }
}

#[test]
fn of_two_networks_the_cheaper_one_is_nominated_and_its_cost_is_told() {
    for costs in [[900, 10], [10, 900]] {
        let mut world = World::new(&Spec::new(9));
        let now = world.now();
        let link = Link { delay: Duration::from_millis(25), ..Link::default() };
        let (host, second) = (world.hosts[0], "192.0.2.99".parse().unwrap());
        world.network.add_interface(host, second, Realm::INTERNET, link.clone(), link);
        let addresses = [world.addresses[0], SocketAddr::new(second, 5000)];
        for ((address, cost), network) in addresses.into_iter().zip(costs).zip(1..) {
            let mut options = InterfaceOptions::default();
            options.cost = cost;
            options.network = network;
            world.host(0).agent.add_interface_with(now, address, options).unwrap();
        }
        let other = world.addresses[1];
        world.host(1).agent.add_interface(now, other).unwrap();
        let told: Vec<_> = world.host(0).agent.local_candidates().map(|one| one.to_string()).collect();
        assert!(told[0].ends_with(&format!(" network-id 1 network-cost {}", costs[0])), "{told:?}");
        world.exchange();
        assert!(world.connect());
        let cheaper = addresses[usize::from(costs[1] < costs[0])];
        assert_eq!(world.host(0).selected_path().unwrap().local, cheaper);
        assert_eq!(world.host(1).selected_path().unwrap().remote, cheaper);
    }
}

#[test]
fn a_hidden_address_is_told_as_a_name_which_the_peer_asks_to_resolve() {
    let mut world = World::new(&Spec::new(10));
    let now = world.now();
    let name = "7a5a1c3e-5a4e-4a0f-9e0e-1f2f3f4f5f6f.local";
    let mut options = InterfaceOptions::default();
    options.mdns_name = Some(name.to_owned());
    let addresses = world.addresses;
    world.host(0).agent.add_interface_with(now, addresses[0], options).unwrap();
    world.host(1).agent.add_interface(now, addresses[1]).unwrap();
    let told: Vec<_> = world.host(0).agent.local_candidates().map(|one| one.to_string()).collect();
    assert!(told.len() == 1 && told[0].contains(&format!(" {name} 5000 typ host")), "{told:?}");
    // b alone knows of candidates: without the name's address it could not begin.
    world.describe(0, 1);
    world.describe(0, 1);
    let credentials = world.host(1).agent.local_credentials().clone();
    world.host(0).agent.set_remote_credentials(now, credentials).unwrap();
    let asked = |world: &mut World| {
        let events = world.host(1).events.iter();
        events.filter(|(_, event)| *event == Event::ResolveName(name.to_owned())).count()
    };
    assert_eq!(asked(&mut world), 1);
    world.wait(Duration::from_secs(2));
    assert_eq!(world.state(1), State::Checking);
    let now = world.now();
    world.host(1).agent.name_resolved(now, &name.to_uppercase(), addresses[0].ip());
    assert!(world.run(Duration::from_secs(2), |nodes| nodes[1].host().selected_path().is_some()));
    assert_eq!(world.host(1).selected_path().unwrap().remote, addresses[0]);
}
