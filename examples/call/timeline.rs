//! What happened, line by line, in virtual time.

use std::time::Duration;

/// Prints one line: the virtual time, who, what.
pub(crate) fn tell(at: Duration, who: &str, what: &str) {
    println!("{:>10.3} ms  {who:<6} {what}", at.as_secs_f64() * 1000.0);
}

/// A progress bar of a transfer, printed whenever another tenth is done.
pub(crate) struct Progress {
    total: usize,
    told: usize,
    started: Duration,
}

impl Progress {
    pub(crate) fn new(total: usize, started: Duration) -> Self {
        Self { total, told: 0, started }
    }

    pub(crate) fn update(&mut self, at: Duration, done: usize) {
        let tenths = done * 10 / self.total.max(1);
        if tenths > self.told {
            self.told = tenths;
            let bar: String = (0..10).map(|tenth| if tenth < tenths { '#' } else { '.' }).collect();
            let seconds = at.saturating_sub(self.started).as_secs_f64().max(1e-9);
            let rate = done as f64 * 8.0 / 1e6 / seconds;
            let mebibytes = done as f64 / f64::from(1 << 20);
            tell(
                at,
                "bob",
                &format!("[{bar}] {:>3} %  {mebibytes:>5.1} MiB  {rate:>6.1} Mbit/s", tenths * 10),
            );
        }
    }
}
