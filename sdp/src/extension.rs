//! RTP header extensions: `a=extmap`.

use crate::Text;
use crate::direction::Direction;
use crate::format::digits;
use crate::lexer::cut;
use crate::words::words;
use std::fmt;

words! {
    /// The name of an RTP header extension.
    pub enum ExtensionUri {
        /// The section's `mid` (RFC 9143, Section 15.2):
        Mid = "urn:ietf:params:rtp-hdrext:sdes:mid",
        /// The `rid` of a stream (RFC 8852, Section 4.3):
        RtpStreamId = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        /// The `rid` of the stream that a repair stream repairs (RFC 8852, Section 4.4):
        RepairedRtpStreamId = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        /// The level of a client's audio (RFC 6464):
        AudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        /// The levels of a mixer's sources (RFC 6465):
        CsrcAudioLevel = "urn:ietf:params:rtp-hdrext:csrc-audio-level",
        /// The offset of transmission (RFC 5450):
        TransmissionOffset = "urn:ietf:params:rtp-hdrext:toffset",
        /// The absolute time of sending:
        AbsSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        /// The absolute time of capture:
        AbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
        /// Transport-wide sequence numbers:
        TransportWideCc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        /// The rotation of video (3GPP TS 26.114):
        VideoOrientation = "urn:3gpp:video-orientation",
        /// The bounds of the playout delay:
        PlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        /// What video shows, a camera or a screen:
        VideoContentType = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
        /// Times of a frame's stages:
        VideoTiming = "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
        /// Rates of video layers:
        VideoLayersAllocation = "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
        /// Colours of video:
        ColorSpace = "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
        /// Dependencies between frames (AV1 RTP specification, Appendix A):
        DependencyDescriptor = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    }
}

/// `a=extmap`: the number of a header extension in a section's packets
/// ([RFC 8285, Section 5](https://www.rfc-editor.org/rfc/rfc8285#section-5)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Extmap {
    /// From 1 to 4351. Up to 14 fits a one-byte header, up to 255 a two-byte header; from 4096 on it stands for an
    /// alternative that cannot be sent as it is (RFC 8285, Section 7).
    pub id: u16,
    /// Which way it is used, where that is not the section's direction.
    pub direction: Option<Direction>,
    /// Which extension it is.
    pub uri: ExtensionUri,
    /// The extension's own attributes, as they stand.
    pub attributes: Option<Text>,
}

impl Extmap {
    /// The largest identifier of RFC 8285, Section 7.
    const LARGEST_ID: u16 = 4351;

    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (entry, rest) = value.trim_end().split_once(' ')?;
        let (id, direction) = match cut(entry, b'/') {
            Some((id, direction)) => (id, Some(Direction::from_name(direction)?)),
            None => (entry, None),
        };
        // RFC 8285, Section 4.2: 0 is reserved for padding.
        let id = digits(id).filter(|id| (1..=Self::LARGEST_ID).contains(id))?;
        let rest = rest.trim_start();
        let (uri, attributes) = match cut(rest, b' ') {
            Some((uri, attributes)) => (uri, Some(attributes.into())),
            None => (rest, None),
        };
        (!uri.is_empty()).then(|| Self { id, direction, uri: uri.into(), attributes })
    }
}

impl fmt::Display for Extmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(direction) = self.direction {
            write!(f, "/{}", direction.name())?;
        }
        write!(f, " {}", self.uri)?;
        match &self.attributes {
            Some(attributes) => write!(f, " {attributes}"),
            None => Ok(()),
        }
    }
}
