//! Who is there, what each sends, and who gets it.

use crate::layers::{Layers, RIDS};
use crate::media::host::Host;
use crate::media::http::{Description as Signalled, Failure};
use crate::media::outbox::Outbox;
use crate::media::relay::Relay;
use duologue::rtp::codec::{self, Description};
use duologue::rtp::stream::ReceiverId;
use duologue::sdp::jsep::{SdpType, SignalingState};
use duologue::sdp::{Codec, Direction};
use duologue::{PeerConnection, RtpPacket, TrackKind, TransceiverId, TransceiverInit, capabilities};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// The codecs of all rooms, which every browser has: nobody needs what another sends in a form of its own.
const CODECS: [&str; 2] = ["opus", "VP8"];
/// What subscribers show when they have not said how high: a quarter of a usual camera's picture.
const FIRST_HEIGHT: u16 = 180;
const KINDS: [TrackKind; 2] = [TrackKind::Audio, TrackKind::Video];

/// A participant.
pub(crate) struct Member {
    pub(crate) room: String,
    pub(crate) outbox: Outbox,
    /// Where the participant's picture comes from.
    video: TransceiverId,
    /// The encoding of the sound, once it is heard, and those of the picture.
    sound: Option<ReceiverId>,
    layers: Layers,
    /// What the participant gets, by who sends it.
    subscriptions: BTreeMap<(u64, Kind), Subscription>,
}

/// What a participant gets of another: a track.
struct Subscription {
    relay: Relay,
    /// How high the picture is shown, in pixels.
    height: u16,
}

/// A kind of track, in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Audio,
    Video,
}

/// All participants of all rooms, by the numbers of their connections.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) members: BTreeMap<u64, Member>,
}

impl Rooms {
    /// Opens a connection to a newcomer, who gets what the others send, and they what the newcomer will.
    pub(crate) fn join(&mut self, now: Instant, host: &mut Host, room: String) -> Result<u64, Failure> {
        let id = host.open(now)?;
        let peer = host.peer(id).ok_or(Failure::UnknownId)?;
        let mut sends = |kind, rids: &[&str]| {
            let mut init = TransceiverInit::default();
            init.direction = Direction::RecvOnly;
            init.receive_rids = rids.iter().map(|rid| (*rid).into()).collect();
            add(peer, kind, init)
        };
        sends(TrackKind::Audio, &[])?;
        let video = sends(TrackKind::Video, &RIDS)?;
        let mut member = Member {
            room: room.clone(),
            outbox: Outbox::default(),
            video,
            sound: None,
            layers: Layers::default(),
            subscriptions: BTreeMap::new(),
        };
        for (other, neighbour) in self.members.iter_mut().filter(|(_, one)| one.room == room) {
            subscribe(host, id, &mut member, *other)?;
            subscribe(host, *other, neighbour, id)?;
            neighbour.outbox.push(json!({ "event": "joined", "peer": id }));
            member.outbox.push(json!({ "event": "joined", "peer": other }));
        }
        self.members.insert(id, member);
        Ok(id)
    }

    /// Somebody has gone; the others' tracks of them end.
    pub(crate) fn leave(&mut self, host: &mut Host, id: u64) {
        let Some(gone) = self.members.remove(&id) else { return };
        for (other, member) in self.members.iter_mut().filter(|(_, one)| one.room == gone.room) {
            for kind in [Kind::Audio, Kind::Video] {
                let Some(subscription) = member.subscriptions.remove(&(id, kind)) else { continue };
                // Its section becomes free for the next who joins.
                let _ = host.peer(*other).map(|peer| peer.stop(subscription.relay.transceiver));
            }
            member.outbox.push(json!({ "event": "left", "peer": id }));
        }
    }

    /// Offers what has changed, unless an offer is under way: then this is asked again after its answer.
    pub(crate) fn offer(&mut self, now: Instant, host: &mut Host, id: u64) {
        let (Some(member), Some(peer)) = (self.members.get_mut(&id), host.peer(id)) else { return };
        if peer.signaling_state() != SignalingState::Stable {
            return;
        }
        match peer.set_implicit_local_description(now) {
            Ok(_) => {
                let sdp = peer.local_description().map(|sdp| sdp.to_string());
                member.outbox.push(json!({ "description": { "type": "offer", "sdp": sdp } }));
            }
            Err(error) => member.outbox.push(json!({ "error": error.to_string() })),
        }
    }

    /// Takes a participant's answer.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        host: &mut Host,
        id: u64,
        answer: &Signalled,
    ) -> Result<Value, Failure> {
        let peer = host.peer(id).ok_or(Failure::UnknownId)?;
        if answer.kind != SdpType::Answer.name() {
            return Err(Failure::Bad("only answers are taken: this side makes the offers".into()));
        }
        let answer = duologue::Description::parse(SdpType::Answer, &answer.sdp).map_err(Failure::bad)?;
        peer.set_remote_description(now, &answer).map_err(Failure::bad)?;
        self.choose(now, host);
        Ok(json!({ "id": id }))
    }

    /// Someone shows somebody's picture in this height from now on.
    pub(crate) fn show(&mut self, now: Instant, host: &mut Host, id: u64, heights: &BTreeMap<u64, u16>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        for (publisher, height) in heights {
            if let Some(subscription) = member.subscriptions.get_mut(&(*publisher, Kind::Video)) {
                subscription.height = *height;
            }
        }
        self.choose(now, host);
    }

    pub(crate) fn receiver_ended(&mut self, id: u64, receiver: ReceiverId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.sound.take_if(|sound| *sound == receiver);
            member.layers.remove(receiver);
        }
    }

    /// Chooses everyone's layers anew, and asks for the key frames with which the chosen ones can be taken up.
    pub(crate) fn choose(&mut self, now: Instant, host: &mut Host) {
        let mut asked: Vec<(u64, ReceiverId)> = Vec::new();
        let publishers: Vec<u64> = self.members.keys().copied().collect();
        for publisher in publishers {
            let layers = self.members.get_mut(&publisher).map(|one| std::mem::take(&mut one.layers));
            let Some(layers) = layers else { continue };
            for member in self.members.values_mut() {
                let Some(subscription) = member.subscriptions.get_mut(&(publisher, Kind::Video)) else {
                    continue;
                };
                // When nothing is sent, what was wanted stays so.
                subscription.relay.wanted =
                    layers.choose(now, subscription.height).or(subscription.relay.wanted);
                let missing = subscription
                    .relay
                    .wanted
                    .filter(|_| subscription.relay.wanted != subscription.relay.current);
                asked.extend(missing.map(|receiver| (publisher, receiver)));
            }
            if let Some(one) = self.members.get_mut(&publisher) {
                one.layers = layers;
            }
        }
        asked.sort_unstable();
        asked.dedup();
        for (publisher, receiver) in asked {
            host.peer(publisher).into_iter().for_each(|peer| peer.request_key_frame(now, receiver));
        }
    }

    /// A subscriber has lost pictures: the publisher of what it gets on this transceiver is asked for a whole one.
    pub(crate) fn key_frame_asked(&self, now: Instant, host: &mut Host, id: u64, transceiver: TransceiverId) {
        let Some(member) = self.members.get(&id) else { return };
        let mut subscriptions = member.subscriptions.iter();
        let found = subscriptions.find(|(_, subscription)| subscription.relay.transceiver == transceiver);
        let Some(((publisher, _), subscription)) = found else { return };
        if let (Some(receiver), Some(peer)) = (subscription.relay.current, host.peer(*publisher)) {
            peer.request_key_frame(now, receiver);
        }
    }

    /// Hands a packet to all who get its layer.
    pub(crate) fn forward(&mut self, now: Instant, host: &mut Host, id: u64, received: &RtpPacket<'_>) {
        let packet = &received.packet;
        let Some(publisher) = self.members.get_mut(&id) else { return };
        let kind = if received.transceiver == publisher.video { Kind::Video } else { Kind::Audio };
        let told = match kind {
            Kind::Video => codec::describe(packet.codec, packet.payload).unwrap_or_default(),
            Kind::Audio => Description::default(),
        };
        if kind == Kind::Audio {
            publisher.sound = Some(packet.receiver);
        } else if !publisher.layers.see(now, packet.receiver, &told) {
            // A layer's first packet may be of the key frame that tells its size.
            let rid = host.peer(id).and_then(|peer| Some(peer.receiver(packet.receiver)?.rid?.to_owned()));
            publisher.layers.add(now, packet.receiver, rid.as_deref());
            publisher.layers.see(now, packet.receiver, &told);
            self.choose(now, host);
        }
        let Some(publisher) = self.members.get(&id) else { return };
        let sound = publisher.sound;
        for (other, member) in &mut self.members {
            let Some(subscription) = member.subscriptions.get_mut(&(id, kind)) else { continue };
            match kind {
                Kind::Video => subscription.relay.switch(packet.receiver, &told),
                Kind::Audio => subscription.relay.current = sound,
            }
            if let Some(subscriber) = host.peer(*other) {
                subscription.relay.forward(now, subscriber, packet);
            }
        }
    }

    /// What `GET /state` tells of a participant.
    pub(crate) fn state(&self, id: u64) -> Result<Value, Failure> {
        let member = self.members.get(&id).ok_or(Failure::UnknownId)?;
        let layers =
            member.layers.iter().map(|layer| json!({ "rid": RIDS.get(layer.rank), "height": layer.height }));
        let rid = |publisher: &u64, receiver: Option<ReceiverId>| {
            let layers = &self.members.get(publisher)?.layers;
            let layer = layers.iter().find(|layer| Some(layer.receiver) == receiver)?;
            RIDS.get(layer.rank)
        };
        let video = member.subscriptions.iter().filter(|((_, kind), _)| *kind == Kind::Video);
        let pictures = video.map(|((publisher, _), subscription)| {
            json!({
                "peer": publisher,
                "rid": rid(publisher, subscription.relay.current),
                "wanted": rid(publisher, subscription.relay.wanted),
                "height": subscription.height,
                "switches": subscription.relay.switches,
            })
        });
        Ok(json!({
            "room": member.room,
            "layers": layers.collect::<Vec<_>>(),
            "pictures": pictures.collect::<Vec<_>>(),
        }))
    }
}

/// Lets a subscriber have what a publisher sends, or will.
fn subscribe(host: &mut Host, id: u64, member: &mut Member, publisher: u64) -> Result<(), Failure> {
    let peer = host.peer(id).ok_or(Failure::UnknownId)?;
    for (kind, track) in [Kind::Audio, Kind::Video].into_iter().zip(KINDS) {
        let mut init = TransceiverInit::default();
        init.direction = Direction::SendOnly;
        // The stream's name tells the page whose it is.
        init.streams = vec![format!("peer-{publisher}").into()];
        init.track = Some(format!("peer-{publisher}-{kind:?}").into());
        let transceiver = add(peer, track, init)?;
        let clock_rate = if kind == Kind::Audio { 48_000 } else { 90_000 };
        let relay = Relay::new(transceiver, clock_rate);
        member.subscriptions.insert((publisher, kind), Subscription { relay, height: FIRST_HEIGHT });
    }
    Ok(())
}

/// Adds a transceiver with the codecs of all rooms.
fn add(peer: &mut PeerConnection, kind: TrackKind, init: TransceiverInit) -> Result<TransceiverId, Failure> {
    let transceiver = peer.add_transceiver(kind, init).map_err(Failure::bad)?;
    let able = match kind {
        TrackKind::Audio => capabilities::audio(),
        TrackKind::Video => capabilities::video(),
    };
    let all: Vec<Codec> = able.codecs.into_iter().map(|able| able.codec).collect();
    let is_ours = |codec: &Codec| CODECS.iter().any(|name| codec.name.eq_ignore_ascii_case(name));
    let repairs =
        |codec: &Codec| all.iter().any(|other| is_ours(other) && codec.apt() == Some(other.payload_type));
    let chosen: Vec<Codec> = all.iter().filter(|codec| is_ours(codec) || repairs(codec)).cloned().collect();
    peer.set_codec_preferences(transceiver, &chosen).map_err(Failure::bad)?;
    Ok(transceiver)
}
