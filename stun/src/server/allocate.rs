//! Allocations come and go ([RFC 8656, Section 7.2]).
//!
//! 1. An authentic Allocate request is checked, and the embedder asked for a socket of a drawn port: of one for each
//!    family, or of a pair.
//! 2. Each is opened, or another port is tried, eight times.
//! 3. When the last is decided, the answer waits to be polled: success if there is any address.
//!
//! [RFC 8656, Section 7.2]: https://www.rfc-editor.org/rfc/rfc8656#section-7.2

use std::net::SocketAddr;
use std::time::Duration;

use rand_core::Rng;

use super::allocation::{Allocation, Open, Opening, Part, Relayed, Reservation, Socket, State};
use super::event::{Event, Path, RelayId, Release, Request};
use super::relay::{Owner, Relay};
use super::request::typed;
use super::response::Body;
use super::user::Seal;
use crate::address::canonical;
use crate::attribute::{AddressFamily, Attribute, AttributeType, ErrorCode};
use crate::message::Message;

/// What an Allocate request asks for.
struct Wish {
    lifetime: u32,
    families: Vec<AddressFamily>,
    refused: Option<(AddressFamily, ErrorCode)>,
    even: bool,
    reserve: bool,
    token: Option<[u8; 8]>,
}

impl Relay {
    /// An authentic request on a 5-tuple that is free. `None`: the answer comes when the sockets are decided.
    pub(super) fn allocate(
        &mut self,
        path: Path,
        request: &Message<'_>,
        seal: Seal,
    ) -> Result<Option<Body>, ErrorCode> {
        let wish = self.wish(request)?;
        if let Some(token) = wish.token {
            return self.allocate_reserved(path, request, &seal, token, wish.lifetime).map(Some);
        }
        let count = 1 + usize::from(wish.reserve);
        let quota = seal.user.quota.clone();
        // RFC 8656, Section 7.2: the quota SHOULD go by the user name.
        if self.usage(&quota) + count > self.config.max_allocations_per_user {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        if self.held + count > self.config.max_allocations || self.requests.len() >= self.config.max_waiting {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        let mut opening = Opening {
            lifetime: wish.lifetime,
            even: wish.even,
            reserve: wish.reserve,
            parts: Vec::with_capacity(wish.families.len()),
            refused: wish.refused,
            seal: seal.clone(),
        };
        for family in wish.families {
            let sockets = self.draw(path, family, wish.even, wish.reserve);
            opening.parts.push(Part { family, attempts: 1, sockets });
        }
        if opening.parts.iter().all(|part| part.sockets.is_empty()) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.hold(&quota, count);
        self.insert(path, request, &seal, State::Opening(opening), OPENING_TIME);
        Ok(None)
    }

    fn wish(&self, request: &Message<'_>) -> Result<Wish, ErrorCode> {
        // RFC 8656, Section 7.2, check 3.
        match typed(request, AttributeType::REQUESTED_TRANSPORT)? {
            Some(Attribute::RequestedTransport(UDP)) => {}
            Some(_) => return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL),
            None => return Err(ErrorCode::BAD_REQUEST),
        }
        let lifetime = match typed(request, AttributeType::LIFETIME)? {
            Some(Attribute::Lifetime(seconds)) => self.lifetime(Some(seconds)),
            _ => self.lifetime(None),
        };
        let even = typed(request, AttributeType::EVEN_PORT)?;
        let requested = typed(request, AttributeType::REQUESTED_ADDRESS_FAMILY)?;
        let additional = typed(request, AttributeType::ADDITIONAL_ADDRESS_FAMILY)?;
        let token = match typed(request, AttributeType::RESERVATION_TOKEN)? {
            // Check 5: a token stands alone.
            Some(_) if even.is_some() || requested.is_some() || additional.is_some() => {
                return Err(ErrorCode::BAD_REQUEST);
            }
            Some(Attribute::ReservationToken(token)) => Some(token),
            _ => None,
        };
        let reserve = matches!(even, Some(Attribute::EvenPort { reserve: true }));
        let mut refused = None;
        let families = match (requested, additional) {
            // Checks 6, 8 and 9.
            (Some(_), Some(_)) => return Err(ErrorCode::BAD_REQUEST),
            (_, Some(_)) if reserve => return Err(ErrorCode::BAD_REQUEST),
            (None, Some(Attribute::AdditionalAddressFamily(AddressFamily::IPV6))) => {
                let mut families = vec![AddressFamily::IPV4, AddressFamily::IPV6];
                families.retain(|family| {
                    let supported = self.supports(*family);
                    if !supported {
                        refused = Some((*family, ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED));
                    }
                    supported
                });
                families
            }
            (None, Some(_)) => return Err(ErrorCode::BAD_REQUEST),
            (Some(Attribute::RequestedAddressFamily(family)), None) => vec![family],
            _ => vec![AddressFamily::IPV4],
        };
        // Check 7. A reserved address has the family that it has.
        if token.is_none() && !families.iter().any(|family| self.supports(*family)) {
            return Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
        }
        Ok(Wish { lifetime, families, refused, even: even.is_some(), reserve, token })
    }

    fn supports(&self, family: AddressFamily) -> bool {
        match family {
            AddressFamily::IPV4 => self.config.ipv4,
            AddressFamily::IPV6 => self.config.ipv6,
            _ => false,
        }
    }

    /// The lifetime that is given, in seconds (RFC 8656, Sections 7.2 and 8.2).
    pub(super) fn lifetime(&self, asked: Option<u32>) -> u32 {
        let default = self.config.default_lifetime.max(1);
        asked.unwrap_or_default().min(self.config.max_lifetime).max(default)
    }

    /// Takes the reserved address of a token over.
    fn allocate_reserved(
        &mut self,
        path: Path,
        request: &Message<'_>,
        seal: &Seal,
        token: [u8; 8],
        lifetime: u32,
    ) -> Result<Body, ErrorCode> {
        // The user that has reserved it, whatever the 5-tuple.
        if self.reservations.get(&token).is_none_or(|reservation| reservation.quota != seal.user.quota) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        let Some(reservation) = self.reservations.remove(&token) else {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        };
        let mut relayed = reservation.relayed;
        self.set_deadline(Owner::Reservation(token), Some(relayed.expires), None);
        self.relays.insert(relayed.id, Owner::Client(path));
        let time = Duration::from_secs(lifetime.into());
        relayed.expires = self.now + time;
        let open = Open::new(vec![relayed], None, None);
        let body =
            Body::Allocated { relayed: [Some(relayed.address), None], lifetime, token: None, refused: None };
        self.insert(path, request, seal, State::Open(open), time);
        self.tell_allocated(path, seal, relayed.address, None);
        Ok(body)
    }

    fn insert(&mut self, path: Path, request: &Message<'_>, seal: &Seal, state: State, time: Duration) {
        let deadline = self.now + time;
        let user = seal.user.clone();
        let transaction_id = request.transaction_id();
        self.allocations.insert(path, Allocation { user, transaction_id, state, deadline });
        self.set_deadline(Owner::Client(path), None, Some(deadline));
    }

    /// Asks for a socket of a free port, and for the next one if that is to be reserved; none if no port is free.
    fn draw(&mut self, path: Path, family: AddressFamily, even: bool, reserve: bool) -> Vec<Socket> {
        let range = self.config.ports.clone();
        let Some(port) = self.ports.draw(&mut self.rng, family, &range, even, reserve) else { return vec![] };
        let mut ports = vec![port];
        if reserve && self.ports.take(family, port.saturating_add(1)) {
            ports.push(port.saturating_add(1));
        }
        let sockets = ports.into_iter().map(|port| {
            let id = self.relay_id();
            self.relays.insert(id, Owner::Client(path));
            self.requests.push_back(Request::OpenRelay { id, family, port, local: path.local });
            Socket { id, port, address: None }
        });
        sockets.collect()
    }

    pub(super) fn socket_opened(&mut self, path: Path, id: RelayId, address: SocketAddr) {
        let Some(Allocation { state: State::Opening(opening), .. }) = self.allocations.get_mut(&path) else {
            return;
        };
        let sockets = opening.parts.iter_mut().flat_map(|part| &mut part.sockets);
        for socket in sockets.filter(|socket| socket.id == id) {
            socket.address = Some(canonical(address));
        }
        self.finish_if_decided(path);
    }

    pub(super) fn socket_failed(&mut self, path: Path, id: RelayId) {
        match self.allocations.get_mut(&path).map(|allocation| &mut allocation.state) {
            Some(State::Opening(opening)) => {
                let (even, reserve) = (opening.even, opening.reserve);
                let part = opening.parts.iter_mut().find(|part| part.sockets.iter().any(|one| one.id == id));
                let Some(part) = part else { return };
                let (family, again) = (part.family, part.attempts < MAX_ATTEMPTS);
                part.attempts = part.attempts.saturating_add(1);
                for socket in std::mem::take(&mut part.sockets) {
                    // The other of a pair is no use alone.
                    self.drop_relay(socket.id, family, socket.port, socket.id != id);
                }
                if again {
                    let sockets = self.draw(path, family, even, reserve);
                    self.replace_sockets(path, family, sockets);
                }
                self.finish_if_decided(path);
            }
            Some(State::Open(open)) => {
                let failed: Vec<_> = open.relays.extract_if(.., |relay| relay.id == id).collect();
                for relay in failed {
                    self.drop_relay(relay.id, relay.family, relay.port, false);
                }
                self.relays_changed(path, Release::RelayFailed);
            }
            None => {}
        }
    }

    fn replace_sockets(&mut self, path: Path, family: AddressFamily, sockets: Vec<Socket>) {
        if let Some(Allocation { state: State::Opening(opening), .. }) = self.allocations.get_mut(&path)
            && let Some(part) = opening.parts.iter_mut().find(|part| part.family == family)
        {
            part.sockets = sockets;
        }
    }

    /// Answers once no socket is waited for.
    fn finish_if_decided(&mut self, path: Path) {
        let Some(Allocation { state: State::Opening(opening), .. }) = self.allocations.get(&path) else {
            return;
        };
        if opening.parts.iter().flat_map(|part| &part.sockets).any(|socket| socket.address.is_none()) {
            return;
        }
        let Some(allocation) = self.allocations.remove(&path) else { return };
        self.set_deadline(Owner::Client(path), Some(allocation.deadline), None);
        let State::Opening(opening) = allocation.state else { return };
        let Opening { seal, lifetime, reserve, parts, mut refused, .. } = opening;
        let time = Duration::from_secs(lifetime.into());
        let expires = self.now + time;
        let (mut relays, mut token) = (Vec::with_capacity(parts.len()), None);
        for part in parts {
            if part.sockets.is_empty() {
                refused = Some((part.family, ErrorCode::INSUFFICIENT_CAPACITY));
            }
            for (at, socket) in part.sockets.into_iter().enumerate() {
                let Some(address) = socket.address else { continue };
                let relayed =
                    Relayed { id: socket.id, family: part.family, port: socket.port, address, expires };
                if at == 0 {
                    relays.push(relayed);
                } else {
                    token = Some(self.reserve(relayed, &seal));
                }
            }
        }
        let [first, rest @ ..] = &relays[..] else {
            self.let_go(&seal.user.quota, 1 + usize::from(reserve));
            let body = Body::Refused(ErrorCode::INSUFFICIENT_CAPACITY);
            self.answer(path, allocation.transaction_id, body, seal);
            return;
        };
        let (first, second) = (first.address, rest.first().map(|relay| relay.address));
        self.allocations.insert(
            path,
            Allocation {
                state: State::Open(Open::new(relays, refused, token)),
                deadline: expires,
                ..allocation
            },
        );
        self.set_deadline(Owner::Client(path), None, Some(expires));
        self.tell_allocated(path, &seal, first, second);
        let body = Body::Allocated { relayed: [Some(first), second], lifetime, token, refused };
        self.answer(path, allocation.transaction_id, body, seal);
    }

    /// Keeps a socket for who brings the token.
    fn reserve(&mut self, relayed: Relayed, seal: &Seal) -> [u8; 8] {
        let mut token = [0; 8];
        self.rng.fill_bytes(&mut token);
        let expires = self.now + RESERVATION_TIME;
        let relayed = Relayed { expires, ..relayed };
        self.relays.insert(relayed.id, Owner::Reservation(token));
        self.reservations.insert(token, Reservation { relayed, quota: seal.user.quota.clone() });
        self.set_deadline(Owner::Reservation(token), None, Some(expires));
        token
    }

    pub(super) fn end_reservation(&mut self, token: [u8; 8], close: bool) {
        if let Some(Reservation { relayed, quota }) = self.reservations.remove(&token) {
            self.set_deadline(Owner::Reservation(token), Some(relayed.expires), None);
            self.drop_relay(relayed.id, relayed.family, relayed.port, close);
            self.let_go(&quota, 1);
        }
    }

    fn tell_allocated(
        &mut self,
        path: Path,
        seal: &Seal,
        relayed: SocketAddr,
        additional: Option<SocketAddr>,
    ) {
        self.stats.allocated += 1;
        let username = seal.user.username.clone();
        self.tell(Event::Allocated { path, username, relayed, additional });
    }

    /// An allocation's deadline has come: sockets were not opened in time, or relayed addresses have expired.
    pub(super) fn allocation_due(&mut self, path: Path) {
        let now = self.now;
        let Some(allocation) = self.allocations.get_mut(&path) else { return };
        match &mut allocation.state {
            State::Opening(opening) => {
                for part in std::mem::take(&mut opening.parts) {
                    // What has come in time stays.
                    let late = part.sockets.iter().any(|socket| socket.address.is_none());
                    let Part { family, attempts, sockets } = part;
                    let kept = if late { self.close_all(family, sockets) } else { sockets };
                    if let Some(Allocation { state: State::Opening(opening), .. }) =
                        self.allocations.get_mut(&path)
                    {
                        opening.parts.push(Part { family, attempts, sockets: kept });
                    }
                }
                self.finish_if_decided(path);
            }
            State::Open(open) => {
                let expired: Vec<_> = open.relays.extract_if(.., |relay| relay.expires <= now).collect();
                for relay in expired {
                    self.drop_relay(relay.id, relay.family, relay.port, true);
                }
                self.relays_changed(path, Release::Expired);
            }
        }
    }

    fn close_all(&mut self, family: AddressFamily, sockets: Vec<Socket>) -> Vec<Socket> {
        for socket in sockets {
            self.drop_relay(socket.id, family, socket.port, true);
        }
        Vec::new()
    }

    /// After relayed addresses have gone or were refreshed: a new deadline, or the end.
    pub(super) fn relays_changed(&mut self, path: Path, reason: Release) {
        let Some(allocation) = self.allocations.get_mut(&path) else { return };
        let State::Open(open) = &mut allocation.state else { return };
        open.forget_other_families();
        let Some(expires) = open.expires() else { return self.release(path, reason) };
        let old = std::mem::replace(&mut allocation.deadline, expires);
        self.set_deadline(Owner::Client(path), Some(old), Some(expires));
    }

    /// Ends an allocation, whatever its state.
    pub(super) fn release(&mut self, path: Path, reason: Release) {
        let Some(allocation) = self.allocations.remove(&path) else { return };
        self.set_deadline(Owner::Client(path), Some(allocation.deadline), None);
        match allocation.state {
            State::Opening(opening) => {
                self.let_go(&allocation.user.quota, 1 + usize::from(opening.reserve));
                for part in opening.parts {
                    self.close_all(part.family, part.sockets);
                }
            }
            State::Open(open) => {
                self.let_go(&allocation.user.quota, 1);
                for relay in open.relays {
                    self.drop_relay(relay.id, relay.family, relay.port, true);
                }
                let Open { bytes_to_peers, bytes_to_client, .. } = open;
                self.tell(Event::Released { path, reason, bytes_to_peers, bytes_to_client });
            }
        }
    }
}

/// The number of UDP among the protocols.
const UDP: u8 = 17;
/// How many ports are tried.
const MAX_ATTEMPTS: u8 = 8;
/// How long the embedder may take to open sockets.
const OPENING_TIME: Duration = Duration::from_secs(5);
/// RFC 8656, Section 7.2: "at least 30 seconds".
const RESERVATION_TIME: Duration = Duration::from_secs(30);
