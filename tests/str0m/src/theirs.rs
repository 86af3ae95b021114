//! str0m's side of a call.

use crate::Received;
use duologue_netsim::Addresses;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// str0m takes a message only when it fits into what is left of this; its own default is too small for its largest message.
const SEND_BUFFER: usize = 2 << 20;

/// The connection, and what it has told so far.
pub struct Theirs {
    /// The connection.
    pub rtc: Rtc,
    /// All that it told, but for messages.
    pub events: Vec<Event>,
    /// All that arrived.
    pub received: Vec<Received>,
    /// Whether messages go back to where they came from.
    pub echoes: bool,
    open: Vec<(ChannelId, String)>,
    /// Labels of channels that were closed.
    pub closed: Vec<String>,
    /// Datagrams to be sent.
    out: VecDeque<(Addresses, Vec<u8>)>,
    deadline: Instant,
}

impl Theirs {
    pub(crate) fn new(lite: bool, address: SocketAddr, now: Instant) -> Self {
        let config = RtcConfig::new().set_ice_lite(lite).set_sctp_max_buffered_amount(SEND_BUFFER);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a candidate"));
        let mut theirs = Self {
            rtc,
            events: Vec::new(),
            received: Vec::new(),
            echoes: false,
            open: Vec::new(),
            closed: Vec::new(),
            out: VecDeque::new(),
            deadline: now,
        };
        // Its ICE agent has no deadline before it has been told the time once.
        theirs.handle_timeout(now);
        theirs
    }

    pub(crate) fn offer(&mut self, now: Instant, label: &str) -> (String, SdpPendingOffer) {
        let mut change = self.rtc.sdp_api();
        change.add_channel(label.to_owned());
        let (offer, pending) = change.apply().expect("there is something to offer");
        self.drain(now);
        (offer.to_sdp_string(), pending)
    }

    pub(crate) fn answer(&mut self, now: Instant, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).expect("our offer is read");
        let answer = self.rtc.sdp_api().accept_offer(offer).expect("our offer is taken");
        self.drain(now);
        answer.to_sdp_string()
    }

    pub(crate) fn accept(&mut self, now: Instant, pending: SdpPendingOffer, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("our answer is read");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("our answer is taken");
        self.drain(now);
    }

    /// Opens a channel on a call that has one already, so that nothing needs to be signalled.
    pub fn create_channel(&mut self, now: Instant, label: &str) {
        let mut change = self.rtc.sdp_api();
        change.add_channel(label.to_owned());
        assert!(change.apply().is_none(), "no offer is needed");
        self.drain(now);
    }

    fn channel(&self, label: &str) -> Option<ChannelId> {
        self.open.iter().find(|(_, name)| name == label).map(|(id, _)| *id)
    }

    pub(crate) fn is_open(&self, label: &str) -> bool {
        self.channel(label).is_some()
    }

    /// Sends a message on the channel with this label.
    pub fn send(&mut self, now: Instant, label: &str, binary: bool, payload: &[u8]) {
        let id = self.channel(label).expect("the channel is open");
        self.write(id, binary, payload);
        self.drain(now);
    }

    /// Closes the channel with this label.
    pub fn close_channel(&mut self, now: Instant, label: &str) {
        let id = self.channel(label).expect("the channel is open");
        self.rtc.direct_api().close_data_channel(id);
        self.drain(now);
    }

    /// Ends the connection.
    pub fn close(&mut self, now: Instant) {
        self.rtc.close().expect("it was connected");
        self.drain(now);
    }

    fn write(&mut self, id: ChannelId, binary: bool, payload: &[u8]) {
        let mut channel = self.rtc.channel(id).expect("the channel is open");
        assert!(channel.write(binary, payload).expect("the channel is open"), "room for a message");
    }

    /// Polls until the connection waits, as str0m asks for after every call.
    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output().expect("the connection works") {
                Output::Timeout(deadline) => {
                    // Its documented loop waits for a millisecond at least.
                    self.deadline = deadline.max(now + Duration::from_millis(1));
                    return;
                }
                Output::Transmit(transmit) => {
                    let addresses = Addresses { source: transmit.source, destination: transmit.destination };
                    self.out.push_back((addresses, transmit.contents.to_vec()));
                }
                Output::Event(event) => self.take(event),
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::ChannelData(data) => {
                let label = self.open.iter().find(|(id, _)| *id == data.id).map(|(_, label)| label.clone());
                if self.echoes {
                    self.write(data.id, data.binary, &data.data);
                }
                let (binary, payload) = (data.binary, data.data);
                self.received.push(Received { label: label.unwrap_or_default(), binary, payload });
                return;
            }
            Event::ChannelOpen(id, ref label) => self.open.push((id, label.clone())),
            Event::ChannelClose(id) => {
                if let Some(at) = self.open.iter().position(|(open, _)| *open == id) {
                    self.closed.push(self.open.remove(at).1);
                }
            }
            _ => {}
        }
        self.events.push(event);
    }

    fn input(&mut self, now: Instant, input: Input<'_>) {
        self.rtc.handle_input(input).expect("the connection works");
        self.drain(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.input(now, Input::Timeout(now));
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &[u8]) {
        let Addresses { source, destination } = addresses;
        // A datagram of no protocol that str0m knows.
        let Ok(contents) = datagram.try_into() else { return };
        self.input(now, Input::Receive(now, Receive { proto: Protocol::Udp, source, destination, contents }));
    }

    pub(crate) fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<Addresses> {
        let (addresses, bytes) = self.out.pop_front()?;
        out.extend_from_slice(&bytes);
        Some(addresses)
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.deadline
    }
}
