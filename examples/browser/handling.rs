//! What this program does with sound and pictures: it hands them back, in one of two ways, and records them.

use crate::media::recordings::Recordings;
use crate::media::relay::Relay;
use crate::media::tracks;
use duologue::rtp::codec;
use duologue::sdp::Direction;
use duologue::{
    Event, Frame, JitterConfig, PeerConnection, ReceiverId, RtpPacket, Transceiver, TransceiverId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

/// What is asked of the media. A wish changes what it names.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Treatment {
    returns: Option<Returns>,
    /// The `rid` of the layer that is handed back; the empty one leaves the choice to the program.
    layer: Option<String>,
    record: Option<bool>,
}

/// How media are handed back.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Returns {
    #[default]
    Nothing,
    /// As packets, their payloads untouched.
    Packets,
    /// As frames that are put together and cut anew.
    Frames,
}

#[derive(Default)]
pub(crate) struct Media {
    returns: Returns,
    /// Whether it was ever said what is handed back: it may be something else later.
    both_ways: bool,
    layer: String,
    recordings: Option<Recordings>,
    /// The files of recordings that are over.
    recorded: Vec<Value>,
    relays: BTreeMap<TransceiverId, Relay>,
    /// Encodings that the relays were chosen from.
    known: BTreeSet<ReceiverId>,
    /// Transceivers whose frames are put together.
    framed: BTreeSet<TransceiverId>,
    key_frame_requests: u64,
    errors: Vec<String>,
}

impl Media {
    /// Does what is wished for. Recordings go into `folder`, their names beginning with `name`.
    pub(crate) fn treat(
        &mut self,
        now: Instant,
        connection: &mut PeerConnection,
        wish: Treatment,
        folder: Option<&PathBuf>,
        name: &str,
    ) -> Result<(), String> {
        self.both_ways |= wish.returns.is_some();
        let returns = wish.returns.unwrap_or(self.returns);
        if returns != std::mem::replace(&mut self.returns, returns) {
            self.relays.values_mut().for_each(Relay::pause);
        }
        self.layer = wish.layer.unwrap_or_else(|| std::mem::take(&mut self.layer));
        match (wish.record, folder) {
            (Some(true), None) => return Err("the server was started without a folder for recordings".into()),
            (Some(true), Some(folder)) if self.recordings.is_none() => {
                let name = format!("{name}-{}", self.recorded.len());
                self.recordings = Some(Recordings::new(folder.clone(), name));
            }
            (Some(false), _) => self.finish(now, connection),
            _ => {}
        }
        self.prepare(connection);
        self.choose(now, connection);
        // A recording begins with a key frame.
        if wish.record == Some(true) {
            let receivers: Vec<ReceiverId> = connection.receivers().map(|one| one.receiver).collect();
            receivers.into_iter().for_each(|receiver| connection.request_key_frame(now, receiver));
        }
        Ok(())
    }

    /// Before an answer: what comes shall also go back, or may later.
    pub(crate) fn accept(&self, connection: &mut PeerConnection) -> Result<(), String> {
        if !self.both_ways {
            return Ok(());
        }
        let one_way = |one: &&Transceiver| one.direction() == Some(Direction::RecvOnly);
        let ids: Vec<TransceiverId> =
            connection.transceivers().filter(one_way).map(Transceiver::id).collect();
        for id in ids {
            connection.set_direction(id, Direction::SendRecv).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Takes what the connection has to tell.
    pub(crate) fn handle(&mut self, now: Instant, connection: &mut PeerConnection, event: &Event) {
        match event {
            Event::SignalingStateChange(_) | Event::Track(_) => self.prepare(connection),
            Event::Receiver { .. } | Event::ReceiverEnded { .. } => self.choose(now, connection),
            Event::KeyFrameRequest { transceiver, .. } => {
                self.key_frame_requests += 1;
                let current = self.relays.get(transceiver).and_then(|relay| relay.current.or(relay.wanted));
                current.into_iter().for_each(|receiver| connection.request_key_frame(now, receiver));
            }
            Event::FramesReadable => self.take_frames(now, connection),
            Event::Closed(_) => self.finish(now, connection),
            _ => {}
        }
    }

    /// Takes a packet as it comes.
    pub(crate) fn take_packet(
        &mut self,
        now: Instant,
        connection: &mut PeerConnection,
        received: &RtpPacket<'_>,
    ) {
        if self.returns != Returns::Packets {
            return;
        }
        let packet = &received.packet;
        if !self.known.contains(&packet.receiver) {
            self.choose(now, connection);
        }
        let Some(relay) = self.relays.get_mut(&received.transceiver) else { return };
        relay.switch(packet.receiver, &codec::describe(packet.codec, packet.payload).unwrap_or_default());
        relay.forward(now, connection, packet);
    }

    fn take_frames(&mut self, now: Instant, connection: &mut PeerConnection) {
        while let Some(frame) = connection.recv_frame() {
            if let Some(recordings) = &mut self.recordings
                && let Err(error) = recordings.write(now, connection, &frame)
            {
                self.errors.push(error.to_string());
                self.recordings = None;
            }
            if self.returns == Returns::Frames {
                self.return_frame(now, connection, &frame);
            }
        }
    }

    fn return_frame(&mut self, now: Instant, connection: &mut PeerConnection, frame: &Frame) {
        if !self.known.contains(&frame.receiver) {
            self.choose(now, connection);
        }
        let transceiver = connection.receiver(frame.receiver).map(|info| info.transceiver);
        let Some(relay) = transceiver.and_then(|id| self.relays.get_mut(&id)) else { return };
        let mut told = frame.description;
        told.starts_frame = true;
        relay.switch(frame.receiver, &told);
        relay.forward_frame(now, connection, frame);
    }

    /// Has frames put together where they are needed, and a relay ready for every transceiver.
    fn prepare(&mut self, connection: &mut PeerConnection) {
        let needed = self.returns == Returns::Frames || self.recordings.is_some();
        let all: Vec<(TransceiverId, u32)> = connection
            .transceivers()
            .filter(|one| one.current_direction().is_some())
            .map(|one| (one.id(), one.send_codecs().first().map_or(90_000, |codec| codec.clock_rate)))
            .collect();
        for (id, clock_rate) in all {
            self.relays.entry(id).or_insert_with(|| Relay::new(id, clock_rate));
            if needed != self.framed.contains(&id) {
                connection.set_frames(id, needed.then(JitterConfig::default));
                if needed {
                    self.framed.insert(id)
                } else {
                    self.framed.remove(&id)
                };
            }
        }
    }

    /// Chooses anew which encodings are handed back, and asks for the key frames with which they can be taken up.
    fn choose(&mut self, now: Instant, connection: &mut PeerConnection) {
        self.known = connection.receivers().map(|one| one.receiver).collect();
        let mut asked = Vec::new();
        for (id, relay) in &mut self.relays {
            let receivers = || connection.receivers().filter(|one| one.transceiver == *id);
            let named = receivers().find(|one| one.rid.is_some_and(|rid| rid == self.layer));
            let current = || receivers().find(|one| Some(one.receiver) == relay.current);
            // The newest of those that are there.
            let any = || receivers().max_by_key(|one| one.receiver);
            let wanted = match named {
                Some(named) => Some(named.receiver),
                None => current().or_else(any).map(|one| one.receiver),
            };
            relay.wanted = wanted.or(relay.wanted);
            asked.extend(relay.wanted.filter(|_| relay.wanted != relay.current));
        }
        if self.returns != Returns::Nothing {
            asked.into_iter().for_each(|receiver| connection.request_key_frame(now, receiver));
        }
    }

    fn finish(&mut self, now: Instant, connection: &mut PeerConnection) {
        self.take_frames(now, connection);
        if let Some(mut recordings) = self.recordings.take() {
            if let Err(error) = recordings.finish() {
                self.errors.push(error.to_string());
            }
            self.recorded.extend(recordings.state().as_array().cloned().unwrap_or_default());
        }
    }

    /// What `GET /state` tells.
    pub(crate) fn state(&self, connection: &PeerConnection) -> Value {
        let open = self.recordings.as_ref().map(Recordings::state);
        let open = open.and_then(|state| state.as_array().cloned()).unwrap_or_default();
        let rid = |receiver: Option<ReceiverId>| tracks::origin(connection, receiver?)?.1;
        let relays = self.relays.iter().map(|(id, relay)| {
            json!({
                "mid": connection.transceiver(*id).and_then(Transceiver::mid),
                "layer": rid(relay.current),
                "wanted": rid(relay.wanted),
                "switches": relay.switches,
            })
        });
        let receivers = connection.receivers().map(|one| json!({ "ssrc": one.ssrc.0, "rid": one.rid }));
        json!({
            "returns": self.returns,
            "files": self.recorded.iter().cloned().chain(open).collect::<Vec<_>>(),
            "relays": relays.collect::<Vec<_>>(),
            "receivers": receivers.collect::<Vec<_>>(),
            "keyFrameRequests": self.key_frame_requests,
            "errors": self.errors,
        })
    }
}
