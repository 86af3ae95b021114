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
    /// The ids that it had before: a challenge may be anybody's, and the server's own answer still on its way.
    former: Vec<TransactionId>,
    pub(super) purpose: Purpose,
    /// Whether it carries our credentials.
    pub(super) signed: bool,
    /// How many challenges it has answered.
    pub(super) challenges: u8,
    /// The edition of the credentials and the nonce that it was last sent with.
    pub(super) edition: u32,
    /// It has been sent at least once.
    sent: bool,
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
    /// Gives it another transaction id, under which it says something else than before.
    fn rename(&mut self, rng: &mut ChaCha12Rng) {
        if self.former.len() >= MAX_FORMER {
            self.former.remove(0);
        }
        self.former.push(self.id);
        self.id = transaction_id(rng);
    }

    /// Answers a challenge, at once or when it would have been sent again in any case.
    pub(super) fn restart(&mut self, at_once: bool, retransmission: Retransmission, rng: &mut ChaCha12Rng) {
        self.rename(rng);
        self.signed = true;
        self.doubt = None;
        self.doubted_until = None;
        if at_once {
            self.transaction = Transaction::new(retransmission);
            self.owed = true;
        }
    }

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
            former: Vec::new(),
            purpose,
            signed,
            challenges,
            edition: 0,
            sent: false,
            transaction: Transaction::new(retransmission),
            owed: true,
            doubt: None,
            doubted_until: None,
        });
        self.owed += 1;
    }

    /// The request that has the id, or had it before.
    pub(super) fn find(&self, id: TransactionId, method: Method) -> Option<&Request> {
        self.all.iter().find(|request| {
            request.purpose.method() == method && (request.id == id || request.former.contains(&id))
        })
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
            request.restart(true, retransmission, rng);
        }
        self.count_owed();
    }

    /// Whether a request is to be sent.
    pub(super) const fn is_any_owed(&self) -> bool {
        self.owed > 0
    }

    /// The first request that is to be sent; without `peers`, the first that is for none. What was sent with an earlier
    /// edition of credentials and nonce is a transaction of its own: a retransmission is the same to the byte.
    pub(super) fn next_owed(
        &mut self,
        peers: bool,
        edition: u32,
        rng: &mut ChaCha12Rng,
    ) -> Option<TransactionId> {
        if self.owed == 0 {
            return None;
        }
        let next = |request: &&mut Request| request.owed && (peers || request.purpose.peer().is_none());
        let request = self.all.iter_mut().find(next)?;
        if request.sent && request.edition != edition {
            request.rename(rng);
            request.edition = edition;
        }
        Some(request.id)
    }

    pub(super) fn on_sent(&mut self, id: TransactionId, now: Instant, edition: u32) {
        if let Some(request) = self.by_id(id) {
            request.transaction.on_sent(now);
            request.owed = false;
            (request.edition, request.sent) = (edition, true);
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

    pub(super) fn count_owed(&mut self) {
        self.owed = self.all.iter().filter(|request| request.owed).count();
    }
}

/// RFC 8489, Section 5: uniformly random.
pub(super) fn transaction_id(rng: &mut ChaCha12Rng) -> TransactionId {
    let mut id = [0; 12];
    rng.fill_bytes(&mut id);
    TransactionId(id)
}

/// How many former ids of a request are remembered.
const MAX_FORMER: usize = 5;
/// How long an Allocate request waits for a better answer than one that may be anybody's.
const DOUBT: Duration = Duration::from_secs(1);
