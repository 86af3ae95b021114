//! How rows are measured and printed.

use cpu_time::ProcessTime;

/// Rounds of each side that count.
const ROUNDS: usize = 15;

/// One side of a row.
pub struct Work<'a> {
    /// The name of the crate and what it does.
    pub name: &'a str,
    /// One round; returns how many units of work it did.
    pub round: &'a mut dyn FnMut() -> u64,
}

/// The table's head.
pub fn head() {
    println!("| work | unit | peer | peer, ns | ours, ns | peer / ours | lowest and highest round |");
    println!("|---|---|---|---:|---:|---:|---|");
}

/// Measures a row and prints it.
pub fn row(work: &str, unit: &str, mut peer: Work<'_>, ours: &mut dyn FnMut() -> u64) {
    let mut own = Work { name: "duologue", round: ours };
    let name = peer.name;
    timed_row(work, unit, name, &mut || measure(&mut peer), &mut || measure(&mut own));
}

/// Prints a row of rounds that measure themselves: each returns nanoseconds of CPU per unit.
pub fn timed_row(
    work: &str,
    unit: &str,
    name: &str,
    peer: &mut dyn FnMut() -> f64,
    ours: &mut dyn FnMut() -> f64,
) {
    // The first rounds fill caches and allocators.
    for _ in 0..2 {
        ours();
        peer();
    }
    let mut figures = Vec::new();
    for round in 0..ROUNDS {
        let (ours, peers) = if round % 2 == 0 {
            let ours = ours();
            (ours, peer())
        } else {
            let peers = peer();
            (ours(), peers)
        };
        figures.push((ours, peers));
    }
    let ours = median(figures.iter().map(|(ours, _)| *ours));
    let peers = median(figures.iter().map(|(_, peers)| *peers));
    let ratios: Vec<f64> = figures.iter().map(|(ours, peers)| peers / ours).collect();
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = ratios.iter().copied().fold(0.0, f64::max);
    println!(
        "| {work} | {unit} | {name} | {peers:.0} | {ours:.0} | {:.2} | {lowest:.2} to {highest:.2} |",
        peers / ours
    );
}

/// Nanoseconds of CPU per unit.
fn measure(work: &mut Work<'_>) -> f64 {
    let start = ProcessTime::now();
    let units = (work.round)();
    let spent = start.elapsed();
    assert!(units > 0, "{} did nothing", work.name);
    spent.as_nanos() as f64 / units as f64
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
