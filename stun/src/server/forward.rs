//! Data on its way, framed and unframed where it stands ([RFC 8656, Sections 11 and 12]).
//!
//! [RFC 8656, Sections 11 and 12]: https://www.rfc-editor.org/rfc/rfc8656#section-11

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use rand_core::Rng;

use super::event::{Discard, Path, RelayId, ToClient, ToPeer, Transport};
use super::relay::{Owner, Relay};
use super::response::{Body, Response};
use crate::address::canonical;
use crate::attribute::{Attribute, AttributeType};
use crate::message::{Class, HEADER_LEN, Message, Method, TransactionId};
use crate::writer::Writer;

/// The most bytes that framing needs before data from a peer: a Data indication of an IPv6 address.
pub const HEADROOM: usize = 48;

/// The most bytes that framing needs behind data from a peer: padding to a multiple of four.
pub const TAILROOM: usize = 3;

impl Relay {
    /// Takes what a peer has sent to a relayed address: it lies at `data` in `buffer`, with up to [`HEADROOM`] bytes before and
    /// [`TAILROOM`] bytes behind it, where the framing for the client is written.
    ///
    /// # Errors
    /// It is not relayed; see each variant.
    pub fn handle_relayed<'d>(
        &mut self,
        now: Instant,
        id: RelayId,
        peer: SocketAddr,
        buffer: &'d mut [u8],
        data: Range<usize>,
    ) -> Result<ToClient<'d>, Discard> {
        self.advance(now);
        self.relayed(id, canonical(peer), buffer, data).map_err(|discard| self.discarded(discard))
    }

    /// Takes an ICMP error about a datagram that was sent from a relayed address to a peer; the port may be zero if it is not
    /// known. `data` is the next link's MTU where type and code say that the datagram was too big. The client is told
    /// ([RFC 8656, Section 11.5]).
    ///
    /// [RFC 8656, Section 11.5]: https://www.rfc-editor.org/rfc/rfc8656#section-11.5
    ///
    /// # Errors
    /// It is not relayed; see each variant.
    pub fn handle_icmp(
        &mut self,
        now: Instant,
        id: RelayId,
        peer: SocketAddr,
        (kind, code): (u8, u8),
        data: u32,
    ) -> Result<(), Discard> {
        self.advance(now);
        let result = self.icmp(id, canonical(peer), kind, code, data);
        result.map_err(|discard| self.discarded(discard))
    }

    pub(super) fn channel_data<'d>(
        &mut self,
        path: Path,
        datagram: &'d mut [u8],
    ) -> Result<ToPeer<'d>, Discard> {
        let (header, rest) = datagram.split_first_chunk_mut::<4>().ok_or(Discard::Malformed)?;
        let [c0, c1, l0, l1] = *header;
        let (channel, len) = (u16::from_be_bytes([c0, c1]), usize::from(u16::from_be_bytes([l0, l1])));
        // RFC 8656, Section 12.6: too short for the claimed length, it is silently discarded.
        let payload = rest.get_mut(..len).ok_or(Discard::Malformed)?;
        let now = self.now;
        let open = self.open(path).ok_or(Discard::NoAllocation)?;
        // RFC 8656, Section 12.6: a channel that is not bound discards; the binding is not refreshed.
        let peer = open.peer_of(now, channel).ok_or(Discard::UnknownChannel)?;
        self.forward(path, peer, false, payload)
    }

    /// Where a Send indication's data goes, and where it lies.
    pub(super) fn check_send(
        &mut self,
        path: Path,
        message: &Message<'_>,
    ) -> Result<(SocketAddr, bool, Range<usize>), Discard> {
        let now = self.now;
        let data = message.value_range(AttributeType::DATA);
        let peer = message.attribute(AttributeType::XOR_PEER_ADDRESS);
        let dont_fragment = message.value(AttributeType::DONT_FRAGMENT).is_some();
        // RFC 8656, Section 11.2: both attributes; DONT-FRAGMENT is unknown to who cannot obey it.
        let (Some(data), Ok(Some(Attribute::XorPeerAddress(peer)))) = (data, peer) else {
            return Err(Discard::Malformed);
        };
        if message.unknown_attributes().next().is_some() || dont_fragment && !self.config.dont_fragment {
            return Err(Discard::UnknownAttribute);
        }
        let peer = canonical(peer);
        let open = self.open(path).ok_or(Discard::NoAllocation)?;
        if !open.is_permitted(now, peer.ip()) {
            return Err(Discard::NotPermitted);
        }
        if self.refuses(path, peer) {
            return Err(Discard::PeerRefused);
        }
        Ok((peer, dont_fragment, data))
    }

    pub(super) fn send<'d>(
        &mut self,
        path: Path,
        peer: SocketAddr,
        dont_fragment: bool,
        datagram: &'d mut [u8],
        data: Range<usize>,
    ) -> Result<ToPeer<'d>, Discard> {
        let payload = datagram.get_mut(data).ok_or(Discard::Malformed)?;
        self.forward(path, peer, dont_fragment, payload)
    }

    fn forward<'d>(
        &mut self,
        path: Path,
        peer: SocketAddr,
        dont_fragment: bool,
        payload: &'d mut [u8],
    ) -> Result<ToPeer<'d>, Discard> {
        let len = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let open = self.open(path).ok_or(Discard::NoAllocation)?;
        let relay = open.relay_for(peer).ok_or(Discard::NotPermitted)?;
        open.bytes_to_peers += len;
        self.stats.datagrams_to_peers += 1;
        self.stats.bytes_to_peers += len;
        Ok(ToPeer { relay, peer, dont_fragment, payload })
    }

    fn relayed<'d>(
        &mut self,
        id: RelayId,
        peer: SocketAddr,
        buffer: &'d mut [u8],
        data: Range<usize>,
    ) -> Result<ToClient<'d>, Discard> {
        let now = self.now;
        let Some(Owner::Client(path)) = self.relays.get(&id).copied() else {
            return Err(Discard::NoAllocation);
        };
        let len = data.end.checked_sub(data.start).ok_or(Discard::NoRoom)?;
        let open = self.open(path).ok_or(Discard::NoAllocation)?;
        // RFC 8656, Section 11.3: without a permission it is discarded; with a channel, it goes there.
        if !open.is_permitted(now, peer.ip()) {
            return Err(Discard::NotPermitted);
        }
        let channel = open.channel_of(now, peer);
        self.write_head(peer, channel, len)?;
        let padded = channel.is_none() || path.transport == Transport::Stream;
        let message = frame(buffer, &data, &self.scratch, padded)?;
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        if let Some(open) = self.open(path) {
            open.bytes_to_client += len;
        }
        self.stats.datagrams_to_clients += 1;
        self.stats.bytes_to_clients += len;
        Ok(ToClient { path, message })
    }

    /// Writes what stands before `len` bytes of data into the scratch buffer.
    fn write_head(&mut self, peer: SocketAddr, channel: Option<u16>, len: usize) -> Result<(), Discard> {
        self.scratch.clear();
        if let Some(channel) = channel {
            let len = u16::try_from(len).map_err(|_| Discard::NoRoom)?;
            self.scratch.extend_from_slice(&channel.to_be_bytes());
            self.scratch.extend_from_slice(&len.to_be_bytes());
            return Ok(());
        }
        let id = self.transaction_id();
        let head = Writer::new(&mut self.scratch, Class::Indication, Method::DATA, id)
            .xor_peer_address(peer)
            .data(&[])
            .finish()
            .map_err(|_| Discard::NoRoom)?;
        // The lengths of the message and of DATA, the last attribute, with the data.
        let data_len = u16::try_from(len).map_err(|_| Discard::NoRoom)?;
        let message_len =
            u16::try_from(head - HEADER_LEN + len.next_multiple_of(4)).map_err(|_| Discard::NoRoom)?;
        if let [_, _, m0, m1, .., d0, d1] = &mut self.scratch[..] {
            [*m0, *m1] = message_len.to_be_bytes();
            [*d0, *d1] = data_len.to_be_bytes();
        }
        Ok(())
    }

    fn icmp(&mut self, id: RelayId, peer: SocketAddr, kind: u8, code: u8, data: u32) -> Result<(), Discard> {
        let now = self.now;
        let Some(Owner::Client(path)) = self.relays.get(&id).copied() else {
            return Err(Discard::NoAllocation);
        };
        // RFC 8656, Section 11.5: "the type is either 3 or 11 for an ICMPv4 packet or either 1, 2, or 3 for an ICMPv6 packet".
        let relayed = if peer.is_ipv4() { matches!(kind, 3 | 11) } else { matches!(kind, 1..=3) };
        if !relayed {
            return Err(Discard::Unexpected);
        }
        let open = self.open(path).ok_or(Discard::NoAllocation)?;
        if !open.is_permitted(now, peer.ip()) {
            return Err(Discard::NotPermitted);
        }
        if self.waiting.strangers() >= self.config.max_waiting / 2 {
            return Err(Discard::Busy);
        }
        let id = self.transaction_id();
        let body = Body::Icmp { peer, kind, code, data };
        self.waiting.push(Response { path, method: Method::DATA, id, body, seal: None, limit: None });
        Ok(())
    }

    fn transaction_id(&mut self) -> TransactionId {
        let mut id = [0; 12];
        self.rng.fill_bytes(&mut id);
        TransactionId(id)
    }
}

/// Writes `head` before the data, and zeroes to a multiple of four behind it.
fn frame<'d>(
    buffer: &'d mut [u8],
    data: &Range<usize>,
    head: &[u8],
    padded: bool,
) -> Result<&'d mut [u8], Discard> {
    let start = data.start.checked_sub(head.len()).ok_or(Discard::NoRoom)?;
    let len = data.end - start;
    let end = start + if padded { len.next_multiple_of(4) } else { len };
    let message = buffer.get_mut(start..end).ok_or(Discard::NoRoom)?;
    for (to, from) in message.iter_mut().zip(head) {
        *to = *from;
    }
    if let Some(padding) = message.get_mut(len..) {
        padding.fill(0);
    }
    Ok(message)
}
