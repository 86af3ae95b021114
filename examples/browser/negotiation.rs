//! A peer that negotiates both ways: what HTTP can make it do, and perfect negotiation (W3C `webrtc-pc`, Section 10.7).

use crate::handling::{Media, Treatment};
use crate::media::http::{Description as Signalled, Reply};
use crate::media::outbox::Outbox;
use crate::network::Weather;
use duologue::ice::State as IceState;
use duologue::sdp::jsep::{Capabilities, IceCandidate, SdpType, SignalingState};
use duologue::sdp::{Codec, Direction};
use duologue::{
    ChannelConfig, Description, Event, PeerConnection, TrackKind, Transceiver, TransceiverId,
    TransceiverInit, capabilities,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Instant;

/// What is asked of the peer; the names are the browser's where it has them.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Wish {
    Configure(Manners),
    AddTransceiver {
        kind: String,
        direction: Option<String>,
        #[serde(default)]
        receive_rids: Vec<String>,
    },
    SetDirection {
        transceiver: usize,
        direction: String,
    },
    Stop {
        transceiver: usize,
    },
    /// Codecs by name, those of `rtx` and the like included; none goes back to all.
    SetCodecPreferences {
        transceiver: usize,
        codecs: Vec<String>,
    },
    CreateDataChannel {
        label: String,
    },
    RestartIce,
    /// Offers, whether it is needed or not.
    Offer,
    /// Makes an offer and takes it back before anyone has heard of it.
    OfferAndRollBack,
    /// The answer after a provisional one.
    Answer,
    /// Something that the other side has signalled.
    Signal {
        description: Option<Signalled>,
        candidate: Option<Candidate>,
    },
    /// What becomes of sound and pictures.
    Media(Treatment),
    /// Loss and delay.
    Network(Weather),
}

/// How the peer negotiates. A wish changes what it names.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manners {
    /// Whether its offer gives way when both offer at once.
    polite: Option<bool>,
    /// Whether it offers by itself when negotiation is needed.
    automatic: Option<bool>,
    answers: Option<Answers>,
}

/// How it answers an offer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Answers {
    #[default]
    AtOnce,
    /// With a provisional answer; the wish `answer` asks for the other.
    Provisionally,
    /// After it has rolled the offer back once and set it again.
    AfterRollback,
}

/// A candidate as browsers serialise it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Candidate {
    candidate: String,
    sdp_mid: Option<String>,
    sdp_m_line_index: Option<u16>,
    username_fragment: Option<String>,
}

/// The negotiation's manners, and what it has said that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    polite: bool,
    automatic: bool,
    answers: Answers,
    /// Whether the newest offer was ignored, and with it what belongs to it.
    ignored: bool,
    /// HTTP's numbers for transceivers.
    numbers: Vec<TransceiverId>,
    /// Events and signals.
    outbox: Outbox,
}

impl Negotiation {
    pub(crate) fn new(manners: Manners) -> Self {
        let mut this = Self::default();
        this.configure(manners);
        this
    }

    fn configure(&mut self, manners: Manners) {
        self.polite = manners.polite.unwrap_or(self.polite);
        self.automatic = manners.automatic.unwrap_or(self.automatic);
        self.answers = manners.answers.unwrap_or(self.answers);
    }

    /// Answers with what there is to tell from the entry `after` on, at once or as soon as there is something.
    pub(crate) fn listen(&mut self, after: usize, wait: bool, reply: Reply) {
        self.outbox.listen(after, wait, reply);
    }

    fn push(&mut self, entry: Value) {
        self.outbox.push(entry);
    }

    fn signal(&mut self, description: &Description) {
        let sdp = description.sdp.to_string();
        self.push(json!({ "description": { "type": description.kind.name(), "sdp": sdp } }));
    }

    /// Takes an event of the connection: some are told, some answered.
    pub(crate) fn handle(&mut self, now: Instant, connection: &mut PeerConnection, event: &Event) {
        match event {
            Event::NegotiationNeeded => {
                self.push(json!({ "event": "negotiationneeded" }));
                if self.automatic {
                    let offered = self.offer(now, connection);
                    self.tell_failure(offered);
                }
            }
            Event::SignalingStateChange(state) => {
                self.push(json!({ "event": "signalingstatechange", "state": state.name() }));
            }
            Event::IceConnectionStateChange(state) => {
                self.push(json!({ "event": "iceconnectionstatechange", "state": ice_state(*state) }));
            }
            Event::ConnectionStateChange(state) => {
                self.push(json!({ "event": "connectionstatechange", "state": state.name() }));
            }
            Event::Track(id) => self.push_of(connection, "track", *id),
            Event::Mute(id) => self.push_of(connection, "mute", *id),
            Event::Ended(id) => self.push_of(connection, "ended", *id),
            Event::IceCandidate(candidate) => {
                let candidate = Candidate {
                    candidate: candidate.candidate.to_string(),
                    sdp_mid: candidate.sdp_mid.as_ref().map(ToString::to_string),
                    sdp_m_line_index: candidate.sdp_m_line_index,
                    username_fragment: candidate.username_fragment.as_ref().map(ToString::to_string),
                };
                self.push(json!({ "candidate": candidate }));
            }
            _ => {}
        }
    }

    fn push_of(&mut self, connection: &PeerConnection, event: &str, id: TransceiverId) {
        let mid = connection.transceiver(id).and_then(Transceiver::mid);
        self.push(json!({ "event": event, "mid": mid }));
    }

    fn tell_failure(&mut self, outcome: Result<(), String>) {
        if let Err(error) = outcome {
            self.push(json!({ "error": error }));
        }
    }

    /// Does what is wished for, or says why not.
    pub(crate) fn obey(
        &mut self,
        now: Instant,
        connection: &mut PeerConnection,
        media: &Media,
        wish: Wish,
    ) -> Result<(), String> {
        match wish {
            Wish::Configure(manners) => self.configure(manners),
            Wish::AddTransceiver { kind, direction, receive_rids } => {
                let mut init = TransceiverInit::default();
                init.direction = direction.as_deref().map_or(Ok(init.direction), parse_direction)?;
                init.receive_rids = receive_rids.into_iter().map(Into::into).collect();
                connection.add_transceiver(parse_kind(&kind)?, init).map_err(text)?;
            }
            Wish::SetDirection { transceiver, direction } => {
                let id = self.number(transceiver)?;
                connection.set_direction(id, parse_direction(&direction)?).map_err(text)?;
            }
            Wish::Stop { transceiver } => connection.stop(self.number(transceiver)?).map_err(text)?,
            Wish::SetCodecPreferences { transceiver, codecs } => {
                let id = self.number(transceiver)?;
                let kind =
                    connection.transceiver(id).map(Transceiver::kind).ok_or("the transceiver is gone")?;
                connection.set_codec_preferences(id, &preferences(kind, &codecs)).map_err(text)?;
            }
            Wish::CreateDataChannel { label } => {
                connection.create_data_channel(now, &label, ChannelConfig::default()).map_err(text)?;
            }
            Wish::RestartIce => connection.restart_ice(),
            Wish::Offer => self.offer(now, connection)?,
            Wish::OfferAndRollBack => {
                let offer = connection.create_offer().map_err(text)?;
                connection.set_local_description(now, &offer).map_err(text)?;
                connection.roll_back(now).map_err(text)?;
            }
            Wish::Answer => {
                if connection.signaling_state() == SignalingState::HaveLocalPrAnswer {
                    let answer = connection.set_implicit_local_description(now).map_err(text)?;
                    self.signal(&answer);
                }
            }
            Wish::Signal { description, candidate } => {
                if let Some(description) = description {
                    self.take(now, connection, media, &description)?;
                }
                if let Some(candidate) = candidate {
                    self.take_candidate(now, connection, candidate)?;
                }
            }
            Wish::Media(_) | Wish::Network(_) => {}
        }
        Ok(())
    }

    fn offer(&mut self, now: Instant, connection: &mut PeerConnection) -> Result<(), String> {
        // Otherwise the event comes again once the negotiation under way is over.
        if connection.signaling_state() == SignalingState::Stable {
            let offer = connection.set_implicit_local_description(now).map_err(text)?;
            self.signal(&offer);
        }
        Ok(())
    }

    fn take(
        &mut self,
        now: Instant,
        connection: &mut PeerConnection,
        media: &Media,
        theirs: &Signalled,
    ) -> Result<(), String> {
        let kind = theirs.kind.parse().map_err(|()| format!("no such type: {:?}", theirs.kind))?;
        let description = Description::parse(kind, &theirs.sdp).map_err(text)?;
        let offer = kind == SdpType::Offer;
        self.ignored = offer && connection.signaling_state() != SignalingState::Stable && !self.polite;
        if self.ignored {
            self.push(json!({ "event": "ignoredoffer" }));
            return Ok(());
        }
        connection.set_remote_description(now, &description).map_err(text)?;
        if !offer {
            return Ok(());
        }
        if self.answers == Answers::AfterRollback {
            connection.roll_back(now).map_err(text)?;
            connection.set_remote_description(now, &description).map_err(text)?;
        }
        media.accept(connection)?;
        if self.answers == Answers::Provisionally {
            let mut answer = connection.create_answer().map_err(text)?;
            answer.kind = SdpType::PrAnswer;
            connection.set_local_description(now, &answer).map_err(text)?;
            self.signal(&answer);
        } else {
            let answer = connection.set_implicit_local_description(now).map_err(text)?;
            self.signal(&answer);
        }
        Ok(())
    }

    fn take_candidate(
        &self,
        now: Instant,
        connection: &mut PeerConnection,
        theirs: Candidate,
    ) -> Result<(), String> {
        let candidate = IceCandidate {
            candidate: theirs.candidate.into(),
            sdp_mid: theirs.sdp_mid.map(Into::into),
            sdp_m_line_index: theirs.sdp_m_line_index,
            username_fragment: theirs.username_fragment.map(Into::into),
        };
        match connection.add_ice_candidate(now, &candidate) {
            Err(error) if !self.ignored => Err(text(error)),
            _ => Ok(()),
        }
    }

    fn number(&self, number: usize) -> Result<TransceiverId, String> {
        self.numbers.get(number).copied().ok_or_else(|| "no transceiver has this number".into())
    }

    /// What `GET /state` says about the negotiation.
    pub(crate) fn state(&mut self, connection: &PeerConnection) -> Value {
        for transceiver in connection.transceivers() {
            if !self.numbers.contains(&transceiver.id()) {
                self.numbers.push(transceiver.id());
            }
        }
        let number = |transceiver: &Transceiver| self.numbers.iter().position(|id| *id == transceiver.id());
        let transceivers = connection.transceivers().map(|one| transceiver(one, number(one)));
        json!({
            "polite": self.polite,
            "automatic": self.automatic,
            "answers": self.answers,
            "signalingState": connection.signaling_state().name(),
            "iceConnectionState": ice_state(connection.ice_connection_state()),
            "transceivers": transceivers.collect::<Vec<_>>(),
            "localDescription": connection.local_description().map(|sdp| sdp.to_string()),
            "remoteDescription": connection.remote_description().map(|sdp| sdp.to_string()),
        })
    }
}

fn transceiver(one: &Transceiver, number: Option<usize>) -> Value {
    let codec =
        |codec: &Codec| json!({ "payloadType": codec.payload_type.get(), "name": codec.name.as_str() });
    let rids = one.encodings().iter().filter_map(|encoding| encoding.rid.as_deref());
    json!({
        "number": number,
        "mid": one.mid(),
        "kind": match one.kind() { TrackKind::Audio => "audio", TrackKind::Video => "video" },
        "direction": one.direction().map_or("stopped", Direction::name),
        "currentDirection": one.current_direction().map(Direction::name),
        "stopped": one.stopped(),
        "sendCodecs": one.send_codecs().iter().map(codec).collect::<Vec<_>>(),
        "receiveCodecs": one.receive_codecs().iter().map(codec).collect::<Vec<_>>(),
        "sendRids": rids.collect::<Vec<_>>(),
        "receiveRids": one.receive_rids().iter().map(|rid| rid.as_str()).collect::<Vec<_>>(),
    })
}

fn preferences(kind: TrackKind, names: &[String]) -> Vec<Codec> {
    let Capabilities { codecs, .. } = match kind {
        TrackKind::Audio => capabilities::audio(),
        TrackKind::Video => capabilities::video(),
    };
    let named = |name: &String| {
        let name = name.clone();
        codecs.iter().map(|able| &able.codec).filter(move |codec| codec.name.eq_ignore_ascii_case(&name))
    };
    names.iter().flat_map(named).cloned().collect()
}

fn parse_kind(kind: &str) -> Result<TrackKind, String> {
    match kind {
        "audio" => Ok(TrackKind::Audio),
        "video" => Ok(TrackKind::Video),
        _ => Err(format!("no such kind: {kind:?}")),
    }
}

fn parse_direction(direction: &str) -> Result<Direction, String> {
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        .into_iter()
        .find(|one| one.name() == direction)
        .ok_or_else(|| format!("no such direction: {direction:?}"))
}

/// The W3C's words.
fn ice_state(state: IceState) -> &'static str {
    match state {
        IceState::New => "new",
        IceState::Checking => "checking",
        IceState::Connected => "connected",
        IceState::Completed => "completed",
        IceState::Disconnected => "disconnected",
        IceState::Failed(_) => "failed",
        IceState::Closed => "closed",
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
