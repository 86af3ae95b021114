//! The peer's checks: what they prove, what they are answered, what they set going (RFC 8445, Section 7.3).
//!
//! A request is believed when its MESSAGE-INTEGRITY is made with our password. Before that nothing changes but a
//! counter, and no error is answered: a forger gets no reaction.

use std::time::Instant;

use duologue_stun::{
    Attribute, AttributeType, Class, ErrorCode, IntegrityError, Message, Method, TransactionId,
};

use crate::agent::{Agent, without_scope};
use crate::candidate::{Kind, RemoteCandidate, is_usable};
use crate::event::Discard;
use crate::pair::{Consent, Link, Pair, PairState};
use crate::path::{PairId, Path, Received, SourceId};
use crate::remote::new_pair;
use crate::role::{Conflict, Role, conflict};
use crate::session::Session;
use crate::shared::Shared;
use crate::transaction::{MAX_UNKNOWN, Response, ResponseKind};

/// How many requests are remembered to tell replays.
const RECENT: usize = 128;
/// How many pairs the peer may show before its credentials are known.
const MAX_EARLY: usize = 16;

/// What a check says beside its user name.
#[derive(Debug, Clone, Copy)]
struct Check {
    priority: u32,
    role: Option<(Role, u64)>,
    nomination: Option<u32>,
    /// What the peer says its network costs.
    cost: u16,
}

impl Agent {
    /// Takes a datagram: STUN, payload, or what a TURN server says or has wrapped.
    pub(crate) fn receive<'d>(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Discard> {
        if self.is_closed() {
            return Err(Discard::Closed);
        }
        // RFC 7983, Section 7: a first byte of 0 to 3 is STUN.
        let is_stun = datagram.first().is_some_and(|first| *first < 4);
        if !is_stun
            && let Some(pair) = self.selected_pair()
            && pair.path == path
            && pair.link != Link::Relayed
        {
            return Ok(Received::Payload {
                source: pair.source(),
                qualified: pair.qualified,
                bytes: datagram,
            });
        }
        if let Some(stream) = self.shared.query_at(path) {
            return self.on_stream_answer(stream, datagram).map(|()| Received::Consumed);
        }
        let (source, bytes) = match self.shared.relay_at(path, datagram) {
            Some(relay) => match self.unframe(now, relay, datagram)? {
                Some(unwrapped) => unwrapped,
                None => return Ok(Received::Consumed),
            },
            None => (self.shared.source_of(path).ok_or(Discard::UnknownInterface)?, datagram),
        };
        if bytes.first().is_some_and(|first| *first < 4) {
            return self.receive_stun(now, source, bytes).map(|()| Received::Consumed);
        }
        let mut pairs = self.sessions().filter_map(|session| session.checklist.at(source));
        let qualified = pairs.any(|pair| pair.qualified);
        Ok(Received::Payload { source, qualified, bytes })
    }

    fn receive_stun(&mut self, now: Instant, source: SourceId, datagram: &[u8]) -> Result<(), Discard> {
        let message = Message::parse(datagram).map_err(|_| Discard::Malformed)?;
        if self.is_over() {
            return Err(Discard::NotReady);
        }
        if message.method() != Method::BINDING {
            return Err(Discard::Unsupported);
        }
        // RFC 8445, Section 7.1: checks carry FINGERPRINT. An answer of a STUN server need not.
        let fingerprint = message.verify_fingerprint();
        if fingerprint == Err(IntegrityError::Mismatch) {
            return Err(Discard::BadFingerprint);
        }
        match message.class() {
            Class::Request if fingerprint.is_err() => Err(Discard::BadFingerprint),
            Class::Request => self.on_request(now, source, &message),
            Class::Success | Class::Error => self.on_response(now, source, &message),
            // RFC 8445, Section 11: a keep-alive, which asks for nothing.
            Class::Indication => Ok(()),
        }
    }

    fn on_request(&mut self, now: Instant, source: SourceId, message: &Message<'_>) -> Result<(), Discard> {
        let user = message.username_local();
        let Self { shared, session, previous, .. } = self;
        let mut sessions = std::iter::once(session).chain(previous.as_deref_mut());
        let session = sessions.find(|session| user == Some(session.local.ufrag().as_bytes()));
        session.ok_or(Discard::UnknownUser)?.on_request(shared, now, source, message)
    }
}

impl Session {
    fn on_request(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        source: SourceId,
        message: &Message<'_>,
    ) -> Result<(), Discard> {
        if self.has_failed() {
            return Err(Discard::NotReady);
        }
        if !shared.base(source.base).is_some_and(|base| self.admits(base)) {
            return Err(Discard::Policy);
        }
        message.verify_integrity(&*self.local_key).map_err(|_| Discard::BadIntegrity)?;
        let (session, id) = (self.id, message.transaction_id());
        let seen = shared.recent.iter().find(|(other, _)| *other == id).map(|(_, source)| *source);
        if seen.is_some_and(|seen| seen != source) {
            return Err(Discard::Replayed);
        }
        let check = match read_check(message) {
            Ok(check) => check,
            Err(kind) => return shared.respond(Response { session, id, to: source, kind }),
        };
        if seen.is_some() {
            // A retransmission: the answer alone, as it would be now.
            return shared.respond(Response { session, id, to: source, kind: shared.judge(&check).1 });
        }
        let (verdict, kind) = shared.judge(&check);
        if !is_usable(source.remote) {
            return Err(Discard::WrongSource);
        }
        if verdict == Conflict::Switch {
            self.take_role(shared, shared.role.opposite());
        }
        shared.respond(Response { session, id, to: source, kind })?;
        shared.remember(id, source);
        shared.stats.requests_received += 1;
        self.progress.asked = true;
        let pair =
            self.shown_pair(shared, now, source, (check.priority, check.cost)).ok_or(Discard::Limit)?;
        if let Some(pair) = self.checklist.get_mut(pair) {
            pair.heard = Some(now);
            pair.qualified = true;
            pair.counters.requests_received += 1;
        }
        if verdict != Conflict::Refuse {
            self.follow_up(shared, now, pair, check.nomination);
        }
        Ok(())
    }

    /// The pair that a check came on; a new one when its source is new (RFC 8445, Sections 7.3.1.3 and 7.3.1.4).
    fn shown_pair(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        source: SourceId,
        (priority, cost): (u32, u16),
    ) -> Option<PairId> {
        if let Some(pair) = self.checklist.at(source) {
            return Some(pair.id);
        }
        let early =
            self.remote.is_none() && self.checklist.iter().filter(|pair| pair.qualified).count() >= MAX_EARLY;
        if early {
            return None;
        }
        let address = without_scope(source.remote);
        let base = shared.base(source.base)?;
        let protocol = base.kind.protocol().opposite();
        let is_known = |known: &RemoteCandidate| known.address == address && known.protocol == protocol;
        let known = self.remotes.iter().position(is_known);
        let found = RemoteCandidate { protocol, address, kind: Kind::PeerReflexive, priority, cost };
        let pair = match known.and_then(|index| self.remotes.get(index)) {
            Some(known) => new_pair(shared, base, known),
            None => new_pair(shared, base, &found),
        };
        if known.is_none() && self.remotes.len() < usize::from(shared.config.max_remote_candidates) {
            self.remotes.push(found);
        }
        if self.remote.is_some() && !self.progress.checking {
            self.start_checking(shared, now);
        }
        self.checklist.insert(shared, pair, true)
    }

    /// RFC 8445, Sections 7.3.1.4 and 7.3.1.5: a triggered check, and the peer's nomination.
    fn follow_up(&mut self, shared: &mut Shared, now: Instant, id: PairId, nomination: Option<u32>) {
        if let Some(value) = nomination.filter(|_| shared.role == Role::Controlling) {
            self.on_asked(shared, now, id, value);
        }
        // A value that is not larger than all before is that of a late datagram, or of a check sent again.
        let is_known = |pair: &Pair, value| pair.nomination.max(pair.pending_nomination) == Some(value);
        let counts = |value: &u32| {
            *value == 0
                || *value > self.nominated.value
                || self.checklist.get(id).is_some_and(|pair| is_known(pair, *value))
        };
        let nomination = nomination.filter(|_| shared.role == Role::Controlled).filter(counts);
        self.nominated.value = self.nominated.value.max(nomination.unwrap_or_default());
        let expires = now + shared.consent_expiry();
        let lite = shared.config.lite;
        if shared.role == Role::Controlled && nomination.is_none() {
            self.withdraw_superseded(id);
        }
        let Some(pair) = self.checklist.get_mut(id) else { return };
        if lite {
            // RFC 8445, Section 8.2: a lite agent takes what it is shown.
            if pair.state != PairState::Revoked {
                pair.state = PairState::Succeeded(Consent::Asked { expires });
                nomination.into_iter().for_each(|value| pair.nominate(now, value));
                self.progress.first_valid.get_or_insert(now);
            }
            return;
        }
        match pair.state {
            PairState::Revoked => {}
            PairState::Succeeded(_) => {
                let first = pair.nomination.is_none();
                nomination.into_iter().for_each(|value| pair.nominate(now, value));
                if first && nomination.is_some() {
                    self.conclude(shared, now);
                    if self.progress.selected.is_some_and(|selected| selected != id) {
                        // Two plain nominations do not say which is the later one.
                        self.start_trial(shared, now, Some(id));
                    }
                }
            }
            PairState::InProgress | PairState::Waiting | PairState::Failed => {
                pair.pending_nomination = pair.pending_nomination.max(nomination);
                if shared.requests.has_unsent(id) {
                    return;
                }
                match pair.state {
                    PairState::Failed => pair.begin_anew(),
                    _ => pair.state = PairState::Waiting,
                }
                self.cancel_checks(shared, now, id);
                self.checklist.trigger(id);
            }
        }
    }
}

impl Shared {
    fn respond(&mut self, response: Response) -> Result<(), Discard> {
        if self.requests.respond(response) { Ok(()) } else { Err(Discard::Limit) }
    }

    fn remember(&mut self, id: TransactionId, source: SourceId) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((id, source));
    }

    /// RFC 8445, Section 7.3.1.1: the roles compared, and the answer that follows.
    fn judge(&self, check: &Check) -> (Conflict, ResponseKind) {
        let verdict = match check.role {
            Some((role, tie)) => conflict(self.role, self.tie_breaker, role, tie),
            None => Conflict::None,
        };
        match verdict {
            // A lite agent cannot control: it leaves the change to its peer.
            Conflict::Switch if self.config.lite => {
                (Conflict::Refuse, ResponseKind::Error(ErrorCode::ROLE_CONFLICT))
            }
            Conflict::Refuse => (verdict, ResponseKind::Error(ErrorCode::ROLE_CONFLICT)),
            Conflict::Switch | Conflict::None => (verdict, ResponseKind::Success),
        }
    }
}

/// An authentic request's attributes, or the error that they are answered with.
fn read_check(message: &Message<'_>) -> Result<Check, ResponseKind> {
    // RFC 8489, Section 6.3.1: unknown comprehension-required attributes are answered with 420.
    let mut unknown = message.unknown_attributes().peekable();
    if unknown.peek().is_some() {
        let mut types = [AttributeType(0); MAX_UNKNOWN];
        let mut count = 0;
        for (to, from) in types.iter_mut().zip(unknown) {
            *to = from;
            count += 1;
        }
        return Err(ResponseKind::Unknown { types, count });
    }
    let mut check = Check { priority: 0, role: None, nomination: None, cost: 0 };
    for raw in message.attributes() {
        let attribute = match raw.decode() {
            Ok(attribute) => attribute,
            Err(_) if raw.attribute.is_comprehension_required() => {
                return Err(ResponseKind::Error(ErrorCode::BAD_REQUEST));
            }
            Err(_) => continue,
        };
        match attribute {
            Attribute::Priority(priority) => check.priority = priority,
            Attribute::IceControlling(tie) => check.role = Some((Role::Controlling, tie)),
            Attribute::IceControlled(tie) => check.role = Some((Role::Controlled, tie)),
            Attribute::NetworkCost(value) => check.cost = (value & 0xffff) as u16,
            Attribute::UseCandidate => check.nomination = check.nomination.or(Some(0)),
            Attribute::Nomination(value) => check.nomination = check.nomination.max(Some(value)),
            _ => {}
        }
    }
    // RFC 8445, Section 7.1.1: PRIORITY MUST be included.
    if check.priority == 0 { Err(ResponseKind::Error(ErrorCode::BAD_REQUEST)) } else { Ok(check) }
}
