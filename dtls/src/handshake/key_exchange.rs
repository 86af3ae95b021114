//! ServerKeyExchange and ClientKeyExchange of ECDHE (RFC 8422, Sections 5.4 and 5.7).

use super::certificate::{Signature, write_signature};
use crate::config::NamedGroup;
use crate::wire::{DecodeError, Reader, put_u16, put_vec};

/// The server's share of the key exchange, signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerKeyExchange<'a> {
    /// The group's code point.
    pub group: u16,
    /// The server's public share.
    pub public_key: &'a [u8],
    /// The bytes that are signed after the two randoms.
    pub params: &'a [u8],
    /// The signature.
    pub signature: Signature<'a>,
}

impl<'a> ServerKeyExchange<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// The body is not one of ECDHE with a named curve.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        // RFC 8422, Section 5.4: named_curve is the only curve type left.
        if reader.u8("curve_type")? != NAMED_CURVE {
            return Err(DecodeError::new("curve_type"));
        }
        let group = reader.u16("namedcurve")?;
        let public_key = reader.vec8("public")?;
        let params_len = body.len().saturating_sub(reader.rest().len());
        let params = Reader::new(body).bytes(params_len, "params")?;
        let signature = Signature::parse(reader.rest())?;
        Ok(Self { group, public_key, params, signature })
    }
}

/// The part of a ServerKeyExchange that is signed.
pub(crate) fn write_params(group: NamedGroup, public_key: &[u8], out: &mut Vec<u8>) {
    out.push(NAMED_CURVE);
    put_u16(out, group.code());
    put_vec::<1>(out, |out| out.extend_from_slice(public_key));
}

/// The body of a ServerKeyExchange.
pub(crate) fn write_server_key_exchange(params: &[u8], signature: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(params);
    write_signature(signature, out);
}

/// The client's share of the key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientKeyExchange<'a> {
    /// The client's public share.
    pub public_key: &'a [u8],
}

impl<'a> ClientKeyExchange<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// The body is not one vector.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let public_key = reader.vec8("ecdh_Yc")?;
        reader.finish("ClientKeyExchange")?;
        Ok(Self { public_key })
    }
}

/// The body of a ClientKeyExchange.
pub(crate) fn write_client_key_exchange(public_key: &[u8], out: &mut Vec<u8>) {
    put_vec::<1>(out, |out| out.extend_from_slice(public_key));
}

const NAMED_CURVE: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_messages_round_trip_and_every_truncation_is_refused() {
        let mut params = Vec::new();
        write_params(NamedGroup::X25519, &[7; 32], &mut params);
        let mut body = Vec::new();
        write_server_key_exchange(&params, b"signature", &mut body);
        let parsed = ServerKeyExchange::parse(&body).unwrap();
        assert_eq!((parsed.group, parsed.public_key, parsed.params), (29, &[7; 32][..], &params[..]));
        assert_eq!(parsed.signature.bytes, b"signature");
        for len in 0..body.len() {
            assert!(ServerKeyExchange::parse(&body[..len]).is_err(), "{len}");
        }
        body.clear();
        write_client_key_exchange(&[9; 65], &mut body);
        assert_eq!(ClientKeyExchange::parse(&body).unwrap().public_key, [9; 65]);
        for len in 0..body.len() {
            assert!(ClientKeyExchange::parse(&body[..len]).is_err(), "{len}");
        }
    }
}
