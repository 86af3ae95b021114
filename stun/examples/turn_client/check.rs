//! The loop: two clients, datagrams from one to the other, echoes.

use crate::link::{Input, Opener};
use crate::side::Side;
use crate::traffic::{Traffic, Way};
use duologue_stun::turn::ClientConfig;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// What is sent, and what is expected of it.
pub(crate) struct Plan {
    pub(crate) count: u32,
    pub(crate) interval: Duration,
    pub(crate) size: usize,
    /// In percent.
    pub(crate) allowed_loss: f64,
    pub(crate) max_gap: Option<Duration>,
    /// How many families an allocation is to have.
    pub(crate) families: usize,
}

pub(crate) struct Check<'o> {
    opener: &'o Opener,
    plan: Plan,
    sides: [Side; 2],
    inputs: mpsc::Receiver<Input>,
    traffic: Vec<Traffic>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Both ask for their allocations.
    Allocating,
    /// Each asks for the other's permission.
    Permitting,
    /// The next datagram leaves at `next`; `left` are to go.
    Sending { next: Instant, left: u32 },
    /// All have left; what is late is waited for.
    Waiting { until: Instant },
    /// The allocations are being deleted.
    Closing,
}

impl<'o> Check<'o> {
    pub(crate) fn new(
        opener: &'o Opener,
        config: &ClientConfig,
        server: SocketAddr,
        plan: Plan,
    ) -> Result<Self, Box<dyn Error>> {
        let (sender, inputs) = mpsc::sync_channel(1_024);
        let first = Side::new(opener, config.clone(), server, 0, sender.clone())?;
        let second = Side::new(opener, config.clone(), server, 1, sender)?;
        let (sides, phase) = ([first, second], Phase::Allocating);
        Ok(Self { opener, plan, sides, inputs, traffic: Vec::new(), phase })
    }

    pub(crate) fn run(mut self) -> Result<(), Box<dyn Error>> {
        while !self.sides.iter().all(|side| side.closed) {
            let now = Instant::now();
            for side in &mut self.sides {
                side.drain(now, self.opener)?;
            }
            self.advance(now)?;
            let deadlines = self.sides.iter().filter_map(Side::poll_timeout).chain(self.next());
            let wait = deadlines.min().map_or(IDLE, |at| at.saturating_duration_since(Instant::now()));
            match self.inputs.recv_timeout(wait) {
                // A server may close the stream of an allocation that was deleted.
                Ok(input) => match self.handle(Instant::now(), input) {
                    Err(_) if self.phase == Phase::Closing => {}
                    handled => handled?,
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err("all links have failed".into()),
            }
        }
        self.conclude()
    }

    /// When something of the check's own is due.
    const fn next(&self) -> Option<Instant> {
        match self.phase {
            Phase::Sending { next, .. } => Some(next),
            Phase::Waiting { until } => Some(until),
            Phase::Allocating | Phase::Permitting | Phase::Closing => None,
        }
    }

    /// Does what the phase allows, and goes on to the next one.
    fn advance(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        match self.phase {
            Phase::Allocating => {
                let [Some(first), Some(second)] = self.sides.each_ref().map(Side::relayed) else {
                    return Ok(());
                };
                let families = [(first.ipv4, second.ipv4), (first.ipv6, second.ipv6)];
                let pairs = families.into_iter().filter_map(|(first, second)| Some([first?, second?]));
                self.traffic = pairs.map(Traffic::new).collect();
                if self.traffic.len() < self.plan.families {
                    return Err("an allocation lacks an address that was asked for".into());
                }
                let [first, second] = &mut self.sides;
                for traffic in &self.traffic {
                    let [of_first, of_second] = traffic.relayed;
                    first.permit(now, of_second)?;
                    second.permit(now, of_first)?;
                }
                self.phase = Phase::Permitting;
                for side in &mut self.sides {
                    side.drain(now, self.opener)?;
                }
            }
            Phase::Permitting => {
                if self.sides.iter().all(|side| side.permitted.len() == self.traffic.len()) {
                    self.phase = Phase::Sending { next: now, left: self.plan.count };
                }
            }
            Phase::Sending { next, left } if next <= now => {
                let [first, _] = &mut self.sides;
                for traffic in &mut self.traffic {
                    let [_, peer] = traffic.relayed;
                    first.send(peer, self.plan.size, |payload| traffic.send(now, payload))?;
                }
                self.phase = match left.checked_sub(1) {
                    Some(left @ 1..) => Phase::Sending { next: next + self.plan.interval, left },
                    _ => Phase::Waiting { until: now + LATE },
                };
            }
            Phase::Waiting { until } if until <= now || self.traffic.iter().all(Traffic::is_complete) => {
                self.sides.iter_mut().for_each(|side| side.close(now));
                self.phase = Phase::Closing;
                for side in &mut self.sides {
                    side.drain(now, self.opener)?;
                }
            }
            Phase::Sending { .. } | Phase::Waiting { .. } | Phase::Closing => {}
        }
        Ok(())
    }

    fn handle(&mut self, now: Instant, input: Input) -> Result<(), Box<dyn Error>> {
        let (traffic, mut echoes) = (&mut self.traffic, Vec::new());
        let [first, second] = &mut self.sides;
        if input.link == first.number() {
            return first.receive(now, input, |peer, payload| {
                if let Some(traffic) = traffic.iter_mut().find(|traffic| traffic.relayed[1] == peer) {
                    traffic.arrived(now, payload);
                }
            });
        }
        second.receive(now, input, |peer, payload| {
            if let Some(traffic) = traffic.iter_mut().find(|traffic| traffic.relayed[0] == peer)
                && traffic.arrived(now, payload) == Some(Way::There)
            {
                echoes.push((peer, payload.to_vec()));
            }
        })?;
        for (peer, echo) in echoes {
            second.send(peer, echo.len(), |payload| payload.copy_from_slice(&echo))?;
        }
        Ok(())
    }

    /// Prints what came of it.
    fn conclude(self) -> Result<(), Box<dyn Error>> {
        let mut faults = Vec::new();
        for traffic in self.traffic {
            let summary = traffic.summary();
            println!("{}", summary.text);
            if summary.loss > self.plan.allowed_loss {
                faults.push(format!("{:.1}% were lost", summary.loss));
            }
            if self.plan.max_gap.is_some_and(|max_gap| summary.longest_gap > max_gap) {
                faults.push(format!("nothing came for {} ms", summary.longest_gap.as_millis()));
            }
        }
        for side in self.sides {
            let stats = side.stats();
            println!(
                "{} requests, {} responses, {} datagrams sent, {} received",
                stats.requests_sent, stats.responses_received, stats.datagrams_sent, stats.datagrams_received
            );
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
    }
}

/// How long the last datagrams are waited for.
const LATE: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(1);
