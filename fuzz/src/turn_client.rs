//! A sequence of operations on a TURN client whose server is the fuzzer.
//!
//! The cryptography is a null provider, so that the fuzzer's answers are believed: what is checked is that nothing
//! panics, grows past its bound, or makes a deadline lie in the past.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use duologue_stun::auth::Credentials;
use duologue_stun::turn::{
    Client, ClientConfig, ClientTransport, Event, Families, HEADROOM, Received, TAILROOM,
};
use duologue_stun::{AttributeType, Class, ErrorCode, Message, Writer};

use crate::null::{NULL, Null, start};

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    Advance(u16),
    Long(u16),
    Back(u16),
    Transmit {
        room: u16,
    },
    /// An answer to the last request, of parts that the client may look for.
    Answer {
        code: u16,
        sealed: bool,
        parts: Vec<Part<'a>>,
    },
    Inject(&'a [u8]),
    Channel {
        number: u8,
        data: &'a [u8],
    },
    Permit(u8),
    Forget(u8),
    Send {
        peer: u8,
        start: u8,
        len: u8,
    },
    Credentials,
    Opened,
    Events,
    Close,
}

#[derive(Debug, Arbitrary)]
enum Part<'a> {
    Relayed(u8),
    Lifetime(u32),
    Realm(u8),
    Nonce(&'a [u8]),
    Alternate(u8),
    FamilyError(u8, u16),
    Any(u16, &'a [u8]),
}

struct World {
    now: Instant,
    client: Client,
    last: Option<Vec<u8>>,
    ended: bool,
}

/// Runs the operations that the bytes spell.
pub fn run(data: &[u8]) {
    moved(data);
}

/// The same; tells how many answers the client has believed.
pub fn moved(data: &[u8]) -> u64 {
    let mut input = Unstructured::new(data);
    let flags = u8::arbitrary(&mut input).unwrap_or_default();
    let mut config = ClientConfig::new(&NULL, address(200));
    config.max_peers = 8;
    config.channels = flags & 1 == 0;
    config.dont_fragment = flags & 2 != 0;
    if flags & 4 != 0 {
        config.transport = ClientTransport::Stream;
    }
    if flags & 8 == 0 {
        config.credentials = Some(credentials());
    }
    config.families = match flags >> 4 & 3 {
        0 => Families::Ipv4,
        1 => Families::Ipv6,
        _ => Families::Both,
    };
    let now = start();
    let client = Client::new(Arc::new(config), [1; 32], now);
    let mut world = World { now, client, last: None, ended: false };
    let mut steps = 0;
    while let Ok(op) = Op::arbitrary(&mut input) {
        world.step(op);
        steps += 1;
        if steps > 2000 || input.is_empty() {
            break;
        }
    }
    world.client.stats().responses_received
}

impl World {
    fn step(&mut self, op: Op<'_>) {
        match op {
            Op::Advance(ms) => self.advance(Duration::from_millis(u64::from(ms))),
            Op::Long(seconds) => self.advance(Duration::from_secs(u64::from(seconds))),
            Op::Back(ms) => {
                let before = self.now.checked_sub(Duration::from_millis(u64::from(ms))).unwrap_or(self.now);
                self.client.handle_timeout(before);
            }
            Op::Transmit { room } => self.transmit(usize::from(room)),
            Op::Answer { code, sealed, parts } => self.answer(code, sealed, &parts),
            Op::Inject(bytes) => self.deliver(bytes),
            Op::Channel { number, data } => {
                let Ok(len) = u16::try_from(data.len()) else { return };
                let [high, low] = len.to_be_bytes();
                self.deliver(&[&[0x40, number, high, low], data].concat());
            }
            Op::Permit(peer) => drop(self.client.permit(self.now, address(peer))),
            Op::Forget(peer) => self.client.forget(address(peer)),
            Op::Send { peer, start, len } => {
                let mut buffer = vec![1; 2 * HEADROOM + TAILROOM];
                let payload = usize::from(start)..usize::from(start) + usize::from(len);
                let headroom = self.client.headroom(address(peer));
                if let Ok(framed) = self.client.seal(address(peer), &mut buffer, payload.clone()) {
                    assert_eq!(framed.start + headroom, payload.start);
                    assert!(framed.end >= payload.end && framed.end <= payload.end + TAILROOM);
                    let kept = buffer.get(payload).unwrap_or_default();
                    assert!(kept.iter().all(|byte| *byte == 1), "the payload is left alone");
                }
            }
            Op::Credentials => self.client.set_credentials(self.now, credentials()),
            Op::Opened => self.client.stream_opened(self.now),
            Op::Events => self.events(),
            Op::Close => self.client.close(self.now),
        }
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
        assert!(self.client.poll_timeout().is_none_or(|next| next > self.now));
    }

    fn transmit(&mut self, room: usize) {
        let mut count = 0;
        let mut out = Vec::new();
        while let Some(len) = self.client.poll_transmit(self.now, room, &mut out) {
            assert!(len <= room && len == out.len());
            assert!(Message::parse(&out).is_ok());
            self.last = Some(std::mem::take(&mut out));
            count += 1;
            assert!(count < 20, "each of eight peers has one request, the allocation one");
        }
        assert!(out.is_empty());
    }

    fn answer(&mut self, code: u16, sealed: bool, parts: &[Part<'_>]) {
        let Some(Ok(request)) = self.last.as_deref().map(Message::parse) else { return };
        let (method, id) = (request.method(), request.transaction_id());
        let mut out = Vec::new();
        let class = if code == 0 { Class::Success } else { Class::Error };
        let mut writer = Writer::new(&mut out, class, method, id);
        if code != 0 {
            writer = writer.error_code(ErrorCode::new(300 + code % 400).unwrap_or(ErrorCode::BAD_REQUEST));
        }
        for part in parts {
            writer = match part {
                Part::Relayed(port) => writer.xor_relayed_address(address(*port)),
                Part::Lifetime(seconds) => writer.lifetime(*seconds),
                Part::Realm(realm) => writer.realm(&[*realm]),
                Part::Nonce(nonce) => writer.nonce(nonce),
                Part::Alternate(port) => writer.alternate_server(address(*port)),
                Part::FamilyError(family, code) => {
                    let code = ErrorCode::new(*code).unwrap_or(ErrorCode::INSUFFICIENT_CAPACITY);
                    writer.address_error_code(duologue_stun::AddressFamily(*family), code)
                }
                Part::Any(kind, value) => writer.attribute(AttributeType(*kind), value),
            };
        }
        if sealed {
            writer = writer.integrity(&Null);
        }
        if writer.finish().is_ok() {
            self.deliver(&out);
        }
    }

    fn deliver(&mut self, bytes: &[u8]) {
        let mut datagram = bytes.to_vec();
        let handled = self.client.handle_datagram(self.now, &mut datagram);
        assert!(!(self.ended && handled.is_ok()), "nothing is taken after the end");
        if let Ok(Received::Data { payload, .. }) = handled {
            assert!(payload.len() <= bytes.len());
        }
    }

    fn events(&mut self) {
        let mut count = 0;
        while let Some(event) = self.client.poll_event() {
            assert!(!self.ended, "the terminal event is the last");
            self.ended = matches!(event, Event::Closed | Event::Failed(_));
            count += 1;
            assert!(count <= 2 * 8 + 18);
        }
        if self.ended {
            assert_eq!(self.client.poll_timeout(), None);
        }
    }
}

fn credentials() -> Credentials {
    Credentials::LongTerm { username: "user".to_owned(), password: "pass".to_owned() }
}

/// An odd number's address is IPv6.
fn address(number: u8) -> SocketAddr {
    if number.is_multiple_of(2) {
        SocketAddr::from(([192, 0, 2, number / 8 + 1], 1000 + u16::from(number)))
    } else {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number / 8) + 1], 1000))
    }
}
