//! A pair: one of our bases and one remote address (RFC 8445, Section 6.1.2).
//!
//! Server-reflexive candidates send from their base (Section 6.1.2.4), so a pair of a base and a remote address stands
//! for the pairs of all local candidates on that base. That the mapped address of an answer differs from the base
//! makes no other pair: success and nomination belong to the pair that was checked.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::attempts::Attempts;
use crate::candidate::{CandidateProtocol, Kind, TcpKind};
use crate::handover::Flow;
use crate::path::{BaseId, PairId, Path, SourceId};
use crate::role::Role;

/// A pair with all that is known of it.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) id: PairId,
    pub(crate) base: BaseId,
    pub(crate) local: SocketAddr,
    pub(crate) local_kind: Kind,
    /// What the networks at both ends cost.
    pub(crate) cost: u32,
    /// What the peer is told of our network: its number, and what it costs.
    pub(crate) network_cost: u32,
    pub(crate) remote: SocketAddr,
    /// As on the wire.
    pub(crate) path: Path,
    pub(crate) link: Link,
    pub(crate) local_priority: u32,
    pub(crate) remote_priority: u32,
    pub(crate) remote_kind: Kind,
    pub(crate) priority: u64,
    pub(crate) state: PairState,
    /// Our address as the peer sees it, once it has answered.
    pub(crate) mapped: Option<SocketAddr>,
    /// Nominated and valid; a larger value counts more. Plain USE-CANDIDATE gives zero.
    pub(crate) nomination: Option<u32>,
    /// Since when it is.
    pub(crate) nominated_at: Option<Instant>,
    /// The peer has nominated the pair, and our own check of it has not succeeded yet.
    pub(crate) pending_nomination: Option<u32>,
    /// The peer has answered a nomination with an error.
    pub(crate) refused_nomination: bool,
    /// The checks since the pair was last waiting for its turn.
    pub(crate) attempts: Attempts,
    /// Those that nominate it.
    pub(crate) nominations: Attempts,
    /// The last authentic check or answer from the peer.
    pub(crate) heard: Option<Instant>,
    /// The payload that comes on it.
    pub(crate) flow: Flow,
    pub(crate) qualified: bool,
    pub(crate) qualified_announced: bool,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) last_round_trip: Option<Duration>,
    pub(crate) counters: PairCounters,
}

/// How datagrams stand on a pair's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// As they are.
    Direct,
    /// In the framing of a TURN server.
    Relayed,
    /// On a stream, each behind its length.
    Stream,
}

/// How far checks of a pair have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PairState {
    /// It may be checked.
    Waiting,
    /// A check is on its way.
    InProgress,
    /// A check has succeeded and consent has not expired since.
    Succeeded(Consent),
    /// No check has been answered; it may be tried again.
    Failed,
    /// Consent was lost or refused: RFC 7675, Section 5.1 forbids the path to these credentials.
    Revoked,
}

/// What permits to send on a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// The peer has answered our checks.
    Answered {
        /// When it expires.
        expires: Instant,
        /// When to ask again.
        next_check: Instant,
    },
    /// We are lite: the peer's checks are all there is.
    Asked {
        /// When it expires.
        expires: Instant,
    },
    /// Both are lite: nobody checks.
    Assumed,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PairCounters {
    pub(crate) requests_sent: u64,
    pub(crate) retransmissions_sent: u64,
    pub(crate) requests_received: u64,
    pub(crate) responses_sent: u64,
    pub(crate) responses_received: u64,
    pub(crate) consent_requests_sent: u64,
    pub(crate) total_round_trip: Duration,
}

impl Pair {
    pub(crate) const fn is_valid(&self) -> bool {
        matches!(self.state, PairState::Succeeded(_))
    }

    /// Whether its remote candidate is known by the peer's checks alone.
    pub(crate) fn is_found(&self) -> bool {
        self.remote_kind == Kind::PeerReflexive
    }

    /// Whether its checks have an outcome still to come.
    pub(crate) const fn is_pending(&self) -> bool {
        matches!(self.state, PairState::Waiting | PairState::InProgress)
    }

    pub(crate) const fn source(&self) -> SourceId {
        SourceId { base: self.base, remote: self.remote }
    }

    /// It is to be checked as if it never had been.
    pub(crate) fn begin_anew(&mut self) {
        self.state = PairState::Waiting;
        self.attempts = Attempts::default();
    }

    /// RFC 8445, Section 6.1.2.3: 2^32 * min(G, D) + 2 * max(G, D) + (G > D).
    pub(crate) fn set_priority(&mut self, role: Role) {
        let (g, d) = match role {
            Role::Controlling => (self.local_priority, self.remote_priority),
            Role::Controlled => (self.remote_priority, self.local_priority),
        };
        let (least, most) = (u64::from(g.min(d)), u64::from(g.max(d)));
        self.priority = (least << 32) + 2 * most + u64::from(g > d);
    }

    /// RFC 8445, Section 7.1.1: the priority that a peer-reflexive candidate learnt from a check would have.
    pub(crate) const fn peer_reflexive_priority(&self) -> u32 {
        let protocol = match self.link {
            Link::Direct | Link::Relayed => CandidateProtocol::Udp,
            Link::Stream => CandidateProtocol::Tcp(TcpKind::Active),
        };
        (Kind::PeerReflexive.preference(protocol) << 24) | (self.local_priority & 0x00ff_ffff)
    }

    /// RFC 6298, Section 2: the smoothed round-trip time.
    pub(crate) fn measure(&mut self, sample: Duration) {
        self.counters.total_round_trip += sample;
        self.last_round_trip = Some(sample);
        self.round_trip = Some(match self.round_trip {
            Some(smoothed) => (smoothed * 7 + sample) / 8,
            None => sample,
        });
    }

    /// A check has failed for good, unless another has succeeded.
    pub(crate) fn fail(&mut self) {
        if !self.is_valid() {
            self.state = PairState::Failed;
        }
    }

    /// By which of two pairs that work the one to send on is chosen: what costs less, then what has the higher priority.
    pub(crate) const fn preference(&self) -> (Reverse<u32>, u64) {
        (Reverse(self.cost), self.priority)
    }

    /// It is nominated from now on, if it was not before.
    pub(crate) fn nominate(&mut self, now: Instant, value: u32) {
        if self.nomination.is_none() {
            self.nominated_at = Some(now);
        }
        self.nomination = self.nomination.max(Some(value));
    }

    /// Its path is gone, though another may be made.
    pub(crate) const fn break_off(&mut self) {
        self.state = PairState::Failed;
        self.nomination = None;
        self.pending_nomination = None;
    }

    pub(crate) fn is_alive(&self, now: Instant, silence: Duration) -> bool {
        match self.state {
            PairState::Succeeded(Consent::Assumed) => true,
            _ => self.heard.is_some_and(|heard| now.saturating_duration_since(heard) < silence),
        }
    }

    pub(crate) fn stats(&self, selected: Option<PairId>) -> PairStats {
        let phase = match self.state {
            PairState::Waiting => PairPhase::Waiting,
            PairState::InProgress => PairPhase::InProgress,
            PairState::Succeeded(_) => PairPhase::Succeeded,
            PairState::Failed | PairState::Revoked => PairPhase::Failed,
        };
        let counters = self.counters;
        PairStats {
            id: self.id,
            path: self.path,
            local: self.local,
            remote: self.remote,
            local_kind: self.local_kind,
            remote_kind: self.remote_kind,
            mapped: self.mapped,
            priority: self.priority,
            phase,
            nominated: self.nomination.is_some(),
            selected: selected == Some(self.id),
            round_trip: self.round_trip,
            last_round_trip: self.last_round_trip,
            total_round_trip: counters.total_round_trip,
            requests_sent: counters.requests_sent,
            retransmissions_sent: counters.retransmissions_sent,
            requests_received: counters.requests_received,
            responses_sent: counters.responses_sent,
            responses_received: counters.responses_received,
            consent_requests_sent: counters.consent_requests_sent,
        }
    }
}

/// The state of a pair, as `RTCStatsIceCandidatePairState` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairPhase {
    /// It may be checked.
    Waiting,
    /// A check is on its way.
    InProgress,
    /// It works.
    Succeeded,
    /// It does not work, or no longer.
    Failed,
}

/// What is known of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairStats {
    /// Its identifier.
    pub id: PairId,
    /// Its addresses as on the wire.
    pub path: Path,
    /// The local candidate's base: our own address, or the relayed one.
    pub local: SocketAddr,
    /// What kind of candidate its local end is: host, which stands for the server-reflexive ones of that base too, or
    /// relayed.
    pub local_kind: Kind,
    /// The peer's address.
    pub remote: SocketAddr,
    /// What kind of candidate its remote end is.
    pub remote_kind: Kind,
    /// Our address as the peer sees it on this path, once the peer has answered.
    pub mapped: Option<SocketAddr>,
    /// Its priority (RFC 8445, Section 6.1.2.3).
    pub priority: u64,
    /// How far its checks have come.
    pub phase: PairPhase,
    /// Whether it is nominated.
    pub nominated: bool,
    /// Whether payload leaves on it.
    pub selected: bool,
    /// The smoothed round-trip time of its checks.
    pub round_trip: Option<Duration>,
    /// The newest of those measured.
    pub last_round_trip: Option<Duration>,
    /// The sum of all measured round-trip times.
    pub total_round_trip: Duration,
    /// Checks sent, retransmissions and consent checks among them.
    pub requests_sent: u64,
    /// Retransmissions among them.
    pub retransmissions_sent: u64,
    /// Authentic checks received.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Authentic answers received.
    pub responses_received: u64,
    /// Consent checks sent.
    pub consent_requests_sent: u64,
}
