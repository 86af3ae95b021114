//! Header extensions: elements in both forms, the ids that a section gives them, and their typed values.
//!
//! [`Extensions`] reads the elements of a received packet, [`Writer`] appends those of one to be sent, [`Ids`] maps kinds to
//! the ids of a media section, and a [`Set`] holds elements apart from any packet.

mod audio;
mod color_space;
pub mod dependency_descriptor;
mod kind;
mod layers_allocation;
mod set;
mod time;
mod video;
mod view;
mod writer;

pub use audio::{AudioLevel, CsrcAudioLevels};
pub use color_space::{ColorSpace, HdrMetadata};
pub use kind::{Ids, Kind};
pub use layers_allocation::{Layer, Picture, VideoLayersAllocation};
pub use set::{Builder, Iter, Set};
pub use time::{
    AbsCaptureTime, AbsSendTime, PlayoutDelay, TransmissionOffset, TransportSequence, VideoTiming,
};
pub use video::{FrameLayer, FrameMarking, Rotation, VideoContentType, VideoOrientation};
pub use view::Extensions;
pub use writer::Writer;

use bytes::BufMut;

/// A type that the values of one kind of element have.
pub trait Value: Sized {
    /// The kind.
    const KIND: Kind;

    /// Reads a value; `None` when it does not have the type's form.
    fn parse(value: &[u8]) -> Option<Self>;

    /// How many bytes [`Value::write`] appends.
    fn wire_len(&self) -> usize;

    /// Appends the value.
    fn write(&self, out: &mut impl BufMut);
}

/// The forms that the elements of a stream may be written in
/// ([RFC 8285, Section 4.1.2](https://www.rfc-editor.org/rfc/rfc8285#section-4.1.2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The one-byte form alone: ids 1 to 14, values of 1 to 16 bytes.
    OneByte,
    /// The two-byte form alone: ids 1 to 255, values of 0 to 255 bytes.
    TwoByte,
    /// Whichever is smaller, packet by packet.
    Mixed,
}

/// The highest id of the one-byte form.
const ONE_BYTE_IDS: u8 = 14;
const ONE_BYTE_PROFILE: u16 = 0xbede;
const TWO_BYTE_PROFILE: u16 = 0x1000;
