//! A media server: one publisher's video goes to 50 subscribers. Only what the server's process does is measured: the
//! publisher's datagram is taken, and for each subscriber a packet is numbered, encrypted and polled; their RTCP and STUN are
//! answered. Beside it, in the same loop and so with the same caches, each packet is copied and protected for each
//! subscriber, and nothing else. The clients are Duologue's for every server, and offer AES-128-GCM alone; every datagram arrives at once, on
//! virtual time.

use crate::fanout_ours::Ours;
use crate::fanout_str0m::Theirs;
use crate::table::timed_row;
use bytes::Bytes;
use cpu_time::ProcessTime;
use duologue::dtls::SrtpProfile;
use duologue::ice::Path;
use duologue::rtp::codec::Codec;
use duologue::rtp::{ExtendedSequence, PayloadType, Ssrc, srtp};
use duologue::sdp::jsep::SdpType;
use duologue::{
    Arrival, Config, ConnectionState, Description, NtpTime, OutgoingPacket, PeerConnection, Received,
    SenderId, TrackKind, codec_of,
};
use std::cell::Cell;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

const SUBSCRIBERS: u16 = 50;
/// With its headers, extensions and tag, somewhat under 1,200 bytes of datagram.
const PAYLOAD: usize = 1120;
/// Packets of a frame, 30 frames a second: 2.2 Mbit/s.
const PACKETS: usize = 8;
const FRAME: Duration = Duration::from_micros(33_333);
/// Frames of a round.
const FRAMES: usize = 60;
pub(crate) const BATCH: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// A server's connection with one client.
pub trait Server: Sized {
    /// What a received packet is until it is forwarded.
    type Packet;
    /// Datagrams on their way to the client.
    type Wire: Default;

    /// A connection that receives video from its client, or sends some to it; and its offer.
    fn offering(now: Instant, address: SocketAddr, sends: bool) -> (Self, String);
    /// The client's answer.
    fn answered(&mut self, now: Instant, answer: &str);
    /// Takes a datagram.
    fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) -> Option<Self::Packet>;
    /// Sends a packet on.
    fn forward(&mut self, now: Instant, packet: &Self::Packet);
    /// Does all that is to be done now: deadlines, datagrams, events.
    fn drain(&mut self, now: Instant, wire: &mut Self::Wire);
    /// Hands out what is on its way.
    fn deliver(wire: &mut Self::Wire, each: impl FnMut(&mut [u8]));
}

/// Forwarding, beside str0m.
pub fn forward() {
    let mut ours = Room::<Ours>::new();
    let mut theirs = Room::<Theirs>::new();
    timed_row(
        "media server, one stream to 50 subscribers",
        "outgoing packet",
        "str0m 0.25.0",
        &mut || theirs.round().server,
        &mut || ours.round().server,
    );
    drop(theirs);
    // Both figures are of one round, whichever is asked for first.
    let last = Cell::new(ours.round());
    timed_row(
        "media server, forwarding without RTCP and STUN",
        "outgoing packet",
        "copy and protect alone",
        &mut || last.get().protect,
        &mut || {
            last.set(ours.round());
            last.get().server - last.get().control
        },
    );
}

/// Nanoseconds of CPU time per outgoing packet.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Of the server.
    pub server: f64,
    /// Of that, what clients' RTCP and STUN cost, and deadlines.
    pub control: f64,
    /// Of a copy and of its protection alone.
    pub protect: f64,
}

/// A server with its clients.
pub struct Room<S: Server> {
    publisher: Link<S>,
    sender: SenderId,
    payload_type: PayloadType,
    subscribers: Vec<Link<S>>,
    protectors: Vec<Protector>,
    now: Instant,
    frame: u32,
}

impl<S: Server> Room<S> {
    /// Everyone connected.
    #[must_use]
    pub fn new() -> Self {
        let now = Instant::now();
        let mut publisher = Link::new(now, 0);
        let mut subscribers: Vec<Link<S>> = (1..=SUBSCRIBERS).map(|number| Link::new(now, number)).collect();
        for (index, link) in subscribers.iter_mut().chain([&mut publisher]).enumerate() {
            link.connect(now, index);
        }
        let one = publisher.client.transceivers().next().unwrap();
        let is_vp8 = |codec: &&duologue::sdp::Codec| codec_of(codec) == Some(Codec::Vp8);
        let codec = one.send_codecs().iter().find(is_vp8).unwrap();
        let payload_type = PayloadType::new(codec.payload_type.get()).unwrap();
        let sender = publisher.client.senders(one.id()).next().unwrap();
        let now = now + Duration::from_secs(5);
        let protectors = (1..=SUBSCRIBERS).map(Protector::new).collect();
        Self { publisher, sender, payload_type, subscribers, protectors, now, frame: 0 }
    }

    /// So many frames to everyone.
    pub fn round(&mut self) -> Figures {
        let before: u64 = self.subscribers.iter().map(|link| link.received).sum();
        let (mut spent, mut control, mut protecting) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for _ in 0..FRAMES {
            self.now += FRAME;
            self.frame += 1;
            for index in 0..PACKETS {
                spent += self.packet(index);
                protecting += self.protect(index);
            }
            control += self.rest();
        }
        let received = self.subscribers.iter().map(|link| link.received).sum::<u64>() - before;
        assert_eq!(received, (FRAMES * PACKETS) as u64 * u64::from(SUBSCRIBERS));
        let per_packet = |spent: Duration| spent.as_nanos() as f64 / received as f64;
        Figures {
            server: per_packet(spent + control),
            control: per_packet(control),
            protect: per_packet(protecting),
        }
    }

    /// The same packet to as many, without a server.
    fn protect(&mut self, index: usize) -> Duration {
        let payload = [index as u8; PAYLOAD];
        let start = ProcessTime::now();
        for protector in &mut self.protectors {
            protector.protect(&payload);
        }
        start.elapsed()
    }

    /// One packet from the publisher to everyone.
    fn packet(&mut self, index: usize) -> Duration {
        let mut payload = vec![index as u8; PAYLOAD];
        payload[..4].copy_from_slice(&[0x90, 0x80, self.frame as u8 & 0x7f, 0x11]);
        let timestamp = self.frame.wrapping_mul(3000);
        let mut packet = OutgoingPacket::new(self.payload_type, timestamp, Bytes::from(payload));
        packet.marker = index + 1 == PACKETS;
        let Self { publisher, subscribers, now, .. } = self;
        publisher.client.send_rtp(*now, self.sender, packet).unwrap();
        publisher.poll_client(*now);
        let Link { server, wire, up, address, .. } = publisher;
        let start = ProcessTime::now();
        for datagram in up.iter_mut() {
            if let Some(packet) = server.handle(*now, *address, datagram) {
                for link in subscribers.iter_mut() {
                    link.server.forward(*now, &packet);
                    link.server.drain(*now, &mut link.wire);
                }
            }
        }
        server.drain(*now, wire);
        let spent = start.elapsed();
        up.clear();
        publisher.down(*now);
        subscribers.iter_mut().for_each(|link| link.down(*now));
        spent
    }

    /// What clients say to the server, and what it does by itself.
    fn rest(&mut self) -> Duration {
        let Self { publisher, subscribers, now, .. } = self;
        let mut links: Vec<&mut Link<S>> = subscribers.iter_mut().chain([publisher]).collect();
        links.iter_mut().for_each(|link| link.poll_client(*now));
        let start = ProcessTime::now();
        links.iter_mut().for_each(|link| link.serve(*now));
        let spent = start.elapsed();
        links.iter_mut().for_each(|link| link.down(*now));
        spent
    }
}

/// What protects for one subscriber, and where to.
struct Protector {
    sender: srtp::Sender,
    sequence: u64,
    out: Vec<u8>,
}

impl Protector {
    fn new(number: u16) -> Self {
        let profile = srtp::Profile::AeadAes128Gcm;
        let material = vec![number as u8; profile.keying_material_len()];
        let (key, _) = srtp::MasterKey::from_keying_material(profile, &material).unwrap();
        Self { sender: srtp::Sender::new(&srtp::AWS_LC_RS, &key), sequence: 0, out: Vec::new() }
    }

    fn protect(&mut self, payload: &[u8]) {
        self.sequence += 1;
        self.out.clear();
        self.out.extend_from_slice(&HEADER);
        self.out.extend_from_slice(payload);
        let index = ExtendedSequence(self.sequence);
        self.sender.protect_rtp(&mut self.out, 0, HEADER.len(), Ssrc(1), index).unwrap();
    }
}

/// As long as one with the extensions that a browser asks for.
const HEADER: [u8; 28] = [0x90; 28];

impl<S: Server> Default for Room<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// A connection of the server's, and its client.
struct Link<S: Server> {
    server: S,
    client: PeerConnection,
    address: SocketAddr,
    /// From the server.
    wire: S::Wire,
    /// From the client.
    up: Vec<Vec<u8>>,
    /// RTP packets that the client got.
    received: u64,
}

impl<S: Server> Link<S> {
    /// The first client publishes, the others subscribe.
    fn new(now: Instant, number: u16) -> Self {
        let address = SocketAddr::from(([192, 0, 2, 2], 6000 + number));
        let (mut server, offer) = S::offering(now, server_address(), number > 0);
        let mut client =
            PeerConnection::new(config(), [number as u8; 32], now, NtpTime::from(SystemTime::now()));
        client.add_interface(now, address).unwrap();
        if number == 0 {
            client.add_track(TrackKind::Video, "camera", &[]).unwrap();
        }
        let offer = Description::parse(SdpType::Offer, &offer).unwrap();
        client.set_remote_description(now, &offer).unwrap();
        let answer = client.create_answer().unwrap();
        client.set_local_description(now, &answer).unwrap();
        server.answered(now, &client.local_description().unwrap().to_string());
        Self { server, client, address, wire: S::Wire::default(), up: Vec::new(), received: 0 }
    }

    /// Five seconds, at the end of which both are connected.
    fn connect(&mut self, start: Instant, index: usize) {
        for step in 0..1000 {
            let now = start + Duration::from_millis(5 * step);
            self.poll_client(now);
            self.serve(now);
            self.down(now);
        }
        assert_eq!(self.client.connection_state(), ConnectionState::Connected, "client {index}");
        assert_eq!(self.client.srtp_profile(), Some(SrtpProfile::AeadAes128Gcm));
    }

    /// What the client has to say is on its way.
    fn poll_client(&mut self, now: Instant) {
        if self.client.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.client.handle_timeout(now);
        }
        let mut out = Vec::new();
        while let Some(transmit) = self.client.poll_transmit(now, BATCH, &mut out) {
            let size = transmit.segment_size.map_or(transmit.len, NonZeroUsize::get);
            self.up.extend(out.chunks(size).map(<[u8]>::to_vec));
            out.clear();
        }
        while self.client.poll_event().is_some() {}
    }

    /// The server takes what the client has sent.
    fn serve(&mut self, now: Instant) {
        for datagram in &mut self.up {
            self.server.handle(now, self.address, datagram);
        }
        self.up.clear();
        self.server.drain(now, &mut self.wire);
    }

    /// The client takes what the server has sent.
    fn down(&mut self, now: Instant) {
        let Self { client, received, address, .. } = self;
        let arrival = Arrival::new(Path::udp(*address, server_address()), now);
        S::deliver(&mut self.wire, |datagram| {
            if let Ok(Received::Rtp(packet)) = client.handle_datagram(now, arrival, datagram) {
                assert_eq!(packet.packet.payload.len(), PAYLOAD);
                *received += 1;
            }
        });
    }
}

pub(crate) fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5000))
}

/// The clients' configuration, and that of Duologue's server: one for all connections, as a server has.
pub(crate) fn config() -> Arc<Config> {
    static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
        let provider = duologue::dtls::crypto::aws_lc_rs();
        let mut config = Config::generate(provider, [9; 32], SystemTime::now()).unwrap();
        Arc::make_mut(&mut config.dtls).srtp_profiles = vec![SrtpProfile::AeadAes128Gcm];
        Arc::new(config)
    });
    Arc::clone(&CONFIG)
}
