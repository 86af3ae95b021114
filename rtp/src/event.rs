//! What a session tells, what it discards, and what it refuses.

use crate::packet;
use crate::rtcp;
use crate::srtp;
use crate::stream::{ReceiverId, SectionId, SenderId};
use thiserror::Error;

/// Something that happened on a [`Session`](crate::Session).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A source sends that did not before.
    ReceiverAdded {
        /// Its stream.
        receiver: ReceiverId,
        /// Its section.
        section: SectionId,
    },
    /// A source has said goodbye, or was silent for too long; its id says nothing any more.
    ReceiverEnded {
        /// Its stream.
        receiver: ReceiverId,
        /// Its section.
        section: SectionId,
    },
    /// The peer asks for a picture that can be decoded without others.
    KeyFrameRequest {
        /// Whose.
        sender: SenderId,
        /// How it was asked for.
        kind: KeyFrameRequest,
    },
    /// Frames wait: call [`recv_frame`](crate::Session::recv_frame) until it returns `None`.
    FramesReadable,
}

/// How a key frame was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyFrameRequest {
    /// Pictures were lost ([RFC 4585, Section 6.3.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.3.1)).
    Pli,
    /// Somebody joins ([RFC 5104, Section 4.3.1](https://www.rfc-editor.org/rfc/rfc5104#section-4.3.1)).
    Fir,
    /// A layer is to be refreshed ([RFC 9627](https://www.rfc-editor.org/rfc/rfc9627)): up to this one.
    Lrr {
        /// The temporal layer.
        temporal: u8,
        /// The spatial layer.
        spatial: u8,
    },
}

/// Why a datagram was not used. Not an error: the network may carry anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// There are no keys yet.
    NoKeys,
    /// SRTP's reason.
    Srtp(srtp::Discard),
    /// The packet's header is broken.
    Packet(packet::Discard),
    /// The compound packet is broken.
    Rtcp(rtcp::Discard),
    /// No section takes it: neither its MID nor its source nor its payload type is known
    /// ([RFC 9143, Section 9.2](https://www.rfc-editor.org/rfc/rfc9143#section-9.2)).
    NoSection,
    /// Its section does not have its payload type.
    UnknownPayloadType,
    /// A retransmission of nothing that is known here.
    UnknownRepair,
    /// It was received before.
    Duplicate,
    /// A retransmission of nothing, as those are sent that probe the path. It counts as having arrived.
    Padding,
    /// There are as many sources as can be, and none is idle.
    TooManyReceivers,
}

impl Discard {
    pub(crate) const COUNT: usize = 10;

    pub(crate) fn index(self) -> usize {
        match self {
            Self::NoKeys => 0,
            Self::Srtp(_) => 1,
            Self::Packet(_) => 2,
            Self::Rtcp(_) => 3,
            Self::NoSection => 4,
            Self::UnknownPayloadType => 5,
            Self::UnknownRepair => 6,
            Self::Duplicate => 7,
            Self::TooManyReceivers => 8,
            Self::Padding => 9,
        }
    }
}

/// Why something cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// No such sender, or it has ended.
    #[error("there is no such sender")]
    UnknownSender,
    /// The keys are not known yet, or the sender is paused.
    #[error("the sender does not send for the moment")]
    NotSending,
    /// The payload type was not agreed on.
    #[error("the payload type was not agreed on")]
    UnknownPayloadType,
    /// The packet's number was used, or lies too far behind the highest, or too far ahead of it.
    #[error("the sequence number cannot be used")]
    SequenceNumber,
    /// The payload and its extensions are longer than a packet may be.
    #[error("the packet is longer than the path carries")]
    TooLong,
    /// Too much waits to be polled.
    #[error("too much waits to be sent")]
    QueueFull,
    /// The frame cannot be cut into packets.
    #[error("the frame: {0}")]
    Frame(crate::codec::PacketizeError),
}

/// Why something cannot be sent, and what it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}")]
pub struct SendError<T> {
    /// Why.
    pub kind: SendErrorKind,
    /// What was to be sent.
    pub refused: T,
}
