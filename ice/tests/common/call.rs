//! Two hosts that talk to one another all the time.

use std::time::Duration;

use super::World;

const TICK: Duration = Duration::from_millis(20);

/// A world whose hosts send each other payload.
pub(crate) struct Call {
    pub(crate) world: World,
    /// How many payloads each has sent.
    pub(crate) sent: [u64; 2],
    /// How often each had no path to send on.
    pub(crate) unsendable: [u64; 2],
    heard_before: [usize; 2],
}

impl Call {
    pub(crate) fn new(mut world: World) -> Self {
        let heard_before = [0, 1].map(|index| world.host(index).payloads.len());
        Self { world, sent: [0, 0], unsendable: [0, 0], heard_before }
    }

    /// Lets time pass; each sends a payload every 20 ms, and candidates are trickled.
    pub(crate) fn talk(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.now() < end {
            for index in 0..2 {
                let payload = [&[128], &self.sent[index].to_be_bytes()[..]].concat();
                if self.world.host(index).send(&payload) {
                    self.sent[index] += 1;
                } else {
                    self.unsendable[index] += 1;
                }
            }
            let tick = TICK.min(end - self.world.now());
            self.world.wait(tick);
            self.world.trickle();
        }
    }

    /// Lets arrive what is on its way.
    pub(crate) fn hear_the_rest(&mut self) {
        self.world.wait(Duration::from_secs(1));
    }

    /// How many of each one's payloads the other has taken. Each must have come from a qualified source.
    pub(crate) fn heard(&mut self) -> [u64; 2] {
        [0, 1].map(|from| {
            let to = 1 - from;
            let heard = &self.world.nodes[to].host().payloads[self.heard_before[to]..];
            assert!(heard.iter().all(|(_, qualified)| *qualified), "from {from}: an unqualified source");
            heard.len() as u64
        })
    }
}
