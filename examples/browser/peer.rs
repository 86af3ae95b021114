//! One peer and what this program does with it: it echoes, and hands media back.

use crate::handling::Media;
use crate::media::http::Reply;
use crate::negotiation::{Negotiation, Wish};
use crate::network::Network;
use duologue::ice::{GatheringState, Path, ServerFailure, StreamId, StreamRequest};
use duologue::sctp::Reliability;
use duologue::sdp::jsep::SdpType;
use duologue::{
    Arrival, ChannelConfig, ChannelId, ChannelState, CloseReason, ConnectionState, CreateError, Event,
    Message, PeerConnection, Received, SendError,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

pub(crate) struct Peer {
    pub(crate) connection: PeerConnection,
    /// Messages that found the send buffer full.
    held: VecDeque<Message>,
    ended: Option<CloseReason>,
    /// That of a peer which does more than answer.
    pub(crate) negotiation: Option<Negotiation>,
    media: Media,
    pub(crate) network: Network,
    /// What it wants done about its streams.
    pub(crate) wishes: VecDeque<StreamWish>,
    /// The sockets that it shares with no other.
    pub(crate) sockets: Vec<SocketAddr>,
    /// Whether it has all the candidates that it will.
    pub(crate) gathered: bool,
    /// Who waits for a description with all candidates, and of which kind.
    waiting: Option<(SdpType, Reply)>,
}

/// What a peer wants done about a stream.
pub(crate) enum StreamWish {
    Open(StreamRequest),
    Close(StreamId),
}

impl Peer {
    pub(crate) fn new(
        connection: PeerConnection,
        negotiation: Option<Negotiation>,
        network: Network,
    ) -> Self {
        Self {
            connection,
            held: VecDeque::new(),
            ended: None,
            negotiation,
            media: Media::default(),
            network,
            wishes: VecDeque::new(),
            sockets: Vec::new(),
            gathered: false,
            waiting: None,
        }
    }

    /// Answers with our description once it has all candidates.
    pub(crate) fn answer_when_gathered(&mut self, kind: SdpType, reply: Reply) {
        self.waiting = Some((kind, reply));
    }

    /// Does what is wished for; `None` when the peer does not negotiate. Recordings go into `folder` under names that begin
    /// with `name`.
    pub(crate) fn obey(
        &mut self,
        now: Instant,
        wish: Wish,
        folder: Option<&PathBuf>,
        name: &str,
    ) -> Option<Result<(), String>> {
        let negotiation = self.negotiation.as_mut()?;
        Some(match wish {
            Wish::Media(wish) => self.media.treat(now, &mut self.connection, wish, folder, name),
            Wish::Network(weather) => {
                self.network.set(weather);
                Ok(())
            }
            other => negotiation.obey(now, &mut self.connection, &self.media, other),
        })
    }

    /// Takes a datagram.
    pub(crate) fn receive(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        // What a datagram was refused for is counted in the connection's statistics.
        let received = self.connection.handle_datagram(now, Arrival::new(path, now), datagram);
        if let Ok(Received::Rtp(packet)) = received {
            self.media.take_packet(now, &mut self.connection, &packet);
        }
    }

    /// When there is something to do: for the connection, or for a datagram that was held back.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.connection.poll_timeout().into_iter().chain(self.network.deadline()).min()
    }

    /// Whether the connection has ended and nothing is to be expected of it.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    pub(crate) fn open_channel(&mut self, now: Instant, label: &str) -> Result<ChannelId, CreateError> {
        self.connection.create_data_channel(now, label, ChannelConfig::default())
    }

    pub(crate) fn open_negotiated(&mut self, now: Instant, stream: u16) -> Result<ChannelId, CreateError> {
        let mut config = ChannelConfig::default();
        config.negotiated = Some(stream);
        self.connection.create_data_channel(now, "negotiated", config)
    }

    /// Our description with its candidates, as HTTP answers it.
    pub(crate) fn description(&self, id: u64, kind: SdpType) -> Value {
        let sdp = self.connection.local_description().map(|sdp| sdp.to_string());
        json!({ "type": kind.name(), "sdp": sdp, "id": id })
    }

    /// What `GET /state` answers.
    pub(crate) fn state(&mut self) -> Value {
        let negotiation = self.negotiation.as_mut().map(|negotiation| negotiation.state(&self.connection));
        let channels = self.connection.data_channels().map(|(_, channel)| {
            let config = channel.config();
            let (retransmits, lifetime) = match config.reliability {
                Reliability::MaxRetransmits(count) => (Some(count), None),
                Reliability::MaxLifetime(time) => (None, Some(time.as_millis())),
                Reliability::Reliable => (None, None),
            };
            json!({
                "label": config.label,
                "state": state_name(channel.state()),
                "ordered": config.ordered,
                "protocol": config.protocol,
                "maxRetransmits": retransmits,
                "maxPacketLifeTime": lifetime,
            })
        });
        json!({
            "connectionState": self.connection_state().name(),
            "channels": channels.collect::<Vec<_>>(),
            "tracks": [],
            "negotiation": negotiation,
            "media": self.media.state(&self.connection),
        })
    }

    /// A connection whose handshake failed stays `failed`.
    fn connection_state(&self) -> ConnectionState {
        match self.ended {
            Some(CloseReason::Dtls(_)) => ConnectionState::Failed,
            _ => self.connection.connection_state(),
        }
    }

    /// Takes what the connection has to tell, and echoes what it has received.
    pub(crate) fn work(&mut self, now: Instant, id: u64, mut keylog: Option<&mut File>) {
        while let Some(event) = self.connection.poll_event() {
            self.media.handle(now, &mut self.connection, &event);
            if let Some(negotiation) = &mut self.negotiation {
                negotiation.handle(now, &mut self.connection, &event);
            }
            match event {
                Event::ConnectionStateChange(state) => println!("{id}: {}", state.name()),
                Event::Secured(with) => println!("{id}: {:?} {}", with.version, with.cipher_suite.name()),
                Event::IceGatheringStateChange(state) => self.gathered = state == GatheringState::Complete,
                Event::IceCandidateError(failure) => {
                    let ServerFailure { local, server, error, .. } = failure;
                    println!("{id}: icecandidateerror {} from {local} to {server}: {error}", error.code());
                }
                Event::OpenStream(wanted) => self.wishes.push_back(StreamWish::Open(wanted)),
                Event::CloseStream(stream) => self.wishes.push_back(StreamWish::Close(stream)),
                Event::KeyLog(line) => {
                    // A key log that cannot be written is no reason to end a call.
                    let _ = keylog.as_mut().map(|file| writeln!(file, "{line}"));
                }
                Event::Closed(reason) => {
                    println!("{id}: {reason}");
                    self.ended = Some(reason);
                }
                _ => {}
            }
        }
        if self.gathered
            && let Some((kind, reply)) = self.waiting.take()
        {
            let _ = reply.send(Ok(self.description(id, kind)));
        }
        while let Some(message) = self.held.pop_front().or_else(|| self.connection.recv()) {
            if let Err(held) = self.echo(now, message) {
                self.held.push_front(held);
                return;
            }
        }
    }

    /// Sends a message back. When there is no room for it, it comes back to be tried again.
    fn echo(&mut self, now: Instant, message: Message) -> Result<(), Message> {
        let Message { channel, kind, payload } = message;
        let Some(closes) =
            self.connection.data_channel(channel).map(|one| one.config().label.starts_with("close-me"))
        else {
            return Ok(());
        };
        // Any other refusal is that of a closing channel: nobody waits for the echo any more.
        if let Err(SendError::BufferFull(payload)) = self.connection.send(now, channel, kind, payload) {
            return Err(Message { channel, kind, payload });
        }
        if closes {
            self.connection.close_data_channel(now, channel);
        }
        Ok(())
    }
}

fn state_name(state: ChannelState) -> &'static str {
    match state {
        ChannelState::Connecting => "connecting",
        ChannelState::Open => "open",
        ChannelState::Closing => "closing",
        ChannelState::Closed => "closed",
    }
}
