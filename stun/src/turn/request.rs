//! The requests in flight.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::Rng;

use super::event::Failure;
use crate::attribute::ChannelNumber;
use crate::message::{Method, TransactionId};
use crate::transaction::{Retransmission, Transaction, TransactionStep};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Allocate,
    Refresh,
    /// Refresh with a lifetime of zero.
    Delete,
    Permission(SocketAddr),
    Channel(SocketAddr, ChannelNumber),
}

impl Purpose {
    pub(super) const fn method(self) -> Method {
        match self {
            Self::Allocate => Method::ALLOCATE,
            Self::Refresh | Self::Delete => Method::REFRESH,
            Self::Permission(_) => Method::CREATE_PERMISSION,
            Self::Channel(..) => Method::CHANNEL_BIND,
        }
    }

    pub(super) const fn peer(self) -> Option<SocketAddr> {
        match self {
            Self::Permission(peer) | Self::Channel(peer, _) => Some(peer),
            Self::Allocate | Self::Refresh | Self::Delete => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: TransactionId,
    pub(super) purpose: Purpose,
    /// Whether it carries our credentials.
    pub(super) signed: bool,
    /// How many challenges it has answered.
    pub(super) challenges: u8,
    transaction: Transaction,
    /// A transmission is due.
    owed: bool,
    /// What an answer said that may be anybody's: believed if no better one comes.
    doubt: Option<Verdict>,
    doubted_until: Option<Instant>,
}

/// What became of a request by time alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expired {
    pub(super) purpose: Purpose,
    pub(super) verdict: Verdict,
}

/// The end of a request without an answer of the server's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Failed(Failure),
    Redirected { server: SocketAddr, domain: Option<Vec<u8>> },
}

impl Request {
    /// Remembers an answer that nobody vouches for. The allocation, without which nothing is lost, is given up for it after
    /// a second in which the server's own answer could still come; all else waits as long as without it.
    pub(super) fn doubt(&mut self, verdict: Verdict, now: Instant) {
        self.doubt = Some(verdict);
        if self.purpose == Purpose::Allocate {
            self.doubted_until = self.doubted_until.or_else(|| now.checked_add(DOUBT));
        }
    }
}

/// All requests in flight, in the order in which they are to be sent. Bounded by the peers: each has at most one.
#[derive(Debug, Default)]
pub(super) struct Requests {
    all: Vec<Request>,
    owed: usize,
}

impl Requests {
    pub(super) fn start(
        &mut self,
        purpose: Purpose,
        signed: bool,
        challenges: u8,
        retransmission: Retransmission,
        rng: &mut ChaCha12Rng,
    ) {
        self.all.push(Request {
            id: transaction_id(rng),
            purpose,
            signed,
            challenges,
            transaction: Transaction::new(retransmission),
            owed: true,
            doubt: None,
            doubted_until: None,
        });
        self.owed += 1;
    }

    pub(super) fn find(&mut self, id: TransactionId, method: Method) -> Option<&mut Request> {
        self.all.iter_mut().find(|request| request.id == id && request.purpose.method() == method)
    }

    pub(super) fn by_id(&mut self, id: TransactionId) -> Option<&mut Request> {
        self.all.iter_mut().find(|request| request.id == id)
    }

    pub(super) fn take(&mut self, id: TransactionId) -> Option<Request> {
        let at = self.all.iter().position(|request| request.id == id)?;
        let request = self.all.remove(at);
        self.owed -= usize::from(request.owed);
        Some(request)
    }

    pub(super) fn drop_where(&mut self, matches: impl Fn(Purpose) -> bool) {
        self.all.retain(|request| !matches(request.purpose));
        self.count_owed();
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.owed = 0;
    }

    /// Makes new requests of all, with new transaction ids, to be sent with other credentials or another nonce.
    pub(super) fn restart_all(&mut self, retransmission: Retransmission, rng: &mut ChaCha12Rng) {
        for request in &mut self.all {
            request.id = transaction_id(rng);
            request.signed = true;
            request.transaction = Transaction::new(retransmission);
            request.owed = true;
            request.doubt = None;
            request.doubted_until = None;
        }
        self.count_owed();
    }

    /// The first request that is to be sent; without `peers`, the first that is for none.
    pub(super) fn owed(&self, peers: bool) -> Option<&Request> {
        if self.owed == 0 {
            return None;
        }
        self.all.iter().find(|request| request.owed && (peers || request.purpose.peer().is_none()))
    }

    pub(super) fn on_sent(&mut self, id: TransactionId, now: Instant) {
        if let Some(request) = self.by_id(id) {
            request.transaction.on_sent(now);
            request.owed = false;
        }
        self.count_owed();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.all.iter().flat_map(|request| {
            [request.transaction.poll_timeout(), request.doubted_until].into_iter().flatten()
        });
        deadlines.min()
    }

    /// Marks what is to be sent again, and takes out one request that has failed.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Expired> {
        let mut failed = None;
        for request in &mut self.all {
            let in_doubt = request.doubted_until.is_some_and(|until| until <= now);
            let step = request.transaction.handle_timeout(now);
            request.owed |= step == TransactionStep::Retransmit;
            if in_doubt || step == TransactionStep::TimedOut {
                let verdict = request.doubt.take().unwrap_or(Verdict::Failed(Failure::Timeout));
                failed = Some((request.id, Expired { purpose: request.purpose, verdict }));
                break;
            }
        }
        self.count_owed();
        let (id, expired) = failed?;
        self.take(id);
        Some(expired)
    }

    fn count_owed(&mut self) {
        self.owed = self.all.iter().filter(|request| request.owed).count();
    }
}

/// RFC 8489, Section 5: uniformly random.
pub(super) fn transaction_id(rng: &mut ChaCha12Rng) -> TransactionId {
    let mut id = [0; 12];
    rng.fill_bytes(&mut id);
    TransactionId(id)
}

/// How long an Allocate request waits for a better answer than one that may be anybody's.
const DOUBT: Duration = Duration::from_secs(1);
