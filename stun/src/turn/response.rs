//! What responses do ([RFC 8656, Sections 7.3, 7.4, 8.3, 10.3 and 12.3]; [RFC 8489, Sections 9.2.5 and 10]).
//!
//! 1. Allocate without credentials; the server answers 401 with a realm and a nonce.
//! 2. Allocate with credentials; the server answers with the relayed address, sealed.
//! 3. ChannelBind or CreatePermission for each peer, and Refresh, each sealed both ways; a 438 brings another nonce, with
//!    which the request is sent anew.
//!
//! 401 and 438 are not sealed: whoever sees a request can forge them, and makes us send it again a few times. The server's
//! own answer to what was sent before is taken even so, and a challenge much shorter than the request is answered no sooner
//! than that would have been sent again. An error that ought to be sealed and is not is believed only when nothing better
//! comes.
//!
//! [RFC 8656, Sections 7.3, 7.4, 8.3, 10.3 and 12.3]: https://www.rfc-editor.org/rfc/rfc8656#section-7.3
//! [RFC 8489, Sections 9.2.5 and 10]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2.5

use std::net::SocketAddr;
use std::time::Duration;

use super::allocation::{Allocation, State};
use super::client::Client;
use super::config::Families;
use super::event::{Discard, Event, Failure, Refusal, Relayed};
use super::request::{Purpose, Verdict};
use crate::address::canonical;
use crate::attribute::{AddressFamily, Attribute, AttributeType, ErrorCode};
use crate::auth::{Authentication, Challenge};
use crate::message::{Class, Message, TransactionId};
use crate::writer::Writer;

impl Client {
    pub(super) fn handle_response(&mut self, message: &Message<'_>) -> Result<(), Discard> {
        let answered = message.transaction_id();
        let request = self.requests.find(answered, message.method()).ok_or(Discard::UnknownTransaction)?;
        let (id, purpose, signed) = (request.id, request.purpose, request.signed);
        let proven = signed && id == answered && request.edition == self.edition;
        let code = match message.class() {
            Class::Error => Some(message.error_code().ok_or(Discard::Malformed)?.0),
            Class::Success | Class::Request | Class::Indication => None,
        };
        if let Some(code @ (ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE)) = code {
            if id != answered {
                return Err(Discard::UnknownTransaction);
            }
            let handled = self.handle_challenge(id, code, message);
            self.reschedule();
            return handled;
        }
        let authentic = match (&self.authentication, &self.credentials) {
            (Some(authentication), _) if signed => authentication.verify(message).is_ok(),
            // Without credentials there is nothing to tell the server by.
            (_, None) => true,
            (_, Some(_)) => false,
        };
        if !authentic && id != answered {
            return Err(Discard::Unauthenticated);
        }
        if !authentic {
            // RFC 8489, Section 9.2.5: discarded, as if it had never come; when no other comes, the violation is told.
            let verdict = match code {
                Some(ErrorCode::TRY_ALTERNATE) => self.alternate(message),
                Some(code) => Verdict::Failed(Failure::of(code)),
                None => Verdict::Failed(Failure::IntegrityViolated),
            };
            self.doubt(id, verdict);
            return Err(Discard::Unauthenticated);
        }
        // RFC 8489, Sections 6.3.3 and 6.3.4: unknown comprehension-required attributes make the response useless.
        if message.unknown_attributes().next().is_some() {
            return Err(Discard::Malformed);
        }
        self.stats.responses_received += 1;
        self.verified |= signed;
        if proven && let Some(authentication) = &mut self.authentication {
            authentication.prove();
        }
        self.requests.take(id);
        match code {
            None => self.on_success(purpose, message),
            Some(code) => self.on_error(purpose, code, message),
        }
        self.reschedule();
        Ok(())
    }

    fn doubt(&mut self, id: TransactionId, verdict: Verdict) {
        let now = self.now;
        if let Some(request) = self.requests.by_id(id) {
            request.doubt(verdict, now);
        }
        self.reschedule();
    }

    /// RFC 8489, Section 9.2.5.
    fn handle_challenge(
        &mut self,
        id: TransactionId,
        code: ErrorCode,
        message: &Message<'_>,
    ) -> Result<(), Discard> {
        let refused = |reason| Verdict::Failed(reason);
        let challenge = match Challenge::read(message) {
            Ok(challenge) => challenge,
            Err(error) => {
                self.doubt(id, refused(Failure::Challenge(error)));
                return Err(Discard::Unauthenticated);
            }
        };
        let Some(credentials) = &self.credentials else {
            self.ask_for_credentials(&challenge);
            return Ok(());
        };
        let Some(request) = self.requests.by_id(id) else { return Err(Discard::UnknownTransaction) };
        let answered = match &mut self.authentication {
            _ if request.challenges >= MAX_CHALLENGES => Err(Failure::Unauthenticated),
            Some(authentication) if authentication.is_renewed_by(&challenge) => {
                if request.signed && code == ErrorCode::UNAUTHENTICATED {
                    // RFC 8489, Section 9.2.5: MUST NOT retry with the same user name, realm and password.
                    Err(Failure::Unauthenticated)
                } else {
                    authentication.renew(challenge);
                    Ok(())
                }
            }
            // The server has proved itself in its realm, and this is another: not the server.
            Some(_) if self.verified => Err(Failure::Unauthenticated),
            authentication => match Authentication::new(self.config.crypto, credentials, challenge) {
                Ok(new) => {
                    *authentication = Some(new);
                    Ok(())
                }
                Err(error) => Err(Failure::Challenge(error)),
            },
        };
        match answered {
            Ok(()) => {
                request.challenges += 1;
                self.edition = self.edition.wrapping_add(1);
                self.answer_challenge(id, message.bytes().len());
                Ok(())
            }
            Err(reason) => {
                self.doubt(id, refused(reason));
                Err(Discard::Unauthenticated)
            }
        }
    }

    /// Sends a request anew with what a challenge of `len` bytes has brought: at once, unless whoever has forged the challenge
    /// would make us send more than three times as much, the headers of UDP and IPv4 counted. Then it waits until it would have
    /// been sent again in any case. A stream's challenges are nobody else's.
    fn answer_challenge(&mut self, id: TransactionId, len: usize) {
        let Some(purpose) = self.requests.by_id(id).map(|request| request.purpose) else { return };
        let mut answer = Vec::new();
        let answer_len = self.write(id, purpose, true, &mut answer).unwrap_or(usize::MAX);
        let bound = (len + IP_UDP_LEN).saturating_mul(AMPLIFICATION);
        let at_once = self.is_stream() || answer_len.saturating_add(IP_UDP_LEN) <= bound;
        let retransmission = self.config.request_retransmission();
        if let Some(request) = self.requests.by_id(id) {
            request.restart(at_once, retransmission, &mut self.rng);
        }
        self.requests.count_owed();
    }

    /// RFC 7635, Section 6.1: the application gets a token for the server's name.
    fn ask_for_credentials(&mut self, challenge: &Challenge) {
        match (&self.state, challenge.server_name()) {
            (State::Allocating { again }, Some(name)) => {
                let (again, name) = (*again, name.to_vec());
                self.requests.clear();
                self.state = State::WaitingForToken { again };
                self.push(Event::TokenWanted(name));
            }
            _ => self.end(Event::Failed(Failure::Unauthenticated)),
        }
    }

    fn on_success(&mut self, purpose: Purpose, message: &Message<'_>) {
        let (now, wait) = (self.now, self.config.peer_refresh);
        match purpose {
            Purpose::Allocate => self.on_allocated(message),
            Purpose::Refresh => {
                if let State::Allocated(allocation) = &mut self.state {
                    allocation.extend(lifetime(message), now);
                }
            }
            Purpose::Delete => self.finish_closing(),
            Purpose::Permission(address) | Purpose::Channel(address, _) => {
                let Some(peer) = self.peers.get_mut(address) else { return };
                peer.bound = matches!(purpose, Purpose::Channel(..));
                if peer.confirm(now, wait) {
                    self.push(Event::Permitted(address));
                }
            }
        }
    }

    /// RFC 8656, Section 7.3.
    fn on_allocated(&mut self, message: &Message<'_>) {
        let State::Allocating { again } = self.state else { return };
        let Some(relayed) = self.relayed_addresses(message) else {
            // "the client MUST delete the allocation"
            self.delete(Event::Failed(Failure::UnusableAddress));
            return;
        };
        self.state = State::Allocated(Allocation::new(relayed, lifetime(message), self.now));
        self.push(if again { Event::Relocated(relayed) } else { Event::Allocated(relayed) });
        let refused = message
            .value(AttributeType::ADDRESS_ERROR_CODE)
            .or_else(|| message.value(OLD_ADDRESS_ERROR_CODE));
        if let Some(refused) = refused
            && let Ok(Attribute::AddressErrorCode(family, code, _)) =
                Attribute::decode(AttributeType::ADDRESS_ERROR_CODE, refused, message.transaction_id())
        {
            self.push(Event::FamilyRefused(family, code));
        }
        let peers: Vec<SocketAddr> = self.peers.addresses().collect();
        for peer in peers {
            if relayed.has(AddressFamily::of(peer)) {
                self.request_peer(peer);
            } else {
                self.refuse(peer, Refusal::Family);
            }
        }
    }

    /// The addresses in an Allocate success response; `None` unless each is of a family asked for, and there is one.
    fn relayed_addresses(&self, message: &Message<'_>) -> Option<Relayed> {
        let mut relayed = Relayed { ipv4: None, ipv6: None, mapped: message.mapped_address().map(canonical) };
        for raw in message.attributes().filter(|raw| raw.attribute == AttributeType::XOR_RELAYED_ADDRESS) {
            let Ok(Attribute::XorRelayedAddress(address)) = raw.decode() else { return None };
            let address = canonical(address);
            if !self.config.families.contains(AddressFamily::of(address)) {
                return None;
            }
            if address.is_ipv4() {
                relayed.ipv4.get_or_insert(address);
            } else {
                relayed.ipv6.get_or_insert(address);
            }
        }
        (relayed.ipv4.is_some() || relayed.ipv6.is_some()).then_some(relayed)
    }

    fn on_error(&mut self, purpose: Purpose, code: ErrorCode, message: &Message<'_>) {
        let now = self.now;
        match (purpose, code) {
            // RFC 8656, Section 8.3: a 437 to a deletion is as good as success; so is any end of it.
            (Purpose::Delete, _) => self.finish_closing(),
            (Purpose::Allocate, ErrorCode::TRY_ALTERNATE) => match self.alternate(message) {
                Verdict::Redirected { server, domain } => self.redirect(server, domain),
                Verdict::Failed(reason) => self.end(Event::Failed(reason)),
            },
            // RFC 8656, Section 7.4: the server does not support the attribute.
            (Purpose::Allocate, ErrorCode::UNKNOWN_ATTRIBUTE)
                if self.dont_fragment && lists_dont_fragment(message) =>
            {
                self.dont_fragment = false;
                self.start(Purpose::Allocate);
            }
            (Purpose::Allocate, code) => self.end(Event::Failed(Failure::of(code))),
            // RFC 8656, Section 5: the client MUST assume that the allocation no longer exists.
            (_, ErrorCode::ALLOCATION_MISMATCH) => self.lose(),
            (_, ErrorCode::WRONG_CREDENTIALS) => self.end(Event::Failed(Failure::WrongCredentials)),
            (Purpose::Refresh, code) => {
                let State::Allocated(allocation) = &mut self.state else { return };
                if !allocation.ask_again(now) {
                    self.end(Event::Failed(Failure::of(code)));
                }
            }
            (
                Purpose::Permission(peer) | Purpose::Channel(peer, _),
                ErrorCode::FORBIDDEN | ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH,
            )
            | (Purpose::Permission(peer), _) => self.refuse(peer, Refusal::Refused(code)),
            // No channel then; the peer can be reached without.
            (Purpose::Channel(address, _), _) => {
                if let Some(peer) = self.peers.get_mut(address) {
                    peer.channel = None;
                    peer.bound = false;
                    self.start(Purpose::Permission(address));
                }
            }
        }
    }

    /// The allocation is gone: another is asked for, with the credentials that worked.
    pub(super) fn lose(&mut self) {
        let State::Allocated(allocation) = &self.state else { return };
        let lived = self.now.saturating_duration_since(allocation.since);
        self.losses = if lived < SHORT_LIFE { self.losses.saturating_add(1) } else { 0 };
        self.requests.clear();
        self.peers.reset();
        if self.losses > MAX_LOSSES {
            self.end(Event::Failed(Failure::Unstable));
            return;
        }
        self.stats.relocations += 1;
        self.state = State::Allocating { again: true };
        self.start(Purpose::Allocate);
    }

    /// RFC 8489, Section 10: the alternate server of our server's family.
    fn alternate(&self, message: &Message<'_>) -> Verdict {
        let servers = message.attributes().filter_map(|raw| match raw.decode() {
            Ok(Attribute::AlternateServer(server)) => Some(canonical(server)),
            _ => None,
        });
        let mut usable = servers.filter(|server| {
            let ip = server.ip();
            server.is_ipv4() == self.server.is_ipv4()
                && server.port() != 0
                && !ip.is_unspecified()
                && !ip.is_multicast()
        });
        let Some(server) = usable.next() else { return Verdict::Failed(Failure::Redirection) };
        let domain = match message.attribute(AttributeType::ALTERNATE_DOMAIN) {
            Ok(Some(Attribute::AlternateDomain(domain))) => Some(domain.to_vec()),
            _ => None,
        };
        Verdict::Redirected { server, domain }
    }

    /// RFC 8489, Section 10.
    pub(super) fn redirect(&mut self, server: SocketAddr, domain: Option<Vec<u8>>) {
        let State::Allocating { again } = self.state else { return };
        let now = self.now;
        // "If the client has been redirected to a server to which it has already sent this request within the last five
        // minutes, it MUST ignore the redirection and consider the transaction to have failed."
        self.asked.retain(|(_, at)| now.saturating_duration_since(*at) < REMEMBERED);
        if self.asked.len() >= MAX_REDIRECTIONS || self.asked.iter().any(|(asked, _)| *asked == server) {
            self.end(Event::Failed(Failure::Redirection));
            return;
        }
        self.asked.push((server, now));
        self.server = server;
        self.authentication = None;
        self.verified = false;
        self.requests.clear();
        self.push(Event::Redirected { server, domain });
        if self.is_stream() {
            self.state = State::WaitingForStream { again };
        } else {
            self.start(Purpose::Allocate);
        }
    }

    /// RFC 8656, Section 7.1.
    pub(super) fn write_allocate<'b>(&self, mut writer: Writer<'b>) -> Writer<'b> {
        writer = writer.requested_transport(UDP);
        if let Some(seconds) = self.config.lifetime {
            writer = writer.lifetime(seconds);
        }
        // "Clients MUST NOT include REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY attributes in the same request."
        writer = match self.config.families {
            Families::Ipv4 => writer,
            Families::Ipv6 => writer.requested_address_family(AddressFamily::IPV6),
            Families::Both => writer
                .additional_address_family(AddressFamily::IPV6)
                .attribute(OLD_ADDITIONAL_ADDRESS_FAMILY, &[AddressFamily::IPV6.0, 0, 0, 0]),
        };
        if self.dont_fragment { writer.dont_fragment() } else { writer }
    }
}

/// LIFETIME of a response, in seconds.
fn lifetime(message: &Message<'_>) -> u32 {
    match message.attribute(AttributeType::LIFETIME) {
        Ok(Some(Attribute::Lifetime(seconds))) => seconds,
        _ => DEFAULT_LIFETIME,
    }
}

fn lists_dont_fragment(message: &Message<'_>) -> bool {
    let Ok(Some(Attribute::UnknownAttributes(types))) = message.attribute(AttributeType::UNKNOWN_ATTRIBUTES)
    else {
        return false;
    };
    types.chunks_exact(2).any(|kind| *kind == AttributeType::DONT_FRAGMENT.0.to_be_bytes())
}

/// ADDITIONAL-ADDRESS-FAMILY and ADDRESS-ERROR-CODE by the numbers that coturn had for them before September 2025 (its pull
/// request 1748). Nobody else gives them a meaning, and who does not know them ignores them.
const OLD_ADDITIONAL_ADDRESS_FAMILY: AttributeType = AttributeType(0x8032);
const OLD_ADDRESS_ERROR_CODE: AttributeType = AttributeType(0x8033);
/// The number of UDP among the protocols of IP.
const UDP: u8 = 17;
/// RFC 8656, Section 6: 600 seconds.
const DEFAULT_LIFETIME: u32 = 600;
/// How many times as long as a challenge the answer to it may be.
const AMPLIFICATION: usize = 3;
/// The headers of IPv4 and UDP, the shortest that a datagram has.
const IP_UDP_LEN: usize = 28;
/// How many challenges one request answers, however they differ.
const MAX_CHALLENGES: u8 = 4;
/// How often an allocation may be lost soon after it was made.
const MAX_LOSSES: u8 = 3;
const SHORT_LIFE: Duration = Duration::from_secs(60);
/// How many servers are asked within five minutes.
const MAX_REDIRECTIONS: usize = 8;
/// RFC 8489, Section 10.
const REMEMBERED: Duration = Duration::from_secs(300);
