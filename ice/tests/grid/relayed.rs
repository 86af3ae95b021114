//! Cells in which relays decide.

use std::time::Duration;

use duologue_ice::CandidatePolicy;
use duologue_netsim::{Behaviour, NatConfig, NatKind};

use crate::cell::{Cell, Guard, Guard6, Place, guards, guards6};
use crate::plan::{Setup, Turn};
use crate::reference::{Verdict, search};
use crate::{Tally, call, is_nightly};

/// Every way for two hosts to know the TURN server, if at least one does.
fn setups() -> Vec<[Setup; 2]> {
    let all = Turn::ALL.into_iter().flat_map(|a| Turn::ALL.map(|b| [a, b]));
    all.filter(|turns| *turns != [Turn::None; 2]).map(|turns| turns.map(Setup::with)).collect()
}

#[test]
fn every_pair_of_one_level_with_relays_connects_exactly_when_there_is_a_path() {
    let (guards, setups) = (guards(), setups());
    let mut tally = Tally::default();
    let mut seed: usize = 0;
    for (index, a) in guards.iter().enumerate() {
        for b in &guards[if is_nightly() { 0 } else { index }..] {
            // A run has each pair once, and the ways to the server in turn.
            let from = seed % setups.len();
            let some = if is_nightly() { &setups[..] } else { &setups[from..=from] };
            for setups in some {
                seed += 1;
                let cell = Cell::of(seed as u64, [Place::v4(a), Place::v4(b)]);
                let loss = if is_nightly() && seed.is_multiple_of(2) { 0.05 } else { 0.0 };
                tally.add(&Cell { setups: *setups, loss, ..cell });
            }
        }
    }
    tally.check(0);
}

#[test]
fn every_pair_of_ipv6_firewalls_with_relays_connects_exactly_when_there_is_a_path() {
    let mut tally = Tally::default();
    for (index, a) in (0..).zip(guards6()) {
        for (number, b) in (0..).zip(guards6()) {
            for (way, setups) in (0..).zip(setups()) {
                let cell = Cell::of(10_000 * way + 100 * index + number, [Place::v6(a), Place::v6(b)]);
                tally.add(&Cell { setups, ..cell });
            }
        }
    }
    tally.check(0);
}

#[test]
fn hosts_of_different_ip_versions_connect_when_either_has_a_relay_and_fail_without() {
    for (seed, guard) in (0..).zip(guards().iter().filter(|guard| **guard != Guard::Firewall(None))) {
        for setups in [[Setup::PLAIN; 2]].into_iter().chain(setups()) {
            for places in [
                [Place::v4(guard), Place::v6(Guard6::Open)],
                [Place::v6(Guard6::Firewall(Some(Behaviour::AddressAndPortDependent))), Place::v4(guard)],
            ] {
                let cell = Cell { setups, ..Cell::of(seed, places) };
                let verdict = search(&cell.plan());
                let expected = if setups == [Setup::PLAIN; 2] { Verdict::NO_PAIRS } else { Verdict::Path };
                assert_eq!(verdict, expected, "{cell:?}");
                let mut tally = Tally::default();
                tally.add(&cell);
                assert!(tally.faults.is_empty() && tally.unheard.is_empty(), "{tally:#?}");
            }
        }
    }
}

#[test]
fn where_no_datagram_passes_streams_to_a_relay_do() {
    for (seed, [a, b]) in
        (0..).zip([[Turn::Tcp, Turn::None], [Turn::UdpAndTcp, Turn::Udp], [Turn::Tcp, Turn::Tcp]])
    {
        let blocked = Place::v4(&Guard::Firewall(None));
        let symmetric = Place::v4(&Guard::Nat(NatKind::Symmetric.into()));
        let setups = [a, b].map(Setup::with);
        let cell = Cell { setups, ..Cell::of(seed, [blocked.clone(), symmetric.clone()]) };
        assert!(call(&cell).is_connected(), "{cell:?}");
        let cell = Cell { setups: [Setup::with(Turn::Udp); 2], ..cell };
        assert_eq!(search(&cell.plan()), Verdict::NO_WAY);
        // The peer's relay does not help who cannot send to it.
        assert!(!call(&cell).is_connected(), "{cell:?}");
    }
}

#[test]
fn addresses_without_end_do_not_crowd_the_relay_out() {
    let mapping = Behaviour::AddressAndPortDependent;
    let guard = Guard::Nat(NatConfig { mapping, ..NatKind::FullCone.into() });
    for interfaces in 1..=2 {
        let place = Place { v4: vec![guard.clone(); interfaces], v6: vec![] };
        for (seed, turn) in (0..).zip([Turn::Udp, Turn::Tcp]) {
            for one_way in [2, 5, 11, 50].map(Duration::from_millis) {
                let setups = [Setup::with(turn), Setup::PLAIN];
                let cell = Cell { setups, one_way, ..Cell::of(seed, [place.clone(), place.clone()]) };
                assert_eq!(search(&cell.plan()), Verdict::Path);
                let outcome = call(&cell);
                assert!(outcome.is_connected(), "{outcome:?} {cell:?}");
            }
        }
    }
}

#[test]
fn who_may_only_be_relayed_and_has_no_relay_fails_without_pairs() {
    let places = [Place::v4(&Guard::Open), Place::v4(&Guard::Open)];
    let silent = Setup { turn: Turn::None, policy: CandidatePolicy::Relay };
    let cell = Cell { setups: [silent, Setup::with(Turn::Udp)], ..Cell::of(0, places) };
    assert_eq!(search(&cell.plan()), Verdict::NO_PAIRS);
    let mut tally = Tally::default();
    tally.add(&cell);
    assert!(tally.faults.is_empty() && tally.unheard.is_empty(), "{tally:#?}");
}
