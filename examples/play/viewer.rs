//! Who watches: one connection, and what it takes.

use crate::file::Player;
use crate::media::http::Failure;
use crate::media::recorder::Format;
use crate::media::tracks;
use bytes::Bytes;
use duologue::rtp::PayloadType;
use duologue::rtp::codec::{Codec, PacketizationMode};
use duologue::rtp::stream::{OutgoingFrame, SenderId};
use duologue::sdp::Direction;
use duologue::{PeerConnection, TrackKind, Transceiver, TransceiverId};
use serde_json::{Value, json};
use std::time::Instant;

/// A frame or packet on its way to viewers.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) format: Format,
    pub(crate) timestamp: u32,
    pub(crate) payload: Bytes,
}

pub(crate) struct Viewer {
    tracks: Vec<Track>,
    connected: bool,
    /// The place in the files, when files are played.
    player: Option<Player>,
}

/// Something that the viewer takes.
struct Track {
    format: Format,
    sender: SenderId,
    payload_type: PayloadType,
    frames: u64,
}

/// Has a connection send, on as many transceivers as there are things to send.
pub(crate) fn prepare(peer: &mut PeerConnection, formats: &[Format]) -> Result<(), Failure> {
    let kinds = [TrackKind::Audio, TrackKind::Video];
    for kind in kinds.into_iter().filter(|kind| formats.iter().any(|format| kind_of(*format) == *kind)) {
        let first = peer.transceivers().find(|one| one.kind() == kind).map(Transceiver::id);
        if let Some(transceiver) = first {
            peer.set_direction(transceiver, Direction::SendOnly).map_err(Failure::bad)?;
        }
    }
    Ok(())
}

impl Viewer {
    /// After the answer: only then it is known what the viewer takes.
    pub(crate) fn new(peer: &PeerConnection, formats: &[Format], player: Option<Player>) -> Self {
        let track = |format: &Format| {
            let kind = kind_of(*format);
            let transceiver = peer.transceivers().find(|one| one.kind() == kind).map(Transceiver::id)?;
            let track = open(peer, transceiver, *format);
            if track.is_none() {
                println!("a viewer does not take {}", format.name());
            }
            track
        };
        Self { tracks: formats.iter().filter_map(track).collect(), connected: false, player }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    pub(crate) fn set_connected(&mut self, now: Instant, connected: bool) {
        self.connected = connected;
        if let (Some(player), true) = (&mut self.player, connected) {
            player.start(now);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.player.as_ref().and_then(Player::deadline)
    }

    pub(crate) fn next_of_file(&mut self, now: Instant) -> Option<Outgoing> {
        self.player.as_mut().and_then(|player| player.take(now))
    }

    /// There is no key frame to be had from a file but the one at its start.
    pub(crate) fn go_back(&mut self, now: Instant) {
        self.player.iter_mut().for_each(|player| player.go_back(now));
    }

    pub(crate) fn send(&mut self, now: Instant, peer: &mut PeerConnection, frame: &Outgoing) {
        let Some(track) = self.tracks.iter_mut().find(|track| track.format == frame.format) else { return };
        if !self.connected {
            return;
        }
        let outgoing = OutgoingFrame::new(track.payload_type, frame.timestamp, frame.payload.clone());
        match peer.send_frame(now, track.sender, outgoing) {
            Ok(()) => track.frames += 1,
            Err(error) => eprintln!("{}: {error}", frame.format.name()),
        }
    }

    pub(crate) fn state(&self) -> Value {
        let tracks = self.tracks.iter();
        let tracks = tracks.map(|track| json!({ "codec": track.format.name(), "frames": track.frames }));
        json!({ "connected": self.connected, "tracks": tracks.collect::<Vec<_>>() })
    }
}

fn open(peer: &PeerConnection, transceiver: TransceiverId, format: Format) -> Option<Track> {
    // H.264 of this size does not fit into single packets.
    let is =
        |codec| Format::of(codec) == Some(format) && codec != Codec::H264(PacketizationMode::SingleNalUnit);
    let (payload_type, _) = tracks::payload_type(peer, transceiver, is)?;
    Some(Track { format, sender: tracks::sender(peer, transceiver)?, payload_type, frames: 0 })
}

pub(crate) fn kind_of(format: Format) -> TrackKind {
    match format {
        Format::Opus | Format::Pcmu => TrackKind::Audio,
        Format::Vp8 | Format::Vp9 | Format::H264 | Format::H265 | Format::Av1 => TrackKind::Video,
    }
}
