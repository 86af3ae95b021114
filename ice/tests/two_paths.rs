//! Two interfaces on each side, and payload both ways while one of them dies.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::{Spec, World};
use duologue_ice::{Path, Role, State};
use duologue_netsim::{Outage, Realm};

const MS: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(50);
const PAYLOAD: [u8; 100] = [0x80; 100];

/// Two hosts with two interfaces each, that talk every 50 ms.
struct Dual {
    world: World,
    /// Of each host's second interface.
    cables: [duologue_netsim::InterfaceId; 2],
    next_tick: Instant,
    talking: [bool; 2],
    /// When payload came to each, and when the local address that it sends from became what it is.
    heard: [Vec<Instant>; 2],
    paths: [Vec<(Instant, Option<Path>)>; 2],
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
        for index in 0..2 {
            let agent = &mut world.host(index).agent;
            agent.set_remote_renomination(renomination);
            agent.add_interface(now, format!("198.18.0.{index}:5000").parse().unwrap()).unwrap();
        }
        world.exchange();
        assert!(world.connect());
        let next_tick = world.now();
        let none = || [vec![], vec![]];
        Self { world, cables, next_tick, talking: [true, true], heard: none(), paths: [vec![], vec![]] }
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
        let path = host.selected_path();
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

    /// The cable that a host's payload leaves by.
    fn used(&mut self, index: usize) -> duologue_netsim::InterfaceId {
        if self.is_on_second(index) { self.cables[index] } else { self.world.cables[index] }
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

#[test]
fn a_path_that_comes_back_is_kept_warm_and_takes_nothing_back() {
    for (spec, loser) in specs() {
        for outage in [Outage::Both, Outage::Outbound] {
            let mut dual = Dual::new(&spec, true);
            dual.run(3000 * MS);
            let cable = dual.used(loser);
            dual.world.network.set_outage(cable, outage);
            dual.run(4000 * MS);
            let on = [dual.path(0), dual.path(1)];
            let changes = [dual.paths[0].len(), dual.paths[1].len()];
            dual.world.network.set_outage(cable, Outage::None);
            dual.run(20_000 * MS);
            assert_eq!([dual.path(0), dual.path(1)], on);
            assert_eq!([dual.paths[0].len(), dual.paths[1].len()], changes, "no flapping");
            // Now the other one dies, and what came back is there.
            let cable = dual.used(loser);
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
