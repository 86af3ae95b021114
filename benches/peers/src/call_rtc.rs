//! The calls of `call.rs` on the crate `rtc`: its default settings, without codecs, and DTLS 1.2, which is all it has.

use crate::call::{Call, Peer, addresses};
use bytes::{Bytes, BytesMut};
use rtc::crypto::SignatureScheme;
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::sansio::Protocol;
use std::net::SocketAddr;
use std::time::Instant;

/// One of rtc's connections.
pub struct Rtc {
    connection: RTCPeerConnection,
    channel: Option<RTCDataChannelId>,
}

/// Makes connected, idle pairs.
pub fn idle() -> impl Fn() -> Call<Rtc> {
    let certificates = certificates();
    move || {
        let mut call = call(&certificates);
        call.rest();
        call
    }
}

/// Certificates for two sides.
pub fn certificates() -> [RTCCertificate; 2] {
    let provider = rtc::crypto::default_provider().unwrap();
    [(); 2].map(|()| {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, params).unwrap()
    })
}

/// A call whose channel is open.
pub fn call(certificates: &[RTCCertificate; 2]) -> Call<Rtc> {
    let now = Instant::now();
    let addresses = addresses();
    let mut sides = [0, 1].map(|index: usize| Rtc::new(&certificates[index], addresses[index], now));
    let [a, b] = &mut sides;
    a.connection.create_data_channel("bulk", None).unwrap();
    let offer = a.connection.create_offer(None).unwrap();
    a.connection.set_local_description(now, offer).unwrap();
    let offer = RTCSessionDescription::offer(a.described()).unwrap();
    b.connection.set_remote_description(now, offer).unwrap();
    let answer = b.connection.create_answer(None).unwrap();
    b.connection.set_local_description(now, answer).unwrap();
    let answer = RTCSessionDescription::answer(b.described()).unwrap();
    a.connection.set_remote_description(now, answer).unwrap();
    Call::open(sides, now)
}

impl Rtc {
    fn new(certificate: &RTCCertificate, address: SocketAddr, now: Instant) -> Self {
        let configuration =
            RTCConfigurationBuilder::new().with_certificates(vec![certificate.clone()]).build();
        let mut connection =
            RTCPeerConnectionBuilder::new().with_configuration(configuration).build(now).unwrap();
        let base_config = CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            ..CandidateConfig::default()
        };
        let candidate = CandidateHostConfig { base_config, ..CandidateHostConfig::default() };
        let candidate = RTCIceCandidate::from(&candidate.new_candidate_host().unwrap());
        connection.add_local_candidate(candidate.to_json().unwrap()).unwrap();
        Self { connection, channel: None }
    }

    /// The local description with its candidate, as text.
    fn described(&self) -> String {
        self.connection.local_description().unwrap().sdp
    }
}

impl Peer for Rtc {
    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now).unwrap();
    }

    fn transmit(&mut self, now: Instant, to: &mut Self) -> bool {
        let mut moved = false;
        while let Some(mut datagram) = self.connection.poll_write() {
            moved = true;
            datagram.now = now;
            let transport = &mut datagram.transport;
            std::mem::swap(&mut transport.local_addr, &mut transport.peer_addr);
            to.connection.handle_read(datagram).unwrap();
        }
        while let Some(event) = self.connection.poll_event() {
            if let RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) = event {
                self.channel = Some(id);
            }
        }
        moved
    }

    fn deadline(&mut self) -> Instant {
        self.connection.poll_timeout().unwrap()
    }

    fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    fn send(&mut self, now: Instant, message: &Bytes) {
        let mut channel = self.connection.data_channel(self.channel.unwrap()).unwrap();
        channel.send(now, BytesMut::from(&message[..])).unwrap();
    }

    fn receive(&mut self) -> usize {
        let messages = std::iter::from_fn(|| self.connection.poll_read());
        messages
            .map(|tagged| match tagged.message {
                RTCMessage::DataChannelMessage(_, message) => message.data.len(),
                _ => panic!("there is no media"),
            })
            .sum()
    }

    fn release(&mut self) {}
}
