//! Statistics of codecs.

use crate::peer_connection::PeerConnection;
use duologue_rtp::PayloadType;
use duologue_rtp::stream::SectionId;
use duologue_sdp as sdp;
use duologue_sdp::jsep::{TrackKind, TransceiverId};
use std::fmt;

/// A codec that a stream uses (the W3C's `codec`).
///
/// One payload type means the same in every section of the transport
/// ([RFC 9143, Section 10.1.2](https://www.rfc-editor.org/rfc/rfc9143#section-10.1.2)), though not in both directions: a
/// codec is known by its direction and payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodecStats<'a> {
    /// Whether it is sent or received.
    pub codec_type: CodecType,
    /// The payload type, which the streams that use it name.
    pub payload_type: PayloadType,
    /// What it is.
    pub mime_type: MimeType<'a>,
    /// Ticks of the media's clock in a second.
    pub clock_rate: u32,
    /// The number of channels; `None` of pictures.
    pub channels: Option<u16>,
    /// Its parameters, as they stand behind `a=fmtp` and the payload type; `None` when there are none.
    pub sdp_fmtp_line: Option<&'a str>,
}

/// The direction of a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecType {
    /// Streams of ours use it.
    Encode,
    /// Streams of the peer's use it.
    Decode,
}

/// A media type, which prints as in `video/VP8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MimeType<'a> {
    /// What comes before the slash.
    pub kind: TrackKind,
    /// What comes behind it: the codec's name as the description has it.
    pub subtype: &'a str,
}

impl fmt::Display for MimeType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TrackKind::Audio => "audio",
            TrackKind::Video => "video",
        };
        write!(f, "{kind}/{}", self.subtype)
    }
}

impl PeerConnection {
    /// Every codec that a stream uses: first those that are sent with, then those that are received with.
    pub fn codecs(&self) -> impl Iterator<Item = CodecStats<'_>> {
        let sent = self.media.session.senders().filter_map(|one| Some((one.section, one.payload_type?)));
        let received = self.media.session.receivers().map(|one| (one.section, one.payload_type));
        let sent = first_of_each(sent).map(|used| (CodecType::Encode, used));
        let received = first_of_each(received).map(|used| (CodecType::Decode, used));
        sent.chain(received).filter_map(|(codec_type, (section, payload_type))| {
            let transceiver = self.media.links.get(&section)?.transceiver;
            self.codec(codec_type, transceiver, payload_type)
        })
    }

    fn codec(
        &self,
        codec_type: CodecType,
        transceiver: TransceiverId,
        payload_type: PayloadType,
    ) -> Option<CodecStats<'_>> {
        let transceiver = self.transceiver(transceiver)?;
        let codecs = match codec_type {
            CodecType::Encode => transceiver.send_codecs(),
            CodecType::Decode => transceiver.receive_codecs(),
        };
        let is = |one: &&sdp::Codec| one.payload_type.get() == payload_type.get();
        let codec = codecs.iter().find(is)?;
        let kind = transceiver.kind();
        Some(CodecStats {
            codec_type,
            payload_type,
            mime_type: MimeType { kind, subtype: &codec.name },
            clock_rate: codec.clock_rate,
            channels: (kind == TrackKind::Audio).then_some(codec.channels),
            sdp_fmtp_line: Some(codec.parameters.as_str()).filter(|line| !line.is_empty()),
        })
    }
}

/// The first use of each payload type.
fn first_of_each(
    uses: impl Iterator<Item = (SectionId, PayloadType)>,
) -> impl Iterator<Item = (SectionId, PayloadType)> {
    let mut seen = 0u128;
    uses.filter(move |(_, payload_type)| {
        let bit = 1u128 << (payload_type.get() & 127);
        let is_new = seen & bit == 0;
        seen |= bit;
        is_new
    })
}
