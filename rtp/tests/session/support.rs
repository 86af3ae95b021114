//! Two sessions on a simulated network.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::{Addresses, Network, Node};
use duologue_rtp::codec::Codec;
use duologue_rtp::extension::{Ids, Kind};
use duologue_rtp::packet::{self, Header};
use duologue_rtp::rtcp::{self, NtpTime};
use duologue_rtp::srtp::{self, MasterKey, Profile, RUST_CRYPTO};
use duologue_rtp::stream::{Frame, JitterConfig, OutgoingFrame, ReceiverId, SectionId, SenderId};
use duologue_rtp::{
    Config, Discard, Event, ExtendedSequence, Format, PayloadType, ReceiverStats, Section, SenderInit,
    SenderStats, Session, Ssrc, Timestamp,
};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const VIDEO: SectionId = SectionId(1);
pub(crate) const AUDIO: SectionId = SectionId(0);
pub(crate) const VP8: PayloadType = PayloadType::from_low_bits(96);
pub(crate) const RTX: PayloadType = PayloadType::from_low_bits(97);
pub(crate) const OPUS: PayloadType = PayloadType::from_low_bits(111);
/// The first of January 2024, in NTP's seconds.
pub(crate) const NTP: NtpTime = NtpTime(3_913_056_000 << 32);

/// A packet as it was handed out.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) receiver: ReceiverId,
    pub(crate) section: SectionId,
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u64,
    pub(crate) payload_type: PayloadType,
    pub(crate) repaired: bool,
    pub(crate) at: Instant,
    pub(crate) payload: Bytes,
}

/// A session as a node of the network; keeps what it heard.
pub(crate) struct Peer {
    pub(crate) session: Session,
    pub(crate) events: Vec<Event>,
    pub(crate) packets: Vec<Got>,
    pub(crate) frames: Vec<(Instant, Frame)>,
    pub(crate) refused: Vec<Discard>,
    /// The bytes of all that was sent, when they are wanted.
    pub(crate) sent: Option<Vec<Vec<u8>>>,
    addresses: Addresses,
}

impl Peer {
    fn collect(&mut self, now: Instant) {
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
        self.frames.extend(std::iter::from_fn(|| self.session.recv_frame()).map(|frame| (now, frame)));
    }

    pub(crate) fn sender(&self, id: SenderId) -> SenderStats {
        self.session.senders().find(|one| one.sender == id).unwrap()
    }

    /// The stats of the only receiver of a section.
    pub(crate) fn receiver(&self, section: SectionId) -> ReceiverStats {
        let mut found = self.session.receivers().filter(|one| one.section == section);
        let only = found.next().unwrap();
        assert!(found.next().is_none());
        only
    }

    /// Takes a datagram as the network gives it.
    pub(crate) fn take(&mut self, now: Instant, datagram: &mut [u8]) {
        // RFC 5761, Section 4.
        let result = if datagram.get(1).is_some_and(|kind| (192..224).contains(kind)) {
            self.session.handle_rtcp(now, datagram)
        } else {
            self.session.handle_rtp(now, now, None, datagram).map(|packet| {
                self.packets.push(Got {
                    receiver: packet.receiver,
                    section: packet.section,
                    ssrc: packet.header.ssrc,
                    sequence: packet.sequence.0,
                    timestamp: packet.timestamp.0,
                    payload_type: packet.header.payload_type,
                    repaired: packet.repaired,
                    at: now,
                    payload: Bytes::copy_from_slice(packet.payload),
                });
            })
        };
        self.refused.extend(result.err());
        self.collect(now);
    }

    /// What it has to send now.
    pub(crate) fn drain(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let mut out = Vec::new();
            if self.session.poll_transmit(now, 1500, &mut out).is_none() {
                return all;
            }
            all.push(out);
        }
    }
}

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        self.collect(now);
    }

    fn handle_datagram(&mut self, now: Instant, _: Addresses, datagram: &mut [u8]) {
        self.take(now, datagram);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        let start = out.len();
        let len = self.session.poll_transmit(now, 1500, out)?;
        assert_eq!(out.len(), start + len);
        if let Some(sent) = &mut self.sent {
            sent.push(out[start..].to_vec());
        }
        Some(self.addresses)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }
}

/// Keys of both directions.
pub(crate) fn keys(profile: Profile) -> [MasterKey; 2] {
    [1, 2].map(|byte| {
        let bytes = vec![byte; profile.keying_material_len()];
        MasterKey::from_keying_material(profile, &bytes).unwrap().0
    })
}

/// Two sessions with keys and no sections.
pub(crate) fn peers(now: Instant, config: &Arc<Config>, ntp: NtpTime) -> [Peer; 2] {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let addresses = ["192.0.2.1:5000", "192.0.2.2:5000"].map(address);
    let [a, b] = keys(Profile::Aes128CmHmacSha1_80);
    [0, 1].map(|side: usize| {
        let mut session = Session::new(Arc::clone(config), [side as u8 + 1; 32], now, ntp);
        let (send, receive) = if side == 0 { (&a, &b) } else { (&b, &a) };
        session.set_keys(send, receive);
        session.set_cname(if side == 0 { "one" } else { "two" });
        Peer {
            session,
            events: Vec::new(),
            packets: Vec::new(),
            frames: Vec::new(),
            refused: Vec::new(),
            sent: None,
            addresses: Addresses { source: addresses[side], destination: addresses[1 - side] },
        }
    })
}

pub(crate) fn pair(network: &Network) -> [Peer; 2] {
    peers(network.now(), &Arc::new(Config::new(&RUST_CRYPTO)), NTP)
}

/// VP8 with all that repairs it.
pub(crate) fn video() -> Section {
    let mut section = Section::default();
    section.mid = Some("v".into());
    let kinds = [Kind::Mid, Kind::Rid, Kind::RepairedRid, Kind::AbsSendTime, Kind::TransportSequence];
    for (id, kind) in (1..).zip(kinds) {
        section.extensions.set(kind, id);
    }
    let mut format = Format::new(VP8, Codec::Vp8, NonZeroU32::new(90_000).unwrap());
    format.repair = Some(RTX);
    format.feedback.nack = true;
    format.feedback.pli = true;
    format.feedback.transport_wide = true;
    section.send = vec![format];
    section.receive = vec![format];
    section.reduced_size = true;
    section
}

/// Opus.
pub(crate) fn audio() -> Section {
    let mut section = Section::default();
    section.mid = Some("a".into());
    section.extensions = video().extensions;
    let format = Format::new(OPUS, Codec::Opus, NonZeroU32::new(48_000).unwrap());
    section.send = vec![format];
    section.receive = vec![format];
    section.reduced_size = true;
    section
}

/// Both have video and audio, and frames; the first one's senders of each.
pub(crate) fn call(network: &Network) -> ([Peer; 2], SenderId, SenderId) {
    let mut peers = pair(network);
    for peer in &mut peers {
        peer.session.set_section(network.now(), VIDEO, video());
        peer.session.set_section(network.now(), AUDIO, audio());
        for section in [VIDEO, AUDIO] {
            peer.session.set_frames(section, Some(JitterConfig::default()));
        }
    }
    let video = peers[0].session.add_sender(network.now(), VIDEO, SenderInit::default());
    let audio = peers[0].session.add_sender(network.now(), AUDIO, SenderInit::default());
    (peers, video, audio)
}

/// A picture of VP8, as far as anyone looks: its tag tells whether it is a key frame, its number which it is.
pub(crate) fn picture(number: u32, key: bool, len: usize) -> Bytes {
    let mut bytes = vec![if key { 0x10 } else { 0x11 }, 0, 0];
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend((bytes.len()..len).map(|at| (at as u32 ^ number) as u8));
    Bytes::from(bytes)
}

/// The pictures of a stream of 30 a second.
pub(crate) fn frame(number: u32, key: bool, len: usize) -> OutgoingFrame {
    OutgoingFrame::new(VP8, number.wrapping_mul(3000), picture(number, key, len))
}

/// A peer that holds the keys and sends whatever a test wants.
pub(crate) struct Forge {
    sender: srtp::Sender,
    ids: Ids,
}

impl Forge {
    /// Speaks as the first of the two peers.
    pub(crate) fn new() -> Self {
        let [key, _] = keys(Profile::Aes128CmHmacSha1_80);
        Self { sender: srtp::Sender::new(&RUST_CRYPTO, &key), ids: video().extensions }
    }

    pub(crate) fn rtp(
        &mut self,
        ssrc: u32,
        payload_type: PayloadType,
        index: u64,
        said: &[(Kind, &str)],
        payload: &[u8],
    ) -> Vec<u8> {
        self.padded(ssrc, payload_type, index, said, payload, 0)
    }

    pub(crate) fn padded(
        &mut self,
        ssrc: u32,
        payload_type: PayloadType,
        index: u64,
        said: &[(Kind, &str)],
        payload: &[u8],
        padding: u8,
    ) -> Vec<u8> {
        let header = Header {
            marker: true,
            payload_type,
            sequence_number: ExtendedSequence(index).wire(),
            timestamp: Timestamp((index as u32).wrapping_mul(3000)),
            ssrc: Ssrc(ssrc),
        };
        self.write(header, index, said, payload, padding)
    }

    /// A retransmission: it has the time of the packet that it repairs.
    pub(crate) fn repair(&mut self, ssrc: u32, index: u64, original: u64, payload: &[u8]) -> Vec<u8> {
        let header = Header {
            marker: true,
            payload_type: RTX,
            sequence_number: ExtendedSequence(index).wire(),
            timestamp: Timestamp((original as u32).wrapping_mul(3000)),
            ssrc: Ssrc(ssrc),
        };
        let number = ExtendedSequence(original).wire().0.to_be_bytes();
        self.write(header, index, &[], &[&number[..], payload].concat(), 0)
    }

    fn write(
        &mut self,
        header: Header,
        index: u64,
        said: &[(Kind, &str)],
        payload: &[u8],
        padding: u8,
    ) -> Vec<u8> {
        let index = ExtendedSequence(index);
        let mut out = Vec::new();
        let header_len = packet::write(&mut out, &header, &[], |writer| {
            for (kind, value) in said {
                writer.value(&self.ids, *kind, value.as_bytes());
            }
        });
        out.extend_from_slice(payload);
        packet::pad(&mut out, 0, padding);
        self.sender.protect_rtp(&mut out, 0, header_len, header.ssrc, index).unwrap();
        out
    }

    /// A compound of what `write` writes, behind an empty report.
    pub(crate) fn rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        rtcp::ReceiverReport::write(&mut out, Ssrc(0xfee), std::iter::empty());
        write(&mut out);
        self.sender.protect_rtcp(&mut out, 0).unwrap();
        out
    }
}

/// Reads the RTCP that the second of the two peers sends.
pub(crate) struct Spy(srtp::Receiver);

impl Spy {
    pub(crate) fn new() -> Self {
        let [_, key] = keys(Profile::Aes128CmHmacSha1_80);
        Self(srtp::Receiver::new(&RUST_CRYPTO, &key, [0; 16]))
    }

    /// The compound in the clear.
    pub(crate) fn rtcp<'d>(&mut self, datagram: &'d mut [u8]) -> &'d [u8] {
        let len = self.0.unprotect_rtcp(datagram).unwrap();
        &datagram[..len]
    }
}
