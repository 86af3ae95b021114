//! The call from the first offer to the last datagram.

use crate::Args;
use crate::network::{self, Host, PRIVATE, STUN_SERVER};
use crate::timeline::{Progress, tell};
use bytes::Bytes;
use duologue::ice::GatheringState;
use duologue::sdp::jsep::IceCandidate;
use duologue::{
    ChannelConfig, ChannelId, CloseReason, Config, ConnectionState, Description, Event, Kind, Message,
    NtpTime, PeerConnection,
};
use duologue_netsim::Network;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is moved.
const TRANSFER: usize = 16 << 20;
/// In messages of this size.
const PIECE: usize = 64 << 10;
/// How much may wait in Alice's send buffer.
const BUFFERED: usize = 1 << 20;
/// The longest call, in virtual time.
const LIMIT: Duration = Duration::from_secs(3600);
const NAMES: [&str; 2] = ["alice", "bob"];
const ALICE: usize = 0;
const BOB: usize = 1;

/// A call under way.
pub(crate) struct Call {
    network: Network,
    hosts: [Host; 3],
    /// What the signalling channel carries: when it arrives, for whom.
    signalling: Vec<(Instant, usize, Signal)>,
    signalling_delay: Duration,
    keylog: String,
    scene: Scene,
}

enum Signal {
    Description(Box<Description>),
    Candidate(IceCandidate),
}

/// What is known of the call so far.
#[derive(Default)]
struct Scene {
    chat: Option<ChannelId>,
    bulk: Option<ChannelId>,
    /// What was heard on "chat": by Alice, by Bob.
    heard: [Vec<String>; 2],
    open: [usize; 2],
    received: usize,
    hash: Sha256,
    progress: Option<Progress>,
    closed_channels: [usize; 2],
    ended: [Option<CloseReason>; 2],
    failure: Option<String>,
}

impl Call {
    /// Two connections that have not begun, on their hosts.
    pub(crate) fn new(args: &Args) -> Result<Self, Box<dyn std::error::Error>> {
        let mut network = network::build(args);
        if args.pcap.is_some() {
            network.start_capture();
        }
        let now = network.now();
        let alice = peer(args, ALICE, now)?;
        let bob = peer(args, BOB, now)?;
        Ok(Self {
            network,
            hosts: [alice, bob, Host::StunServer(Default::default())],
            signalling: Vec::new(),
            signalling_delay: Duration::from_millis(args.rtt / 2),
            keylog: String::new(),
            scene: Scene::default(),
        })
    }

    /// The whole call. An error says what did not happen.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.negotiate()?;
        self.wait("the channels to open", |scene| scene.open == [2, 2])?;
        self.chat()?;
        self.transfer()?;
        self.hang_up()
    }

    /// Writes the capture and the keys where they are wanted.
    pub(crate) fn write_files(&self, args: &Args) -> std::io::Result<()> {
        if let (Some(path), Some(capture)) = (&args.pcap, self.network.capture()) {
            std::fs::write(path, capture)?;
        }
        args.keylog.as_ref().map_or(Ok(()), |path| std::fs::write(path, &self.keylog))
    }

    fn negotiate(&mut self) -> Result<(), String> {
        let now = self.network.now();
        let alice = self.peer(ALICE);
        let chat = alice.create_data_channel(now, "chat", ChannelConfig::default()).map_err(text)?;
        let bulk = alice.create_data_channel(now, "bulk", ChannelConfig::default()).map_err(text)?;
        (self.scene.chat, self.scene.bulk) = (Some(chat), Some(bulk));
        let alice = self.peer(ALICE);
        let offer = alice.create_offer().map_err(text)?;
        alice.set_local_description(now, &offer).map_err(text)?;
        self.say(ALICE, "offers a session with data channels \"chat\" and \"bulk\"");
        self.signal(BOB, Signal::Description(Box::new(offer)));
        Ok(())
    }

    fn chat(&mut self) -> Result<(), String> {
        let chat = self.scene.chat.ok_or("there is no chat channel")?;
        self.send(ALICE, chat, Kind::Text, Bytes::from_static("Hello Bob, \u{1f44b}".as_bytes()))?;
        self.wait("Bob to hear Alice", |scene| scene.heard[BOB].len() == 1)?;
        let chat = self.channel(BOB, "chat")?;
        self.send(BOB, chat, Kind::Text, Bytes::from_static(b"Hello Alice"))?;
        self.wait("Alice to hear Bob", |scene| scene.heard[ALICE].len() == 1)
    }

    fn transfer(&mut self) -> Result<(), String> {
        let bulk = self.scene.bulk.ok_or("there is no bulk channel")?;
        let mut sent_hash = Sha256::new();
        let started = self.network.elapsed();
        self.scene.progress = Some(Progress::new(TRANSFER, started));
        self.say(ALICE, &format!("sends {} MiB on \"bulk\"", TRANSFER >> 20));
        for piece in 0..TRANSFER / PIECE {
            self.wait_with("room to send", |call| {
                let buffered = call.peer(ALICE).buffered_amount(bulk);
                buffered + PIECE <= BUFFERED
            })?;
            // Bytes that differ from piece to piece and within each.
            let bytes: Vec<u8> = (0..PIECE).map(|at| ((at * 31) ^ (at >> 8) ^ (piece * 7)) as u8).collect();
            sent_hash.update(&bytes);
            self.send(ALICE, bulk, Kind::Binary, bytes.into())?;
        }
        self.wait("the transfer to end", |scene| scene.received == TRANSFER)?;
        let took = (self.network.elapsed() - started).as_secs_f64();
        let (sent, received) = (hex(&sent_hash.finalize()), hex(&self.scene.hash.clone().finalize()));
        let rate = TRANSFER as f64 * 8.0 / 1e6 / took;
        self.say(BOB, &format!("has {TRANSFER} bytes after {took:.3} s: {rate:.1} Mbit/s"));
        self.say(BOB, &format!("SHA-256 {received}"));
        if sent != received {
            return Err(format!("what arrived differs from what was sent: SHA-256 {sent} was expected"));
        }
        self.say(ALICE, "SHA-256 is the same");
        Ok(())
    }

    fn hang_up(&mut self) -> Result<(), String> {
        let bulk = self.scene.bulk.ok_or("there is no bulk channel")?;
        let now = self.network.now();
        self.say(ALICE, "closes the channel \"bulk\"");
        self.peer(ALICE).close_data_channel(now, bulk);
        self.wait("the channel to close on both sides", |scene| scene.closed_channels == [1, 1])?;
        let now = self.network.now();
        self.say(ALICE, "closes the connection");
        self.peer(ALICE).close(now);
        self.wait("both sides to end", |scene| scene.ended.iter().all(Option::is_some))?;
        match self.scene.ended {
            [Some(CloseReason::Local), Some(CloseReason::Peer)] => Ok(()),
            other => Err(format!("the connections ended otherwise than they should: {other:?}")),
        }
    }

    fn send(&mut self, who: usize, channel: ChannelId, kind: Kind, payload: Bytes) -> Result<(), String> {
        let now = self.network.now();
        self.peer(who).send(now, channel, kind, payload).map_err(text)
    }

    fn channel(&mut self, who: usize, label: &str) -> Result<ChannelId, String> {
        let found = self
            .peer(who)
            .data_channels()
            .find(|(_, channel)| channel.config().label == label)
            .map(|(id, _)| id);
        found.ok_or_else(|| format!("{} has no channel \"{label}\"", NAMES[who]))
    }

    fn wait(&mut self, what: &str, done: impl Fn(&Scene) -> bool) -> Result<(), String> {
        self.wait_with(what, |call| done(&call.scene))
    }

    /// Lets the network run until `done`, carrying signalling and telling events.
    fn wait_with(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) -> Result<(), String> {
        loop {
            self.work();
            if let Some(failure) = self.scene.failure.take() {
                return Err(failure);
            }
            if done(self) {
                return Ok(());
            }
            if self.network.elapsed() > LIMIT {
                return Err(format!("gave up waiting for {what} after {} s", LIMIT.as_secs()));
            }
            let next_signal = self.signalling.iter().map(|(at, ..)| *at).min();
            match next_signal {
                Some(at) => {
                    // One event of the network, or the signal, whichever comes first.
                    let mut steps = 0;
                    self.network.run_until(&mut self.hosts, at, |_| std::mem::replace(&mut steps, 1) == 1);
                }
                None => {
                    if self.network.step(&mut self.hosts).is_none() {
                        return Err(format!("nothing is left to happen while waiting for {what}"));
                    }
                }
            }
        }
    }

    /// Hands over signals that have arrived, and what the peers have to tell.
    fn work(&mut self) {
        let now = self.network.now();
        let arrived: Vec<_> = self.signalling.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, who, signal) in arrived {
            if let Err(error) = self.take_signal(now, who, signal) {
                self.scene.failure = Some(format!("{} refuses a signal: {error}", NAMES[who]));
            }
        }
        for who in [ALICE, BOB] {
            while let Some(event) = self.peer(who).poll_event() {
                self.take_event(who, event);
            }
        }
    }

    fn take_signal(&mut self, now: Instant, who: usize, signal: Signal) -> Result<(), String> {
        let peer = self.peer(who);
        match signal {
            Signal::Candidate(candidate) => peer.add_ice_candidate(now, &candidate).map_err(text),
            Signal::Description(description) => {
                peer.set_remote_description(now, &description).map_err(text)?;
                if who == BOB {
                    let answer = peer.create_answer().map_err(text)?;
                    peer.set_local_description(now, &answer).map_err(text)?;
                    self.say(BOB, "answers");
                    self.signal(ALICE, Signal::Description(Box::new(answer)));
                }
                Ok(())
            }
        }
    }

    fn take_event(&mut self, who: usize, event: Event) {
        let path = |path: duologue::ice::Path| format!("{} -> {}", path.local, path.remote);
        match event {
            Event::SignalingStateChange(state) => self.say(who, &format!("signalling: {}", state.name())),
            Event::IceCandidate(candidate) => {
                self.say(who, &format!("gathered {}", candidate.candidate));
                self.signal(1 - who, Signal::Candidate(candidate));
            }
            Event::IceGatheringStateChange(state) => {
                self.say(who, &format!("gathering: {state:?}"));
                if state == GatheringState::Complete {
                    self.signal(1 - who, Signal::Candidate(IceCandidate::default()));
                }
            }
            Event::IceConnectionStateChange(state) => self.say(who, &format!("ICE: {state:?}")),
            Event::SelectedPathChange(selected) => {
                self.say(who, &format!("selected pair {}", path(selected)))
            }
            Event::Secured(connected) => {
                let (version, suite) = (connected.version, connected.cipher_suite.name());
                self.say(who, &format!("{version:?} with {suite}; the fingerprint of the peer is verified"));
            }
            Event::KeyLog(line) => {
                let _ = writeln!(self.keylog, "{line}");
            }
            Event::ConnectionStateChange(state) => {
                self.say(who, &format!("connection: {}", state.name()));
                if state == ConnectionState::Failed {
                    let reason = self.peer(who).ice_connection_state();
                    self.scene.failure =
                        Some(format!("{}'s connection failed: ICE is {reason:?}", NAMES[who]));
                }
            }
            Event::SctpConnected => self.say(who, "SCTP established"),
            Event::DataChannel(id) | Event::ChannelOpen(id) => {
                let label = self
                    .peer(who)
                    .data_channel(id)
                    .map(|channel| channel.config().label.clone())
                    .unwrap_or_default();
                self.scene.open[who] += 1;
                self.say(who, &format!("channel \"{label}\" is open"));
            }
            Event::ChannelClosed(..) => {
                self.scene.closed_channels[who] += 1;
                self.say(who, "a channel is closed");
            }
            Event::Readable => {
                while let Some(message) = self.peer(who).recv() {
                    self.take_message(who, message);
                }
            }
            Event::Closed(reason) => {
                self.scene.ended[who] = Some(reason);
                self.say(who, &format!("ended: {reason}"));
            }
            _ => {}
        }
    }

    fn take_message(&mut self, who: usize, message: Message) {
        match message.kind {
            Kind::Text => {
                let words = String::from_utf8_lossy(&message.payload).into_owned();
                self.say(who, &format!("hears \"{words}\""));
                self.scene.heard[who].push(words);
            }
            Kind::Binary => {
                let at = self.network.elapsed();
                self.scene.received += message.payload.len();
                self.scene.hash.update(&message.payload);
                if let Some(progress) = &mut self.scene.progress {
                    progress.update(at, self.scene.received);
                }
            }
        }
    }

    fn signal(&mut self, to: usize, signal: Signal) {
        self.signalling.push((self.network.now() + self.signalling_delay, to, signal));
    }

    fn say(&self, who: usize, what: &str) {
        tell(self.network.elapsed(), NAMES[who], what);
    }

    fn peer(&mut self, who: usize) -> &mut PeerConnection {
        self.hosts[who].peer().expect("hosts 0 and 1 are peers")
    }
}

/// A peer with an identity of its own; everything in it comes from the seed.
fn peer(args: &Args, who: usize, now: Instant) -> Result<Host, Box<dyn std::error::Error>> {
    let provider = duologue::dtls::crypto::rust_crypto();
    let seed = |label: u8| {
        let mut seed = [label; 32];
        seed[..8].copy_from_slice(&args.seed.to_be_bytes());
        seed[8] = who as u8;
        seed
    };
    // Virtual time begins on 1 January 2026.
    let start = Duration::from_secs(1_767_225_600);
    let wall = std::time::UNIX_EPOCH + start;
    let mut config = Config::generate(provider, seed(1), wall)?;
    Arc::make_mut(&mut config.ice).stun_servers = vec![STUN_SERVER];
    Arc::make_mut(&mut config.dtls).key_log = args.keylog.is_some();
    let mut connection = PeerConnection::new(Arc::new(config), seed(2), now, NtpTime::from(wall));
    connection.add_interface(now, PRIVATE[who])?;
    Ok(Host::Peer(Box::new(connection)))
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
