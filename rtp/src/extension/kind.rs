//! The extensions that are known here, and the ids that a section gives them.

use std::fmt;

use super::Form;

/// An extension that is known here, by what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// The media section that the packet belongs to, as text
    /// ([RFC 9143, Section 15.2](https://www.rfc-editor.org/rfc/rfc9143#section-15.2)).
    Mid,
    /// The encoding that the packet belongs to, as text
    /// ([RFC 8852, Section 3.3](https://www.rfc-editor.org/rfc/rfc8852#section-3.3)).
    Rid,
    /// The encoding that a repair packet repairs, as text
    /// ([RFC 8852, Section 3.3](https://www.rfc-editor.org/rfc/rfc8852#section-3.3)).
    RepairedRid,
    /// A number that all packets of a transport share: [`TransportSequence`](super::TransportSequence).
    TransportSequence,
    /// When the packet left: [`AbsSendTime`](super::AbsSendTime).
    AbsSendTime,
    /// When the frame was captured: [`AbsCaptureTime`](super::AbsCaptureTime).
    AbsCaptureTime,
    /// When the packet left, in ticks from its timestamp: [`TransmissionOffset`](super::TransmissionOffset).
    TransmissionOffset,
    /// How loud the packet is: [`AudioLevel`](super::AudioLevel).
    AudioLevel,
    /// How loud each contributing source is: [`CsrcAudioLevels`](super::CsrcAudioLevels).
    CsrcAudioLevel,
    /// How to turn the picture: [`VideoOrientation`](super::VideoOrientation).
    VideoOrientation,
    /// How long the receiver should hold a frame: [`PlayoutDelay`](super::PlayoutDelay).
    PlayoutDelay,
    /// Whether the video shows a screen: [`VideoContentType`](super::VideoContentType).
    VideoContentType,
    /// When the frame passed each step of the sender: [`VideoTiming`](super::VideoTiming).
    VideoTiming,
    /// The picture's colours: [`ColorSpace`](super::ColorSpace).
    ColorSpace,
    /// The frame's bounds and layers: [`FrameMarking`](super::FrameMarking).
    FrameMarking,
    /// What the frame depends on: [`DependencyDescriptor`](super::dependency_descriptor::DependencyDescriptor).
    DependencyDescriptor,
    /// Which layers are sent, at which rates: [`VideoLayersAllocation`](super::VideoLayersAllocation).
    VideoLayersAllocation,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::TransportSequence,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::TransmissionOffset,
        Self::AudioLevel,
        Self::CsrcAudioLevel,
        Self::VideoOrientation,
        Self::PlayoutDelay,
        Self::VideoContentType,
        Self::VideoTiming,
        Self::ColorSpace,
        Self::FrameMarking,
        Self::DependencyDescriptor,
        Self::VideoLayersAllocation,
    ];

    /// The URI that stands for it in `a=extmap`.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::TransportSequence => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::TransmissionOffset => "urn:ietf:params:rtp-hdrext:toffset",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::CsrcAudioLevel => "urn:ietf:params:rtp-hdrext:csrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoContentType => "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
            Self::VideoTiming => "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::FrameMarking => "urn:ietf:params:rtp-hdrext:framemarking",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::VideoLayersAllocation => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"
            }
        }
    }

    /// The kind that a URI stands for; `None` when it is not known here.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }

    /// The kind of this number.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    pub(super) const fn number(self) -> u8 {
        self as u8
    }
}

/// Which id each kind of extension has in a media section, and which kind each id stands for.
///
/// Source: `a=extmap`, [RFC 8285, Section 5](https://www.rfc-editor.org/rfc/rfc8285#section-5). Both look-ups cost the same
/// whatever is in it.
#[derive(Clone, PartialEq, Eq)]
// What every sent packet touches comes first.
#[repr(C)]
pub struct Ids {
    /// The id of each kind; 0 is none.
    ids: [u8; Kind::ALL.len()],
    form: Form,
    allow_mixed: bool,
    /// The number of each id's kind, plus one; 0 is none.
    kinds: [u8; 256],
}

impl Ids {
    /// No extension.
    #[must_use]
    pub const fn new() -> Self {
        Self { ids: [0; Kind::ALL.len()], kinds: [0; 256], allow_mixed: false, form: Form::OneByte }
    }

    /// The kind's id, 1 to 255.
    #[inline]
    #[must_use]
    pub fn id(&self, kind: Kind) -> Option<u8> {
        self.ids.get(usize::from(kind.number())).copied().filter(|id| *id != 0)
    }

    /// The kind that an id stands for.
    #[inline]
    #[must_use]
    pub fn kind(&self, id: u8) -> Option<Kind> {
        let number = self.kinds.get(usize::from(id))?.checked_sub(1)?;
        Kind::from_number(number)
    }

    /// Gives a kind an id, 1 to 255. The kind's earlier id stands for nothing from then on, and a kind that had this id has
    /// none. The id 0 takes the kind's id away.
    pub fn set(&mut self, kind: Kind, id: u8) {
        if let Some(earlier) = self.id(kind) {
            self.point(earlier, 0);
        }
        if let Some(other) = self.kind(id)
            && let Some(entry) = self.ids.get_mut(usize::from(other.number()))
        {
            *entry = 0;
        }
        if let Some(entry) = self.ids.get_mut(usize::from(kind.number())) {
            *entry = id;
        }
        if id != 0 {
            self.point(id, kind.number() + 1);
        }
        self.choose_form();
    }

    /// Whether the peer takes both forms on one stream: `a=extmap-allow-mixed`
    /// ([RFC 8285, Section 6](https://www.rfc-editor.org/rfc/rfc8285#section-6)). False at first.
    #[must_use]
    pub const fn allow_mixed(&self) -> bool {
        self.allow_mixed
    }

    /// Says whether the peer takes both forms on one stream.
    pub fn set_allow_mixed(&mut self, allow_mixed: bool) {
        self.allow_mixed = allow_mixed;
        self.choose_form();
    }

    /// The form that packets with these ids are written in.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The kinds that have an id, with it.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u8)> {
        Kind::ALL.into_iter().filter_map(|kind| Some((kind, self.id(kind)?)))
    }

    fn point(&mut self, id: u8, number: u8) {
        if let Some(entry) = self.kinds.get_mut(usize::from(id)) {
            *entry = number;
        }
    }

    // RFC 8285, Section 4.1.2: a stream keeps to one form unless all its receivers are known to take both. Where one id
    // needs two bytes, that form is the two-byte one.
    fn choose_form(&mut self) {
        self.form = if self.allow_mixed {
            Form::Mixed
        } else if self.ids.iter().any(|id| *id > super::ONE_BYTE_IDS) {
            Form::TwoByte
        } else {
            Form::OneByte
        };
    }
}

impl Default for Ids {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).entry(&"allow_mixed", &self.allow_mixed).finish()
    }
}
