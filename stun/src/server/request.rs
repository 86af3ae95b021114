//! STUN messages from clients: what is a stranger's, what is authentic, and the requests on an allocation.

use std::net::SocketAddr;
use std::time::Duration;

use super::allocation::{Allocation, State};
use super::event::{Discard, Path, Received, Release, Transport};
use super::relay::Relay;
use super::response::{Body, MAX_UNKNOWN, Response};
use crate::address::canonical;
use crate::attribute::{AddressFamily, Attribute, AttributeType, ErrorCode};
use crate::error::IntegrityError;
use crate::message::{Class, Message, Method};

/// The typed value of an attribute, if there is one.
///
/// # Errors
/// 400: it is malformed.
pub(super) fn typed<'a>(
    request: &Message<'a>,
    kind: AttributeType,
) -> Result<Option<Attribute<'a>>, ErrorCode> {
    request.attribute(kind).map_err(|_| ErrorCode::BAD_REQUEST)
}

impl Relay {
    pub(super) fn stun<'d>(&mut self, path: Path, datagram: &'d mut [u8]) -> Result<Received<'d>, Discard> {
        let message = Message::parse(datagram).map_err(|_| Discard::Malformed)?;
        // RFC 8489, Section 7: a wrong FINGERPRINT is no STUN.
        if message.verify_fingerprint() == Err(IntegrityError::Mismatch) {
            return Err(Discard::Malformed);
        }
        match (message.class(), message.method()) {
            (Class::Indication, Method::SEND) => {
                let (peer, dont_fragment, data) = self.check_send(path, &message)?;
                self.send(path, peer, dont_fragment, datagram, data).map(Received::ToPeer)
            }
            // RFC 8489, Section 12: a Binding indication keeps a NAT's binding up, no more.
            (Class::Indication, Method::BINDING) => Ok(Received::Consumed),
            (Class::Request, Method::BINDING) => self.binding(path, &message),
            (
                Class::Request,
                Method::ALLOCATE | Method::REFRESH | Method::CREATE_PERMISSION | Method::CHANNEL_BIND,
            ) => self.request(path, &message),
            _ => Err(Discard::Unexpected),
        }
    }

    fn binding<'d>(&mut self, path: Path, request: &Message<'_>) -> Result<Received<'d>, Discard> {
        // What RFC 5780 asks of servers with several addresses is unknown to this one.
        let other = [AttributeType::CHANGE_REQUEST, AttributeType::RESPONSE_PORT, AttributeType::PADDING];
        let body = self.unknown(request, &other).unwrap_or(Body::Bound(path.remote));
        self.answer_stranger(path, request, body)
    }

    /// An error response of the attributes that are unknown, if there are any (RFC 8489, Section 6.3.1).
    fn unknown(&self, request: &Message<'_>, other: &[AttributeType]) -> Option<Body> {
        let mut list = [AttributeType(0); MAX_UNKNOWN];
        let others = request.attributes().map(|raw| raw.attribute).filter(|kind| other.contains(kind));
        let mut count = 0;
        for (to, from) in list.iter_mut().zip(request.unknown_attributes().chain(others)) {
            *to = from;
            count += 1;
        }
        (count > 0).then_some(Body::Unknown(list, count))
    }

    fn request<'d>(&mut self, path: Path, request: &Message<'_>) -> Result<Received<'d>, Discard> {
        let known = self.allocations.get(&path).map(|allocation| &allocation.user);
        let checked = self.users.authenticate(&self.config, request, known, self.unix_time());
        let seal = match checked {
            Ok(seal) => seal,
            Err(ErrorCode::UNAUTHENTICATED) => {
                return self.answer_stranger(path, request, Body::Challenge(ErrorCode::UNAUTHENTICATED));
            }
            Err(code) => return self.answer_stranger(path, request, Body::Refused(code)),
        };
        // RFC 8489, Section 9.2.4: the nonce is looked at last.
        let nonce = request.value(AttributeType::NONCE).unwrap_or_default();
        if !self.nonces.is_valid(nonce, path.remote, self.now - self.started) {
            return self.answer_stranger(path, request, Body::Challenge(ErrorCode::STALE_NONCE));
        }
        if self.waiting.len() >= self.config.max_waiting {
            return Err(Discard::Busy);
        }
        let other: &[_] = if self.config.dont_fragment { &[] } else { &[AttributeType::DONT_FRAGMENT] };
        let body = match self.unknown(request, other) {
            Some(body) => body,
            None if request.method() == Method::ALLOCATE => match self.repeated(path, request) {
                Some(result) => result?,
                None => match self.allocate(path, request, seal.clone()) {
                    Ok(Some(body)) => body,
                    Ok(None) => return Ok(Received::Consumed),
                    Err(code) => Body::Refused(code),
                },
            },
            None => self.on_allocation(path, request, &seal.user.username).unwrap_or_else(Body::Refused),
        };
        self.stats.refused += u64::from(body.is_error());
        self.waiting.push(Response {
            path,
            method: request.method(),
            id: request.transaction_id(),
            body,
            seal: Some(seal),
            limit: None,
        });
        Ok(Received::Consumed)
    }

    fn answer_stranger<'d>(
        &mut self,
        path: Path,
        request: &Message<'_>,
        body: Body,
    ) -> Result<Received<'d>, Discard> {
        if self.waiting.strangers() >= self.config.max_waiting / 2 {
            return Err(Discard::Busy);
        }
        // A stream has shown that the client is where it says.
        let limit = (path.transport == Transport::Datagram).then_some(request.bytes().len());
        self.stats.refused += u64::from(body.is_error());
        self.waiting.push(Response {
            path,
            method: request.method(),
            id: request.transaction_id(),
            body,
            seal: None,
            limit,
        });
        Ok(Received::Consumed)
    }

    /// An Allocate request on a 5-tuple that has an allocation: the same answer to the same request, else 437.
    fn repeated(&self, path: Path, request: &Message<'_>) -> Option<Result<Body, Discard>> {
        let allocation = self.allocations.get(&path)?;
        if allocation.transaction_id != request.transaction_id() {
            return Some(Ok(Body::Refused(ErrorCode::ALLOCATION_MISMATCH)));
        }
        let State::Open(open) = &allocation.state else { return Some(Err(Discard::Pending)) };
        // RFC 8656, Section 7.2: LIFETIME may be what is left of it.
        let left = open.expires()?.saturating_duration_since(self.now).as_secs();
        let mut relayed = [None; 2];
        for (to, from) in relayed.iter_mut().zip(&open.relays) {
            *to = Some(from.address);
        }
        Some(Ok(Body::Allocated {
            relayed,
            lifetime: u32::try_from(left).unwrap_or(u32::MAX),
            token: open.token,
            refused: open.refused,
        }))
    }

    fn on_allocation(
        &mut self,
        path: Path,
        request: &Message<'_>,
        username: &[u8],
    ) -> Result<Body, ErrorCode> {
        // RFC 8656, Section 5: 437 without an allocation, 441 for another's.
        match self.allocations.get(&path) {
            None | Some(Allocation { state: State::Opening(_), .. }) => {
                return Err(ErrorCode::ALLOCATION_MISMATCH);
            }
            Some(allocation) if allocation.user.username != username => {
                return Err(ErrorCode::WRONG_CREDENTIALS);
            }
            Some(_) => {}
        }
        match request.method() {
            Method::REFRESH => self.refresh(path, request),
            Method::CREATE_PERMISSION => self.create_permission(path, request),
            _ => self.channel_bind(path, request),
        }
    }

    fn refresh(&mut self, path: Path, request: &Message<'_>) -> Result<Body, ErrorCode> {
        let lifetime = match typed(request, AttributeType::LIFETIME)? {
            Some(Attribute::Lifetime(0)) => 0,
            Some(Attribute::Lifetime(seconds)) => self.lifetime(Some(seconds)),
            _ => self.lifetime(None),
        };
        let family = match typed(request, AttributeType::REQUESTED_ADDRESS_FAMILY)? {
            Some(Attribute::RequestedAddressFamily(family)) => Some(family),
            _ => None,
        };
        let expires = self.now + Duration::from_secs(lifetime.into());
        let open = self.open(path).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        let of_family = |relay: AddressFamily| family.is_none_or(|family| family == relay);
        // RFC 8656, Section 8.2: "MUST reply with a 443".
        if !open.relays.iter().any(|relay| of_family(relay.family)) {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        let mut ended = Vec::new();
        if lifetime == 0 && open.relays.iter().all(|relay| of_family(relay.family)) {
            self.release(path, Release::Refreshed);
            return Ok(Body::Refreshed(0));
        } else if lifetime == 0 {
            ended.extend(open.relays.extract_if(.., |relay| of_family(relay.family)));
        }
        for relay in open.relays.iter_mut().filter(|relay| of_family(relay.family)) {
            relay.expires = expires;
        }
        for relay in ended {
            self.drop_relay(relay.id, relay.family, relay.port, true);
        }
        self.relays_changed(path, Release::Refreshed);
        Ok(Body::Refreshed(lifetime))
    }

    fn create_permission(&mut self, path: Path, request: &Message<'_>) -> Result<Body, ErrorCode> {
        let peers = || {
            let all = request.attributes().filter(|raw| raw.attribute == AttributeType::XOR_PEER_ADDRESS);
            all.map(|raw| match raw.decode() {
                Ok(Attribute::XorPeerAddress(peer)) => Ok(canonical(peer)),
                _ => Err(ErrorCode::BAD_REQUEST),
            })
        };
        // RFC 8656, Section 10.2: at least one address, all of them valid, all or none installed.
        let mut count = 0;
        for peer in peers() {
            peer?;
            count += 1;
        }
        if count == 0 {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let (now, max) = (self.now, self.config.max_permissions);
        let mut new = 0;
        for peer in peers() {
            let peer = peer?;
            let allowed = self.config.peers.allows(peer.ip());
            let open = self.open(path).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
            open.relay_for(peer).ok_or(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH)?;
            if !allowed {
                return Err(ErrorCode::FORBIDDEN);
            }
            new += usize::from(!open.is_permitted(now, peer.ip()));
        }
        let open = self.open(path).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if !open.has_room(now, new, max) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        for peer in peers() {
            open.permit(now, peer?.ip());
        }
        Ok(Body::Done)
    }

    fn channel_bind(&mut self, path: Path, request: &Message<'_>) -> Result<Body, ErrorCode> {
        let channel = match typed(request, AttributeType::CHANNEL_NUMBER)? {
            Some(Attribute::ChannelNumber(number)) => Some(number).filter(|number| self.is_channel(*number)),
            _ => None,
        };
        let peer = match typed(request, AttributeType::XOR_PEER_ADDRESS)? {
            Some(Attribute::XorPeerAddress(peer)) => Some(canonical(peer)),
            _ => None,
        };
        let (Some(channel), Some(peer)) = (channel, peer) else { return Err(ErrorCode::BAD_REQUEST) };
        let refused = self.refuses(path, peer);
        let (now, max_permissions, max_channels) =
            (self.now, self.config.max_permissions, self.config.max_channels);
        let open = self.open(path).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        open.relay_for(peer).ok_or(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH)?;
        if refused {
            return Err(ErrorCode::FORBIDDEN);
        }
        let new = usize::from(!open.is_permitted(now, peer.ip()));
        if !open.has_room(now, new, max_permissions) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        open.bind(now, channel, peer, max_channels)?;
        // RFC 8656, Section 12.2: the permission is installed or refreshed with it.
        open.permit(now, peer.ip());
        Ok(Body::Done)
    }

    /// RFC 8656, Section 12.2: from 0x4000 to 0x4FFF, unless the configuration says otherwise.
    fn is_channel(&self, number: u16) -> bool {
        (0x4000..=self.config.highest_channel.min(0x7fff)).contains(&number)
    }

    /// Whether nothing is relayed to an address: no port, against the policy, or the server itself
    /// (RFC 8656, Section 21.1.7: loops).
    pub(super) fn refuses(&self, path: Path, peer: SocketAddr) -> bool {
        peer.port() == 0 || peer == path.local || !self.config.peers.allows(peer.ip())
    }
}
