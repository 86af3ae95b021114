//! The messages of the Data Channel Establishment Protocol.

use std::time::Duration;

use crate::association::Reliability;

/// What DATA_CHANNEL_OPEN says of a channel.
///
/// Source: [RFC 8832, Section 5.1](https://www.rfc-editor.org/rfc/rfc8832#section-5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open<'a> {
    pub(crate) ordered: bool,
    pub(crate) reliability: Reliability,
    pub(crate) priority: u16,
    pub(crate) label: &'a str,
    pub(crate) protocol: &'a str,
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dcep<'a> {
    Open(Open<'a>),
    Ack,
}

const OPEN: u8 = 3;
const ACK: u8 = 2;
/// The bit of the channel type that means "unordered".
const UNORDERED: u8 = 0x80;

impl<'a> Dcep<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        match *bytes.first()? {
            ACK => Some(Self::Ack),
            OPEN => {
                let (&[_, kind, p0, p1, r0, r1, r2, r3, l0, l1, n0, n1], texts) =
                    bytes.split_first_chunk::<12>()?;
                let parameter = u32::from_be_bytes([r0, r1, r2, r3]);
                let reliability = match kind & !UNORDERED {
                    // RFC 8832, Section 5.1: the parameter of a reliable channel is ignored.
                    0 => Reliability::Reliable,
                    1 => Reliability::MaxRetransmits(parameter),
                    2 => Reliability::MaxLifetime(Duration::from_millis(u64::from(parameter))),
                    _ => return None,
                };
                let (label, rest) = texts.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
                let protocol = rest.get(..usize::from(u16::from_be_bytes([n0, n1])))?;
                Some(Self::Open(Open {
                    ordered: kind & UNORDERED == 0,
                    reliability,
                    priority: u16::from_be_bytes([p0, p1]),
                    label: std::str::from_utf8(label).ok()?,
                    protocol: std::str::from_utf8(protocol).ok()?,
                }))
            }
            _ => None,
        }
    }

    /// The bytes; label and protocol must each be under 64 KiB.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let Self::Open(open) = self else { return vec![ACK] };
        let (kind, parameter) = match open.reliability {
            Reliability::Reliable => (0, 0),
            Reliability::MaxRetransmits(most) => (1, most),
            Reliability::MaxLifetime(time) => (2, u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
        };
        let mut out = Vec::with_capacity(12 + open.label.len() + open.protocol.len());
        out.extend_from_slice(&[OPEN, if open.ordered { kind } else { kind | UNORDERED }]);
        out.extend_from_slice(&open.priority.to_be_bytes());
        out.extend_from_slice(&parameter.to_be_bytes());
        for text in [open.label, open.protocol] {
            out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
        out.extend_from_slice(open.label.as_bytes());
        out.extend_from_slice(open.protocol.as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_of_open() {
        let open = Open {
            ordered: false,
            reliability: Reliability::MaxRetransmits(5),
            priority: 256,
            label: "chat",
            protocol: "x",
        };
        let bytes = Dcep::Open(open).to_bytes();
        assert_eq!(bytes, b"\x03\x81\x01\x00\x00\x00\x00\x05\x00\x04\x00\x01chatx");
        assert_eq!(Dcep::parse(&bytes), Some(Dcep::Open(open)));
    }

    #[test]
    fn round_trip_and_truncation() {
        let times = [Reliability::MaxLifetime(Duration::from_millis(3000)), Reliability::Reliable];
        for reliability in times.into_iter().chain([Reliability::MaxRetransmits(0)]) {
            for ordered in [true, false] {
                let open = Open { ordered, reliability, priority: 0, label: "ä label", protocol: "" };
                let bytes = Dcep::Open(open).to_bytes();
                assert_eq!(Dcep::parse(&bytes), Some(Dcep::Open(open)));
                (0..bytes.len()).for_each(|len| assert_eq!(Dcep::parse(&bytes[..len]), None));
            }
        }
        assert_eq!(Dcep::parse(&Dcep::Ack.to_bytes()), Some(Dcep::Ack));
        assert_eq!(Dcep::parse(b"\x03\x04\0\0\0\0\0\0\0\0\0\0"), None, "unknown channel type");
        assert_eq!(Dcep::parse(b"\x03\x00\0\0\0\0\0\0\0\x01\0\0\xff"), None, "label is not UTF-8");
    }
}
