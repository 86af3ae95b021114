//! The packets of a datagram, each as the view of its type.

use std::fmt;
use std::iter::FusedIterator;

use super::header::{Discard, FeedbackBody, RawPacket, kind};
use super::{
    App, Bye, CongestionControlFeedback, Fir, Lrr, Nack, Pli, ReceiverReport, Remb, Rpsi, Sdes, SenderReport,
    Sli, Tmmbn, Tmmbr, TransportFeedback, Xr, fir, lrr, nack, pli, remb, rpsi, sli, tmmbr,
    transport_feedback,
};
use crate::rtcp::congestion_control_feedback as ccfb;

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// SR: what a sender sent, and what it received.
    SenderReport(SenderReport<'a>),
    /// RR: what was received.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES: who a source is.
    Sdes(Sdes<'a>),
    /// BYE: sources that leave.
    Bye(Bye<'a>),
    /// APP: an application's own packet.
    App(App<'a>),
    /// XR: extended reports.
    Xr(Xr<'a>),
    /// Generic NACK: packets that are missed.
    Nack(Nack<'a>),
    /// TMMBR: a request to send less than a bit rate.
    Tmmbr(Tmmbr<'a>),
    /// TMMBN: the bit rates that a sender heeds.
    Tmmbn(Tmmbn<'a>),
    /// Congestion control feedback of RFC 8888.
    CongestionControlFeedback(CongestionControlFeedback<'a>),
    /// Transport-wide feedback.
    TransportFeedback(TransportFeedback<'a>),
    /// PLI: a picture was lost.
    Pli(Pli),
    /// SLI: a slice was lost.
    Sli(Sli<'a>),
    /// RPSI: a picture to refer to.
    Rpsi(Rpsi<'a>),
    /// FIR: a request for a key frame.
    Fir(Fir<'a>),
    /// LRR: a request to refresh a layer.
    Lrr(Lrr<'a>),
    /// REMB: a receiver's estimate of the bit rate.
    Remb(Remb<'a>),
    /// A packet or a feedback message that is not known here.
    Unknown(Unknown<'a>),
}

/// A packet that is kept as it came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// The packet type.
    pub packet_type: u8,
    /// The five bits beside the version: a count, or the type of a feedback message.
    pub count: u8,
    /// What follows the first four bytes, without padding.
    pub body: &'a [u8],
}

impl fmt::Debug for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packet_type, count, body } = self;
        write!(f, "Unknown {{ packet_type: {packet_type}, count: {count}, body: {} bytes }}", body.len())
    }
}

/// The packets of a datagram, in order. See [`packets`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

/// Reads a datagram's packets. A packet that cannot be used is an `Err`, and the next one follows it, unless its end is
/// unknown. There are no more items than words in the datagram.
///
/// Whether the packets may stand together is for [`check_compound`] to say.
#[must_use]
pub const fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Discard>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match RawPacket::split(self.rest) {
            Ok((packet, rest)) => {
                self.rest = rest;
                Some(parse(&packet))
            }
            Err(discard) => {
                self.rest = &[];
                Some(Err(discard))
            }
        }
    }
}

impl FusedIterator for Packets<'_> {}

/// Checks a datagram as a whole
/// ([RFC 3550, Appendix A.2](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.2)). With `reduced_size` any packet may come
/// first ([RFC 5506, Section 4.1](https://www.rfc-editor.org/rfc/rfc5506#section-4.1)).
///
/// # Errors
/// The datagram is empty, a version is not 2, the lengths do not add up, or the first packet is not a report, or is padded
/// although others follow.
pub fn check_compound(compound: &[u8], reduced_size: bool) -> Result<(), Discard> {
    let (first, mut rest) = RawPacket::split(compound)?;
    if !reduced_size {
        if !matches!(first.packet_type, kind::SENDER_REPORT | kind::RECEIVER_REPORT) {
            return Err(Discard::NotReport);
        }
        // RFC 3550, Section 6.4.1: padding should only be required on the last packet.
        if first.padded && !rest.is_empty() {
            return Err(Discard::Padding);
        }
    }
    while !rest.is_empty() {
        (_, rest) = RawPacket::split(rest)?;
    }
    Ok(())
}

fn parse<'a>(packet: &RawPacket<'a>) -> Result<Packet<'a>, Discard> {
    let body = packet.body()?;
    let count = usize::from(packet.count);
    let parsed = match packet.packet_type {
        kind::SENDER_REPORT => SenderReport::parse(count, body).map(Packet::SenderReport),
        kind::RECEIVER_REPORT => ReceiverReport::parse(count, body).map(Packet::ReceiverReport),
        kind::SDES => Sdes::parse(count, body).map(Packet::Sdes),
        kind::BYE => Bye::parse(count, body).map(Packet::Bye),
        kind::APP => App::parse(packet.count, body).map(Packet::App),
        kind::XR => Xr::parse(body).map(Packet::Xr),
        kind::RTPFB => parse_transport_layer(packet.count, body),
        kind::PSFB => parse_payload_specific(packet.count, body),
        packet_type => Some(Packet::Unknown(Unknown { packet_type, count: packet.count, body })),
    };
    parsed.ok_or(Discard::Malformed)
}

/// [RFC 4585, Section 6.2](https://www.rfc-editor.org/rfc/rfc4585#section-6.2).
fn parse_transport_layer(format: u8, body: &[u8]) -> Option<Packet<'_>> {
    if format == ccfb::FORMAT {
        return CongestionControlFeedback::parse(body).map(Packet::CongestionControlFeedback);
    }
    let feedback = FeedbackBody::parse(body)?;
    match format {
        nack::FORMAT => Nack::parse(&feedback).map(Packet::Nack),
        tmmbr::REQUEST => Tmmbr::parse(&feedback).map(Packet::Tmmbr),
        tmmbr::NOTIFICATION => Some(Packet::Tmmbn(Tmmbn::parse(&feedback))),
        transport_feedback::FORMAT => TransportFeedback::parse(&feedback).map(Packet::TransportFeedback),
        count => Some(Packet::Unknown(Unknown { packet_type: kind::RTPFB, count, body })),
    }
}

/// [RFC 4585, Section 6.3](https://www.rfc-editor.org/rfc/rfc4585#section-6.3).
fn parse_payload_specific(format: u8, body: &[u8]) -> Option<Packet<'_>> {
    let feedback = FeedbackBody::parse(body)?;
    match format {
        pli::FORMAT => Some(Packet::Pli(Pli::parse(&feedback))),
        sli::FORMAT => Sli::parse(&feedback).map(Packet::Sli),
        rpsi::FORMAT => Rpsi::parse(&feedback).map(Packet::Rpsi),
        fir::FORMAT => Fir::parse(&feedback).map(Packet::Fir),
        lrr::FORMAT => Lrr::parse(&feedback).map(Packet::Lrr),
        remb::FORMAT if feedback.fci.starts_with(remb::IDENTIFIER) => {
            Remb::parse(&feedback).map(Packet::Remb)
        }
        count => Some(Packet::Unknown(Unknown { packet_type: kind::PSFB, count, body })),
    }
}
