//! The media server's row alone; with a number, so many rounds of Duologue's server, for a profiler.

use duologue_peers::fanout::{self, Room};
use duologue_peers::fanout_ours::Ours;
use duologue_peers::table;

fn main() {
    let Some(rounds) = std::env::args().nth(1) else {
        table::head();
        fanout::forward();
        return;
    };
    let mut room = Room::<Ours>::new();
    for _ in 0..rounds.parse().unwrap() {
        let figures = room.round();
        println!("{:.0} ns, of which {:.0} ns copy and protect", figures.server, figures.protect);
    }
}
