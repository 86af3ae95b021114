//! INIT and INIT ACK.

use super::kind;
use super::tlv::{self, Parameters, parameter, required_action};

/// The fixed part of INIT and INIT ACK, and their parameters.
///
/// Source: [RFC 9260, Sections 3.3.2 and 3.3.3](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Init<'a> {
    /// The tag that packets to the sender must carry; never zero.
    pub initiate_tag: u32,
    /// The sender's free receive buffer in bytes.
    pub a_rwnd: u32,
    /// How many streams the sender wants to send on; never zero.
    pub outbound_streams: u16,
    /// How many streams the sender can receive on; never zero.
    pub inbound_streams: u16,
    /// The sender's first TSN.
    pub initial_tsn: u32,
    /// The parameters, unparsed.
    pub parameters: Parameters<'a>,
}

/// What the parameters say, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InitParameters<'a> {
    /// The sender understands FORWARD-TSN (by the parameter or in the list of extensions).
    pub forward_tsn: bool,
    /// The sender understands RE-CONFIG.
    pub reconfig: bool,
    /// The state cookie (INIT ACK).
    pub cookie: Option<&'a [u8]>,
}

impl<'a> Init<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (&[t0, t1, t2, t3, a0, a1, a2, a3, o0, o1, i0, i1, n0, n1, n2, n3], parameters) =
            value.split_first_chunk::<16>()?;
        Some(Self {
            initiate_tag: u32::from_be_bytes([t0, t1, t2, t3]),
            a_rwnd: u32::from_be_bytes([a0, a1, a2, a3]),
            outbound_streams: u16::from_be_bytes([o0, o1]),
            inbound_streams: u16::from_be_bytes([i0, i1]),
            initial_tsn: u32::from_be_bytes([n0, n1, n2, n3]),
            parameters: Parameters::new(parameters),
        })
    }

    /// Whether tag and stream counts are usable.
    // RFC 9260, Section 3.3.2: a tag of zero and zero streams are errors.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.initiate_tag != 0 && self.outbound_streams != 0 && self.inbound_streams != 0
    }

    /// Reads the parameters; each unknown one that wants to be reported is handed to `report`.
    pub fn read_parameters(&self, mut report: impl FnMut(&'a [u8])) -> InitParameters<'a> {
        let mut read = InitParameters::default();
        for found in self.parameters {
            match found.kind {
                parameter::STATE_COOKIE => read.cookie = Some(found.value),
                parameter::FORWARD_TSN_SUPPORTED => read.forward_tsn = true,
                // RFC 5061, Section 4.2.7: a list of chunk types.
                parameter::SUPPORTED_EXTENSIONS => {
                    read.forward_tsn |= found.value.contains(&kind::FORWARD_TSN);
                    read.reconfig |= found.value.contains(&kind::RECONFIG);
                }
                // RFC 8261, Section 6: there is one path, DTLS's; addresses mean nothing.
                parameter::IPV4_ADDRESS
                | parameter::IPV6_ADDRESS
                | parameter::HOST_NAME_ADDRESS
                | parameter::SUPPORTED_ADDRESS_TYPES
                | parameter::COOKIE_PRESERVATIVE
                | parameter::UNRECOGNIZED
                | parameter::ECN_CAPABLE => {}
                unknown => {
                    let action = required_action(unknown);
                    if action.report {
                        report(found.whole);
                    }
                    if !action.go_on {
                        break;
                    }
                }
            }
        }
        read
    }

    /// Appends the fixed part and what we support; the caller appends further parameters.
    pub(crate) fn write_fixed(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.initiate_tag.to_be_bytes());
        out.extend_from_slice(&self.a_rwnd.to_be_bytes());
        out.extend_from_slice(&self.outbound_streams.to_be_bytes());
        out.extend_from_slice(&self.inbound_streams.to_be_bytes());
        out.extend_from_slice(&self.initial_tsn.to_be_bytes());
        tlv::write(out, parameter::FORWARD_TSN_SUPPORTED, |_| {});
        tlv::write(out, parameter::SUPPORTED_EXTENSIONS, |out| {
            out.extend_from_slice(&[kind::RECONFIG, kind::FORWARD_TSN]);
        });
    }

    /// Appends the state cookie's parameter.
    pub(crate) fn write_cookie(out: &mut Vec<u8>, cookie: &[u8]) {
        tlv::write(out, parameter::STATE_COOKIE, |out| out.extend_from_slice(cookie));
    }

    /// Appends parameters not understood, wrapped for their sender.
    pub(crate) fn write_unrecognized(out: &mut Vec<u8>, whole: &[u8]) {
        tlv::write(out, parameter::UNRECOGNIZED, |out| out.extend_from_slice(whole));
    }

    /// An INIT of ours.
    pub(crate) const fn ours(tag: u32, a_rwnd: u32, outbound: u16, inbound: u16, initial_tsn: u32) -> Self {
        Self {
            initiate_tag: tag,
            a_rwnd,
            outbound_streams: outbound,
            inbound_streams: inbound,
            initial_tsn,
            parameters: Parameters::new(&[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_of_init() {
        let mut out = Vec::new();
        Init::ours(0x1122_3344, 0x0040_0000, 65535, 65535, 0x5566_7788).write_fixed(&mut out);
        assert_eq!(
            out,
            [
                0x11, 0x22, 0x33, 0x44, 0, 0x40, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x55, 0x66, 0x77,
                0x88, //
                0xc0, 0, 0, 4, 0x80, 8, 0, 6, 130, 192, 0, 0
            ]
        );
        let init = Init::parse(&out).unwrap();
        assert!(init.is_valid());
        let read = init.read_parameters(|_| panic!("all are known"));
        assert!(read.forward_tsn && read.reconfig);
        for len in 0..16 {
            assert_eq!(Init::parse(&out[..len]), None);
        }
    }

    #[test]
    fn unknown_parameters_obey_their_upper_bits() {
        let mut fixed = Vec::new();
        Init::ours(1, 2, 3, 4, 5).write_fixed(&mut fixed);
        fixed.truncate(16);
        let reported = |kinds: &[u16]| {
            let mut bytes = fixed.clone();
            for &kind in kinds {
                tlv::write(&mut bytes, kind, |out| out.push(7));
            }
            let mut seen = Vec::new();
            let init = Init::parse(&bytes).unwrap();
            let read = init.read_parameters(|whole| seen.push(u16::from_be_bytes([whole[0], whole[1]])));
            (seen, read.forward_tsn)
        };
        let fwd = parameter::FORWARD_TSN_SUPPORTED;
        assert_eq!(reported(&[0x3001, fwd]), (vec![], false));
        assert_eq!(reported(&[0x7001, fwd]), (vec![0x7001], false));
        // AUTH's RANDOM, CHUNKS and HMAC-ALGO, zero checksum: skipped in silence.
        assert_eq!(reported(&[0x8002, 0x8003, 0x8004, 0x8001, fwd]), (vec![], true));
        // ASCONF's adaptation layer: skipped and reported.
        assert_eq!(reported(&[0xc006, fwd]), (vec![0xc006], true));
    }
}
