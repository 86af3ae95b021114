//! What strangers send changes nothing but a counter, at each moment of a session.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_ice::{Agent, Config, Credentials, Discard, Event, Path, Received, Role, State};
use duologue_netsim::Network;
use duologue_stun::crypto::{HmacProvider, RUST_CRYPTO};
use duologue_stun::{Class, ErrorCode, Message, Method, TransactionId, Writer};

use crate::common::seed;

const DELAY: Duration = Duration::from_millis(20);
const STRANGER: &str = "203.0.113.9:4444";

/// All that a session shows from outside.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    datagrams: Vec<(Duration, usize, Vec<u8>)>,
    events: Vec<(Duration, usize, Event)>,
    end: Vec<String>,
}

struct Session {
    start: Instant,
    now: Instant,
    agents: [Agent; 2],
    addresses: [SocketAddr; 2],
    wire: VecDeque<(Instant, usize, Vec<u8>)>,
    transcript: Transcript,
}

impl Session {
    fn new() -> Self {
        let now = Network::new(0).now();
        let addresses = ["192.0.2.1:5000", "192.0.2.2:6000"].map(|address| address.parse().unwrap());
        let config = Arc::new(Config::default());
        let mut agents = [0, 1].map(|who| Agent::new(Arc::clone(&config), seed(1, who), now));
        agents[0].set_role(now, Role::Controlling);
        for who in 0..2 {
            agents[who].add_interface(now, addresses[who]).unwrap();
        }
        exchange(&mut agents, now);
        Self { start: now, now, agents, addresses, wire: VecDeque::new(), transcript: Transcript::default() }
    }

    /// Runs for 30 s, with a restart after 8; `attack` acts on the receiver before and after each datagram arrives.
    fn run(mut self, mut attack: impl FnMut(&mut Self, usize, &[u8], bool)) -> (Transcript, [Agent; 2]) {
        let end = self.now + Duration::from_secs(30);
        let restart = self.now + Duration::from_secs(8);
        let mut restarted = false;
        loop {
            self.collect();
            let timeouts = self.agents.iter().filter_map(Agent::poll_timeout);
            let Some(next) = timeouts.chain(self.wire.front().map(|(at, ..)| *at)).min() else { break };
            if next > end {
                break;
            }
            if next >= restart && !restarted {
                restarted = true;
                self.now = restart;
                self.restart();
                continue;
            }
            self.now = next;
            if self.wire.front().is_some_and(|(at, ..)| *at <= next) {
                let (_, to, bytes) = self.wire.pop_front().unwrap();
                attack(&mut self, to, &bytes, false);
                self.deliver(to, self.addresses[1 - to], &bytes).unwrap();
                attack(&mut self, to, &bytes, true);
            }
            for agent in &mut self.agents {
                agent.handle_timeout(next);
            }
        }
        for agent in &self.agents {
            let pairs: Vec<_> = agent.pairs().collect();
            self.transcript.end.push(format!("{:?} {:?} {pairs:?}", agent.state(), agent.sending_path()));
        }
        (self.transcript, self.agents)
    }

    /// Both sides restart at once; for ten seconds and more there are two sessions.
    fn restart(&mut self) {
        for (agent, name) in self.agents.iter_mut().zip(["again000", "again111"]) {
            agent.restart(self.now, Credentials::new(name, format!("{name:x>24}")).unwrap());
        }
        exchange(&mut self.agents, self.now);
    }

    fn collect(&mut self) {
        let at = self.now - self.start;
        for who in 0..2 {
            let mut bytes = vec![];
            while self.agents[who].poll_transmit(self.now, 1500, &mut bytes).is_some() {
                self.transcript.datagrams.push((at, who, bytes.clone()));
                self.wire.push_back((self.now + DELAY, 1 - who, std::mem::take(&mut bytes)));
            }
            while let Some(event) = self.agents[who].poll_event() {
                self.transcript.events.push((at, who, event));
            }
        }
    }

    fn deliver(&mut self, to: usize, from: SocketAddr, bytes: &[u8]) -> Result<bool, Discard> {
        let mut bytes = bytes.to_vec();
        let path = Path::udp(self.addresses[to], from);
        let received = self.agents[to].handle_datagram(self.now, path, &mut bytes)?;
        Ok(matches!(received, Received::Consumed))
    }

    /// A datagram that must not be believed.
    fn refuse(&mut self, to: usize, from: SocketAddr, bytes: &[u8]) {
        let before = self.agents[to].stats();
        let outcome = self.deliver(to, from, bytes);
        let after = self.agents[to].stats();
        if bytes.first().is_some_and(|first| *first < 4) {
            let reason = outcome.expect_err("a forged datagram was taken");
            assert_eq!(after.discarded(reason), before.discarded(reason) + 1);
            assert_eq!(after.discarded_total(), before.discarded_total() + 1);
        }
    }
}

fn exchange(agents: &mut [Agent; 2], now: Instant) {
    for (one, other) in [(0, 1), (1, 0)] {
        let credentials = agents[other].local_credentials().clone();
        let candidates: Vec<_> = agents[other].local_candidates().collect();
        agents[one].set_remote_credentials(now, credentials).unwrap();
        for candidate in candidates {
            agents[one].add_remote_candidate(now, &candidate);
        }
        agents[one].end_of_remote_candidates(now);
    }
}

fn clean() -> Transcript {
    let (transcript, agents) = Session::new().run(|_, _, _, _| {});
    assert!(agents.iter().all(|agent| agent.state() == State::Completed));
    assert!(transcript.datagrams.len() > 20);
    let ended = |who: usize| {
        transcript.events.iter().any(|(_, of, event)| *of == who && *event == Event::PreviousSessionEnded)
    };
    assert!(ended(0) && ended(1), "the restart was complete");
    transcript
}

#[test]
fn every_flipped_bit_of_every_datagram_changes_nothing() {
    let mut flips = 0;
    let (transcript, agents) = Session::new().run(|session, to, bytes, after| {
        for bit in (0..bytes.len() * 8).step_by(3) {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            session.refuse(to, session.addresses[1 - to], &flipped);
            if after {
                session.refuse(to, STRANGER.parse().unwrap(), &flipped);
            }
            flips += 1;
        }
    });
    assert!(flips > 1000);
    assert!(agents[0].stats().discarded(Discard::BadFingerprint) > 0);
    assert_eq!(transcript, clean());
}

/// The same, the checksum being made right again: the HMAC alone stands between.
#[test]
fn every_flipped_bit_with_a_good_fingerprint_changes_nothing() {
    let (transcript, agents) = Session::new().run(|session, to, bytes, _| {
        for bit in (0..(bytes.len() - 8) * 8).step_by(5) {
            let mut flipped = bytes[..bytes.len() - 8].to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut crc = 0xffff_ffff_u32;
            for byte in &flipped {
                crc ^= u32::from(*byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
                }
            }
            flipped.extend_from_slice(&[0x80, 0x28, 0, 4]);
            flipped.extend_from_slice(&(!crc ^ 0x5354_554e).to_be_bytes());
            // A flip of the class makes an indication, which is taken and asks for nothing.
            let indication =
                Message::parse(&flipped).is_ok_and(|message| message.class() == Class::Indication);
            if !indication {
                session.refuse(to, session.addresses[1 - to], &flipped);
            }
        }
    });
    assert!(agents[0].stats().discarded(Discard::BadIntegrity) > 0);
    assert_eq!(transcript, clean());
}

#[test]
fn replays_from_elsewhere_change_nothing() {
    let mut seen: Vec<(usize, Vec<u8>)> = vec![];
    let mut replays = 0;
    let (transcript, agents) = Session::new().run(|session, to, bytes, after| {
        if !after {
            return;
        }
        seen.push((to, bytes.to_vec()));
        for (old_to, old) in &seen {
            session.refuse(*old_to, STRANGER.parse().unwrap(), old);
            // Reflected to its sender.
            session.refuse(1 - old_to, session.addresses[*old_to], old);
            replays += 1;
        }
    });
    assert!(replays > 50);
    assert!(agents[0].stats().discarded(Discard::Replayed) > 0);
    assert!(agents[0].stats().discarded(Discard::UnknownTransaction) > 0);
    assert_eq!(transcript, clean());
}

/// A replay on the peer's own path cannot be told from a retransmission: it is answered, and nothing else.
#[test]
fn replays_on_the_peers_path_are_answered_at_most() {
    let mut seen: Vec<(usize, Vec<u8>)> = vec![];
    let mut answers = 0;
    let (transcript, agents) = Session::new().run(|session, to, bytes, after| {
        if !after {
            return;
        }
        seen.push((to, bytes.to_vec()));
        for (to, old) in seen.clone() {
            // The original's own answers leave first.
            session.collect();
            let before = session.transcript.events.len();
            let _ = session.deliver(to, session.addresses[1 - to], &old);
            let mut answer = vec![];
            while session.agents[to].poll_transmit(session.now, 1500, &mut answer).is_some() {
                assert_eq!(Message::parse(&answer).unwrap().class(), Class::Success);
                answer.clear();
                answers += 1;
            }
            assert_eq!(session.transcript.events.len(), before);
        }
    });
    assert!(answers > 50);
    let clean = clean();
    assert_eq!(transcript.datagrams, clean.datagrams);
    assert_eq!(transcript.events, clean.events);
    assert!(agents.iter().all(|agent| agent.state() == State::Completed));
}

#[test]
fn forged_requests_responses_and_errors_change_nothing() {
    let forger = RUST_CRYPTO.key(b"not the password of anyone");
    let mut forged = 0;
    let (transcript, _) = Session::new().run(|session, to, bytes, _| {
        let victims: Vec<_> = session.agents[to].local_ufrags().map(str::to_owned).collect();
        let id = Message::parse(bytes).unwrap().transaction_id();
        for (victim, id) in victims.iter().flat_map(|victim| [(victim, id), (victim, TransactionId([1; 12]))])
        {
            for class in [Class::Request, Class::Success, Class::Error] {
                for sealed in [false, true] {
                    for code in [ErrorCode::ROLE_CONFLICT, ErrorCode::FORBIDDEN, ErrorCode::BAD_REQUEST] {
                        let mut out = vec![];
                        let mut writer = Writer::new(&mut out, class, Method::BINDING, id)
                            .username(victim.as_bytes(), b"forger")
                            .priority(u32::MAX)
                            .ice_controlling(u64::MAX)
                            .use_candidate()
                            .xor_mapped_address(STRANGER.parse().unwrap())
                            .error_code(code);
                        if sealed {
                            writer = writer.integrity(&*forger);
                        }
                        writer.fingerprint().finish().unwrap();
                        for from in [session.addresses[1 - to], STRANGER.parse().unwrap()] {
                            session.refuse(to, from, &out);
                            forged += 1;
                        }
                    }
                }
            }
        }
    });
    assert!(forged > 500);
    assert_eq!(transcript, clean());
}

/// Known fault 23: the path follows ICE alone, whatever payload comes from elsewhere.
#[test]
fn a_flood_of_payload_from_elsewhere_neither_qualifies_nor_moves_the_path() {
    let (transcript, agents) = Session::new().run(|session, to, _, _| {
        for port in 1..200 {
            let from = SocketAddr::from(([203, 0, 113, 9], port));
            let mut bytes = [0x80, 96, 0, 1, 2, 3];
            let path = Path::udp(session.addresses[to], from);
            let received = session.agents[to].handle_datagram(session.now, path, &mut bytes).unwrap();
            assert!(matches!(received, Received::Payload { qualified: false, .. }));
        }
    });
    assert_eq!(transcript, clean());
    assert!(agents.iter().all(|agent| agent.pairs().count() == 1));
}

/// What an attacker without the password gives away of his own, and what the agents send beside what they would have sent.
#[test]
fn payload_forged_on_the_peers_path_costs_less_than_three_times_its_bytes_and_moves_nothing() {
    let (clean_bytes, clean_events) = {
        let clean = clean();
        (bytes_of(&clean), clean.events.len())
    };
    for len in [1, 20, 200] {
        let mut forged = 0;
        let (transcript, agents) = Session::new().run(|session, to, _, _| {
            for from in [session.addresses[1 - to], STRANGER.parse().unwrap()] {
                for _ in 0..3 {
                    let mut bytes = vec![0x80; len];
                    let path = Path::udp(session.addresses[to], from);
                    let received = session.agents[to].handle_datagram(session.now, path, &mut bytes);
                    assert!(matches!(received, Ok(Received::Payload { .. })));
                    forged += len;
                }
            }
        });
        assert!(bytes_of(&transcript) <= clean_bytes + 3 * forged, "{len}");
        assert_eq!(transcript.events.len(), clean_events);
        for agent in agents {
            assert_eq!(agent.state(), State::Completed);
            assert_eq!(agent.pairs().count(), 1);
            assert_eq!(agent.stats().selected_pair_changes, 2, "the first pair, and that of the restart");
        }
    }
}

fn bytes_of(transcript: &Transcript) -> usize {
    transcript.datagrams.iter().map(|(_, _, bytes)| bytes.len()).sum()
}
