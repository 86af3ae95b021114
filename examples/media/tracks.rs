//! What is sent and received on a transceiver, in the session's terms.

use duologue::rtp::PayloadType;
use duologue::rtp::codec::Codec;
use duologue::rtp::stream::{ReceiverId, SenderId};
use duologue::{PeerConnection, TransceiverId, codec_of};

/// The payload type that a codec of ours is sent with, by the peer's preference, and what is sent exactly.
pub(crate) fn payload_type(
    connection: &PeerConnection,
    transceiver: TransceiverId,
    is: impl Fn(Codec) -> bool,
) -> Option<(PayloadType, Codec)> {
    connection.transceiver(transceiver)?.send_codecs().iter().find_map(|codec| {
        let known = codec_of(codec).filter(|known| is(*known))?;
        Some((PayloadType::new(codec.payload_type.get())?, known))
    })
}

/// The sender of a transceiver that has one encoding.
pub(crate) fn sender(connection: &PeerConnection, transceiver: TransceiverId) -> Option<SenderId> {
    connection.senders(transceiver).next()
}

/// Where an encoding comes from: its section's mid, and its rid with simulcast.
pub(crate) fn origin(connection: &PeerConnection, receiver: ReceiverId) -> Option<(String, Option<String>)> {
    let info = connection.receiver(receiver)?;
    let mid = connection.transceiver(info.transceiver)?.mid()?;
    Some((mid.to_owned(), info.rid.map(ToOwned::to_owned)))
}
