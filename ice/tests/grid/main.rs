//! Every kind of network between two agents: they connect exactly when a search says that they can.
//!
//! `NIGHTLY=1` runs every ordered cell of one level and many more draws; `DUOLOGUE_SEED` draws others.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails here has found its fault"
)]

mod cell;
mod known;
mod plan;
mod reference;
mod relayed;
#[expect(dead_code, reason = "nobody is called by TCP here")]
#[path = "../common/streams.rs"]
mod streams;
mod time_to_connect;
mod timing;
#[path = "../common/turn_server.rs"]
mod turn_server;
mod world;

use std::time::Duration;

use cell::{Cell, Guard, Guard6, Neighbours, Place, guards, guards6};
use duologue_ice::{FailureReason, State};
use duologue_netsim::Loss;
use reference::{Verdict, search};
use world::{Call, Outcome, Terms};

fn is_nightly() -> bool {
    std::env::var_os("NIGHTLY").is_some()
}

/// The seeds of drawn cells.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let first = std::env::var("DUOLOGUE_SEED").map_or(0, |seed| seed.parse().unwrap());
    first..first + count
}

fn call(cell: &Cell) -> Outcome {
    let loss = if cell.loss > 0.0 { Loss::Random(cell.loss) } else { Loss::None };
    let terms = Terms {
        seed: cell.seed,
        one_way: cell.one_way,
        loss,
        signalling: cell.one_way,
        roles: cell.roles,
        asks_server: true,
        described: false,
    };
    Call::new(&cell.plan(), &terms).make()
}

/// Calls compared with the search.
#[derive(Debug, Default)]
struct Tally {
    connected: u64,
    /// Those for which there was no way, one without end, and nothing to try on either side.
    no_way: u64,
    endless: u64,
    no_pairs: u64,
    lost: u64,
    nat_refused: u64,
    /// Those that connected, and whose payload then did not get through.
    unheard: Vec<String>,
    /// The calls that went otherwise.
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, cell: &Cell) {
        let verdict = search(&cell.plan());
        let outcome = call(cell);
        self.lost += outcome.stats.lost;
        self.nat_refused += outcome.stats.nat_refused;
        let reason = |has_pairs| if has_pairs { FailureReason::NoAnswer } else { FailureReason::NoPairs };
        let (counter, agrees) = match verdict {
            Verdict::Path => (&mut self.connected, outcome.states == [State::Completed; 2]),
            Verdict::NoPath { endless, has_pairs } => {
                let counter = match has_pairs {
                    _ if endless => &mut self.endless,
                    [true, true] => &mut self.no_way,
                    _ => &mut self.no_pairs,
                };
                (counter, outcome.states == has_pairs.map(|has_pairs| State::Failed(reason(has_pairs))))
            }
        };
        *counter += 1;
        if agrees && verdict == Verdict::Path && !outcome.is_connected() {
            self.unheard.push(format!("{outcome:?} {cell:?}"));
        }
        if !agrees {
            self.faults.push(format!("{verdict:?} {outcome:?} {cell:?}"));
        }
    }

    /// At most so many calls went otherwise.
    fn check(&self, most: usize) {
        println!("{self:#?}");
        assert!(self.faults.len() <= most, "{:#?}", self.faults);
        assert!(self.unheard.len() <= most, "{:#?}", self.unheard);
        assert!(self.connected > 0 && self.no_way > 0 && self.nat_refused > 0);
    }
}

#[test]
fn every_pair_of_one_level_connects_exactly_when_there_is_a_path() {
    let guards = guards();
    let mut tally = Tally::default();
    let mut seed = 0;
    for (index, a) in guards.iter().enumerate() {
        for b in &guards[if is_nightly() { 0 } else { index }..] {
            for loss in if is_nightly() { &[0.0, 0.05][..] } else { &[0.0] } {
                seed += 1;
                tally.add(&Cell { loss: *loss, ..Cell::of(seed, [Place::v4(a), Place::v4(b)]) });
            }
        }
    }
    tally.check(0);
}

#[test]
fn two_hosts_of_one_home_always_connect_unless_no_datagram_passes_at_all() {
    for (seed, guard) in (0..).zip(guards()) {
        let places = [Place::v4(&guard), Place::v4(&guard)];
        let cell = Cell { neighbours: Neighbours::OneHome, ..Cell::of(seed, places) };
        assert_eq!(search(&cell.plan()), Verdict::Path);
        let outcome = call(&cell);
        assert!(outcome.is_connected(), "{outcome:?} {cell:?}");
    }
}

#[test]
fn every_pair_of_ipv6_firewalls_connects_exactly_when_there_is_a_path() {
    let mut tally = Tally::default();
    for (index, a) in (0..).zip(guards6()) {
        for (number, b) in (0..).zip(guards6()) {
            tally.add(&Cell::of(100 * index + number, [Place::v6(a), Place::v6(b)]));
        }
    }
    tally.check(0);
    // Only those cells fail in which one side lets nothing through.
    assert_eq!((tally.connected, tally.no_way), (16, 9));
}

/// RFC 8863, Section 4: where "both sides provide candidates with unsupported address families, ICE will no longer fail
/// immediately", since a check of the peer might show an address that it has not told.
#[test]
fn hosts_without_a_common_ip_version_fail_when_patience_is_over_and_not_before() {
    let places = [Place::v4(&Guard::Open), Place::v6(Guard6::Open)];
    let outcome = call(&Cell::of(0, places));
    assert_eq!(outcome.states, [State::Failed(FailureReason::NoPairs); 2]);
    assert!(outcome.over >= Duration::from_millis(39_500), "{outcome:?}");
    assert!(outcome.over < Duration::from_secs(41), "{outcome:?}");
}

#[test]
fn drawn_cells_connect_exactly_when_there_is_a_path() {
    let mut tally = Tally::default();
    for seed in seeds(if is_nightly() { 20_000 } else { 400 }) {
        tally.add(&Cell::draw(seed, if seed.is_multiple_of(2) { 0.0 } else { 0.05 }));
    }
    tally.check(0);
    assert!(tally.no_pairs > 0 && tally.lost > 0);
}

#[test]
fn at_20_percent_loss_at_most_one_call_of_ten_thousand_fails_where_there_is_a_path() {
    let calls = if is_nightly() { 10_000 } else { 200 };
    let mut tally = Tally::default();
    for seed in seeds(u64::MAX / 2) {
        let cell = Cell::draw(seed, 0.2);
        if search(&cell.plan()) == Verdict::Path {
            tally.add(&cell);
        }
        if tally.connected == calls {
            break;
        }
    }
    println!("{tally:#?}");
    let most = usize::from(is_nightly());
    assert!(tally.faults.len() <= most, "{:#?}", tally.faults);
    // A stream of which segment after segment gets lost may stand still for longer than consent lasts.
    assert!(tally.unheard.len() <= most, "{:#?}", tally.unheard);
    assert!(tally.lost > calls);
}
