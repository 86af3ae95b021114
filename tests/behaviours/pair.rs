//! Two connections that have each other's datagrams at once, on a time of their own.

use duologue::ice::{GatheringState, Path};
use duologue::sdp::jsep::IceCandidate;
use duologue::{
    Arrival, ChannelConfig, ChannelId, ChannelState, Config, Description, Event, Kind, Message, NtpTime,
    PeerConnection,
};
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;
const ADDRESSES: [&str; 2] = ["192.0.2.1:5000", "192.0.2.2:6000"];
const TURN: Duration = Duration::from_millis(5);

/// The certificates of all pairs.
static CONFIGS: LazyLock<[Arc<Config>; 2]> = LazyLock::new(|| {
    let wall = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    [1, 2].map(|seed| {
        Arc::new(Config::generate(duologue::dtls::crypto::rust_crypto(), [seed; 32], wall).unwrap())
    })
});

pub(crate) struct Pair {
    pub(crate) peers: [PeerConnection; 2],
    pub(crate) now: Instant,
    pub(crate) events: [Vec<Event>; 2],
    pub(crate) messages: [Vec<Message>; 2],
    /// Whose candidates are carried over.
    pub(crate) signals: [bool; 2],
    signalled: [Vec<IceCandidate>; 2],
}

impl Pair {
    /// Two that have said nothing, without an address.
    pub(crate) fn new() -> Self {
        let now = duologue_netsim::Network::new(1).now();
        let seeds = [[3; 32], [4; 32]];
        let peers = [ALICE, BOB]
            .map(|who| PeerConnection::new(Arc::clone(&CONFIGS[who]), seeds[who], now, NtpTime(0)));
        Self {
            peers,
            now,
            events: [Vec::new(), Vec::new()],
            messages: [Vec::new(), Vec::new()],
            signals: [true, true],
            signalled: [Vec::new(), Vec::new()],
        }
    }

    pub(crate) fn add_interfaces(&mut self) {
        for who in [ALICE, BOB] {
            self.peers[who].add_interface(self.now, ADDRESSES[who].parse().unwrap()).unwrap();
        }
    }

    /// A pair with the channel "chat" of Alice's, open on both sides, and Alice's and Bob's ends of it.
    pub(crate) fn connected() -> (Self, [ChannelId; 2]) {
        Self::connected_with(ChannelConfig::default())
    }

    pub(crate) fn connected_with(config: ChannelConfig) -> (Self, [ChannelId; 2]) {
        let mut pair = Self::new();
        pair.add_interfaces();
        pair.create(ALICE, "chat", config);
        pair.negotiate(ALICE, |_, text| text);
        pair.run(|pair| pair.is_open("chat"));
        let ids = [ALICE, BOB].map(|who| pair.channel(who, "chat"));
        (pair, ids)
    }

    pub(crate) fn create(&mut self, who: usize, label: &str, config: ChannelConfig) -> ChannelId {
        self.peers[who].create_data_channel(self.now, label, config).unwrap()
    }

    pub(crate) fn channel(&self, who: usize, label: &str) -> ChannelId {
        self.peers[who].data_channels().find(|(_, one)| one.config().label == label).unwrap().0
    }

    pub(crate) fn state(&self, who: usize, id: ChannelId) -> Option<ChannelState> {
        self.peers[who].data_channel(id).map(|one| one.state())
    }

    pub(crate) fn stream(&self, who: usize, id: ChannelId) -> Option<u16> {
        self.peers[who].data_channel(id).unwrap().stream().map(|stream| stream.0)
    }

    /// Whether both have an open channel with this label.
    pub(crate) fn is_open(&self, label: &str) -> bool {
        let open = |peer: &PeerConnection| {
            peer.data_channels()
                .any(|(_, one)| one.config().label == label && one.state() == ChannelState::Open)
        };
        self.peers.iter().all(open)
    }

    pub(crate) fn send(&mut self, who: usize, id: ChannelId, kind: Kind, payload: &[u8]) {
        self.peers[who].send(self.now, id, kind, payload.to_vec().into()).unwrap();
    }

    /// Offer and answer as text, which `change` may change on its way from the one it names.
    pub(crate) fn negotiate(&mut self, offerer: usize, change: impl Fn(usize, String) -> String) {
        let answerer = 1 - offerer;
        let carried = |who, description: &Description| {
            Description::parse(description.kind, &change(who, description.sdp.to_string())).unwrap()
        };
        let offer = self.peers[offerer].create_offer().unwrap();
        self.peers[offerer].set_local_description(self.now, &offer).unwrap();
        self.peers[answerer].set_remote_description(self.now, &carried(offerer, &offer)).unwrap();
        let answer = self.peers[answerer].create_answer().unwrap();
        self.peers[answerer].set_local_description(self.now, &answer).unwrap();
        self.peers[offerer].set_remote_description(self.now, &carried(answerer, &answer)).unwrap();
    }

    /// Goes on for at most a minute, until `done`.
    #[track_caller]
    pub(crate) fn run(&mut self, done: impl Fn(&Self) -> bool) {
        let limit = self.now + Duration::from_secs(60);
        while !done(self) {
            assert!(self.now < limit, "{:?}", self.events);
            self.turn();
        }
    }

    /// Lets this time pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while self.now < until {
            self.turn();
        }
    }

    /// Moves datagrams and candidates once.
    pub(crate) fn turn(&mut self) {
        let mut out = Vec::new();
        for who in [ALICE, BOB] {
            if self.peers[who].poll_timeout().is_some_and(|deadline| deadline <= self.now) {
                self.peers[who].handle_timeout(self.now);
            }
            while let Some(transmit) = self.peers[who].poll_transmit(self.now, NonZeroUsize::MIN, &mut out) {
                let path = Path::udp(transmit.path.remote, transmit.path.local);
                let _ = self.peers[1 - who].handle_datagram(self.now, Arrival::new(path, self.now), &mut out);
                out.clear();
            }
        }
        self.drain();
        self.now += TURN;
    }

    /// Fetches events and messages, and carries candidates over.
    pub(crate) fn drain(&mut self) {
        for who in [ALICE, BOB] {
            while let Some(event) = self.peers[who].poll_event() {
                match &event {
                    Event::IceCandidate(candidate) => self.signalled[who].push(candidate.clone()),
                    Event::IceGatheringStateChange(GatheringState::Complete) => {
                        self.signalled[who].push(IceCandidate::default());
                    }
                    _ => {}
                }
                self.events[who].push(event);
            }
            self.messages[who].extend(std::iter::from_fn(|| self.peers[who].recv()));
            if self.signals[who] && self.peers[1 - who].remote_description().is_some() {
                for candidate in std::mem::take(&mut self.signalled[who]) {
                    self.peers[1 - who].add_ice_candidate(self.now, &candidate).unwrap();
                }
            }
        }
    }
}

pub(crate) fn with(change: impl FnOnce(&mut ChannelConfig)) -> ChannelConfig {
    let mut config = ChannelConfig::default();
    change(&mut config);
    config
}

pub(crate) fn negotiated(stream: u16) -> ChannelConfig {
    with(|one| {
        one.negotiated = Some(stream);
    })
}

/// The configuration that a channel made of this one has, on our side and on the peer's.
pub(crate) fn on_both_sides(config: ChannelConfig) -> [ChannelConfig; 2] {
    let (pair, ids) = Pair::connected_with(config);
    [ALICE, BOB].map(|who| pair.peers[who].data_channel(ids[who]).unwrap().config().clone())
}
