//! Time to connect: every leg takes a round trip of 100 ms, signalling half of that.
//!
//! At time 0 both hold each other's credentials, and for the host rows candidates. Times are in round trips.

use std::time::Duration;

use duologue_ice::{CandidatePolicy, Role};
use duologue_netsim::{Loss, NatConfig, NatKind};

use crate::plan::{GatewayKind, INTERNET, Plan, Setup, Turn};
use crate::world::{Call, Outcome, Terms};

const ROUND_TRIP: Duration = Duration::from_millis(100);

/// A row of the table, in round trips.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Until the first valid pair of either side, and until both have one.
    pub(crate) first_valid: f64,
    pub(crate) both_valid: f64,
    /// Until both know a nomination.
    pub(crate) nominated: f64,
    /// What it should be: to the first valid pair, to the nomination.
    pub(crate) wanted: (f64, f64),
}

/// Every row; the one with loss from so many seeds.
pub(crate) fn rows(seeds: u64) -> [Row; 4] {
    [host_to_host(), port_restricted(), lossy(seeds), relayed()]
}

fn host_to_host() -> Row {
    let times = ROLES.map(|roles| times(&call(&open([Setup::PLAIN; 2]), &terms(0, roles))));
    Row { name: "host to host", wanted: (1.1, 2.2), ..worst(&times) }
}

fn port_restricted() -> Row {
    let mut plan = Plan::new([Setup::PLAIN; 2]);
    for host in 0..2 {
        let number = u8::try_from(host).unwrap() + 1;
        let config = NatConfig::from(NatKind::PortRestricted);
        let kind = GatewayKind::Nat { public: [203, 0, 113, number].into(), config };
        let realm = plan.add_gateway(INTERNET, kind);
        plan.add_socket(host, realm, [10, 0, number, 2].into());
    }
    let times = ROLES
        .map(|roles| times(&call(&plan, &Terms { asks_server: true, described: false, ..terms(0, roles) })));
    let name = "two port-restricted NATs, trickled, with gathering";
    Row { name, wanted: (2.7, 3.8), ..worst(&times) }
}

/// The server is a leg away from each, so the relayed path's own round trip is two.
fn relayed() -> Row {
    let setup = Setup { turn: Turn::Udp, policy: CandidatePolicy::Relay };
    let plan = open([setup; 2]);
    let times = ROLES.map(|roles| times(&call(&plan, &Terms { described: false, ..terms(0, roles) })));
    Row { name: "relay only, one shared server, with gathering", wanted: (4.8, 6.9), ..worst(&times) }
}

/// The 95th percentile of each time.
fn lossy(seeds: u64) -> Row {
    let plan = open([Setup::PLAIN; 2]);
    let all: Vec<_> = (0..seeds)
        .map(|seed| {
            let mut terms = terms(seed, ROLES[usize::from(seed % 2 == 1)]);
            terms.loss = Loss::Random(0.2);
            times(&call(&plan, &terms))
        })
        .collect();
    let percentile = |of: fn(&Row) -> f64| {
        let mut values: Vec<_> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() * 95 / 100]
    };
    Row {
        name: "host to host, 20% loss, 95th percentile",
        first_valid: percentile(|row| row.first_valid),
        both_valid: percentile(|row| row.both_valid),
        nominated: percentile(|row| row.nominated),
        wanted: (3.5, 5.0),
    }
}

const ROLES: [[Role; 2]; 2] = [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]];

/// Two hosts on the internet.
fn open(setups: [Setup; 2]) -> Plan {
    let mut plan = Plan::new(setups);
    plan.add_socket(0, INTERNET, [192, 0, 2, 1].into());
    plan.add_socket(1, INTERNET, [192, 0, 2, 2].into());
    plan
}

fn terms(seed: u64, roles: [Role; 2]) -> Terms {
    let one_way = ROUND_TRIP / 2;
    Terms { seed, one_way, loss: Loss::None, signalling: one_way, roles, asks_server: false, described: true }
}

fn call(plan: &Plan, terms: &Terms) -> Outcome {
    let outcome = Call::new(plan, terms).make();
    assert!(outcome.is_connected(), "{outcome:?}");
    outcome
}

fn times(outcome: &Outcome) -> Row {
    let trips = |time: Option<Duration>| time.unwrap().as_secs_f64() / ROUND_TRIP.as_secs_f64();
    let ([a, b], [c, d]) = (outcome.valid.map(trips), outcome.nominated.map(trips));
    Row { name: "", first_valid: a.min(b), both_valid: a.max(b), nominated: c.max(d), wanted: (0.0, 0.0) }
}

fn worst(rows: &[Row; 2]) -> Row {
    let [a, b] = *rows;
    Row {
        first_valid: a.first_valid.max(b.first_valid),
        both_valid: a.both_valid.max(b.both_valid),
        nominated: a.nominated.max(b.nominated),
        ..a
    }
}
