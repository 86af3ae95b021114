//! Our own checks: their pacing, their text, their answers (RFC 8445, Sections 6.1.4.2, 7.2 and 14).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use duologue_stun::{
    Class, ErrorCode, Message, Method, Retransmission, Transaction, TransactionStep, WriteError, Writer,
    canonical, write_binding_request,
};

use crate::agent::Agent;
use crate::candidate::{Kind, priority};
use crate::event::Discard;
use crate::pair::{Consent, PairState};
use crate::path::{PairId, Path, Transmit};
use crate::role::Role;
use crate::timer::Timer;
use crate::transaction::{CheckKind, Outgoing, Purpose, Request, Response, ResponseKind};

/// RFC 8445, Section 14.2: Ta is at least 5 ms.
pub(crate) const MIN_PACING: Duration = Duration::from_millis(5);
/// RFC 8445, Section 14.3: "Agents MUST NOT use an RTO value smaller than 500 ms."
const MIN_RTO: Duration = Duration::from_millis(500);
/// A check is sent after 0, 0.5, 1.5, 3.5, 5.5 ... seconds and given up after 39.5, as long as the doubling of RFC 8489,
/// Section 6.2.1 would take: an answer needs both directions at once, and on lossy paths waits of 8 and 16 s between two
/// attempts decide whether there is one in time.
const CHECKS: u8 = 21;
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long the answer to a cancelled request still counts.
const CANCELLED_LIFE: Duration = Duration::from_secs(3);

impl Agent {
    /// When the next new request may leave, should there be one.
    pub(crate) fn next_pace(&self) -> Option<Instant> {
        let is_fast = self.progress.checks < u32::from(self.config.fast_checks);
        let gap = if self.can_check() && self.checklist.has_triggered() || self.has_query_due() || is_fast {
            MIN_PACING
        } else {
            self.config.pacing.max(MIN_PACING)
        };
        let wanted = self.has_query_due() || self.can_check() && self.has_check();
        wanted.then(|| self.progress.last_check.map_or(self.now, |last| last + gap))
    }

    /// Starts one request if its time has come: a triggered check, a question to a server, or an ordinary check
    /// (RFC 8445, Section 6.1.4.2).
    pub(crate) fn pace(&mut self, now: Instant) {
        if self.next_pace().is_none_or(|at| now < at) {
            return;
        }
        let started = self.start_triggered() || self.start_query() || self.start_ordinary();
        if started {
            self.progress.checks = self.progress.checks.saturating_add(1);
        }
        // Without room in the table the next attempt is a pace later too.
        self.progress.last_check = Some(now);
    }

    fn can_check(&self) -> bool {
        self.remote.is_some() && !self.config.lite
    }

    fn has_check(&self) -> bool {
        self.checklist.has_triggered() || self.ordinary().is_some()
    }

    /// The next ordinary check. None while a nominated pair works (RFC 8445, Section 8.1.2).
    fn ordinary(&self) -> Option<PairId> {
        if !self.can_check() || self.has_nominated() {
            return None;
        }
        let is_stuck = |pair: PairId| {
            let mut requests = self.requests.iter().filter(|request| request.pair() == Some(pair));
            requests.any(|request| request.timing.transmissions() > 1)
        };
        self.checklist.next_ordinary(is_stuck)
    }

    fn start_triggered(&mut self) -> bool {
        while self.can_check() {
            let Some(id) = self.checklist.next_triggered() else { break };
            let waits = self.checklist.get(id).is_some_and(|pair| pair.state == PairState::Waiting);
            if waits && self.start_check(id, CheckKind::Connectivity) {
                return true;
            }
        }
        false
    }

    fn start_ordinary(&mut self) -> bool {
        self.ordinary().is_some_and(|id| self.start_check(id, CheckKind::Connectivity))
    }

    pub(crate) fn retransmission(&self) -> Retransmission {
        Retransmission { rto: self.config.rto.max(MIN_RTO), ..Retransmission::default() }
    }

    /// Decides a check of a pair; its bytes are written when they can leave.
    pub(crate) fn start_check(&mut self, pair: PairId, kind: CheckKind) -> bool {
        if !self.requests.has_room() || !self.can_check() {
            return false;
        }
        let id = self.random_id();
        let retransmission = self.retransmission();
        let role = self.role;
        let Some(pair) = self.checklist.get_mut(pair) else { return false };
        let retransmission = match kind {
            CheckKind::Connectivity | CheckKind::Nomination => {
                Retransmission { count: CHECKS, longest_wait: LONGEST_WAIT, last_wait: 4, ..retransmission }
            }
            // RFC 7675, Section 5.1: transmitted once; awaited for a time based on the round-trip time.
            CheckKind::Consent => {
                let wait = pair.round_trip.unwrap_or_default().saturating_mul(3);
                Retransmission::once(wait.clamp(Duration::from_secs(1), Duration::from_secs(3)))
            }
            CheckKind::Recheck => {
                Retransmission { longest_wait: Duration::from_secs(1), last_wait: 2, ..retransmission }
            }
        };
        if !pair.is_valid() {
            pair.state = PairState::InProgress;
        }
        let path = pair.path();
        let purpose = Purpose::Check { pair: pair.id, kind, role };
        let timing = Transaction::new(retransmission);
        self.requests.start(Request { id, path, purpose, timing, cancelled: None });
        true
    }

    pub(crate) fn write_next(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            let outgoing = self.requests.next_outgoing()?;
            let start = out.len();
            let written = match outgoing {
                Outgoing::Response(response) => self.write_response(&response, out),
                Outgoing::Request(id) => match self.requests.get(id) {
                    Some(request) if request.cancelled.is_none() => self.write_request(request, out),
                    _ => continue,
                },
            };
            let Some((path, Ok(len))) = written else { continue };
            if len > max_len {
                out.truncate(start);
                self.requests.put_back(outgoing);
                return None;
            }
            self.on_written(now, &outgoing);
            return Some(Transmit { path, len });
        }
    }

    fn on_written(&mut self, now: Instant, outgoing: &Outgoing) {
        let mut stats = self.stats;
        match *outgoing {
            Outgoing::Response(Response { path, .. }) => {
                stats.responses_sent += 1;
                if let Some(pair) = self.checklist.iter_mut().find(|pair| pair.path() == path) {
                    pair.counters.responses_sent += 1;
                }
            }
            Outgoing::Request(id) => {
                let Some(request) = self.requests.get_mut(id) else { return };
                request.timing.on_sent(now);
                if let Purpose::Check { pair, kind, .. } = request.purpose {
                    let consent = u64::from(kind == CheckKind::Consent);
                    stats.requests_sent += 1;
                    stats.consent_requests_sent += consent;
                    if let Some(pair) = self.checklist.get_mut(pair) {
                        pair.counters.requests_sent += 1;
                        pair.counters.consent_requests_sent += consent;
                    }
                }
                self.timers.set(Timer::Transaction, self.requests.next_deadline());
            }
        }
        self.stats = stats;
    }

    fn write_request(
        &self,
        request: &Request,
        out: &mut Vec<u8>,
    ) -> Option<(Path, Result<usize, WriteError>)> {
        let (pair, kind, role) = match request.purpose {
            Purpose::Gather { .. } => return Some((request.path, write_binding_request(out, request.id))),
            Purpose::Check { pair, kind, role } => (self.checklist.get(pair)?, kind, role),
        };
        let remote = self.remote.as_ref()?;
        // RFC 8445, Section 7.1.1: the priority that a peer-reflexive candidate learnt from this check would have.
        let preference = u16::try_from(pair.local_priority >> 8 & 0xffff).unwrap_or_default();
        let mut writer = Writer::new(out, Class::Request, Method::BINDING, request.id)
            .username(remote.credentials.ufrag().as_bytes(), self.local.ufrag().as_bytes())
            .priority(priority(Kind::PeerReflexive, preference));
        writer = match role {
            Role::Controlling => writer.ice_controlling(self.tie_breaker),
            Role::Controlled => writer.ice_controlled(self.tie_breaker),
        };
        if kind == CheckKind::Nomination {
            writer = writer.use_candidate();
        }
        Some((request.path, writer.integrity(&*remote.key).fingerprint().finish()))
    }

    fn write_response(
        &self,
        response: &Response,
        out: &mut Vec<u8>,
    ) -> Option<(Path, Result<usize, WriteError>)> {
        let Response { id, path, .. } = *response;
        let class = match response.kind {
            ResponseKind::Success => Class::Success,
            ResponseKind::Error(_) | ResponseKind::Unknown { .. } => Class::Error,
        };
        let writer = Writer::new(out, class, Method::BINDING, id);
        let writer = match response.kind {
            ResponseKind::Success => writer.xor_mapped_address(path.remote),
            ResponseKind::Error(code) => writer.error_code(code),
            ResponseKind::Unknown { types, count } => writer
                .error_code(ErrorCode::UNKNOWN_ATTRIBUTE)
                .unknown_attributes(types.get(..count).unwrap_or_default()),
        };
        Some((path, writer.integrity(&*self.local_key).fingerprint().finish()))
    }

    pub(crate) fn on_transactions_due(&mut self, now: Instant) {
        while let Some(id) = self.requests.due(now) {
            let Some(request) = self.requests.get_mut(id) else { break };
            let step = match request.cancelled {
                Some(_) => {
                    let _ = self.requests.remove(id);
                    continue;
                }
                None => request.timing.handle_timeout(now),
            };
            match step {
                TransactionStep::Retransmit => self.requests.requeue(id),
                TransactionStep::TimedOut | TransactionStep::Wait => {
                    if let Some(request) = self.requests.remove(id) {
                        self.on_timed_out(&request);
                    }
                }
            }
        }
    }

    fn on_timed_out(&mut self, request: &Request) {
        match request.purpose {
            Purpose::Gather { interface, server } => self.on_query_failed(interface, server),
            Purpose::Check { pair, kind: CheckKind::Connectivity, .. } => {
                if let Some(pair) = self.checklist.get_mut(pair)
                    && pair.state == PairState::InProgress
                {
                    pair.state = PairState::Failed;
                }
            }
            Purpose::Check { pair, kind: CheckKind::Nomination, .. } => self.on_nomination_refused(pair),
            Purpose::Check { pair, kind: CheckKind::Consent, .. } => self.recheck(pair),
            Purpose::Check { kind: CheckKind::Recheck, .. } => {}
        }
    }

    /// RFC 8445, Section 7.3.1.4: a check in progress gives way to a triggered one.
    pub(crate) fn cancel_checks(&mut self, now: Instant, pair: PairId) {
        self.requests
            .cancel_where(now + CANCELLED_LIFE, |request| request.is_check(pair, CheckKind::Connectivity));
    }

    /// RFC 8445, Section 7.2.5; a response from elsewhere than the request went to changes nothing, since it may be
    /// a replay.
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
    ) -> Result<(), Discard> {
        let request = self.requests.get(message.transaction_id()).ok_or(Discard::UnknownTransaction)?;
        if request.path.remote != path.remote || request.path.local != path.local {
            return Err(Discard::WrongSource);
        }
        if request.timing.transmissions() == 0 {
            return Err(Discard::UnknownTransaction);
        }
        match request.purpose {
            Purpose::Gather { interface, server } => {
                let _ = self.requests.remove(message.transaction_id());
                self.on_query_answered(now, interface, server, message)
            }
            Purpose::Check { pair, kind, role } => {
                let remote = self.remote.as_ref().ok_or(Discard::NotReady)?;
                message.verify_integrity(&*remote.key).map_err(|_| Discard::BadIntegrity)?;
                let outcome = match (message.class(), message.mapped_address(), message.error_code()) {
                    (Class::Success, Some(mapped), _) => Ok(canonical(mapped)),
                    (Class::Error, _, Some((code, _))) => Err(code),
                    _ => return Err(Discard::Malformed),
                };
                let request = self.requests.remove(message.transaction_id());
                let round_trip = request.and_then(|request| request.timing.round_trip(now));
                self.stats.responses_received += 1;
                if let Some(pair) = self.checklist.get_mut(pair) {
                    pair.heard = Some(now);
                    pair.qualified = true;
                    pair.counters.responses_received += 1;
                    if let Some(sample) = round_trip {
                        pair.measure(sample);
                    }
                }
                match outcome {
                    Ok(mapped) => self.on_success(now, pair, kind, role, mapped),
                    Err(code) => self.on_error(pair, kind, role, code),
                }
                Ok(())
            }
        }
    }

    fn on_success(&mut self, now: Instant, id: PairId, kind: CheckKind, role: Role, mapped: SocketAddr) {
        let expires = now + self.consent_expiry();
        let next_check = now + self.consent_interval();
        let ours = self.role;
        let Some(pair) = self.checklist.get_mut(id) else { return };
        // RFC 7675, Section 5.1: responses after consent has expired do not re-establish it.
        if pair.state == PairState::Revoked {
            return;
        }
        let next_check = match pair.state {
            PairState::Succeeded(Consent::Answered { next_check, .. }) => next_check,
            _ => next_check,
        };
        pair.state = PairState::Succeeded(Consent::Answered { expires, next_check });
        pair.mapped = Some(mapped);
        let was_nominated = pair.nomination.is_some();
        match (ours, role, kind) {
            (Role::Controlling, Role::Controlling, CheckKind::Nomination) => {
                pair.nomination = pair.nomination.or(Some(0));
                pair.refused_nomination = false;
            }
            // RFC 8445, Section 7.3.1.5: the nomination waited for our own check.
            (Role::Controlled, _, _) => {
                if let Some(value) = pair.pending_nomination.take() {
                    pair.nomination = pair.nomination.max(Some(value));
                }
            }
            _ => {}
        }
        let nominated = pair.nomination.is_some() && !was_nominated;
        let foundation = pair.foundation();
        self.progress.first_valid.get_or_insert(now);
        self.checklist.thaw(foundation);
        self.requests.remove_where(|request| request.is_check(id, CheckKind::Recheck));
        self.cancel_checks(now, id);
        if nominated {
            self.conclude(now);
        }
    }

    fn on_error(&mut self, id: PairId, kind: CheckKind, role: Role, code: ErrorCode) {
        if code == ErrorCode::ROLE_CONFLICT {
            // RFC 8445, Section 7.2.5.1: change the role, unless that has happened since, and check again.
            if self.role == role && !self.config.lite {
                self.take_role(role.opposite());
            }
            if let Some(pair) = self.checklist.get_mut(id)
                && pair.state == PairState::InProgress
            {
                pair.state = PairState::Waiting;
                self.checklist.trigger(id);
            }
            return;
        }
        if code == ErrorCode::FORBIDDEN && matches!(kind, CheckKind::Consent | CheckKind::Recheck) {
            self.revoke(id);
            return;
        }
        match self.checklist.get_mut(id) {
            // RFC 8445, Section 7.2.5.2.4: any other error fails the pair.
            Some(pair) if pair.state == PairState::InProgress => pair.state = PairState::Failed,
            _ if kind == CheckKind::Nomination => self.on_nomination_refused(id),
            _ => {}
        }
    }
}
