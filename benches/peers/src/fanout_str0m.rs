//! str0m as the server of `fanout.rs`: RTP mode, packets that may be asked for again, its other settings the defaults.

use crate::fanout::{Server, server_address};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// One connection of str0m's.
pub struct Theirs {
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    mid: Mid,
    payload_type: Option<Pt>,
    received: Option<Packet>,
    out: Vec<Transmit>,
    deadline: Instant,
}

/// A packet that is forwarded: str0m has made a shared copy of its payload.
pub struct Packet {
    sequence: SeqNo,
    timestamp: u32,
    marker: bool,
    payload: Arc<[u8]>,
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
                Output::Event(Event::RtpPacket(packet)) => {
                    self.received = Some(Packet {
                        sequence: packet.seq_no,
                        timestamp: packet.header.timestamp,
                        marker: packet.header.marker,
                        payload: packet.payload,
                    });
                }
                Output::Event(_) => {}
            }
        }
    }
}

impl Server for Theirs {
    type Packet = Packet;
    type Wire = Vec<Transmit>;

    fn offering(now: Instant, address: SocketAddr, sends: bool) -> (Self, String) {
        let config = RtcConfig::new().clear_codecs().enable_vp8(true).set_rtp_mode(true);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        let mut change = rtc.sdp_api();
        let direction = if sends { Direction::SendOnly } else { Direction::RecvOnly };
        let mid = change.add_media(MediaKind::Video, direction, None, None, None);
        let (offer, pending) = change.apply().unwrap();
        let offer = offer.to_sdp_string();
        let (pending, out) = (Some(pending), Vec::new());
        (Self { rtc, pending, mid, payload_type: None, received: None, out, deadline: now }, offer)
    }

    fn answered(&mut self, _now: Instant, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        let params = self.rtc.codec_config();
        let vp8 = params.find(|params| params.spec().codec == Codec::Vp8).unwrap();
        self.payload_type = Some(vp8.pt());
    }

    fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) -> Option<Packet> {
        let contents = (&*datagram).try_into().unwrap();
        let receive = Receive { proto: Protocol::Udp, source: from, destination: server_address(), contents };
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
        self.poll();
        self.received.take()
    }

    fn forward(&mut self, now: Instant, packet: &Packet) {
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(self.mid, None).unwrap();
        let payload = Arc::clone(&packet.payload);
        let write =
            RtpWrite::new(self.payload_type.unwrap(), packet.sequence, packet.timestamp, now, payload);
        stream.write_rtp(write.marker(packet.marker).nackable(true));
        // What was written is taken up by a deadline.
        self.deadline = now;
    }

    fn drain(&mut self, now: Instant, wire: &mut Vec<Transmit>) {
        if self.deadline <= now {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
        }
        self.poll();
        wire.append(&mut self.out);
    }

    fn deliver(wire: &mut Vec<Transmit>, mut each: impl FnMut(&mut [u8])) {
        for transmit in wire.drain(..) {
            each(&mut transmit.contents.to_vec());
        }
    }
}
