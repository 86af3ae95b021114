//! Which requests for key frames reach the application.

use std::num::NonZeroU32;
use std::time::Instant;

use bytes::Bytes;
use duologue_netsim::{Link, Network, Node};
use duologue_rtp::codec::{Codec, PacketizationMode};
use duologue_rtp::rtcp::{Fir, FirEntry, Pli, ReceiverReport};
use duologue_rtp::srtp::{self, Profile, RUST_CRYPTO};
use duologue_rtp::stream::{OutgoingFrame, OutgoingPacket, SenderId};
use duologue_rtp::{Event, Format, PayloadType, SenderInit, Ssrc};

use crate::support::*;

const H264: PayloadType = PayloadType::from_low_bits(104);

/// A sender whose round trip is known, and one that asks it for key frames.
struct Asked {
    peer: Peer,
    sender: SenderId,
    back: srtp::Sender,
    now: Instant,
    timestamp: u32,
}

impl Asked {
    fn new(round_trip: u32) -> Self {
        let mut network = Network::pair(1, &Link { delay: MS * round_trip / 2, ..Link::default() });
        let mut peers = pair(&network);
        let mut section = video();
        let mode = PacketizationMode::NonInterleaved;
        section.send.push(Format::new(H264, Codec::H264(mode), NonZeroU32::new(90_000).unwrap()));
        for peer in &mut peers {
            peer.session.set_section(network.now(), VIDEO, section.clone());
        }
        let sender = peers[0].session.add_sender(network.now(), VIDEO, SenderInit::default());
        let start = network.now();
        for number in 0..90u32 {
            network.run_to(&mut peers, start + MS * 33 * number);
            peers[0].session.send_frame(network.now(), sender, frame(number, number == 0, 100)).unwrap();
        }
        network.run_to(&mut peers, start + MS * 5000);
        let [peer, _] = peers;
        let trip = peer.sender(sender).remote.round_trip.unwrap();
        assert!(trip.abs_diff(MS * round_trip) < MS * 2, "{trip:?}");
        let [_, key] = keys(Profile::Aes128CmHmacSha1_80);
        let back = srtp::Sender::new(&RUST_CRYPTO, &key);
        Self { peer, sender, back, now: network.now(), timestamp: 1_000_000 }
    }

    fn wait(&mut self, millis: u32) {
        let end = self.now + MS * millis;
        while let Some(at) = self.peer.session.poll_timeout().filter(|at| *at <= end) {
            self.peer.handle_timeout(at);
            self.peer.drain(at);
        }
        self.now = end;
        self.peer.drain(end);
    }

    fn ask(&mut self, fir: Option<u8>) {
        let mut out = Vec::new();
        let media = self.peer.sender(self.sender).ssrc;
        ReceiverReport::write(&mut out, Ssrc(0xfee), std::iter::empty());
        match fir {
            Some(sequence) => {
                let entry = std::iter::once(FirEntry { ssrc: media, sequence });
                Fir::write(&mut out, Ssrc(0xfee), entry, 100);
            }
            None => {
                Pli { sender: Ssrc(0xfee), media }.write(&mut out);
            }
        }
        self.back.protect_rtcp(&mut out, 0).unwrap();
        self.peer.take(self.now, &mut out);
        assert_eq!(self.peer.refused, []);
    }

    /// How many requests were told since this was last asked.
    fn told(&mut self) -> usize {
        self.peer
            .events
            .drain(..)
            .filter(|event| matches!(event, Event::KeyFrameRequest { sender, .. } if *sender == self.sender))
            .count()
    }

    fn send_frame(&mut self, payload_type: PayloadType, payload: Bytes) {
        self.timestamp += 3000;
        let frame = OutgoingFrame::new(payload_type, self.timestamp, payload);
        self.peer.session.send_frame(self.now, self.sender, frame).unwrap();
    }

    fn send_rtp(&mut self, payload_type: PayloadType, payload: &[u8]) {
        let packet = OutgoingPacket::new(payload_type, self.timestamp, Bytes::copy_from_slice(payload));
        self.peer.session.send_rtp(self.now, self.sender, packet).unwrap();
    }

    /// Whether what `send` sends now answers a request that comes within a round trip, and one that comes after it does not.
    fn answers(&mut self, send: impl FnOnce(&mut Self)) -> bool {
        self.wait(1000);
        send(self);
        self.wait(98);
        self.ask(None);
        self.wait(500);
        let early = self.told();
        send_after(self);
        early == 0
    }
}

/// Any later request is told.
fn send_after(asked: &mut Asked) {
    asked.wait(500);
    asked.ask(None);
    asked.wait(200);
    assert_eq!(asked.told(), 1);
}

/// An access unit of these units.
fn annex_b(units: &[&[u8]]) -> Bytes {
    units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect()
}

#[test]
fn a_key_frame_that_is_sent_answers_what_was_asked_before_it_can_have_arrived() {
    let mut asked = Asked::new(100);
    assert!(asked.answers(|asked| asked.send_frame(VP8, picture(1, true, 5000))));
    assert!(!asked.answers(|asked| asked.send_frame(VP8, picture(2, false, 5000))));
    assert!(!asked.answers(|_| {}));
    // Of H.264 the parameter sets tell, or the picture behind a delimiter that fills a packet by itself.
    let (delimiter, sequence, parameters) = (&[9, 0x10][..], &[0x67, 1, 2, 3][..], &[0x68, 1][..]);
    let picture = |kind| [&[kind, 0x88][..], &[7; 3000]].concat();
    let (idr, delta) = (picture(0x65), picture(0x41));
    let information = [&[6][..], &[5; 1150]].concat();
    for (units, key) in [
        (vec![sequence, parameters, &idr], true),
        (vec![delimiter, &information, &idr], true),
        (vec![delimiter, &delta], false),
    ] {
        let unit = annex_b(&units);
        assert_eq!(asked.answers(|asked| asked.send_frame(H264, unit)), key, "{} units", units.len());
    }
}

#[test]
fn a_key_frame_in_packets_of_the_applications_answers_too() {
    let mut asked = Asked::new(100);
    let first = |key| [&[0x10][..], &picture(1, key, 500)].concat();
    let rest = [0, 0, 1, 2, 3];
    for key in [true, false] {
        let answers = asked.answers(|asked| {
            asked.timestamp += 3000;
            asked.send_rtp(VP8, &first(key));
            asked.send_rtp(VP8, &rest);
        });
        assert_eq!(answers, key);
    }
    // FU-A of an IDR picture: the first part begins it, the others do not.
    for (header, key) in [(0x85, true), (0x05, false)] {
        let answers = asked.answers(|asked| {
            asked.timestamp += 3000;
            asked.send_rtp(H264, &[0x7c, header, 0x88, 1, 2, 3]);
        });
        assert_eq!(answers, key, "{header:x}");
    }
}

#[test]
fn a_request_that_waits_for_its_turn_is_answered_by_a_key_frame_that_leaves_meanwhile() {
    let mut asked = Asked::new(10);
    for key in [true, false] {
        asked.wait(1000);
        asked.ask(None);
        assert_eq!(asked.told(), 1);
        asked.send_frame(VP8, picture(1, true, 2000));
        // Who asks now has not been helped, and it is too soon after the first.
        asked.wait(50);
        asked.ask(None);
        asked.wait(20);
        asked.send_frame(VP8, picture(2, key, 2000));
        asked.wait(500);
        assert_eq!(asked.told(), usize::from(!key));
    }
}

#[test]
fn a_repeated_command_asks_again_two_round_trips_after_the_key_frame() {
    let mut asked = Asked::new(100);
    asked.ask(Some(1));
    assert_eq!(asked.told(), 1);
    asked.wait(300);
    asked.send_frame(VP8, picture(1, true, 2000));
    asked.wait(190);
    asked.ask(Some(1));
    asked.wait(5);
    assert_eq!(asked.told(), 0, "it left before the key frame came");
    asked.wait(20);
    asked.ask(Some(1));
    assert_eq!(asked.told(), 1);
}
