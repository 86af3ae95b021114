//! Why an agent has failed, in words that help whoever has to make it work.

use std::collections::BTreeMap;
use std::fmt;

use crate::agent::Agent;
use crate::event::{FailureReason, ServerError, ServerFailure, State};

/// What an agent that has failed had to work with. `Display` tells it in a sentence:
///
/// ```text
/// no response from any of 6 remote candidates; 2 relay allocations refused: 401
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureReport {
    /// Why it has failed.
    pub reason: FailureReason,
    /// How many candidates of our own there were.
    pub local_candidates: usize,
    /// How many of the peer's there were, signalled and found.
    pub remote_candidates: usize,
    /// How many of the peer's were names that nobody has resolved.
    pub unresolved_names: usize,
    /// The servers that were of no use, the newest last: the last 16 since the agent's start.
    pub servers: Vec<ServerFailure>,
}

impl Agent {
    /// What there is to say about a failure. `None` unless the state is [`State::Failed`].
    #[must_use]
    pub fn failure_report(&self) -> Option<FailureReport> {
        let State::Failed(reason) = self.state else { return None };
        Some(FailureReport {
            reason,
            local_candidates: self.session.candidates.len(),
            remote_candidates: self.session.remotes.len(),
            unresolved_names: self.session.unresolved.len(),
            servers: self.shared.server_failures.iter().copied().collect(),
        })
    }
}

impl fmt::Display for FailureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = counted(self.remote_candidates, "remote candidate");
        match self.reason {
            FailureReason::NoPairs => {
                let local = counted(self.local_candidates, "local candidate");
                write!(f, "nothing to check: {local}, {remote}")?;
            }
            FailureReason::NoAnswer if self.remote_candidates == 1 => {
                f.write_str("no response from the only remote candidate")?;
            }
            FailureReason::NoAnswer => write!(f, "no response from any of {remote}")?,
            FailureReason::ConsentLost => f.write_str("the peer answers no more")?,
        }
        if self.unresolved_names > 0 {
            write!(f, "; {} not resolved", counted(self.unresolved_names, "remote name"))?;
        }
        let mut alike: BTreeMap<_, usize> = BTreeMap::new();
        for failure in &self.servers {
            *alike.entry(failure.error.outcome()).or_default() += 1;
        }
        let mut told = alike.into_iter();
        told.try_for_each(|((asked, outcome), count)| write!(f, "; {} {outcome}", counted(count, asked)))
    }
}

impl ServerError {
    /// What was asked for, and what came of it.
    fn outcome(self) -> (&'static str, String) {
        const STUN: &str = "STUN server";
        const TURN: &str = "relay allocation";
        match self {
            Self::Silent => (STUN, "without an answer".to_owned()),
            Self::NoAddress => (STUN, "without an address in the answer".to_owned()),
            Self::Stream => (TURN, "without a stream to the server".to_owned()),
            Self::Turn(failure) => match failure.code() {
                Some(code) => (TURN, format!("refused: {}", code.get())),
                None => (TURN, format!("failed: {failure}")),
            },
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
