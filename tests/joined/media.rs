//! Two peer connections that send each other video, joined without a network: what one sends the other has at once.

use bytes::Bytes;
use duologue::ice::Path;
use duologue::rtp::PayloadType;
use duologue::rtp::codec::Codec;
use duologue::{
    Arrival, Config, ConnectionState, Description, JitterConfig, NtpTime, PeerConnection, Received, SenderId,
    TrackKind, codec_of,
};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most datagrams of a batch.
const BATCH: NonZeroUsize = NonZeroUsize::new(16).unwrap();

pub(crate) struct Media {
    pub(crate) peers: [PeerConnection; 2],
    /// What each sends as.
    pub(crate) senders: [SenderId; 2],
    /// VP8's.
    pub(crate) payload_type: PayloadType,
    pub(crate) now: Instant,
    /// RTP packets that arrived.
    pub(crate) packets: u64,
    /// Frames that arrived, where they are asked for.
    pub(crate) frames: u64,
    out: Vec<u8>,
}

impl Media {
    /// Two connections that have agreed on a video track each way.
    pub(crate) fn connected(configs: [Arc<Config>; 2], now: Instant, frames: Option<&JitterConfig>) -> Self {
        let mut peers = [0u8, 1].map(|who| {
            let config = Arc::clone(&configs[usize::from(who)]);
            let mut peer = PeerConnection::new(config, [5 + who; 32], now, NtpTime(1 << 60));
            let address = format!("192.0.2.{}:5000", 1 + who).parse().unwrap();
            peer.add_interface(now, address).unwrap();
            peer.add_track(TrackKind::Video, "track", &[]).unwrap();
            peer
        });
        let [alice, bob] = &mut peers;
        let offer = alice.create_offer().unwrap();
        alice.set_local_description(now, &offer).unwrap();
        let signalled = |peer: &PeerConnection, kind| {
            Description::parse(kind, &peer.local_description().unwrap().to_string()).unwrap()
        };
        bob.set_remote_description(now, &signalled(alice, offer.kind)).unwrap();
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(now, &answer).unwrap();
        alice.set_remote_description(now, &signalled(bob, answer.kind)).unwrap();
        let transceivers = [0, 1].map(|who: usize| peers[who].transceivers().next().unwrap().id());
        let senders = [0, 1].map(|who: usize| peers[who].senders(transceivers[who]).next().unwrap());
        let codecs = peers[0].transceivers().next().unwrap().send_codecs();
        let vp8 = codecs.iter().find(|codec| codec_of(codec) == Some(Codec::Vp8)).unwrap();
        let payload_type = PayloadType::new(vp8.payload_type.get()).unwrap();
        for (peer, transceiver) in peers.iter_mut().zip(transceivers) {
            peer.set_frames(transceiver, frames.cloned());
        }
        let out = Vec::with_capacity(1 << 16);
        let mut media = Self { peers, senders, payload_type, now, packets: 0, frames: 0, out };
        let connected = |peer: &PeerConnection| peer.connection_state() == ConnectionState::Connected;
        while !media.peers.iter().all(connected) {
            media.turn(Duration::from_millis(1));
            assert!(media.now < now + Duration::from_secs(5), "the pair connects");
        }
        media
    }

    /// Moves what both have to send; then time goes on.
    pub(crate) fn turn(&mut self, time: Duration) {
        let Self { peers, now, packets, frames, out, .. } = self;
        for who in [0, 1] {
            let [alice, bob] = &mut *peers;
            let (from, to) = if who == 0 { (alice, bob) } else { (bob, alice) };
            if from.poll_timeout().is_some_and(|deadline| deadline <= *now) {
                from.handle_timeout(*now);
            }
            while let Some(transmit) = from.poll_transmit(*now, BATCH, out) {
                let size = transmit.segment_size.map_or(transmit.len, NonZeroUsize::get);
                let path = Path::udp(transmit.path.remote, transmit.path.local);
                for datagram in out.chunks_mut(size) {
                    let taken = to.handle_datagram(*now, Arrival::new(path, *now), datagram);
                    *packets += u64::from(matches!(taken, Ok(Received::Rtp(_))));
                }
                out.clear();
            }
            while from.poll_event().is_some() {}
            while from.poll_route().is_some() {}
            while from.recv_frame().is_some() {
                *frames += 1;
            }
        }
        *now += time;
    }
}

/// What looks like a frame of VP8, which has 320 by 180 pixels.
pub(crate) fn vp8_frame(len: usize, key: bool) -> Bytes {
    let mut frame = if key { vec![0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xb4, 0] } else { vec![0x11, 2, 0] };
    frame.resize(len, 7);
    frame.into()
}
