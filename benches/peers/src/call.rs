//! Whole connections with a data channel: addresses known, DTLS 1.2, aws-lc-rs, certificates made beforehand; every datagram
//! arrives at once, on virtual time.

use crate::call_rtc;
use crate::table::{Work, row};
use bytes::Bytes;
use duologue::ice::Path;
use duologue::{
    Arrival, ChannelConfig, ChannelId, ChannelState, Config, Event, Kind, NtpTime, PeerConnection,
};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use str0m::config::DtlsCert;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input, Output, Rtc, RtcConfig};

const ADDRESSES: [&str; 2] = ["192.0.2.1:5000", "192.0.2.2:6000"];
const CONNECTIONS: u64 = 20;
const MESSAGE: usize = 65_536;
/// Messages given at once: what str0m buffers by default, and with more under way its cost per byte grows.
const AT_ONCE: usize = 2;
const MESSAGES: usize = 64;
/// What str0m buffers; by default it would refuse messages while earlier ones wait for a delayed SACK.
const SEND_BUFFER: usize = 16 << 20;

/// One side of a call.
pub trait Peer {
    /// The deadline has come.
    fn handle_timeout(&mut self, now: Instant);
    /// Everything that is to be sent now goes to the other side.
    fn transmit(&mut self, now: Instant, to: &mut Self) -> bool;
    /// When it wants to be told the time.
    fn deadline(&mut self) -> Instant;
    /// Whether its channel is open.
    fn is_open(&self) -> bool;
    /// Queues a message on its channel.
    fn send(&mut self, now: Instant, message: &Bytes);
    /// Bytes of messages that arrived since.
    fn receive(&mut self) -> usize;
    /// Frees what is not the connection's.
    fn release(&mut self);
}

/// Two connected peers.
pub struct Call<P> {
    sides: [P; 2],
    now: Instant,
}

impl<P: Peer> Call<P> {
    /// Lets two described sides connect until the channel is open on both.
    pub(crate) fn open(sides: [P; 2], now: Instant) -> Self {
        let mut call = Self { sides, now };
        call.run(|sides| sides.iter().all(P::is_open));
        call
    }

    /// Lets the peers be for ten seconds.
    pub(crate) fn rest(&mut self) {
        let until = self.now + Duration::from_secs(10);
        while self.now < until {
            let before = self.now;
            self.run(|_| true);
            self.now = before + Duration::from_millis(20);
            for side in &mut self.sides {
                if side.deadline() <= self.now {
                    side.handle_timeout(self.now);
                }
            }
        }
        self.run(|_| true);
        self.sides.iter_mut().for_each(P::release);
    }

    fn run(&mut self, mut done: impl FnMut(&mut [P; 2]) -> bool) {
        for _ in 0..10_000 {
            loop {
                let [a, b] = &mut self.sides;
                let moved = a.transmit(self.now, b) | b.transmit(self.now, a);
                if !moved {
                    break;
                }
            }
            if done(&mut self.sides) {
                return;
            }
            let next = self.sides.iter_mut().map(P::deadline).min().unwrap();
            self.now = next.max(self.now + Duration::from_millis(1));
            for side in &mut self.sides {
                if side.deadline() <= self.now {
                    side.handle_timeout(self.now);
                }
            }
        }
        panic!("the call got nowhere");
    }

    fn transfer(&mut self, message: &Bytes) {
        for _ in 0..MESSAGES / AT_ONCE {
            (0..AT_ONCE).for_each(|_| self.sides[0].send(self.now, message));
            let mut received = 0;
            self.run(|[_, receiver]| {
                received += receiver.receive();
                received == AT_ONCE * MESSAGE
            });
        }
    }
}

/// From nothing to an open channel on both sides.
pub fn connect() {
    let (ours, peer) = (our_configs(), their_certificates());
    let mut ours = || {
        (0..CONNECTIONS).for_each(|_| drop(our_call(&ours)));
        CONNECTIONS
    };
    let mut round = || {
        (0..CONNECTIONS).for_each(|_| drop(their_call(&peer)));
        CONNECTIONS
    };
    row(
        "connect, to an open channel",
        "pair of peers",
        Work { name: "str0m 0.25.0", round: &mut round },
        &mut ours,
    );
    let certificates = call_rtc::certificates();
    let mut round = || {
        (0..CONNECTIONS).for_each(|_| drop(call_rtc::call(&certificates)));
        CONNECTIONS
    };
    row(
        "connect, to an open channel",
        "pair of peers",
        Work { name: "rtc 0.21.1", round: &mut round },
        &mut ours,
    );
}

/// 64 KiB messages through ICE, DTLS and SCTP.
pub fn bulk() {
    let message = Bytes::from(vec![7; MESSAGE]);
    let kibibytes = (MESSAGES * MESSAGE / 1024) as u64;
    let mut ours = our_call(&our_configs());
    let mut ours = || {
        ours.transfer(&message);
        kibibytes
    };
    let mut peer = their_call(&their_certificates());
    let mut round = || {
        peer.transfer(&message);
        kibibytes
    };
    row(
        "whole stack, 64 KiB messages",
        "KiB, both sides",
        Work { name: "str0m 0.25.0", round: &mut round },
        &mut ours,
    );
    let mut peer = call_rtc::call(&call_rtc::certificates());
    let mut round = || {
        peer.transfer(&message);
        kibibytes
    };
    row(
        "whole stack, 64 KiB messages",
        "KiB, both sides",
        Work { name: "rtc 0.21.1", round: &mut round },
        &mut ours,
    );
}

/// Makes connected, idle pairs of ours.
pub fn idle_ours() -> impl Fn() -> Call<Ours> {
    let configs = our_configs();
    move || {
        let mut call = our_call(&configs);
        call.rest();
        call
    }
}

/// Makes connected, idle pairs of str0m's.
pub fn idle_theirs() -> impl Fn() -> Call<Theirs> {
    let certificates = their_certificates();
    move || {
        let mut call = their_call(&certificates);
        call.rest();
        call
    }
}

pub(crate) fn addresses() -> [SocketAddr; 2] {
    ADDRESSES.map(|address| address.parse().unwrap())
}

fn our_configs() -> [Arc<Config>; 2] {
    [1, 2].map(|seed| {
        let provider = duologue::dtls::crypto::aws_lc_rs();
        Arc::new(Config::generate(provider, [seed; 32], SystemTime::now()).unwrap())
    })
}

fn our_call(configs: &[Arc<Config>; 2]) -> Call<Ours> {
    let now = Instant::now();
    let addresses = addresses();
    let mut sides = [0, 1].map(|index: usize| {
        let ntp = NtpTime::from(SystemTime::now());
        let mut connection = PeerConnection::new(Arc::clone(&configs[index]), [index as u8; 32], now, ntp);
        connection.add_interface(now, addresses[index]).unwrap();
        Ours { connection, channel: None, out: Vec::new() }
    });
    let [a, b] = &mut sides;
    a.connection.create_data_channel(now, "bulk", ChannelConfig::default()).unwrap();
    let offer = a.connection.create_offer().unwrap();
    a.connection.set_local_description(now, &offer).unwrap();
    a.poll();
    let described = |side: &Ours, kind| {
        let text = side.connection.local_description().unwrap().to_string();
        duologue::Description::parse(kind, &text).unwrap()
    };
    b.connection.set_remote_description(now, &described(a, offer.kind)).unwrap();
    let answer = b.connection.create_answer().unwrap();
    b.connection.set_local_description(now, &answer).unwrap();
    b.poll();
    a.connection.set_remote_description(now, &described(b, answer.kind)).unwrap();
    Call::open(sides, now)
}

/// One of our connections.
pub struct Ours {
    connection: PeerConnection,
    channel: Option<ChannelId>,
    out: Vec<u8>,
}

impl Ours {
    fn poll(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            if let Event::DataChannel(id) | Event::ChannelOpen(id) = event {
                self.channel = Some(id);
            }
        }
    }
}

impl Peer for Ours {
    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }

    fn transmit(&mut self, now: Instant, to: &mut Self) -> bool {
        const BATCH: NonZeroUsize = NonZeroUsize::new(16).unwrap();
        let mut moved = false;
        loop {
            self.out.clear();
            let Some(transmit) = self.connection.poll_transmit(now, BATCH, &mut self.out) else { break };
            moved = true;
            let path = Path::udp(transmit.path.remote, transmit.path.local);
            let size = transmit.segment_size.map_or(transmit.len, NonZeroUsize::get);
            for datagram in self.out.chunks_mut(size) {
                to.connection.handle_datagram(now, Arrival::new(path, now), datagram).unwrap();
            }
        }
        self.poll();
        moved
    }

    fn deadline(&mut self) -> Instant {
        self.connection.poll_timeout().unwrap()
    }

    fn is_open(&self) -> bool {
        let channel = self.channel.and_then(|id| self.connection.data_channel(id));
        channel.is_some_and(|channel| channel.state() == ChannelState::Open)
    }

    fn send(&mut self, now: Instant, message: &Bytes) {
        self.connection.send(now, self.channel.unwrap(), Kind::Binary, message.clone()).unwrap();
    }

    fn receive(&mut self) -> usize {
        std::iter::from_fn(|| self.connection.recv()).map(|message| message.payload.len()).sum()
    }

    fn release(&mut self) {
        self.out = Vec::new();
    }
}

fn their_certificates() -> [DtlsCert; 2] {
    [(); 2].map(|()| str0m::crypto::from_feature_flags().dtls_provider.generate_certificate().unwrap())
}

fn their_call(certificates: &[DtlsCert; 2]) -> Call<Theirs> {
    let now = Instant::now();
    let addresses = addresses();
    let mut sides = [0, 1].map(|index: usize| {
        // Nothing of media, and DTLS 1.2, which is the default.
        let config = RtcConfig::new()
            .clear_codecs()
            .set_dtls_cert(certificates[index].clone())
            .set_sctp_max_buffered_amount(SEND_BUFFER);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(addresses[index], "udp").unwrap());
        let mut side = Theirs { rtc, channel: None, out: Vec::new(), received: 0, deadline: now };
        side.handle_timeout(now);
        side
    });
    let [a, b] = &mut sides;
    let mut change = a.rtc.sdp_api();
    change.add_channel("bulk".to_owned());
    let (offer, pending) = change.apply().unwrap();
    a.poll();
    // The same work as on our side: descriptions are printed and parsed.
    let offer = str0m::change::SdpOffer::from_sdp_string(&offer.to_sdp_string()).unwrap();
    let answer = b.rtc.sdp_api().accept_offer(offer).unwrap();
    b.poll();
    let answer = str0m::change::SdpAnswer::from_sdp_string(&answer.to_sdp_string()).unwrap();
    a.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    a.poll();
    Call::open(sides, now)
}

/// One of str0m's connections.
pub struct Theirs {
    rtc: Rtc,
    channel: Option<str0m::channel::ChannelId>,
    out: Vec<str0m::net::Transmit>,
    received: usize,
    deadline: Instant,
}

impl Theirs {
    fn poll(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    return;
                }
                Output::Transmit(transmit) => self.out.push(transmit),
                Output::Event(str0m::Event::ChannelOpen(id, _)) => self.channel = Some(id),
                Output::Event(str0m::Event::ChannelData(data)) => self.received += data.data.len(),
                Output::Event(_) => {}
            }
        }
    }
}

impl Peer for Theirs {
    fn handle_timeout(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.poll();
    }

    fn transmit(&mut self, now: Instant, to: &mut Self) -> bool {
        let out = std::mem::take(&mut self.out);
        let moved = !out.is_empty();
        for transmit in out {
            let (source, destination) = (transmit.source, transmit.destination);
            let contents = (&*transmit.contents).try_into().unwrap();
            let receive = Receive { proto: Protocol::Udp, source, destination, contents };
            to.rtc.handle_input(Input::Receive(now, receive)).unwrap();
            to.poll();
        }
        moved
    }

    fn deadline(&mut self) -> Instant {
        self.deadline
    }

    fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    fn send(&mut self, _now: Instant, message: &Bytes) {
        let mut channel = self.rtc.channel(self.channel.unwrap()).unwrap();
        assert!(channel.write(true, message).unwrap(), "there is room");
        self.poll();
    }

    fn receive(&mut self) -> usize {
        std::mem::take(&mut self.received)
    }

    fn release(&mut self) {
        self.out = Vec::new();
    }
}
