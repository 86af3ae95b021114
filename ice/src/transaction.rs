//! Requests in flight, and what waits to be written.

use std::collections::VecDeque;
use std::time::Instant;

use duologue_stun::{AttributeType, ErrorCode, Transaction, TransactionId};

use crate::event::TransactionReport;
use crate::path::{InterfaceId, PairId, SourceId};
use crate::role::Role;
use crate::shared::SessionId;

/// A request that has been decided, sent or not.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: TransactionId,
    pub(crate) to: SourceId,
    pub(crate) purpose: Purpose,
    pub(crate) timing: Transaction,
    /// RFC 8445, Section 7.3.1.4: no longer sent again nor failing, but its answer counts until then.
    pub(crate) cancelled: Option<Instant>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A check of a pair.
    Check {
        session: SessionId,
        pair: PairId,
        kind: CheckKind,
        /// The role that it claims.
        role: Role,
    },
    /// A question to a STUN server.
    Gather { interface: InterfaceId, server: usize },
}

/// Why a pair is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckKind {
    /// To learn whether it works.
    Connectivity,
    /// To nominate it.
    Nomination,
    /// To keep consent.
    Consent,
    /// A consent check went unanswered.
    Recheck,
}

impl Request {
    fn deadline(&self) -> Option<Instant> {
        self.cancelled.or_else(|| self.timing.poll_timeout())
    }

    pub(crate) const fn pair(&self) -> Option<PairId> {
        match self.purpose {
            Purpose::Check { pair, .. } => Some(pair),
            Purpose::Gather { .. } => None,
        }
    }

    /// The session whose check it is.
    pub(crate) const fn session(&self) -> Option<SessionId> {
        match self.purpose {
            Purpose::Check { session, .. } => Some(session),
            Purpose::Gather { .. } => None,
        }
    }

    pub(crate) const fn is_gathering(&self) -> bool {
        matches!(self.purpose, Purpose::Gather { .. })
    }

    pub(crate) const fn is_nomination(&self) -> bool {
        matches!(self.purpose, Purpose::Check { kind: CheckKind::Nomination, .. })
    }

    pub(crate) fn is_check(&self, of: PairId, wanted: CheckKind) -> bool {
        matches!(self.purpose, Purpose::Check { pair, kind, .. } if pair == of && kind == wanted)
    }
}

/// An answer owed to the peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Response {
    pub(crate) session: SessionId,
    pub(crate) id: TransactionId,
    pub(crate) to: SourceId,
    pub(crate) kind: ResponseKind,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ResponseKind {
    Success,
    Error(ErrorCode),
    /// 420 with the types that were not understood, the first `count` of them.
    Unknown {
        types: [AttributeType; MAX_UNKNOWN],
        count: usize,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Outgoing {
    Request(TransactionId),
    Response(Response),
}

/// How many unknown types a 420 names.
pub(crate) const MAX_UNKNOWN: usize = 8;
const MAX_REQUESTS: usize = 256;
const MAX_RESPONSES: usize = 64;
const MAX_REPORTS: usize = 512;

/// The table of requests in flight and the queue of what is to be written.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    requests: Vec<Request>,
    outbox: VecDeque<Outgoing>,
    responses: usize,
    reports: VecDeque<TransactionReport>,
}

impl Requests {
    pub(crate) fn get(&self, id: TransactionId) -> Option<&Request> {
        self.requests.iter().find(|request| request.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: TransactionId) -> Option<&mut Request> {
        self.requests.iter_mut().find(|request| request.id == id)
    }

    /// Whether a check of this kind is on its way, a cancelled one aside.
    pub(crate) fn has_check(&self, pair: PairId, kind: CheckKind) -> bool {
        self.requests.iter().any(|request| request.cancelled.is_none() && request.is_check(pair, kind))
    }

    /// Whether a check of the pair has been decided and not sent yet.
    pub(crate) fn has_unsent(&self, pair: PairId) -> bool {
        let unsent = |request: &Request| request.cancelled.is_none() && request.timing.transmissions() == 0;
        self.requests.iter().any(|request| request.pair() == Some(pair) && unsent(request))
    }

    pub(crate) const fn has_room(&self) -> bool {
        self.requests.len() < MAX_REQUESTS
    }

    /// Adds a request and queues it to be written.
    pub(crate) fn start(&mut self, request: Request) {
        self.outbox.push_back(Outgoing::Request(request.id));
        self.report(TransactionReport::Opened(request.id));
        self.requests.push(request);
    }

    pub(crate) fn remove(&mut self, id: TransactionId) -> Option<Request> {
        let index = self.requests.iter().position(|request| request.id == id)?;
        self.report(TransactionReport::Closed(id));
        self.outbox.retain(|outgoing| !matches!(outgoing, Outgoing::Request(other) if *other == id));
        Some(self.requests.swap_remove(index))
    }

    pub(crate) fn remove_where(&mut self, mut gone: impl FnMut(&Request) -> bool) {
        while let Some(id) = self.requests.iter().find(|request| gone(request)).map(|request| request.id) {
            let _ = self.remove(id);
        }
    }

    pub(crate) fn cancel_where(&mut self, until: Instant, mut which: impl FnMut(&Request) -> bool) {
        for request in &mut self.requests {
            if request.cancelled.is_none() && which(request) {
                request.cancelled = Some(until);
            }
        }
    }

    /// Queues an answer; refused when too many wait.
    pub(crate) fn respond(&mut self, response: Response) -> bool {
        let fits = self.responses < MAX_RESPONSES;
        if fits {
            self.responses += 1;
            self.outbox.push_back(Outgoing::Response(response));
        }
        fits
    }

    pub(crate) fn next_outgoing(&mut self) -> Option<Outgoing> {
        let next = self.outbox.pop_front();
        if matches!(next, Some(Outgoing::Response(_))) {
            self.responses -= 1;
        }
        next
    }

    pub(crate) fn put_back(&mut self, outgoing: Outgoing) {
        if matches!(outgoing, Outgoing::Response(_)) {
            self.responses += 1;
        }
        self.outbox.push_front(outgoing);
    }

    pub(crate) fn requeue(&mut self, id: TransactionId) {
        self.outbox.push_back(Outgoing::Request(id));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.requests.iter().filter_map(Request::deadline).min()
    }

    /// A request whose deadline has come.
    pub(crate) fn due(&self, now: Instant) -> Option<TransactionId> {
        let is_due = |request: &&Request| request.deadline().is_some_and(|deadline| deadline <= now);
        self.requests.iter().find(is_due).map(|request| request.id)
    }

    pub(crate) fn clear(&mut self) {
        self.outbox.clear();
        self.responses = 0;
        self.remove_where(|_| true);
    }

    pub(crate) fn poll_report(&mut self) -> Option<TransactionReport> {
        self.reports.pop_front()
    }

    /// Reports are bounded: when nobody polls them, they are replaced by what stands.
    fn report(&mut self, report: TransactionReport) {
        if self.reports.len() < MAX_REPORTS {
            self.reports.push_back(report);
            return;
        }
        self.reports.clear();
        self.reports.push_back(TransactionReport::Reset);
        let opened = self.requests.iter().map(|request| TransactionReport::Opened(request.id));
        self.reports.extend(opened);
        if let TransactionReport::Opened(_) = report {
            self.reports.push_back(report);
        } else {
            self.reports.retain(|other| {
                !matches!((other, report),
                (TransactionReport::Opened(a), TransactionReport::Closed(b)) if *a == b)
            });
        }
    }
}
