//! Two interfaces on each side, and payload both ways while one of them dies.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::{Spec, World};
use duologue_ice::{InterfaceId, Role, State};
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
