//! The media server's row alone; with a number, so many rounds of Duologue's server, for a profiler.

use duologue_peers::fanout::{self, Figures, Room};
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
        let Figures { server, control, protect } = figures;
        println!(
            "{server:.0} ns, {control:.0} of them for RTCP and STUN; to copy and protect {protect:.0} ns"
        );
    }
}
