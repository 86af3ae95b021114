//! Binding with a STUN server: learns the address that the outside sees (RFC 8489, Section 3; RFC 8445, Section 5.1.1.2).

use std::net::SocketAddr;

use crate::address::canonical;
use crate::error::WriteError;
use crate::message::{Class, Message, Method, TransactionId};
use crate::writer::Writer;

/// Appends a Binding request without credentials, as a STUN server takes it.
///
/// # Errors
/// None that a buffer of this size can have; the type is the writer's.
pub fn write_binding_request(out: &mut Vec<u8>, id: TransactionId) -> Result<usize, WriteError> {
    Writer::new(out, Class::Request, Method::BINDING, id).fingerprint().finish()
}

/// The address in a Binding success response, canonical; `None` when the message is something else.
#[must_use]
pub fn mapped_address(message: &Message<'_>) -> Option<SocketAddr> {
    if message.class() != Class::Success || message.method() != Method::BINDING {
        return None;
    }
    message.mapped_address().map(canonical)
}

/// Appends a server's answer to a Binding request: the address that it came from. `None` when `datagram` is something else.
///
/// A request's integrity is not looked at: whoever asks is told (RFC 8489, Section 12).
pub fn write_binding_response(datagram: &[u8], source: SocketAddr, out: &mut Vec<u8>) -> Option<usize> {
    let request = Message::parse(datagram).ok()?;
    if request.class() != Class::Request || request.method() != Method::BINDING {
        return None;
    }
    Writer::new(out, Class::Success, Method::BINDING, request.transaction_id())
        .xor_mapped_address(source)
        .fingerprint()
        .finish()
        .ok()
}
