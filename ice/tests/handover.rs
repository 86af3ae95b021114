//! A connection leaves a path that dies for another one, under traffic and idle, whoever has lost it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use duologue_ice::{Config, InterfaceId, Role, State};
use duologue_netsim::{InterfaceId as Cable, Outage, Realm};

use crate::common::{Spec, World};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(10);
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Two hosts with two interfaces each, who send each other a payload every 10 ms.
struct Dual {
    world: World,
    cables: [[Cable; 2]; 2],
    interfaces: [[InterfaceId; 2]; 2],
    addresses: [[SocketAddr; 2]; 2],
    /// When each last heard the other, and its longest silence since it was last asked for.
    heard: [(Instant, usize); 2],
    gap: [Duration; 2],
    sent: u64,
}

impl Dual {
    fn new(seed: u64, roles: [Role; 2], renomination: bool) -> Self {
        let spec = Spec { roles, ..Spec::new(seed) };
        let mut world = World::new(&spec);
        let mut cables = [[world.cables[0]; 2], [world.cables[1]; 2]];
        let mut addresses = [[world.addresses[0]; 2], [world.addresses[1]; 2]];
        for index in 0..2 {
            let ip = format!("192.0.2.{}", 101 + index).parse().unwrap();
            let link = spec.link.clone();
            cables[index][1] =
                world.network.add_interface(world.hosts[index], ip, Realm::INTERNET, link.clone(), link);
            addresses[index][1] = SocketAddr::new(ip, 5000);
        }
        world.gather();
        let now = world.now();
        let mut interfaces = [[world.interfaces[0]; 2], [world.interfaces[1]; 2]];
        for index in 0..2 {
            let host = world.host(index);
            interfaces[index][1] = host.agent.add_interface(now, addresses[index][1]).unwrap();
            host.agent.set_remote_renomination(renomination);
            host.drain_events(now);
        }
        world.exchange();
        assert!(world.connect());
        Self { world, cables, interfaces, addresses, heard: [(now, 0); 2], gap: [Duration::ZERO; 2], sent: 0 }
    }

    /// Lets time pass; each sends a payload every 10 ms.
    fn talk(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.now() < end {
            for index in 0..2 {
                self.sent += 1;
                let payload = [&[128; 100], &self.sent.to_be_bytes()[..]].concat();
                self.world.host(index).send(&payload);
            }
            // The silence of each, as fine as a millisecond.
            for _ in 0..TICK.as_millis() {
                self.world.wait(MS);
                let now = self.world.now();
                for index in 0..2 {
                    let count = self.world.host(index).payloads.len();
                    if count > self.heard[index].1 {
                        self.gap[index] = self.gap[index].max(now - self.heard[index].0);
                        self.heard[index] = (now, count);
                    }
                }
            }
        }
    }

    /// Talks until all is in order, and forgets what has been.
    fn settle(&mut self) {
        self.talk(SECOND * 4);
        self.gap = [Duration::ZERO; 2];
    }

    /// Which of its interfaces a host sends from.
    fn used(&mut self, index: usize) -> usize {
        let local = self.world.host(index).selected_path().unwrap().local;
        self.addresses[index].iter().position(|address| *address == local).unwrap()
    }

    fn is_together(&mut self) -> bool {
        let [a, b] = [0, 1].map(|index| self.world.host(index).selected_path().unwrap());
        a.local == b.remote && a.remote == b.local
    }
}

const ROLES: [[Role; 2]; 2] = [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]];

#[test]
fn a_second_pair_that_shares_no_end_with_the_selected_one_is_kept_in_reserve() {
    for roles in ROLES {
        let mut dual = Dual::new(1, roles, true);
        dual.world.wait(SECOND * 60);
        for index in 0..2 {
            let pairs: Vec<_> = dual.world.host(index).agent.pairs().collect();
            let selected = *pairs.iter().find(|pair| pair.selected).unwrap();
            assert!(selected.nominated);
            let other = pairs.iter().find(|pair| {
                pair.phase == duologue_ice::PairPhase::Succeeded
                    && pair.local != selected.local
                    && pair.remote != selected.remote
            });
            assert!(other.is_some(), "{pairs:#?}");
        }
    }
}

#[test]
fn a_removed_interface_costs_one_round_trip_whichever_side_loses_it() {
    for (roles, loser) in ROLES.into_iter().flat_map(|roles| [(roles, 0), (roles, 1)]) {
        let mut dual = Dual::new(2, roles, true);
        dual.settle();
        let used = dual.used(loser);
        let (now, id) = (dual.world.now(), dual.interfaces[loser][used]);
        dual.world.network.set_connected(dual.cables[loser][used], false);
        dual.world.host(loser).agent.remove_interface(now, id);
        assert_ne!(dual.used(loser), used, "payload leaves on the other at once");
        dual.talk(SECOND * 3);
        println!("removed by the {:?} side: gaps {:?}", roles[loser], dual.gap);
        assert!(dual.gap.iter().all(|gap| *gap <= ROUND_TRIP + TICK * 2), "{:?} {roles:?} {loser}", dual.gap);
        assert!(dual.is_together());
        assert_eq!([dual.world.state(0), dual.world.state(1)], [State::Completed; 2]);
    }
}

#[test]
fn a_silent_death_costs_300_ms_and_a_round_trip_and_the_old_path_returns_in_vain() {
    for (renomination, roles, loser) in [true, false]
        .into_iter()
        .flat_map(|agreed| ROLES.into_iter().flat_map(move |roles| [(agreed, roles, 0), (agreed, roles, 1)]))
    {
        let mut dual = Dual::new(3, roles, renomination);
        dual.settle();
        let used = dual.used(loser);
        dual.world.network.set_connected(dual.cables[loser][used], false);
        dual.talk(SECOND * 3);
        println!(
            "silent death at the {:?} side, renomination {renomination}: gaps {:?}",
            roles[loser], dual.gap
        );
        assert!(dual.gap.iter().all(|gap| *gap <= 300 * MS + ROUND_TRIP), "{:?} {roles:?} {loser}", dual.gap);
        assert!(dual.is_together());
        assert_ne!(dual.used(loser), used);
        let changes = [0, 1].map(|index| dual.world.host(index).agent.stats().selected_pair_changes);
        dual.gap = [Duration::ZERO; 2];
        dual.world.network.set_connected(dual.cables[loser][used], true);
        dual.talk(SECOND * 30);
        assert_ne!(dual.used(loser), used, "no flapping");
        let after = [0, 1].map(|index| dual.world.host(index).agent.stats().selected_pair_changes);
        assert_eq!(after, changes);
        assert!(dual.gap.iter().all(|gap| *gap <= TICK * 2), "{:?}", dual.gap);
    }
}

/// One way alone: the side that hears nothing more moves, and the other follows.
#[test]
fn a_path_that_dies_in_one_direction_is_left_by_both() {
    for (roles, loser, outage) in ROLES.into_iter().flat_map(|roles| {
        [(roles, 0, Outage::Outbound), (roles, 1, Outage::Outbound), (roles, 0, Outage::Inbound)]
    }) {
        let mut dual = Dual::new(4, roles, true);
        dual.settle();
        let used = dual.used(loser);
        dual.world.network.set_outage(dual.cables[loser][used], outage);
        dual.talk(SECOND * 5);
        println!("{outage:?} dies at the {:?} side: gaps {:?}", roles[loser], dual.gap);
        assert!(dual.is_together());
        assert_ne!(dual.used(loser), used);
        assert!(dual.gap.iter().all(|gap| *gap <= 300 * MS + ROUND_TRIP * 2), "{:?}", dual.gap);
    }
}

#[test]
fn an_idle_connection_leaves_a_dead_path_within_the_consent_period() {
    for roles in ROLES {
        let mut dual = Dual::new(5, roles, true);
        dual.world.wait(SECOND * 20);
        let used = dual.used(0);
        dual.world.network.set_connected(dual.cables[0][used], false);
        dual.world.wait(SECOND * 30);
        assert_ne!(dual.used(0), used);
        assert!(dual.is_together());
    }
}

/// A consent check and its answer each way every 5 s for each pair, of which one is in reserve.
#[test]
fn an_idle_connection_sends_24_datagrams_a_minute_and_48_with_a_pair_in_reserve() {
    let per_minute = |world: &mut World| {
        let before = [0, 1].map(|index| world.host(index).agent.stats().datagrams_sent);
        world.wait(SECOND * 600);
        [0, 1].map(|index| (world.host(index).agent.stats().datagrams_sent - before[index]) / 10)
    };
    let mut single = World::connected(&Spec::new(6));
    single.wait(SECOND * 60);
    let one = per_minute(&mut single);
    let mut dual = Dual::new(6, ROLES[0], true);
    dual.world.wait(SECOND * 60);
    let two = per_minute(&mut dual.world);
    println!("datagrams a minute of each side, idle: {one:?} with one pair, {two:?} with two");
    assert!(one.iter().all(|count| (20..=28).contains(count)), "{one:?}");
    assert!(two.iter().all(|count| (40..=56).contains(count)), "{two:?}");
}

/// Somebody stops talking: the path answers, and nothing moves.
#[test]
fn a_pause_in_the_payload_moves_nothing() {
    let mut dual = Dual::new(7, ROLES[0], true);
    dual.settle();
    let changes = dual.world.host(0).agent.stats().selected_pair_changes;
    for _ in 0..5 {
        dual.world.wait(SECOND * 2);
        dual.talk(SECOND);
    }
    assert_eq!(dual.world.host(0).agent.stats().selected_pair_changes, changes);
    assert_eq!(Config::default().disconnected_after, SECOND * 9);
}
