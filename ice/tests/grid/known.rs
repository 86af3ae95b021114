//! The search itself, on networks whose answer is known.

use duologue_netsim::{Behaviour, NatConfig, NatKind};

use crate::cell::{Cell, Guard, Guard6, Neighbours, Place};
use crate::reference::{Verdict, search};

fn between(a: &Guard, b: &Guard) -> Verdict {
    search(&Cell::of(0, [Place::v4(a), Place::v4(b)]).plan())
}

#[test]
fn the_four_old_kinds_reach_each_other_as_users_know_them() {
    for a in NatKind::ALL {
        for b in NatKind::ALL {
            let verdict = between(&Guard::Nat(a.into()), &Guard::Nat(b.into()));
            assert_eq!(verdict == Verdict::Path, a.reaches(b), "{a:?} {b:?}: {verdict:?}");
        }
    }
}

#[test]
fn an_open_host_and_one_behind_a_firewall_reach_whoever_can_send() {
    let symmetric = Guard::Nat(NatKind::Symmetric.into());
    let strict = Guard::Firewall(Some(Behaviour::AddressAndPortDependent));
    let blocked = Guard::Firewall(None);
    assert_eq!(between(&Guard::Open, &symmetric), Verdict::Path);
    assert_eq!(between(&Guard::Open, &strict), Verdict::Path);
    assert_eq!(between(&strict, &strict), Verdict::Path);
    assert_eq!(between(&strict, &symmetric), Verdict::NO_WAY);
    assert_eq!(between(&Guard::Open, &blocked), Verdict::NO_WAY);
}

#[test]
fn two_homes_of_one_carrier_need_it_to_hairpin() {
    for hairpinning in [false, true] {
        let home = NatConfig::from(NatKind::PortRestricted);
        let carrier = NatConfig { hairpinning, ..home.clone() };
        let guard = Guard::TwoLevels { home, carrier };
        let places = [Place::v4(&guard), Place::v4(&guard)];
        let cell = Cell { neighbours: Neighbours::OneCarrier, ..Cell::of(0, places) };
        let expected = if hairpinning { Verdict::Path } else { Verdict::NO_WAY };
        assert_eq!(search(&cell.plan()), expected);
        // With a carrier each it does not matter.
        let strangers = Cell { neighbours: Neighbours::Strangers { alike: true }, ..cell };
        assert_eq!(search(&strangers.plan()), Verdict::Path);
    }
}

#[test]
fn hosts_without_a_common_ip_version_have_no_pairs() {
    let places = [Place::v4(&Guard::Open), Place::v6(Guard6::Open)];
    assert_eq!(search(&Cell::of(0, places).plan()), Verdict::NO_PAIRS);
}

#[test]
fn two_nats_whose_ports_change_with_the_address_and_let_all_in_never_meet() {
    let config = NatConfig { mapping: Behaviour::AddressAndPortDependent, ..NatKind::FullCone.into() };
    let guard = Guard::Nat(config);
    assert_eq!(between(&guard, &guard), Verdict::NoPath { endless: true, has_pairs: [true; 2] });
}
