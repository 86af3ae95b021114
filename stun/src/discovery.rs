//! The behaviour of the NATs on the way to a server ([RFC 5780]): how they map and how they filter.
//!
//! 1. A Binding request to the server tells the mapped address, and the server's other address.
//! 2. Filtering ([RFC 5780, Section 4.4]), first, while the NAT has seen nothing sent to the other addresses: an answer from
//!    the other address and port is asked for, and if none comes, one from the other port.
//! 3. Mapping ([RFC 5780, Section 4.3]): a request to the other address with the first port, and if its mapped address is
//!    another, one to the other address and port.
//!
//! The socket must be one that has sent nothing to the server of late ([RFC 5780, Section 4.1]). Nothing is authenticated:
//! what is found is a hint.
//!
//! [RFC 5780]: https://www.rfc-editor.org/rfc/rfc5780
//! [RFC 5780, Section 4.1]: https://www.rfc-editor.org/rfc/rfc5780#section-4.1
//! [RFC 5780, Section 4.3]: https://www.rfc-editor.org/rfc/rfc5780#section-4.3
//! [RFC 5780, Section 4.4]: https://www.rfc-editor.org/rfc/rfc5780#section-4.4

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroize;

use crate::address::canonical;
use crate::attribute::{Attribute, AttributeType};
use crate::message::{Class, Message, Method, TransactionId};
use crate::transaction::{Retransmission, Transaction, TransactionStep};
use crate::writer::Writer;

/// What a discovery is told at its start. Make one by [`Self::new`] and change its fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DiscoveryConfig {
    /// The server's primary address.
    pub server: SocketAddr,
    /// The socket's local address, if known; a mapped address equal to it says that there is no NAT.
    pub local: Option<SocketAddr>,
    /// When requests are sent again, and how long silence counts as one. Default: four times from 500 ms on, 5.5 s in all.
    pub retransmission: Retransmission,
}

impl DiscoveryConfig {
    /// The defaults, with a server.
    #[must_use]
    pub const fn new(server: SocketAddr) -> Self {
        let rto = Duration::from_millis(500);
        let retransmission = Retransmission { rto, count: 4, last_wait: 4, longest_wait: Duration::MAX };
        Self { server, local: None, retransmission }
    }
}

/// What a NAT looks at when it reuses a mapping or lets a datagram in ([RFC 4787, Sections 4.1 and 5]).
///
/// [RFC 4787, Sections 4.1 and 5]: https://www.rfc-editor.org/rfc/rfc4787#section-4.1
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Behaviour {
    /// Nothing of the other side.
    EndpointIndependent,
    /// The other side's address.
    AddressDependent,
    /// The other side's address and port.
    AddressAndPortDependent,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The address that the server's primary address sees. `None`: there was no answer, UDP does not get through.
    pub mapped: Option<SocketAddr>,
    /// Whether the mapped address is not the local one, where that is known.
    pub translated: Option<bool>,
    /// The mapping. `None` when the server has no other address, or it could not be reached.
    pub mapping: Option<Behaviour>,
    /// The filtering. `None` when the server has no other address, or does not answer from where it is asked to.
    pub filtering: Option<Behaviour>,
}

/// A datagram that [`Discovery::poll_transmit`] has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscoveryTransmit {
    /// Where it goes.
    pub destination: SocketAddr,
    /// Its length.
    pub len: usize,
}

/// Why a datagram was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscoveryDiscard {
    /// Not a Binding response.
    Malformed,
    /// A response to no request in flight.
    UnknownTransaction,
    /// A response from an address that it does not come from.
    WrongSource,
    /// The discovery has ended.
    Closed,
}

/// One run of the tests on one socket. It ends with one [`Report`].
#[derive(Debug)]
pub struct Discovery {
    config: Arc<DiscoveryConfig>,
    rng: ChaCha12Rng,
    now: Instant,
    server: SocketAddr,
    /// OTHER-ADDRESS of the first answer.
    other: Option<SocketAddr>,
    /// The mapped address of the second mapping test.
    second: Option<SocketAddr>,
    report: Report,
    step: Step,
    id: TransactionId,
    transaction: Transaction,
    owed: bool,
    told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    First,
    FilterAddress,
    FilterPort,
    MapAddress,
    MapPort,
    Done,
}

impl Discovery {
    /// A discovery that begins at once. Transaction ids are drawn from the seed, which must come from a cryptographic
    /// generator and be used for nothing else.
    #[must_use]
    pub fn new(config: Arc<DiscoveryConfig>, mut seed: [u8; 32], now: Instant) -> Self {
        let rng = ChaCha12Rng::from_seed(seed);
        seed.zeroize();
        let mut discovery = Self {
            rng,
            now,
            server: canonical(config.server),
            other: None,
            second: None,
            report: Report { mapped: None, translated: None, mapping: None, filtering: None },
            step: Step::Done,
            id: TransactionId([0; 12]),
            transaction: Transaction::new(config.retransmission),
            owed: false,
            told: false,
            config,
        };
        discovery.begin(Step::First);
        discovery
    }

    /// Takes a datagram that has come from `source`.
    ///
    /// # Errors
    /// The datagram was not used: see each variant.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DiscoveryDiscard> {
        self.now = self.now.max(now);
        if self.step == Step::Done {
            return Err(DiscoveryDiscard::Closed);
        }
        let message = Message::parse(datagram).map_err(|_| DiscoveryDiscard::Malformed)?;
        if message.method() != Method::BINDING {
            return Err(DiscoveryDiscard::Malformed);
        }
        if message.transaction_id() != self.id {
            return Err(DiscoveryDiscard::UnknownTransaction);
        }
        let from_where_asked = canonical(source) == self.answer_source();
        match message.class() {
            Class::Success => {
                let mapped = message.mapped_address().map(canonical).ok_or(DiscoveryDiscard::Malformed)?;
                self.on_answer(from_where_asked, mapped, &message)
            }
            // An error answer comes from where the request went.
            Class::Error if canonical(source) == self.destination() => {
                self.on_refused();
                Ok(())
            }
            Class::Error => Err(DiscoveryDiscard::WrongSource),
            Class::Request | Class::Indication => Err(DiscoveryDiscard::Malformed),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.step == Step::Done {
            return;
        }
        match self.transaction.handle_timeout(self.now) {
            TransactionStep::Wait => {}
            TransactionStep::Retransmit => self.owed = true,
            TransactionStep::TimedOut => self.on_silence(),
        }
    }

    /// Appends one request to `out`. `None` when there is none, or when it needs more than `max_len` bytes.
    #[must_use]
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Option<DiscoveryTransmit> {
        self.now = self.now.max(now);
        if !self.owed {
            return None;
        }
        let start = out.len();
        let writer = Writer::new(out, Class::Request, Method::BINDING, self.id);
        let writer = match self.step {
            Step::FilterAddress => writer.change_request(true, true),
            Step::FilterPort => writer.change_request(false, true),
            Step::First | Step::MapAddress | Step::MapPort | Step::Done => writer,
        };
        let len = writer.fingerprint().finish().ok()?;
        if len > max_len {
            out.truncate(start);
            return None;
        }
        self.owed = false;
        self.transaction.on_sent(self.now);
        Some(DiscoveryTransmit { destination: self.destination(), len })
    }

    /// When [`Self::handle_timeout`] is due; `None`: wait for input, or the end.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.step == Step::Done { None } else { self.transaction.poll_timeout() }
    }

    /// What was found, once, when all is found that can be. Nothing follows.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Report> {
        let finished = self.step == Step::Done && !self.told;
        self.told |= finished;
        finished.then_some(self.report)
    }

    /// Ends the discovery: its report holds what has been found so far.
    pub fn close(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.begin(Step::Done);
    }

    fn begin(&mut self, step: Step) {
        self.step = step;
        self.rng.fill_bytes(&mut self.id.0);
        self.transaction = Transaction::new(self.config.retransmission);
        self.owed = step != Step::Done;
    }

    fn destination(&self) -> SocketAddr {
        match (self.step, self.other) {
            (Step::MapAddress, Some(other)) => SocketAddr::new(other.ip(), self.server.port()),
            (Step::MapPort, Some(other)) => other,
            _ => self.server,
        }
    }

    /// Whence the answer to the present request must come.
    fn answer_source(&self) -> SocketAddr {
        match (self.step, self.other) {
            (Step::FilterAddress, Some(other)) => other,
            (Step::FilterPort, Some(other)) => SocketAddr::new(self.server.ip(), other.port()),
            _ => self.destination(),
        }
    }

    fn on_answer(
        &mut self,
        from_where_asked: bool,
        mapped: SocketAddr,
        message: &Message<'_>,
    ) -> Result<(), DiscoveryDiscard> {
        match self.step {
            Step::FilterAddress | Step::FilterPort if !from_where_asked => {
                // The server does not know CHANGE-REQUEST: silence would mean nothing.
                self.begin(Step::MapAddress);
                return Err(DiscoveryDiscard::WrongSource);
            }
            _ if !from_where_asked => return Err(DiscoveryDiscard::WrongSource),
            Step::First => {
                self.report.mapped = Some(mapped);
                self.report.translated = self.config.local.map(|local| canonical(local) != mapped);
                self.other = other_address(message)
                    .filter(|other| other.ip() != self.server.ip() && other.port() != self.server.port());
                self.begin(if self.other.is_some() { Step::FilterAddress } else { Step::Done });
            }
            Step::FilterAddress => self.found_filtering(Behaviour::EndpointIndependent),
            Step::FilterPort => self.found_filtering(Behaviour::AddressDependent),
            Step::MapAddress if self.report.mapped == Some(mapped) => {
                self.found_mapping(Behaviour::EndpointIndependent);
            }
            Step::MapAddress => {
                self.second = Some(mapped);
                self.begin(Step::MapPort);
            }
            Step::MapPort if self.second == Some(mapped) => self.found_mapping(Behaviour::AddressDependent),
            Step::MapPort => self.found_mapping(Behaviour::AddressAndPortDependent),
            Step::Done => {}
        }
        Ok(())
    }

    fn on_silence(&mut self) {
        match self.step {
            Step::FilterAddress => self.begin(Step::FilterPort),
            Step::FilterPort => self.found_filtering(Behaviour::AddressAndPortDependent),
            Step::First | Step::MapAddress | Step::MapPort | Step::Done => self.begin(Step::Done),
        }
    }

    /// The server does not do what the present test needs.
    fn on_refused(&mut self) {
        let filtering = matches!(self.step, Step::FilterAddress | Step::FilterPort);
        self.begin(if filtering { Step::MapAddress } else { Step::Done });
    }

    fn found_filtering(&mut self, behaviour: Behaviour) {
        self.report.filtering = Some(behaviour);
        self.begin(Step::MapAddress);
    }

    fn found_mapping(&mut self, behaviour: Behaviour) {
        self.report.mapping = Some(behaviour);
        self.begin(Step::Done);
    }
}

fn other_address(message: &Message<'_>) -> Option<SocketAddr> {
    match message.attribute(AttributeType::OTHER_ADDRESS) {
        Ok(Some(Attribute::OtherAddress(address))) => Some(canonical(address)),
        _ => None,
    }
}
