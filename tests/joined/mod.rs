//! Two peer connections joined without a network: what one sends the other has at once. For what is counted and timed.

use bytes::Bytes;
use duologue::ice::Path;
use duologue::{Arrival, ChannelConfig, ChannelId, Config, Description, Kind, NtpTime, PeerConnection};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most datagrams of a batch.
const BATCH: NonZeroUsize = NonZeroUsize::new(16).unwrap();
/// The time of one turn.
const TURN: Duration = Duration::from_micros(200);

pub(crate) struct Joined {
    pub(crate) peers: [PeerConnection; 2],
    pub(crate) now: Instant,
    pub(crate) packets: u64,
    pub(crate) received: usize,
    out: Vec<u8>,
}

impl Joined {
    /// Two connections with a channel that is open on both sides.
    pub(crate) fn connected(
        configs: [Arc<Config>; 2],
        seeds: [[u8; 32]; 2],
        now: Instant,
    ) -> (Self, ChannelId) {
        let [mut alice, mut bob] =
            [0, 1].map(|who| PeerConnection::new(Arc::clone(&configs[who]), seeds[who], now, NtpTime(0)));
        alice.add_interface(now, "192.0.2.1:5000".parse().unwrap()).unwrap();
        bob.add_interface(now, "192.0.2.2:6000".parse().unwrap()).unwrap();
        let channel = alice.create_data_channel(now, "bulk", ChannelConfig::default()).unwrap();
        let offer = alice.create_offer().unwrap();
        alice.set_local_description(now, &offer).unwrap();
        let signalled = |peer: &PeerConnection, kind| {
            Description::parse(kind, &peer.local_description().unwrap().to_string()).unwrap()
        };
        bob.set_remote_description(now, &signalled(&alice, offer.kind)).unwrap();
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(now, &answer).unwrap();
        alice.set_remote_description(now, &signalled(&bob, answer.kind)).unwrap();
        let peers = [alice, bob];
        let mut joined = Self { peers, now, packets: 0, received: 0, out: Vec::with_capacity(1 << 16) };
        while joined
            .peers
            .iter()
            .any(|peer| !peer.data_channels().any(|(_, one)| one.state() == duologue::ChannelState::Open))
        {
            joined.turn();
            assert!(joined.now < now + Duration::from_secs(5), "the pair connects");
        }
        (joined, channel)
    }

    /// Moves what both have to send; then time goes on.
    pub(crate) fn turn(&mut self) {
        let Self { peers, now, packets, received, out } = self;
        for who in [0, 1] {
            let [alice, bob] = &mut *peers;
            let (from, to) = if who == 0 { (alice, bob) } else { (bob, alice) };
            if from.poll_timeout().is_some_and(|deadline| deadline <= *now) {
                from.handle_timeout(*now);
            }
            out.clear();
            while let Some(transmit) = from.poll_transmit(*now, BATCH, out) {
                let size = transmit.segment_size.map_or(transmit.len, NonZeroUsize::get);
                let path = Path::udp(transmit.path.remote, transmit.path.local);
                for datagram in out.chunks_mut(size) {
                    *packets += 1;
                    let _ = to.handle_datagram(*now, Arrival::new(path, *now), datagram);
                }
                out.clear();
            }
            while from.poll_event().is_some() {}
            while let Some(message) = from.recv() {
                *received += message.payload.len();
            }
        }
        *now += TURN;
    }

    /// Moves `count` copies of a message from the first to the second.
    pub(crate) fn transfer(&mut self, channel: ChannelId, payload: &Bytes, count: usize) {
        let (before, mut sent) = (self.received, 0);
        while self.received - before < count * payload.len() {
            while sent < count && self.peers[0].buffered_amount(channel) < 2 * payload.len() {
                self.peers[0].send(self.now, channel, Kind::Binary, payload.clone()).unwrap();
                sent += 1;
            }
            self.turn();
        }
        assert_eq!(self.received - before, count * payload.len());
    }
}
