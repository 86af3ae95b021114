//! A call in which both sides send a sound and a picture, for what counts and measures them.
use crate::support::{ALICE, BOB, Call, Setup};
use bytes::Bytes;
use duologue::{OutgoingFrame, PeerConnection, SenderId, TrackKind, codec_of};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The time between two frames of sound; one of pictures is in every second step.
pub(crate) const STEP: Duration = Duration::from_millis(20);

pub(crate) struct MediaCall {
    pub(crate) call: Call,
    /// When the call was made.
    pub(crate) start: Instant,
    steps: u32,
}

impl MediaCall {
    /// A call that is connected; nothing was sent yet.
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut call = Call::new(setup);
        let start = call.now();
        for who in [ALICE, BOB] {
            for (kind, track) in [(TrackKind::Audio, "sound"), (TrackKind::Video, "picture")] {
                call.peer(who).connection.add_track(kind, track, &[]).unwrap();
            }
        }
        call.negotiate();
        assert!(call.run(60, Call::is_connected));
        Self { call, start, steps: 0 }
    }

    pub(crate) fn peer(&mut self, who: usize) -> &mut PeerConnection {
        &mut self.call.peer(who).connection
    }

    pub(crate) fn sender(&mut self, who: usize, kind: TrackKind) -> SenderId {
        let peer = self.peer(who);
        let transceiver = peer.transceivers().find(|one| one.kind() == kind).unwrap().id();
        let sender = peer.senders(transceiver).next();
        sender.unwrap()
    }

    /// Both sides send for so many steps.
    pub(crate) fn talk(&mut self, steps: u32) {
        for _ in 0..steps {
            for who in [ALICE, BOB] {
                let sender = self.sender(who, TrackKind::Audio);
                send(&mut self.call, who, sender, self.steps);
                if self.steps.is_multiple_of(2) {
                    let sender = self.sender(who, TrackKind::Video);
                    send(&mut self.call, who, sender, self.steps);
                }
            }
            self.steps += 1;
            step(&mut self.call);
        }
    }
}

/// Lets one step of time pass.
pub(crate) fn step(call: &mut Call) {
    let until = call.now() + STEP;
    call.network.run_until(&mut call.hosts, until, |_| false);
}

/// Sends the frame of a step: 100 bytes of sound, or 3,000 of a picture, which takes three packets.
pub(crate) fn send(call: &mut Call, who: usize, sender: SenderId, step: u32) {
    let now = call.now();
    let peer = &mut call.peer(who).connection;
    let transceiver = peer.transceiver(peer.transceiver_of(sender).unwrap()).unwrap();
    let codec = transceiver.send_codecs().iter().find(|codec| codec_of(codec).is_some()).unwrap();
    let payload_type = duologue::rtp::PayloadType::new(codec.payload_type.get()).unwrap();
    let timestamp = step.wrapping_mul(codec.clock_rate / 50);
    let payload = match transceiver.kind() {
        TrackKind::Audio => Bytes::from_static(&[0x78; 100]),
        TrackKind::Video => Bytes::from(picture(step.is_multiple_of(100))),
    };
    peer.send_frame(now, sender, OutgoingFrame::new(payload_type, timestamp, payload)).unwrap();
}

/// The frame of VP8 begins with its tag; a key frame goes on with a start code and its size (RFC 6386, Section 9.1).
fn picture(key: bool) -> Vec<u8> {
    let mut frame = vec![0; 3_000];
    let start: &[u8] = if key { &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0] } else { &[0x11, 0, 0] };
    frame[..start.len()].copy_from_slice(start);
    frame
}

/// Takes every statistic; returns how many entries there were.
pub(crate) fn take_all(peer: &PeerConnection) -> usize {
    black_box((peer.stats(), peer.transport()));
    peer.inbound_rtp().map(black_box).count()
        + peer.outbound_rtp().map(black_box).count()
        + peer.remote_inbound_rtp().map(black_box).count()
        + peer.remote_outbound_rtp().map(black_box).count()
        + peer.candidate_pairs().map(black_box).count()
        + peer.codecs().map(black_box).count()
        + peer.certificates().map(black_box).count()
        + peer.data_channel_stats().map(black_box).count()
}
