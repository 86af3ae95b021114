//! The session: every stream of one transport, and the RTCP that goes with them.

mod control;
mod demux;
mod feedback;
mod input;
mod output;
mod reference_times;
mod report;
mod sections;
mod stats;

pub use sections::SenderInit;
pub use stats::{ReceiverStats, SenderReportStats, SenderStats, Stats};

use crate::cc;
use crate::codec::Fragment;
use crate::config::Config;
use crate::event::{Discard, Event};
use crate::extension::Kind;
use crate::rtcp::{NtpTime, Schedule};
use crate::slab::{Key, Slab};
use crate::srtp::sources::Keyed;
use crate::srtp::{self, MasterKey};
use crate::stream::recv::ReceiveStream;
use crate::stream::send::{Blocks, SendStream, SentPacket};
use crate::stream::{Frame, ReceiverId, SectionId, SenderId};
use crate::{ExtendedSequence, SequenceNumber, Ssrc};
use demux::Demux;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use sections::SectionState;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Every stream of one transport: what comes in is decrypted, told apart, repaired and reported on; what goes out is
/// numbered, kept to be sent again, and encrypted. The crate's documentation states the contract.
// What every sent packet touches comes first and lies together: a media server finds nothing of a connection in its caches.
#[repr(C)]
pub struct Session {
    /// The largest time seen.
    now: Instant,
    /// The deadline, as long as nothing has come since it was found that there is no RTCP to send: a media server asks for
    /// each packet that it forwards.
    quiet_until: Option<Option<Instant>>,
    mtu: usize,
    /// Whether any of the senders has sent.
    has_sent: bool,
    queue: VecDeque<(Key, SentPacket)>,
    repairs: VecDeque<(Key, SequenceNumber)>,
    senders: Slab<SendStream>,
    sections: BTreeMap<SectionId, SectionState>,
    config: Arc<Config>,
    events: VecDeque<Event>,
    /// The wall-clock time at construction.
    epoch: (Instant, NtpTime),
    history: cc::History,
    keys: Option<Keys>,
    random: ChaCha12Rng,
    cname: Box<str>,
    /// As RTCP has measured it, and as the path's checks have.
    round_trips: [Option<Duration>; 2],
    /// Whether RTCP has measured it anew.
    measured: bool,
    demux: Demux,
    receivers: Slab<ReceiveStream>,
    /// Our sources: whose, and whether they are those of retransmissions.
    ours: HashMap<Ssrc, (Key, bool), Keyed>,
    /// The source of reports while nothing is sent.
    reporter: Ssrc,
    fragments: VecDeque<Fragment>,
    /// One of them in one piece.
    payload: Vec<u8>,
    /// Of payloads' prefixes, and of received extensions.
    blocks: Blocks,
    arrivals: Option<cc::Arrivals>,
    /// Whose was the last of them.
    arrivals_of: Ssrc,
    /// The payload types whose arrivals are told by source, one bit for each.
    told_by_source: u128,
    arrivals_by_source: Option<Box<cc::ArrivalsBySource>>,
    schedule: Schedule,
    pending: feedback::Pending,
    reference_times: reference_times::ReferenceTimes,
    /// When the first of the receivers has something due, or sooner.
    streams_due: Option<Instant>,
    /// When a sender's key frame is next asked for.
    demands_due: Option<Instant>,
    /// When sources are next looked at that may be gone.
    idle_due: Option<Instant>,
    missing: Vec<ExtendedSequence>,
    keys_scratch: Vec<Key>,
    frames: VecDeque<Frame>,
    frame_bytes: usize,
    frames_told: bool,
    counters: Counters,
}

/// Both directions' keys.
#[derive(Debug)]
struct Keys {
    sender: srtp::Sender,
    receiver: srtp::Receiver,
}

/// What the session itself counts.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    rtcp_sent: u64,
    rtcp_received: u64,
    transport_feedback: Exchanged,
    congestion_control_feedback: Exchanged,
    dropped_frames: u64,
    dropped_repairs: u64,
    discards: [u64; Discard::COUNT],
}

/// Of one kind of packets.
#[derive(Debug, Clone, Copy, Default)]
struct Exchanged {
    sent: u64,
    received: u64,
}

/// The first RTCP compound's size, about: a report, a block, the name.
const FIRST_COMPOUND: usize = 100;

impl Session {
    /// A session without keys and sections. `seed` must come fresh from a cryptographic generator: sources, first numbers
    /// and the times of RTCP are drawn from it. `ntp` is the wall-clock time at `now`.
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Instant, ntp: NtpTime) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let mut hash = [0; 16];
        random.fill_bytes(&mut hash);
        let reporter = Ssrc(random.next_u32());
        let schedule = Schedule::new(config.rtcp.clone(), FIRST_COMPOUND, now, random.next_u32());
        Self {
            schedule,
            now,
            epoch: (now, ntp),
            keys: None,
            mtu: 1200,
            cname: "-".into(),
            round_trips: [None; 2],
            measured: false,
            sections: BTreeMap::new(),
            demux: Demux::new(Keyed(hash)),
            receivers: Slab::new(),
            senders: Slab::new(),
            ours: HashMap::with_hasher(Keyed(hash)),
            reporter,
            queue: VecDeque::new(),
            repairs: VecDeque::new(),
            has_sent: false,
            fragments: VecDeque::new(),
            payload: Vec::new(),
            blocks: Blocks::default(),
            history: cc::History::default(),
            arrivals: None,
            arrivals_of: Ssrc(0),
            told_by_source: 0,
            arrivals_by_source: None,
            pending: feedback::Pending::default(),
            reference_times: reference_times::ReferenceTimes::default(),
            streams_due: None,
            demands_due: None,
            idle_due: None,
            quiet_until: None,
            missing: Vec::new(),
            keys_scratch: Vec::new(),
            frames: VecDeque::new(),
            frame_bytes: 0,
            frames_told: false,
            events: VecDeque::new(),
            counters: Counters::default(),
            config,
            random,
        }
    }

    /// Takes the keys that DTLS has agreed on ([RFC 5764, Section 4.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.2)).
    pub fn set_keys(&mut self, send: &MasterKey, receive: &MasterKey) {
        let mut hash = [0; 16];
        self.random.fill_bytes(&mut hash);
        self.keys = Some(Keys {
            sender: srtp::Sender::new(self.config.srtp, send),
            receiver: srtp::Receiver::new(self.config.srtp, receive, hash),
        });
    }

    /// The canonical name that RTCP tells ([RFC 7022](https://www.rfc-editor.org/rfc/rfc7022)).
    pub fn set_cname(&mut self, cname: &str) {
        self.cname = cname.into();
    }

    /// The largest datagram that is written, in bytes. Default 1,200.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
    }

    /// The path's round trip, as ICE measures it; RTCP's own, when it has one, counts more.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trips[1] = Some(round_trip);
    }

    /// Asks a source for a key frame, at once and until one begins, by PLI or FIR as was agreed on.
    pub fn request_key_frame(&mut self, now: Instant, receiver: ReceiverId) {
        let now = self.wake(now);
        if let Some(stream) = self.receivers.get_mut(Key(receiver.0)) {
            stream.request_key_frame(now);
            let due = stream.deadline();
            self.due(due);
        }
    }

    /// A frame of a section that has frames, in the order of its stream.
    pub fn recv_frame(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front();
        self.frames_told &= frame.is_some();
        self.frame_bytes -= frame.as_ref().map_or(0, |frame| frame.payload.len());
        frame
    }

    /// What has happened, in order.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if let Some(until) = self.quiet_until {
            debug_assert_eq!(until, self.deadline());
            return until;
        }
        self.deadline()
    }

    fn deadline(&self) -> Option<Instant> {
        self.keys.as_ref()?;
        let scheduled = Some(self.schedule.next()).filter(|_| !self.pending.scheduled && self.speaks());
        let arrivals = self.arrivals_due().filter(|_| !self.pending.arrivals);
        let due = [self.streams_due, scheduled, arrivals, self.idle_due, self.demands_due];
        due.into_iter().flatten().min()
    }

    /// A deadline has come. Calling early does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.wake(now);
        if self.keys.is_none() {
            return;
        }
        self.poll_streams(now);
        self.poll_demands(now);
        if self.idle_due.is_some_and(|due| due <= now) {
            self.end_idle(now);
        }
        self.pending.arrivals |= self.arrivals_due().is_some_and(|due| due <= now);
        self.pending.scheduled |= self.schedule.next() <= now;
    }

    /// RTCP's own, or the path's.
    fn round_trip(&self) -> Option<Duration> {
        let [rtcp, path] = self.round_trips;
        rtcp.or(path)
    }

    /// Tells the application. What it has not heard of is not told twice, and what was undone meanwhile not at all: events are no
    /// more than twice the receivers, one for each sender, and one.
    fn tell(&mut self, event: Event) {
        let same = |other: &Event| match (event, *other) {
            (Event::ReceiverEnded { receiver, .. }, Event::ReceiverAdded { receiver: other, .. }) => {
                receiver == other
            }
            (Event::KeyFrameRequest { sender, .. }, Event::KeyFrameRequest { sender: other, .. }) => {
                sender == other
            }
            _ => false,
        };
        let Some(at) = self.events.iter().position(same) else { return self.events.push_back(event) };
        if let Event::ReceiverEnded { receiver, .. } = event {
            self.events.remove(at);
            self.frames.retain(|frame| frame.receiver != receiver);
            self.frame_bytes = self.frames.iter().map(|frame| frame.payload.len()).sum();
        } else if let Some(told) = self.events.get_mut(at) {
            *told = event;
        }
    }

    /// Something comes: time moves on, and whether there is RTCP to send is asked anew.
    fn wake(&mut self, now: Instant) -> Instant {
        self.quiet_until = None;
        self.advance(now)
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    fn ntp(&self, now: Instant) -> NtpTime {
        let (at, ntp) = self.epoch;
        ntp.add(now.saturating_duration_since(at))
    }

    /// Something of a receiver is due then.
    fn due(&mut self, due: Option<Instant>) {
        self.streams_due = [self.streams_due, due].into_iter().flatten().min();
    }

    fn refuse<T>(&mut self, reason: Discard) -> Result<T, Discard> {
        if let Some(counter) = self.counters.discards.get_mut(reason.index()) {
            *counter += 1;
        }
        Err(reason)
    }

    fn sender(&self, id: SenderId) -> Option<&SendStream> {
        self.senders.get(Key(id.0))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("senders", &self.senders.len())
            .field("receivers", &self.receivers.len())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// What an extension tells is of the media, and not of the packet and its way.
fn is_of_media(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Mid
            | Kind::Rid
            | Kind::RepairedRid
            | Kind::TransportSequence
            | Kind::AbsSendTime
            | Kind::TransmissionOffset
    )
}
