//! Our own checks: their pacing, their text, their answers (RFC 8445, Sections 6.1.4.2, 7.2 and 14).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use duologue_stun::{
    AttributeType, Class, ErrorCode, Message, Method, Retransmission, Transaction, TransactionId,
    TransactionStep, WriteError, Writer, canonical, write_binding_request,
};
use rand_core::Rng;

use crate::agent::Agent;
use crate::attempts::CHECK_LIFE;
use crate::base::Admission;
use crate::event::{Discard, ServerError};
use crate::handover::RESERVE_PACING;
use crate::pair::{Consent, Link, Pair, PairState};
use crate::path::{PairId, SourceId, Transmit};
use crate::role::Role;
use crate::session::Session;
use crate::shared::{SessionId, Shared};
use crate::timer::Timer;
use crate::transaction::{CheckKind, Outgoing, Purpose, Request, Response, ResponseKind};

/// RFC 8445, Section 14.2: Ta is at least 5 ms.
pub(crate) const MIN_PACING: Duration = Duration::from_millis(5);
/// RFC 8445, Section 14.3: "Agents MUST NOT use an RTO value smaller than 500 ms."
const MIN_RTO: Duration = Duration::from_millis(500);
/// How long the answer to a check is waited for: longer than any round trip. Meanwhile others leave.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How many triggered checks leave in a row while others wait.
const MAX_TRIGGERED_RUN: u8 = 16;
/// How many checks may leave 5 ms apart because the peer has set them going.
const FAST_TRIGGERED: u32 = 100;
/// How long the answer to a cancelled request still counts.
const CANCELLED_LIFE: Duration = Duration::from_secs(3);

impl Agent {
    /// When the next new request of either session may leave, should there be one.
    pub(crate) fn next_pace(&self) -> Option<Instant> {
        let shared = &self.shared;
        let checks = self.session.progress.checks;
        let is_triggered =
            checks < FAST_TRIGGERED && self.sessions().any(|session| session.has_triggered(shared));
        let is_fast = checks < u32::from(shared.config.fast_checks);
        let gap =
            if is_triggered || shared.has_query_due() || is_fast { MIN_PACING } else { shared.pacing() };
        let due = if shared.has_query_due() || self.sessions().any(|session| session.has_check(shared)) {
            shared.now
        } else {
            let again = self.sessions().filter_map(|session| session.next_attempt(shared));
            again.chain(self.sessions().filter_map(|session| session.reserve_due(shared))).min()?
        };
        Some(shared.last_check.map_or(due, |last| due.max(last + gap)))
    }

    /// Starts one request if its time has come: a triggered check, a question to a server, or an ordinary check
    /// (RFC 8445, Section 6.1.4.2). After a run of triggered checks the others have a turn: behind NATs that show a new
    /// address with each datagram there is always one more. Of two sessions the newest comes first.
    pub(crate) fn pace(&mut self, now: Instant) {
        if self.next_pace().is_none_or(|at| now < at) {
            return;
        }
        let Self { shared, session, previous, .. } = self;
        let mut previous = previous.as_deref_mut();
        let run = std::mem::take(&mut shared.triggered_run);
        let started = if run < MAX_TRIGGERED_RUN && start_triggered(shared, session, previous.as_deref_mut())
        {
            shared.triggered_run = run + 1;
            true
        } else {
            shared.start_query(now)
                || session.start_ordinary(shared)
                || previous.as_deref_mut().is_some_and(|session| session.start_ordinary(shared))
                || session.try_again(shared)
                || previous.as_deref_mut().is_some_and(|session| session.try_again(shared))
                || start_triggered(shared, session, previous)
                || session.start_reserve(shared)
        };
        if started {
            session.progress.checks = session.progress.checks.saturating_add(1);
        }
        // Without room in the table the next attempt is a pace later too.
        shared.last_check = Some(now);
    }

    pub(crate) fn write_next(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        // What permits the peers of relayed pairs leaves before their checks.
        let first = self.write_relays(now, max_len, out).or_else(|| self.write_query(max_len, out));
        if first.is_some() {
            return first;
        }
        loop {
            let outgoing = self.shared.requests.next_outgoing()?;
            let start = out.len();
            let Some(to) = self.write(&outgoing, out) else {
                out.truncate(start);
                continue;
            };
            let Some(path) = self.shared.seal(to, out, start) else {
                // It counts as lost on its way: what is sent again will find the way open, or gone.
                if let Outgoing::Request(id) = outgoing {
                    self.begin_attempt(now, id);
                }
                continue;
            };
            let len = out.len() - start;
            if len > max_len {
                out.truncate(start);
                self.shared.requests.put_back(outgoing);
                return None;
            }
            self.shared.stats.datagrams_sent += 1;
            self.shared.stats.bytes_sent += len as u64;
            self.on_written(now, &outgoing);
            return Some(Transmit { path, len });
        }
    }

    /// Appends a message behind the headroom of where it goes.
    fn write(&self, outgoing: &Outgoing, out: &mut Vec<u8>) -> Option<SourceId> {
        let (to, written) = match outgoing {
            Outgoing::Response(response) => {
                let session = self.session_by_id(response.session)?;
                out.resize(out.len() + self.shared.headroom(response.to), 0);
                (response.to, session.write_response(response, out))
            }
            Outgoing::Request(id) => {
                let request = self.shared.requests.get(*id).filter(|request| request.cancelled.is_none())?;
                out.resize(out.len() + self.shared.headroom(request.to), 0);
                (request.to, self.write_request(request, out)?)
            }
        };
        written.is_ok().then_some(to)
    }

    /// A request has left, or was lost on its way out: its answer, and the pair's next check, are waited for from now on.
    fn begin_attempt(&mut self, now: Instant, id: TransactionId) {
        let pacing = self.shared.pacing();
        let Some(request) = self.shared.requests.get_mut(id) else { return };
        request.timing.on_sent(now);
        if let Purpose::Check { session, pair, kind, .. } = request.purpose
            && let Some((session, shared)) = self.split(session)
        {
            let is_reserve = session.has_nominated(shared) && kind == CheckKind::Connectivity;
            session.begin_attempt(
                now,
                pair,
                kind,
                if is_reserve { pacing.max(RESERVE_PACING) } else { pacing },
            );
        }
        self.timers.set(Timer::Transaction, self.shared.requests.next_deadline());
        self.timers.set(Timer::Pacing, self.next_pace());
    }

    fn on_written(&mut self, now: Instant, outgoing: &Outgoing) {
        match *outgoing {
            Outgoing::Response(Response { session, to, .. }) => {
                self.shared.stats.responses_sent += 1;
                if let Some((session, _)) = self.split(session)
                    && let Some(pair) = session.checklist.iter_mut().find(|pair| pair.source() == to)
                {
                    pair.counters.responses_sent += 1;
                }
            }
            Outgoing::Request(id) => {
                self.begin_attempt(now, id);
                let Some(request) = self.shared.requests.get(id) else { return };
                let again = u64::from(request.timing.transmissions() > 1);
                let Purpose::Check { session, pair, kind, .. } = request.purpose else { return };
                let consent = u64::from(kind == CheckKind::Consent);
                self.shared.stats.requests_sent += 1;
                self.shared.stats.consent_requests_sent += consent;
                if let Some((session, _)) = self.split(session)
                    && let Some(pair) = session.checklist.get_mut(pair)
                {
                    pair.counters.requests_sent += 1;
                    pair.counters.retransmissions_sent += again;
                    pair.counters.consent_requests_sent += consent;
                }
            }
        }
    }

    fn write_request(&self, request: &Request, out: &mut Vec<u8>) -> Option<Result<usize, WriteError>> {
        match request.purpose {
            Purpose::Gather { .. } => Some(write_binding_request(out, request.id)),
            Purpose::Check { session, pair, kind, role } => {
                let session = self.session_by_id(session)?;
                session.write_check(&self.shared, request.id, pair, kind, role, out)
            }
        }
    }

    pub(crate) fn on_transactions_due(&mut self, now: Instant) {
        while let Some(id) = self.shared.requests.due(now) {
            let Some(request) = self.shared.requests.get_mut(id) else { break };
            let step = match request.cancelled {
                Some(_) => {
                    let _ = self.shared.requests.remove(id);
                    continue;
                }
                None => request.timing.handle_timeout(now),
            };
            match step {
                TransactionStep::Retransmit => self.shared.requests.requeue(id),
                TransactionStep::TimedOut | TransactionStep::Wait => {
                    if let Some(request) = self.shared.requests.remove(id) {
                        self.on_timed_out(&request);
                    }
                }
            }
        }
    }

    fn on_timed_out(&mut self, request: &Request) {
        match request.purpose {
            Purpose::Gather { interface, server } => {
                self.shared.on_query_failed(interface, server, ServerError::Silent);
            }
            Purpose::Check { session, pair, kind, .. } => {
                if let Some((session, shared)) = self.split(session) {
                    session.on_timed_out(shared, pair, kind);
                }
            }
        }
    }

    /// RFC 8445, Section 7.2.5; a response from elsewhere than the request went to changes nothing, since it may be
    /// a replay.
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        source: SourceId,
        message: &Message<'_>,
    ) -> Result<(), Discard> {
        let request =
            self.shared.requests.get(message.transaction_id()).ok_or(Discard::UnknownTransaction)?;
        if request.to != source {
            return Err(Discard::WrongSource);
        }
        if request.timing.transmissions() == 0 {
            return Err(Discard::UnknownTransaction);
        }
        match request.purpose {
            Purpose::Gather { interface, server } => {
                let _ = self.shared.requests.remove(message.transaction_id());
                self.on_query_answered(now, interface, server, message)
            }
            Purpose::Check { session, pair, kind, role } => {
                let (session, shared) = self.split(session).ok_or(Discard::UnknownTransaction)?;
                session.on_response(shared, now, (pair, kind, role), message)
            }
        }
    }

    fn session_by_id(&self, id: SessionId) -> Option<&Session> {
        self.sessions().find(|session| session.id == id)
    }

    fn split(&mut self, id: SessionId) -> Option<(&mut Session, &mut Shared)> {
        let Self { shared, session, previous, .. } = self;
        let mut sessions = std::iter::once(session).chain(previous.as_deref_mut());
        Some((sessions.find(|session| session.id == id)?, shared))
    }
}

fn start_triggered(shared: &mut Shared, newest: &mut Session, previous: Option<&mut Session>) -> bool {
    newest.start_triggered(shared) || previous.is_some_and(|session| session.start_triggered(shared))
}

impl Shared {
    /// Ta.
    pub(crate) fn pacing(&self) -> Duration {
        self.config.pacing.max(MIN_PACING)
    }

    pub(crate) fn retransmission(&self) -> Retransmission {
        Retransmission { rto: self.config.rto.max(MIN_RTO), ..Retransmission::default() }
    }
}

impl Session {
    pub(crate) fn can_check(&self, shared: &Shared) -> bool {
        self.remote.is_some() && !shared.config.lite && !self.progress.quiet && !self.has_failed()
    }

    fn has_triggered(&self, shared: &Shared) -> bool {
        self.can_check(shared) && self.checklist.has_triggered()
    }

    fn has_check(&self, shared: &Shared) -> bool {
        self.has_triggered(shared) || self.ordinary(shared).is_some()
    }

    /// The next ordinary check. None while a nominated pair works (RFC 8445, Section 8.1.2).
    fn ordinary(&self, shared: &Shared) -> Option<PairId> {
        if !self.can_check(shared) || self.has_nominated(shared) {
            return None;
        }
        self.checklist.next_ordinary()
    }

    fn start_triggered(&mut self, shared: &mut Shared) -> bool {
        while self.can_check(shared) {
            let Some(id) = self.checklist.next_triggered() else { break };
            let waits = self.checklist.get(id).is_some_and(|pair| pair.state == PairState::Waiting);
            if waits && self.start_check(shared, id, CheckKind::Connectivity) {
                return true;
            }
        }
        false
    }

    fn start_ordinary(&mut self, shared: &mut Shared) -> bool {
        self.ordinary(shared).is_some_and(|id| self.start_check(shared, id, CheckKind::Connectivity))
    }

    /// When a pair whose check is unanswered is to be checked again, or given up.
    fn next_attempt(&self, shared: &Shared) -> Option<Instant> {
        if !self.can_check(shared) {
            return None;
        }
        let open = self.checklist.iter().filter(|pair| pair.state == PairState::InProgress);
        open.filter_map(|pair| pair.attempts.next()).min()
    }

    fn begin_attempt(&mut self, now: Instant, pair: PairId, kind: CheckKind, pacing: Duration) {
        let Some(pair) = self.checklist.get_mut(pair) else { return };
        let pacing = (pair.link != Link::Stream).then_some(pacing);
        match kind {
            CheckKind::Connectivity => pair.attempts.begin(now, pacing),
            CheckKind::Nomination => {
                pair.nominations.begin(now, pacing);
                self.timers.set(Timer::Nomination, pair.nominations.next());
            }
            CheckKind::Consent | CheckKind::Recheck => {}
        }
    }

    /// Checks the pair again whose turn came first, and gives up those that have had their time.
    fn try_again(&mut self, shared: &mut Shared) -> bool {
        if !self.can_check(shared) {
            return false;
        }
        let now = shared.now;
        let is_open = |pair: &&mut Pair| pair.state == PairState::InProgress && pair.attempts.are_over(now);
        self.checklist.iter_mut().filter(is_open).for_each(Pair::fail);
        let open = self.checklist.iter().filter(|pair| pair.state == PairState::InProgress);
        let due = open.filter(|pair| pair.attempts.next().is_some_and(|next| next <= now));
        let next = due.min_by_key(|pair| pair.attempts.next()).map(|pair| pair.id);
        next.is_some_and(|id| self.start_check(shared, id, CheckKind::Connectivity))
    }

    /// Decides a check of a pair; its bytes are written when they can leave.
    pub(crate) fn start_check(&mut self, shared: &mut Shared, pair: PairId, kind: CheckKind) -> bool {
        if !shared.requests.has_room() || !self.can_check(shared) {
            return false;
        }
        let id = shared.random_id();
        let retransmission = shared.retransmission();
        let role = shared.role;
        let Some(pair) = self.checklist.get_mut(pair) else { return false };
        match shared.admit(pair.source()) {
            Admission::Ready => {}
            Admission::Opening => {
                pair.state = PairState::InProgress;
                return true;
            }
            Admission::Refused => {
                pair.fail();
                return false;
            }
        }
        let retransmission = match kind {
            CheckKind::Connectivity | CheckKind::Nomination => Retransmission::once(ANSWER_WAIT),
            // RFC 7675, Section 5.1: transmitted once; awaited for a time based on the round-trip time.
            CheckKind::Consent => {
                let wait = pair.round_trip.unwrap_or_default().saturating_mul(3);
                Retransmission::once(wait.clamp(Duration::from_secs(1), Duration::from_secs(3)))
            }
            CheckKind::Recheck => {
                Retransmission { longest_wait: Duration::from_secs(1), last_wait: 2, ..retransmission }
            }
        };
        // RFC 8489, Section 6.2.2: what goes on a stream is sent once.
        let retransmission = match pair.link {
            Link::Stream if kind != CheckKind::Consent => Retransmission::once(CHECK_LIFE),
            _ => retransmission,
        };
        match kind {
            CheckKind::Connectivity => pair.attempts.decide(),
            CheckKind::Nomination => pair.nominations.decide(),
            CheckKind::Consent | CheckKind::Recheck => {}
        }
        if !pair.is_valid() {
            pair.state = PairState::InProgress;
        }
        let to = pair.source();
        let purpose = Purpose::Check { session: self.id, pair: pair.id, kind, role };
        let timing = Transaction::new(retransmission);
        shared.requests.start(Request { id, to, purpose, timing, cancelled: None });
        true
    }

    fn write_check(
        &self,
        shared: &Shared,
        id: TransactionId,
        pair: PairId,
        kind: CheckKind,
        role: Role,
        out: &mut Vec<u8>,
    ) -> Option<Result<usize, WriteError>> {
        let pair = self.checklist.get(pair)?;
        let remote = self.remote.as_ref()?;
        let mut writer = Writer::new(out, Class::Request, Method::BINDING, id)
            .username(remote.credentials.ufrag().as_bytes(), self.local.ufrag().as_bytes())
            .priority(pair.peer_reflexive_priority());
        if pair.network_cost != 0 {
            writer = writer.network_cost(pair.network_cost);
        }
        writer = match role {
            Role::Controlling => writer.ice_controlling(shared.tie_breaker),
            Role::Controlled => writer.ice_controlled(shared.tie_breaker),
        };
        if kind == CheckKind::Nomination {
            writer = writer.use_candidate();
        }
        if let Some(value) = self.nomination_value(pair, kind, role) {
            writer = writer.attribute(AttributeType::NOMINATION, &value.to_be_bytes());
        }
        Some(writer.integrity(&*remote.key).fingerprint().finish())
    }

    fn write_response(&self, response: &Response, out: &mut Vec<u8>) -> Result<usize, WriteError> {
        let Response { id, to, .. } = *response;
        let class = match response.kind {
            ResponseKind::Success => Class::Success,
            ResponseKind::Error(_) | ResponseKind::Unknown { .. } => Class::Error,
        };
        let writer = Writer::new(out, class, Method::BINDING, id);
        let writer = match response.kind {
            ResponseKind::Success => writer.xor_mapped_address(to.remote),
            ResponseKind::Error(code) => writer.error_code(code),
            ResponseKind::Unknown { types, count } => writer
                .error_code(ErrorCode::UNKNOWN_ATTRIBUTE)
                .unknown_attributes(types.get(..count).unwrap_or_default()),
        };
        writer.integrity(&*self.local_key).fingerprint().finish()
    }

    fn on_timed_out(&mut self, shared: &mut Shared, pair: PairId, kind: CheckKind) {
        match kind {
            CheckKind::Consent => self.recheck(shared, pair),
            // Others have left in the meantime, and the pair knows when to give up.
            CheckKind::Connectivity | CheckKind::Nomination | CheckKind::Recheck => {}
        }
    }

    /// RFC 8445, Section 7.3.1.4: a check in progress gives way to a triggered one.
    pub(crate) fn cancel_checks(&self, shared: &mut Shared, now: Instant, pair: PairId) {
        shared
            .requests
            .cancel_where(now + CANCELLED_LIFE, |request| request.is_check(pair, CheckKind::Connectivity));
    }

    fn on_response(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        (pair, kind, role): (PairId, CheckKind, Role),
        message: &Message<'_>,
    ) -> Result<(), Discard> {
        let remote = self.remote.as_ref().ok_or(Discard::NotReady)?;
        message.verify_fingerprint().map_err(|_| Discard::BadFingerprint)?;
        message.verify_integrity(&*remote.key).map_err(|_| Discard::BadIntegrity)?;
        let outcome = match (message.class(), message.mapped_address(), message.error_code()) {
            (Class::Success, Some(mapped), _) => Ok(canonical(mapped)),
            (Class::Error, _, Some((code, _))) => Err(code),
            _ => return Err(Discard::Malformed),
        };
        let request = shared.requests.remove(message.transaction_id());
        let round_trip = request.and_then(|request| request.timing.round_trip(now));
        shared.stats.responses_received += 1;
        if let Some(pair) = self.checklist.get_mut(pair) {
            pair.heard = Some(now);
            pair.qualified = true;
            pair.counters.responses_received += 1;
            if let Some(sample) = round_trip {
                pair.measure(sample);
            }
        }
        match outcome {
            Ok(mapped) => self.on_success(shared, now, pair, kind, role, mapped),
            Err(code) => self.on_error(shared, pair, kind, role, code),
        }
        Ok(())
    }

    fn on_success(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        id: PairId,
        kind: CheckKind,
        role: Role,
        mapped: SocketAddr,
    ) {
        let expires = now + shared.consent_expiry();
        let next_check = now + shared.consent_interval();
        let ours = shared.role;
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
                let value = if self.nominated.is_agreed { self.nominated.value } else { 0 };
                pair.nominate(now, value);
                pair.refused_nomination = false;
            }
            // RFC 8445, Section 7.3.1.5: the nomination waited for our own check.
            (Role::Controlled, _, _) => {
                if let Some(value) = pair.pending_nomination.take() {
                    pair.nominate(now, value);
                }
            }
            _ => {}
        }
        let nominated = pair.nomination.is_some() && !was_nominated;
        self.progress.first_valid.get_or_insert(now);
        shared.requests.remove_where(|request| request.is_check(id, CheckKind::Recheck));
        self.cancel_checks(shared, now, id);
        if nominated {
            self.conclude(shared, now);
        }
    }

    fn on_error(&mut self, shared: &mut Shared, id: PairId, kind: CheckKind, role: Role, code: ErrorCode) {
        if code == ErrorCode::ROLE_CONFLICT {
            // RFC 8445, Section 7.2.5.1: change the role and the tie-breaker, unless that has happened since, and check
            // again.
            if shared.role == role && !shared.config.lite {
                shared.tie_breaker = shared.rng.next_u64();
                self.take_role(shared, role.opposite());
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
            self.revoke(shared, id);
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
