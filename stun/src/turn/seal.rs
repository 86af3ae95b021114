//! Datagrams to peers, framed where they stand: as ChannelData ([RFC 8656, Section 12.5]) once the peer's channel is
//! bound, else in a Send indication ([RFC 8656, Section 11.1]).
//!
//! [RFC 8656, Section 12.5]: https://www.rfc-editor.org/rfc/rfc8656#section-12.5
//! [RFC 8656, Section 11.1]: https://www.rfc-editor.org/rfc/rfc8656#section-11.1

use std::net::SocketAddr;
use std::ops::Range;

use super::allocation::State;
use super::channel_data::{self, ChannelData};
use super::client::Client;
use super::event::SendError;
use super::request::transaction_id;
use crate::address::{self, canonical};
use crate::attribute::{AttributeType, ChannelNumber};
use crate::message::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, join_type};

/// The most bytes that framing needs before a payload: a Send indication to an IPv6 peer with DONT-FRAGMENT.
pub const HEADROOM: usize = 52;

/// The most bytes that framing needs behind a payload: padding to a multiple of four.
pub const TAILROOM: usize = 3;

impl Client {
    /// How many bytes [`Self::seal`] needs before a payload for the peer now: 4 with a channel, at most [`HEADROOM`]
    /// without.
    #[must_use]
    pub fn headroom(&self, peer: SocketAddr) -> usize {
        let peer = canonical(peer);
        match self.bound_channel(peer) {
            Some(_) => channel_data::HEADER_LEN,
            None => self.indication_headroom(peer),
        }
    }

    /// Frames the payload that lies at `payload` in `buffer` for a peer, writing before it and up to [`TAILROOM`] zero bytes
    /// behind it, and says where the whole lies; it goes to [`Self::server`]. Nothing is copied or allocated.
    ///
    /// # Errors
    /// It cannot be sent; the buffer is as it was.
    pub fn seal(
        &mut self,
        peer: SocketAddr,
        buffer: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, SendError> {
        if !matches!(self.state, State::Allocated(_)) {
            return Err(SendError::NotAllocated);
        }
        let peer = canonical(peer);
        let len = payload.end.checked_sub(payload.start).ok_or(SendError::NoRoom)?;
        let framed = match self.bound_channel(peer) {
            Some(channel) => {
                let header = ChannelData::header(channel, len).ok_or(SendError::TooLong)?;
                frame(buffer, &payload, &header, self.is_stream())?
            }
            None => {
                // RFC 8656, Section 11.1: the client MUST ensure that there is a permission for the peer's IP address.
                if !self.peers.is_permitted(peer) {
                    let wanted = self.peers.is_wanted(peer);
                    return Err(if wanted { SendError::NotRequested } else { SendError::NotPermitted });
                }
                let mut head = [0; HEADROOM];
                let head_len = self.indication_headroom(peer);
                let head = head.get_mut(..head_len).ok_or(SendError::NoRoom)?;
                let id = transaction_id(&mut self.rng);
                write_head(head, id, peer, self.dont_fragment, len)?;
                frame(buffer, &payload, head, true)?
            }
        };
        self.stats.datagrams_sent += 1;
        Ok(framed)
    }

    fn bound_channel(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        self.peers.get(peer).filter(|peer| peer.bound)?.channel
    }

    const fn indication_headroom(&self, peer: SocketAddr) -> usize {
        let address = if peer.is_ipv4() { 8 } else { 20 };
        let dont_fragment = if self.dont_fragment { ATTRIBUTE_HEADER_LEN } else { 0 };
        HEADER_LEN + ATTRIBUTE_HEADER_LEN + address + dont_fragment + ATTRIBUTE_HEADER_LEN
    }
}

/// Writes `head` before the payload, and zeroes to a multiple of four behind it.
fn frame(
    buffer: &mut [u8],
    payload: &Range<usize>,
    head: &[u8],
    padded: bool,
) -> Result<Range<usize>, SendError> {
    if payload.end > buffer.len() {
        return Err(SendError::NoRoom);
    }
    let start = payload.start.checked_sub(head.len()).ok_or(SendError::NoRoom)?;
    let len = payload.end - start;
    let end = start + if padded { len.next_multiple_of(4) } else { len };
    let framed = buffer.get_mut(start..end).ok_or(SendError::NoRoom)?;
    if let Some(before) = framed.get_mut(..head.len()) {
        before.copy_from_slice(head);
    }
    if let Some(behind) = framed.get_mut(len..) {
        behind.fill(0);
    }
    Ok(start..end)
}

/// All of a Send indication that stands before the `len` bytes of data.
fn write_head(
    head: &mut [u8],
    id: TransactionId,
    peer: SocketAddr,
    dont_fragment: bool,
    len: usize,
) -> Result<(), SendError> {
    let data_len = u16::try_from(len).map_err(|_| SendError::TooLong)?;
    let message_len = (head.len() - HEADER_LEN)
        .checked_add(len.next_multiple_of(4))
        .and_then(|len| u16::try_from(len).ok())
        .ok_or(SendError::TooLong)?;
    let (value, value_len) = address::encode(address::xor(peer, id));
    let value = value.get(..value_len).unwrap_or_default();
    let asked = attribute_header(AttributeType::DONT_FRAGMENT, 0);
    let dont_fragment = if dont_fragment { &asked[..] } else { &[] };
    let value_header = u16::try_from(value_len).map_err(|_| SendError::TooLong)?;
    let parts: [&[u8]; 8] = [
        &join_type(Class::Indication, Method::SEND).to_be_bytes(),
        &message_len.to_be_bytes(),
        &MAGIC_COOKIE.to_be_bytes(),
        &id.0,
        &attribute_header(AttributeType::XOR_PEER_ADDRESS, value_header),
        value,
        dont_fragment,
        &attribute_header(AttributeType::DATA, data_len),
    ];
    for (to, from) in head.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    Ok(())
}

const fn attribute_header(kind: AttributeType, len: u16) -> [u8; 4] {
    let ([t0, t1], [l0, l1]) = (kind.0.to_be_bytes(), len.to_be_bytes());
    [t0, t1, l0, l1]
}

/// An attribute's type and length.
const ATTRIBUTE_HEADER_LEN: usize = 4;
