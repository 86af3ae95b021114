//! Duologue's side of a call.

use crate::Received;
use bytes::Bytes;
use duologue::ice::Path;
use duologue::sdp::jsep::SdpType;
use duologue::{
    Arrival, ChannelConfig, ChannelId, ChannelState, Config, Description, Event, Kind, NtpTime,
    PeerConnection,
};
use duologue_netsim::Addresses;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// A virtual call begins on 1 January 2026.
const WALL: Duration = Duration::from_secs(1_767_225_600);

/// Our connection, and what it has told so far.
pub struct Ours {
    /// The connection.
    pub connection: PeerConnection,
    /// All that it told.
    pub events: Vec<Event>,
    /// All that arrived.
    pub received: Vec<Received>,
    /// Whether messages go back to where they came from.
    pub echoes: bool,
}

impl Ours {
    pub(crate) fn new(seed: u64, lite: bool, address: SocketAddr, now: Instant) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let wall = UNIX_EPOCH + WALL;
        let mut config =
            Config::generate(duologue::dtls::crypto::rust_crypto(), bytes, wall).expect("a certificate");
        Arc::make_mut(&mut config.ice).lite = lite;
        let mut connection = PeerConnection::new(Arc::new(config), bytes, now, NtpTime::from(wall));
        connection.add_interface(now, address).expect("an interface");
        Self { connection, events: Vec::new(), received: Vec::new(), echoes: false }
    }

    /// An offer with all candidates and a channel.
    pub(crate) fn offer(&mut self, now: Instant, label: &str) -> String {
        self.create_channel(now, label);
        let offer = self.connection.create_offer().expect("an offer");
        self.connection.set_local_description(now, &offer).expect("our offer is good");
        self.local_description(now)
    }

    pub(crate) fn answer(&mut self, now: Instant, offer: &str) -> String {
        let offer = Description::parse(SdpType::Offer, offer).expect("str0m's offer is read");
        self.connection.set_remote_description(now, &offer).expect("str0m's offer is taken");
        let answer = self.connection.create_answer().expect("an answer");
        self.connection.set_local_description(now, &answer).expect("our answer is good");
        self.local_description(now)
    }

    pub(crate) fn accept(&mut self, now: Instant, answer: &str) {
        let answer = Description::parse(SdpType::Answer, answer).expect("str0m's answer is read");
        self.connection.set_remote_description(now, &answer).expect("str0m's answer is taken");
    }

    fn local_description(&mut self, now: Instant) -> String {
        self.drain(now);
        let sdp = self.connection.local_description().expect("it was set").to_string();
        assert!(sdp.contains("a=candidate:"), "an address of its own needs no gathering: {sdp}");
        sdp
    }

    /// Opens a channel.
    pub fn create_channel(&mut self, now: Instant, label: &str) -> ChannelId {
        self.connection.create_data_channel(now, label, ChannelConfig::default()).expect("a channel")
    }

    /// The channel with this label.
    pub fn channel(&self, label: &str) -> Option<ChannelId> {
        self.connection.data_channels().find(|(_, one)| one.config().label == label).map(|(id, _)| id)
    }

    pub(crate) fn is_open(&self, label: &str) -> bool {
        let channel = self.channel(label).and_then(|id| self.connection.data_channel(id));
        channel.is_some_and(|channel| channel.state() == ChannelState::Open)
    }

    /// Sends a message on the channel with this label.
    pub fn send(&mut self, now: Instant, label: &str, binary: bool, payload: &[u8]) {
        let channel = self.channel(label).expect("the channel exists");
        let kind = if binary { Kind::Binary } else { Kind::Text };
        self.connection
            .send(now, channel, kind, Bytes::copy_from_slice(payload))
            .expect("room for a message");
    }

    /// Closes the channel with this label.
    pub fn close_channel(&mut self, now: Instant, label: &str) {
        let channel = self.channel(label).expect("the channel exists");
        self.connection.close_data_channel(now, channel);
    }

    /// Whether an event was told that satisfies `wanted`.
    pub fn told(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(wanted)
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
        while let Some(message) = self.connection.recv() {
            let label = self.connection.data_channel(message.channel).map(|one| one.config().label.clone());
            let binary = message.kind == Kind::Binary;
            let payload = message.payload.to_vec();
            self.received.push(Received { label: label.unwrap_or_default(), binary, payload });
            if self.echoes {
                self.connection
                    .send(now, message.channel, message.kind, message.payload)
                    .expect("room for an echo");
            }
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.drain(now);
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        let path = Path::udp(addresses.destination, addresses.source);
        // What was discarded is counted by the connection.
        let _ = self.connection.handle_datagram(now, Arrival::new(path, now), datagram);
        self.drain(now);
    }

    pub(crate) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        let transmit = self.connection.poll_transmit(now, NonZeroUsize::MIN, out);
        self.drain(now);
        let path = transmit?.path;
        Some(Addresses { source: path.local, destination: path.remote })
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }
}
