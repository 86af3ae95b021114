//! What the negotiation has agreed on for a media section.

use crate::codec::Codec;
use crate::extension::Ids;
use crate::{PayloadType, Ssrc};
use std::num::NonZeroU32;

/// What is agreed on for one media section. All lists may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Section {
    /// Its identification ([RFC 9143, Section 15](https://www.rfc-editor.org/rfc/rfc9143#section-15)), if it has one.
    pub mid: Option<Box<str>>,
    /// The ids of header extensions, in both directions.
    pub extensions: Ids,
    /// What may come; empty when nothing is received.
    pub receive: Vec<Format>,
    /// What may be sent, by preference; empty when nothing is sent.
    pub send: Vec<Format>,
    /// The encodings that the peer sends, by `rid`
    /// ([RFC 8851](https://www.rfc-editor.org/rfc/rfc8851)); empty without simulcast.
    pub rids: Vec<Box<str>>,
    /// The sources that the peer's description tells of ([RFC 5576](https://www.rfc-editor.org/rfc/rfc5576)).
    pub sources: Vec<SignalledSource>,
    /// Whether the peer takes RTCP in reduced size ([RFC 5506](https://www.rfc-editor.org/rfc/rfc5506)).
    pub reduced_size: bool,
}

/// A payload type and what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Format {
    /// The payload type.
    pub payload_type: PayloadType,
    /// What it is coded with.
    pub codec: Codec,
    /// Ticks of the timestamp in a second.
    pub clock_rate: NonZeroU32,
    /// The payload type of its retransmissions ([RFC 4588](https://www.rfc-editor.org/rfc/rfc4588)), if there are any.
    pub repair: Option<PayloadType>,
    /// What the receiver may tell the sender.
    pub feedback: Feedback,
}

impl Format {
    /// A format without retransmission and feedback.
    #[must_use]
    pub fn new(payload_type: PayloadType, codec: Codec, clock_rate: NonZeroU32) -> Self {
        Self { payload_type, codec, clock_rate, repair: None, feedback: Feedback::default() }
    }
}

/// The kinds of feedback agreed on ([RFC 4585, Section 4.2](https://www.rfc-editor.org/rfc/rfc4585#section-4.2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Feedback {
    /// Generic NACK.
    pub nack: bool,
    /// Picture loss indication.
    pub pli: bool,
    /// Full intra request.
    pub fir: bool,
    /// Transport-wide feedback.
    pub transport_wide: bool,
    /// Congestion control feedback ([RFC 8888](https://www.rfc-editor.org/rfc/rfc8888)), which takes the place of the
    /// transport-wide kind.
    pub congestion_control: bool,
}

/// A source that the peer's description tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalledSource {
    /// The source of the packets.
    pub ssrc: Ssrc,
    /// The source of their retransmissions (`FID`), if told.
    pub repair: Option<Ssrc>,
}
