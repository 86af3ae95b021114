//! Transceivers: a sender and a receiver that share a section (RFC 8829, Section 3.4.1; W3C `RTCRtpTransceiver`).

use super::sources::Sources;
use crate::{Codec, Direction, Extmap, MediaKind, Text};

/// A transceiver of one negotiator; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransceiverId(pub(crate) u32);

/// What a transceiver carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl TrackKind {
    pub(crate) fn of(kind: &MediaKind) -> Option<Self> {
        match kind {
            MediaKind::Audio => Some(Self::Audio),
            MediaKind::Video => Some(Self::Video),
            MediaKind::Application | MediaKind::Other(_) => None,
        }
    }

    pub(crate) fn media_kind(self) -> MediaKind {
        match self {
            Self::Audio => MediaKind::Audio,
            Self::Video => MediaKind::Video,
        }
    }
}

/// One encoding of a sender's track (W3C `RTCRtpEncodingParameters`).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Encoding {
    /// Its identification in descriptions and packets (RFC 8851): 1 to 16 letters and digits. Needed when there are several.
    pub rid: Option<Text>,
    /// Whether it is sent. Default yes.
    pub active: bool,
    /// The most it may use, in bits per second.
    pub max_bitrate: Option<u64>,
    /// The most frames per second.
    pub max_framerate: Option<f64>,
    /// By how much each side of the picture is shrunk, at least 1; of video alone.
    pub scale_resolution_down_by: Option<f64>,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            rid: None,
            active: true,
            max_bitrate: None,
            max_framerate: None,
            scale_resolution_down_by: None,
        }
    }
}

impl Encoding {
    /// An encoding with a `rid`.
    #[must_use]
    pub fn with_rid(rid: impl Into<Text>) -> Self {
        Self { rid: Some(rid.into()), ..Self::default() }
    }
}

/// How a transceiver begins (W3C `RTCRtpTransceiverInit`).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TransceiverInit {
    /// What it wants to do. Default `sendrecv`.
    pub direction: Direction,
    /// The identification of the track to be sent, if there is one yet.
    pub track: Option<Text>,
    /// The streams that its track belongs to.
    pub streams: Vec<Text>,
    /// The encodings to be sent; none is one without a `rid`.
    pub send_encodings: Vec<Encoding>,
    /// The `rid`s of encodings that an offer asks the peer to send: a media server's simulcast.
    pub receive_rids: Vec<Text>,
}

impl Default for TransceiverInit {
    fn default() -> Self {
        Self {
            direction: Direction::SendRecv,
            track: None,
            streams: Vec::new(),
            send_encodings: Vec::new(),
            receive_rids: Vec::new(),
        }
    }
}

/// A transceiver as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Transceiver {
    pub(crate) id: TransceiverId,
    pub(crate) kind: TrackKind,
    pub(crate) direction: Direction,
    pub(crate) life: Life,
    pub(crate) sender: Sender,
    pub(crate) receiver_track: Text,
    pub(crate) preferences: Vec<Codec>,
    /// The encodings that offers ask the peer for.
    pub(crate) wanted_rids: Vec<Text>,
    pub(crate) origin: Origin,
    pub(crate) link: Link,
}

/// How far a transceiver is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Active,
    /// `stop` was called; an offer is to say so.
    Stopping,
    Stopped,
}

/// Who made a transceiver. Offers of the peer's take up those of `add_track` alone (RFC 8829, Section 5.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    AddTrack,
    AddTransceiver,
    RemoteOffer,
}

/// The sending half.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sender {
    pub(crate) track: Option<Text>,
    pub(crate) streams: Vec<Text>,
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) sources: Sources,
    /// Whether it was ever agreed that it sends.
    pub(crate) has_sent: bool,
    /// The transaction that `set_parameters` must name.
    pub(crate) transaction: Option<u64>,
}

impl Sender {
    pub(crate) fn new(sources: Sources) -> Self {
        Self {
            sources,
            track: None,
            streams: Vec::new(),
            encodings: vec![Encoding::default()],
            has_sent: false,
            transaction: None,
        }
    }

    /// The identifications of its encodings.
    pub(crate) fn rids(&self) -> Vec<Text> {
        self.encodings.iter().filter_map(|encoding| encoding.rid.clone()).collect()
    }

    fn is_single(&self) -> bool {
        matches!(self.encodings.as_slice(), [Encoding { rid: None, .. }])
    }

    /// The peer asks for these encodings: taken when the application has asked for none.
    pub(crate) fn propose(&mut self, encodings: Vec<Encoding>) {
        if self.is_single() && !encodings.is_empty() {
            self.encodings = encodings;
            self.transaction = None;
        }
    }

    /// An answer has these encodings: the others are given up, and without any all but the first.
    pub(crate) fn keep(&mut self, rids: &[Text]) {
        let kept = |encoding: &Encoding| encoding.rid.as_ref().is_some_and(|rid| rids.contains(rid));
        if self.encodings.len() < 2 {
            return;
        }
        if self.encodings.iter().any(kept) {
            self.encodings.retain(kept);
        } else {
            self.encodings.truncate(1);
        }
    }
}

/// What descriptions have made of a transceiver; a rollback puts it back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Link {
    pub(crate) mid: Option<Text>,
    pub(crate) current_direction: Option<Direction>,
    /// The direction for which events were told.
    pub(crate) fired: Option<Direction>,
    pub(crate) remote_streams: Vec<Text>,
    pub(crate) send_codecs: Vec<Codec>,
    pub(crate) receive_codecs: Vec<Codec>,
    pub(crate) extensions: Vec<Extmap>,
    /// The peer's encodings that we agreed to receive.
    pub(crate) receive_rids: Vec<Text>,
    pub(crate) reduced_size: bool,
}

impl Transceiver {
    /// Whether the peer's offer alone has made it.
    pub(crate) fn is_of_peer(&self) -> bool {
        self.origin == Origin::RemoteOffer
    }

    /// Puts back what the descriptions since `before` have made of it.
    pub(crate) fn undo(&mut self, before: &Self) {
        self.link.clone_from(&before.link);
        if before.sender.is_single() && !self.sender.is_single() {
            self.sender.encodings.clone_from(&before.sender.encodings);
        }
    }

    /// An answer gives it this direction.
    pub(crate) fn agree(&mut self, direction: Direction) {
        self.link.current_direction = Some(direction);
        self.sender.has_sent |= direction.sends();
        self.sender.transaction = None;
    }

    /// Its identification.
    #[must_use]
    pub fn id(&self) -> TransceiverId {
        self.id
    }

    /// What it carries.
    #[must_use]
    pub fn kind(&self) -> TrackKind {
        self.kind
    }

    /// Its section's identification, once a description has one for it.
    #[must_use]
    pub fn mid(&self) -> Option<&str> {
        self.link.mid.as_deref()
    }

    /// What it is wanted to do; `None` once [`stop`](super::Negotiator::stop) was called (the W3C's `stopped`).
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        (self.life == Life::Active).then_some(self.direction)
    }

    /// What was agreed that it does; `None` before the first answer, and when it is stopped.
    #[must_use]
    pub fn current_direction(&self) -> Option<Direction> {
        self.link.current_direction.filter(|_| self.life != Life::Stopped)
    }

    /// Whether it has come to its end: [`stop`](super::Negotiator::stop) was negotiated, or its section rejected.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.life == Life::Stopped
    }

    /// The identification of the track that it sends.
    #[must_use]
    pub fn sender_track(&self) -> Option<&str> {
        self.sender.track.as_deref()
    }

    /// The streams that its track belongs to.
    #[must_use]
    pub fn streams(&self) -> &[Text] {
        &self.sender.streams
    }

    /// The encodings that it sends.
    #[must_use]
    pub fn encodings(&self) -> &[Encoding] {
        &self.sender.encodings
    }

    /// The sources that its packets come from when it sends one encoding.
    #[must_use]
    pub fn sources(&self) -> Sources {
        self.sender.sources
    }

    /// The identification of the track that it receives.
    #[must_use]
    pub fn receiver_track(&self) -> &str {
        &self.receiver_track
    }

    /// The peer's streams that the received track belongs to.
    #[must_use]
    pub fn remote_streams(&self) -> &[Text] {
        &self.link.remote_streams
    }

    /// The codecs agreed for sending, by preference, with the payload types to send.
    #[must_use]
    pub fn send_codecs(&self) -> &[Codec] {
        &self.link.send_codecs
    }

    /// The codecs that can be received, with the payload types they come with.
    #[must_use]
    pub fn receive_codecs(&self) -> &[Codec] {
        &self.link.receive_codecs
    }

    /// The header extensions agreed on, each direction as we see it.
    #[must_use]
    pub fn extensions(&self) -> &[Extmap] {
        &self.link.extensions
    }

    /// The encodings of the peer's that we agreed to receive, by `rid`; empty without simulcast.
    #[must_use]
    pub fn receive_rids(&self) -> &[Text] {
        &self.link.receive_rids
    }

    /// Whether RTCP may come in reduced size (RFC 5506).
    #[must_use]
    pub fn reduced_size_rtcp(&self) -> bool {
        self.link.reduced_size
    }
}
