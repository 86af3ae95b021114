//! Two peer connections, arbitrary calls and a network that loses, repeats, changes and invents datagrams: nothing panics,
//! deadlines move on, drains end, and reliable messages arrive in order.

use arbitrary::{Arbitrary, Unstructured};
use duologue::ice::Path;
use duologue::sdp::jsep::SignalingState;
use duologue::{Arrival, ChannelConfig, Config, Event, Kind, NtpTime, PeerConnection, TrackKind};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

#[derive(Debug, Arbitrary)]
enum Op {
    /// The oldest datagram under way to this peer arrives.
    Deliver {
        who: bool,
    },
    /// As many as are under way arrive.
    DeliverAll,
    Lose {
        who: bool,
    },
    Repeat {
        who: bool,
    },
    Flip {
        who: bool,
        at: u16,
        bits: u8,
    },
    Invent {
        who: bool,
        from_peer: bool,
        first: u8,
        rest: [u8; 24],
    },
    Wait {
        milliseconds: u16,
    },
    Send {
        who: bool,
        len: u16,
    },
    Open {
        who: bool,
        ordered: bool,
    },
    CloseChannel {
        who: bool,
    },
    AddTrack {
        who: bool,
    },
    RestartIce {
        who: bool,
    },
    /// An offer that waits until it is rolled back, or overtaken.
    Offer {
        who: bool,
    },
    RollBack {
        who: bool,
    },
    /// A whole round.
    Negotiate {
        who: bool,
    },
    Close {
        who: bool,
    },
}

/// The most turns of a drain that ends.
const DRAIN: usize = 10_000;

struct Peer {
    connection: PeerConnection,
    address: SocketAddr,
    inbox: VecDeque<Vec<u8>>,
    sent: u32,
    heard: u32,
    /// Whether anything was changed or invented: then an unauthenticated handshake may have failed.
    ended: bool,
}

/// One input.
pub fn run(data: &[u8]) {
    heard(data);
}

/// The same; tells how many messages were heard.
pub fn heard(data: &[u8]) -> u32 {
    let mut bytes = Unstructured::new(data);
    let mut now = start();
    let mut peers = [peer(1, now), peer(2, now)];
    negotiate(&mut peers, now);
    for _ in 0..128 {
        let Some(op) = (!bytes.is_empty()).then(|| Op::arbitrary(&mut bytes).ok()).flatten() else { break };
        apply(&mut peers, &mut now, &op);
        for who in 0..2 {
            settle(&mut peers, who, now);
        }
    }
    peers.iter().map(|peer| peer.heard).sum()
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "an Instant can only come from the clock; it is read once")]
    *START.get_or_init(Instant::now)
}

fn peer(number: u8, now: Instant) -> Peer {
    static CONFIG: OnceLock<Option<Arc<Config>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let wall = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Config::generate(duologue::dtls::crypto::rust_crypto(), [9; 32], wall).ok().map(Arc::new)
    });
    let Some(config) = config else { unreachable!("a certificate can be made") };
    let mut connection = PeerConnection::new(Arc::clone(config), [number; 32], now, NtpTime(0));
    let address = SocketAddr::from(([192, 0, 2, number], 5000));
    assert!(connection.add_interface(now, address).is_ok());
    Peer { connection, address, inbox: VecDeque::new(), sent: 0, heard: 0, ended: false }
}

fn negotiate(peers: &mut [Peer; 2], now: Instant) {
    assert!(peers[0].connection.create_data_channel(now, "first", ChannelConfig::default()).is_ok());
    renegotiate(peers, 0, now);
}

/// A round of offer and answer, in which all is agreed on; a peer that has ended takes no part.
fn renegotiate(peers: &mut [Peer; 2], offerer: usize, now: Instant) {
    let [a, b] = peers;
    let (a, b) = if offerer == 0 { (a, b) } else { (b, a) };
    let (a, b) = (&mut a.connection, &mut b.connection);
    let closed = |peer: &PeerConnection| peer.signaling_state() == SignalingState::Closed;
    if closed(a) || closed(b) {
        return;
    }
    let _ = b.roll_back(now);
    let Ok(offer) = a.set_implicit_local_description(now) else { unreachable!("offers can be made") };
    assert_eq!(b.set_remote_description(now, &offer), Ok(()));
    let Ok(answer) = b.set_implicit_local_description(now) else { unreachable!("an offer is set") };
    assert_eq!(a.set_remote_description(now, &answer), Ok(()));
    assert_eq!((a.signaling_state(), b.signaling_state()), (SignalingState::Stable, SignalingState::Stable));
}

fn apply(peers: &mut [Peer; 2], now: &mut Instant, op: &Op) {
    match op {
        Op::Deliver { who } => deliver(peers, usize::from(*who), *now),
        Op::DeliverAll => {
            for who in 0..2 {
                for _ in 0..peers[who].inbox.len() {
                    deliver(peers, who, *now);
                }
            }
        }
        Op::Lose { who } => drop(peers[usize::from(*who)].inbox.pop_front()),
        Op::Repeat { who } => {
            let inbox = &mut peers[usize::from(*who)].inbox;
            inbox.extend(inbox.front().cloned());
        }
        Op::Flip { who, at, bits } => {
            let datagram = peers[usize::from(*who)].inbox.front_mut();
            if let Some(byte) = datagram.and_then(|datagram| {
                let at = usize::from(*at) % datagram.len().max(1);
                datagram.get_mut(at)
            }) {
                *byte ^= bits;
            }
        }
        Op::Invent { who, from_peer, first, rest } => {
            let who = usize::from(*who);
            let from =
                if *from_peer { peers[1 - who].address } else { SocketAddr::from(([198, 51, 100, 1], 1)) };
            let mut datagram = vec![*first];
            datagram.extend_from_slice(rest);
            receive(&mut peers[who], *now, from, &mut datagram);
        }
        Op::Wait { milliseconds } => {
            *now += Duration::from_millis(u64::from(*milliseconds));
            for peer in peers {
                peer.connection.handle_timeout(*now);
                assert!(peer.connection.poll_timeout().is_none_or(|next| next > *now), "rule 7");
            }
        }
        Op::Send { who, len } => send(&mut peers[usize::from(*who)], *now, usize::from(*len)),
        Op::Open { who, ordered } => {
            let mut config = ChannelConfig::default();
            config.ordered = *ordered;
            let _ = peers[usize::from(*who)].connection.create_data_channel(*now, "more", config);
        }
        Op::CloseChannel { who } => {
            let connection = &mut peers[usize::from(*who)].connection;
            let last = connection.data_channels().filter(|(_, one)| one.config().label == "more").last();
            let last = last.map(|(id, _)| id);
            last.into_iter().for_each(|id| connection.close_data_channel(*now, id));
        }
        Op::AddTrack { who } => {
            let connection = &mut peers[usize::from(*who)].connection;
            if connection.transceivers().count() < 8 {
                let track = connection.transceivers().count().to_string();
                let _ = connection.add_track(TrackKind::Video, track, &[]);
            }
        }
        Op::RestartIce { who } => peers[usize::from(*who)].connection.restart_ice(),
        Op::Offer { who } => {
            let _ = peers[usize::from(*who)].connection.set_implicit_local_description(*now);
        }
        Op::RollBack { who } => {
            let _ = peers[usize::from(*who)].connection.roll_back(*now);
        }
        Op::Negotiate { who } => renegotiate(peers, usize::from(*who), *now),
        Op::Close { who } => peers[usize::from(*who)].connection.close(*now),
    }
}

/// Queues a numbered message on the reliable, ordered channel.
fn send(peer: &mut Peer, now: Instant, len: usize) {
    let first =
        peer.connection.data_channels().find(|(_, one)| one.config().label == "first").map(|(id, _)| id);
    let Some(id) = first else { return };
    let mut payload = peer.sent.to_be_bytes().to_vec();
    payload.resize(4 + len, 7);
    let given = payload.clone();
    match peer.connection.send(now, id, Kind::Binary, payload.into()) {
        Ok(()) => peer.sent += 1,
        Err(error) => assert_eq!(error.into_payload(), given, "a refused payload comes back"),
    }
}

fn deliver(peers: &mut [Peer; 2], who: usize, now: Instant) {
    let from = peers[1 - who].address;
    if let Some(mut datagram) = peers[who].inbox.pop_front() {
        receive(&mut peers[who], now, from, &mut datagram);
    }
}

fn receive(peer: &mut Peer, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
    let arrival = Arrival::new(Path::udp(peer.address, from), now);
    let _ = peer.connection.handle_datagram(now, arrival, datagram);
}

/// Drains a peer: its datagrams go on their way, its messages are in order.
fn settle(peers: &mut [Peer; 2], who: usize, now: Instant) {
    for turn in 0.. {
        assert!(turn < DRAIN, "a drain ends");
        let peer = &mut peers[who];
        let mut datagram = Vec::new();
        let Some(transmit) = peer.connection.poll_transmit(now, NonZeroUsize::MIN, &mut datagram) else {
            if take_events(peer) { continue } else { break }
        };
        assert!(transmit.len == datagram.len() && datagram.len() <= 1_200);
        let to = &mut peers[1 - who];
        if transmit.path.remote == to.address && to.inbox.len() < 256 {
            to.inbox.push_back(datagram);
        }
    }
    assert!(!take_events(&mut peers[who]), "a second drain is empty");
}

/// Takes events and messages; whether there were events.
fn take_events(peer: &mut Peer) -> bool {
    let mut told = false;
    while let Some(event) = peer.connection.poll_event() {
        assert!(!peer.ended, "nothing follows the last event");
        peer.ended = matches!(event, Event::Closed(_));
        told = true;
    }
    while let Some(message) = peer.connection.recv() {
        if message.payload.len() >= 4 {
            let number: [u8; 4] = message.payload[..4].try_into().unwrap_or_default();
            assert_eq!(u32::from_be_bytes(number), peer.heard, "in order, once");
            peer.heard += 1;
        }
    }
    told
}
