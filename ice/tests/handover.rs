//! Two interfaces on each side, and payload both ways while one of them dies.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::{Spec, World};
use duologue_ice::{InterfaceId, Path, Role, State};
use duologue_netsim::{Outage, Realm};

const MS: Duration = Duration::from_millis(1);
/// Four legs of 25 ms.
const ROUND_TRIP: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(50);
const PAYLOAD: [u8; 100] = [0x80; 100];

/// Two hosts with two interfaces each, that talk every 50 ms.
struct Dual {
    world: World,
    /// Of each host's second interface.
    cables: [duologue_netsim::InterfaceId; 2],
    seconds: [InterfaceId; 2],
    next_tick: Instant,
    talking: [bool; 2],
    /// When payload came to each, and when the local address that it sends from became what it is.
    heard: [Vec<Instant>; 2],
    paths: [Vec<(Instant, Option<(SocketAddr, SocketAddr)>)>; 2],
}

impl Dual {
    fn new(spec: &Spec, renomination: bool) -> Self {
        let mut world = World::new(spec);
        let cables = [0, 1].map(|index| {
            let ip = format!("198.18.0.{index}").parse().unwrap();
            let host = world.hosts[index];
            world.network.add_interface(host, ip, Realm::INTERNET, spec.link.clone(), spec.link.clone())
        });
        world.gather();
        let now = world.now();
        let seconds = [0, 1].map(|index| {
            let agent = &mut world.host(index).agent;
            agent.set_remote_renomination(renomination);
            agent.add_interface(now, format!("198.18.0.{index}:5000").parse().unwrap()).unwrap()
        });
        world.exchange();
        assert!(world.connect());
        let next_tick = world.now();
        let none = || [vec![], vec![]];
        Self {
            world,
            cables,
            seconds,
            next_tick,
            talking: [true, true],
            heard: none(),
            paths: [vec![], vec![]],
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.now() < end {
            let now = self.world.now();
            let is_tick = now >= self.next_tick;
            if is_tick {
                self.next_tick += TICK;
            }
            for index in 0..2 {
                if is_tick && self.talking[index] {
                    self.world.host(index).send(&PAYLOAD);
                }
                self.note(now, index);
            }
            self.world.wait(MS);
        }
    }

    fn note(&mut self, now: Instant, index: usize) {
        let host = self.world.host(index);
        let came = std::mem::take(&mut host.payloads);
        let path = host.selected_path().map(|path| (path.local, path.remote));
        self.heard[index].extend(came.iter().map(|_| now));
        if self.paths[index].last().is_none_or(|(_, last)| *last != path) {
            self.paths[index].push((now, path));
        }
    }

    fn path(&mut self, index: usize) -> (SocketAddr, SocketAddr) {
        let path = self.world.host(index).selected_path().unwrap();
        (path.local, path.remote)
    }

    fn is_on_second(&mut self, index: usize) -> bool {
        self.path(index).0.ip() == format!("198.18.0.{index}").parse::<std::net::IpAddr>().unwrap()
    }

    /// The cable that a host's payload leaves by, and the agent's name for it.
    fn used(&mut self, index: usize) -> (duologue_netsim::InterfaceId, InterfaceId) {
        if self.is_on_second(index) {
            (self.cables[index], self.seconds[index])
        } else {
            (self.world.cables[index], self.world.interfaces[index])
        }
    }

    /// How long after `start` a host changed to the path that it is on.
    fn moved(&self, index: usize, start: Instant) -> Duration {
        self.paths[index].last().unwrap().0.saturating_duration_since(start)
    }

    /// The last payload that came before a silence that began after `start`, and how long the silence was.
    fn gap(&self, index: usize, start: Instant) -> (Instant, Duration) {
        let gaps = self.heard[index].windows(2).filter(|pair| pair[1] > start);
        gaps.map(|pair| (pair[0], pair[1] - pair[0])).max_by_key(|(_, gap)| *gap).unwrap()
    }

    fn assert_together(&mut self) {
        let ((a, b), (c, d)) = (self.path(0), self.path(1));
        assert_eq!((a, b), (d, c), "both use one pair");
        for index in 0..2 {
            assert_eq!(self.world.state(index), State::Completed);
            let agent = &self.world.host(index).agent;
            assert!(agent.pairs().find(|pair| pair.selected).unwrap().nominated);
        }
    }
}

fn specs() -> impl Iterator<Item = (Spec, usize)> {
    let roles = [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]];
    (0..10).flat_map(move |seed| {
        roles
            .into_iter()
            .flat_map(move |roles| (0..2).map(move |loser| (Spec { roles, ..Spec::new(seed) }, loser)))
    })
}

fn name(spec: &Spec, loser: usize) -> &'static str {
    if spec.roles[loser] == Role::Controlling { "controlling" } else { "controlled" }
}

#[test]
fn a_removed_interface_is_followed_within_a_round_trip() {
    let mut worst = [Duration::ZERO; 2];
    for (spec, loser) in specs() {
        let mut dual = Dual::new(&spec, true);
        dual.run(3000 * MS + MS * 7 * u32::try_from(spec.seed).unwrap());
        let (cable, interface) = dual.used(loser);
        let start = dual.world.now();
        dual.world.host(loser).agent.remove_interface(start, interface);
        dual.world.network.remove_interface(cable);
        assert!(dual.world.host(loser).selected_path().is_some(), "payload leaves at once");
        dual.run(2000 * MS);
        let followed = dual.moved(1 - loser, start);
        assert_eq!(dual.moved(loser, start), Duration::ZERO);
        let gaps = [0, 1].map(|index| dual.gap(index, start).1);
        println!("{} loses its interface: followed after {followed:?}, gaps {gaps:?}", name(&spec, loser));
        assert!(followed > Duration::ZERO && followed <= ROUND_TRIP, "{followed:?}");
        assert!(gaps.iter().all(|gap| *gap <= ROUND_TRIP + TICK + 2 * MS), "{gaps:?}");
        worst = [worst[0].max(followed), worst[1].max(gaps[0]).max(gaps[1])];
        dual.assert_together();
    }
    println!("worst: followed after {:?}, gap {:?}", worst[0], worst[1]);
}

#[test]
fn a_path_that_dies_in_silence_is_left_300_ms_and_a_round_trip_after_its_last_payload() {
    let mut worst = [Duration::ZERO; 2];
    for renomination in [true, false] {
        for (spec, loser) in specs() {
            for outage in [Outage::Both, Outage::Inbound, Outage::Outbound] {
                let mut dual = Dual::new(&spec, renomination);
                dual.run(3000 * MS + MS * 7 * u32::try_from(spec.seed).unwrap());
                let (cable, _) = dual.used(loser);
                let start = dual.world.now();
                dual.world.network.set_outage(cable, outage);
                dual.run(3000 * MS);
                let gaps = [0, 1].map(|index| dual.gap(index, start));
                // Who hears nothing finds out; with a path dead in one way the other one follows.
                let last = gaps.iter().max_by_key(|(_, gap)| *gap).unwrap().0;
                let moved = [0, 1].map(|index| dual.moved(index, last));
                let longest = gaps.iter().map(|(_, gap)| *gap).max().unwrap();
                println!("{} {outage:?} {renomination}: moved {moved:?} gap {longest:?}", name(&spec, loser));
                // Without renomination a controlling agent that still hears the old path asks both pairs first.
                let must_ask = !renomination && outage != Outage::Both;
                let limit = 300 * MS + ROUND_TRIP * if must_ask { 2 } else { 1 };
                assert!(longest > 200 * MS, "the path was dead");
                assert!(moved.iter().all(|moved| *moved <= limit), "{moved:?}");
                assert!(longest <= limit + TICK, "{longest:?}");
                worst = [worst[0].max(moved[0]).max(moved[1]), worst[1].max(longest)];
                dual.assert_together();
            }
        }
    }
    println!("worst: moved after {:?}, gap {:?}", worst[0], worst[1]);
}

/// Without payload nothing but consent tells.
#[test]
fn an_idle_path_that_dies_is_left_within_the_consent_period() {
    let mut worst = Duration::ZERO;
    for (spec, loser) in specs() {
        let mut dual = Dual::new(&spec, true);
        dual.talking = [false, false];
        dual.run(3000 * MS + MS * 700 * u32::try_from(spec.seed).unwrap());
        let (cable, _) = dual.used(loser);
        let start = dual.world.now();
        dual.world.network.set_outage(cable, Outage::Both);
        dual.run(30_000 * MS);
        let moved = dual.moved(0, start).max(dual.moved(1, start));
        assert!(moved > Duration::ZERO && moved < Duration::from_secs(30));
        worst = worst.max(moved);
        dual.assert_together();
    }
    println!("idle: both have moved after {worst:?} at most");
}

#[test]
fn a_path_that_comes_back_is_kept_warm_and_takes_nothing_back() {
    for (spec, loser) in specs() {
        for outage in [Outage::Both, Outage::Outbound] {
            let mut dual = Dual::new(&spec, true);
            dual.run(3000 * MS);
            let (cable, _) = dual.used(loser);
            dual.world.network.set_outage(cable, outage);
            dual.run(4000 * MS);
            let on = [dual.path(0), dual.path(1)];
            let changes = [dual.paths[0].len(), dual.paths[1].len()];
            dual.world.network.set_outage(cable, Outage::None);
            dual.run(20_000 * MS);
            assert_eq!([dual.path(0), dual.path(1)], on);
            assert_eq!([dual.paths[0].len(), dual.paths[1].len()], changes, "no flapping");
            // Now the other one dies, and what came back is there.
            let (cable, _) = dual.used(loser);
            let start = dual.world.now();
            dual.world.network.set_outage(cable, Outage::Both);
            dual.run(3000 * MS);
            let gaps = [0, 1].map(|index| dual.gap(index, start).1);
            assert!(gaps.iter().all(|gap| *gap <= 400 * MS + TICK), "{gaps:?}");
            dual.assert_together();
        }
    }
}

/// A peer that has nothing to say is asked whether it lives, and stays where it is.
#[test]
fn payload_that_stops_on_a_path_that_lives_moves_nothing() {
    for (spec, quiet) in specs() {
        let mut dual = Dual::new(&spec, true);
        dual.run(3000 * MS);
        let changes = [dual.paths[0].len(), dual.paths[1].len()];
        for _ in 0..5 {
            dual.talking[quiet] = false;
            dual.run(2000 * MS);
            dual.talking[quiet] = true;
            dual.run(1000 * MS);
        }
        assert_eq!([dual.paths[0].len(), dual.paths[1].len()], changes);
        let asked = dual.world.host(1 - quiet).agent.stats().requests_sent;
        assert!(asked < 40, "{asked}");
    }
}

/// What an idle connection sends in a minute: checks each 5 s with one pair, each 15 s on a second one, and the answers
/// to as many of the peer's.
#[test]
fn an_idle_connection_sends_24_datagrams_a_minute_and_8_more_for_a_warm_pair() {
    let mut one = World::connected(&Spec::new(3));
    one.wait(Duration::from_secs(10));
    let per_minute = |world: &mut World| {
        let sent = |world: &mut World| [0, 1].map(|index| world.host(index).agent.stats().datagrams_sent);
        let before = sent(world);
        world.wait(Duration::from_secs(600));
        let after = sent(world);
        [0, 1].map(|index| (after[index] - before[index]) as f64 / 10.0)
    };
    let mut two = Dual::new(&Spec::new(3), true).world;
    two.wait(Duration::from_secs(60));
    let (one, two) = (per_minute(&mut one), per_minute(&mut two));
    println!("datagrams a minute: {one:?} with one pair, {two:?} with two");
    assert!(one.iter().all(|sent| (22.0..=26.0).contains(sent)), "{one:?}");
    assert!(two.iter().all(|sent| (30.0..=34.0).contains(sent)), "{two:?}");
}

#[test]
fn a_second_pair_that_works_only_later_becomes_the_warm_one() {
    let spec = Spec::new(5);
    let mut dual = Dual::new(&spec, true);
    let now = dual.world.now();
    let second = dual.seconds;
    for (index, second) in second.into_iter().enumerate() {
        dual.world.host(index).agent.remove_interface(now, second);
        dual.world.network.set_outage(dual.cables[index], Outage::Both);
    }
    dual.run(1000 * MS);
    let now = dual.world.now();
    for index in 0..2 {
        let address: SocketAddr = format!("198.18.0.{index}:6000").parse().unwrap();
        dual.world.host(index).agent.add_interface(now, address).unwrap();
    }
    dual.world.trickle();
    let before = dual.world.host(0).agent.stats().requests_sent;
    dual.run(20_000 * MS);
    let sent = dual.world.host(0).agent.stats().requests_sent - before;
    assert!(sent < 20, "looked for slowly: {sent}");
    for cable in dual.cables {
        dual.world.network.set_outage(cable, Outage::None);
    }
    dual.run(40_000 * MS);
    let (cable, _) = dual.used(0);
    let start = dual.world.now();
    dual.world.network.set_outage(cable, Outage::Both);
    dual.run(3000 * MS);
    let gaps = [0, 1].map(|index| dual.gap(index, start).1);
    assert!(gaps.iter().all(|gap| *gap <= 400 * MS + TICK), "{gaps:?}");
    dual.assert_together();
}

#[test]
fn at_5_percent_loss_payload_keeps_its_path() {
    let mut moves = 0;
    for seed in 0..20 {
        let mut dual = Dual::new(&Spec::new(seed).lossy(0.012), true);
        dual.run(30_000 * MS);
        assert!(dual.world.network.stats().lost > 0);
        moves += dual.paths[0].len() - 1;
    }
    assert!(moves <= 1, "{moves}");
}

/// An attacker who can send in the peer's name, but has no password, plays a stream of payload that stops, and one that
/// moves to the warm pair. Both pairs live, so all that follows is checks.
#[test]
fn forged_streams_of_payload_move_nothing_and_cost_less_than_three_times_their_bytes() {
    for roles in [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]] {
        for renomination in [true, false] {
            for len in [1, 30, 300] {
                let spec = Spec { roles, ..Spec::new(1) };
                let sent = [false, true].map(|attacked| {
                    let mut dual = Dual::new(&spec, renomination);
                    dual.talking = [false, false];
                    let mut forged = 0;
                    dual.run(3000 * MS);
                    let before = [dual.path(0), dual.path(1)];
                    let start = dual.world.host(0).agent.stats().bytes_sent;
                    for round in 0..1200 {
                        let elsewhere =
                            dual.world.host(0).agent.pairs().find(|pair| !pair.selected).unwrap().path;
                        let on_selected = Path::udp(before[0].0, before[0].1);
                        let path = if round % 40 < 10 { on_selected } else { elsewhere };
                        if attacked && round % 40 < 30 {
                            let now = dual.world.now();
                            let mut bytes = vec![0x80; len];
                            dual.world.host(0).agent.handle_datagram(now, path, &mut bytes).unwrap();
                            forged += len as u64;
                        }
                        dual.run(50 * MS);
                    }
                    assert_eq!([dual.path(0), dual.path(1)], before);
                    assert_eq!([dual.paths[0].len(), dual.paths[1].len()], [1, 1]);
                    (dual.world.host(0).agent.stats().bytes_sent - start, forged)
                });
                let [(quiet, _), (attacked, forged)] = sent;
                println!("{forged} bytes forged, {attacked} sent instead of {quiet}");
                // Consent checks are drawn at random times: there may be a few more of them.
                assert!(attacked <= quiet + 3 * forged + 1500);
                assert!(len == 1 || attacked > quiet, "checks did leave");
            }
        }
    }
}
