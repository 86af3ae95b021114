//! Two connections, a network that does anything to their datagrams, and a forger: the contract's rules hold after
//! each operation. The cryptography is replaced by checksums without keys, so that the forger can also say what only
//! the peer could.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use duologue_dtls::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, KeyExchange, NONCE_LEN, PUBLIC_KEY_LEN, Provider,
    SigningKey, TAG_LEN, Zeroizing,
};
use duologue_dtls::handshake::{Fragment, HandshakeType};
use duologue_dtls::{
    CipherSuite, Config, Connection, ContentType, Event, Failure, FingerprintHash, Identity, MIN_MTU,
    NamedGroup, RECORD_HEADER_LEN, RecordHeader, Role, Validity,
};

/// Runs the operations that `data` describes.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(setup) = Setup::arbitrary(&mut input) else { return };
    let mut world = World::new(&setup);
    for _ in 0..MAX_OPS {
        if input.is_empty() {
            break;
        }
        let Ok(op) = Op::arbitrary(&mut input) else { break };
        world.apply(op);
    }
    world.heal();
}

const MAX_OPS: usize = 200;

#[derive(Debug, Arbitrary)]
struct Setup {
    cookie_exchange: bool,
    key_log: bool,
    suite: u8,
    group: u8,
    mtu: u16,
}

#[derive(Debug, Arbitrary)]
enum Op {
    Deliver { to: bool, index: u8 },
    Drop { to: bool, index: u8 },
    Duplicate { to: bool, index: u8 },
    Corrupt { to: bool, index: u8, bit: u16 },
    Truncate { to: bool, index: u8, len: u16 },
    Transmit { from: bool, room: u16 },
    Advance { milliseconds: u16 },
    NextDeadline,
    Settle,
    Noise { to: bool, bytes: Vec<u8> },
    Record { to: bool, content_type: u8, epoch: u8, bytes: Vec<u8> },
    Message { to: bool, kind: u8, length: u16, message_seq: u8, offset: u16, bytes: Vec<u8> },
    Authentic { to: bool, content_type: u8, number: u16, bytes: Vec<u8> },
    Send { from: bool, bytes: Vec<u8> },
    Close { side: bool },
    SetMtu { side: bool, mtu: u16 },
    SetRoundTrip { side: bool, milliseconds: u16 },
}

struct Side {
    connection: Connection,
    mtu: usize,
    sent: Vec<Vec<u8>>,
    connected: bool,
    key_logs: usize,
    ended: Option<Event>,
}

struct World {
    sides: [Side; 2],
    /// Datagrams on their way to each side.
    wires: [VecDeque<Vec<u8>>; 2],
    start: Instant,
    now: Instant,
    implicit_nonces: bool,
    /// Whether anybody but the two sides has said something that could be taken for theirs.
    forged: bool,
    /// Whether the forger has used the peer's keys.
    insider: bool,
    closed: bool,
}

impl World {
    fn new(setup: &Setup) -> Self {
        let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(1) };
        let identities =
            [1, 2].map(|seed| Arc::new(Identity::generate(&Null, [seed; 32], validity).unwrap()));
        let now = start();
        let fingerprints =
            identities.each_ref().map(|identity| identity.fingerprint(&Null, &FingerprintHash::Sha256));
        let side = |index: usize, role| {
            let mut config = Config::new(&Null, Arc::clone(&identities[index]));
            config.cookie_exchange = setup.cookie_exchange;
            config.key_log = setup.key_log;
            config.mtu = usize::from(setup.mtu);
            if index == 0 {
                config.cipher_suites = vec![CipherSuite::ALL[usize::from(setup.suite) % 3]];
                config.groups = vec![NamedGroup::ALL[usize::from(setup.group) % 2]];
            }
            let remote = vec![fingerprints[1 - index].clone()];
            let seed = [index as u8 + 3; 32];
            Side {
                connection: Connection::new(Arc::new(config), role, remote, seed, now),
                mtu: usize::from(setup.mtu).max(MIN_MTU),
                sent: Vec::new(),
                connected: false,
                key_logs: 0,
                ended: None,
            }
        };
        Self {
            sides: [side(0, Role::Client), side(1, Role::Server)],
            wires: Default::default(),
            start: now,
            now,
            implicit_nonces: usize::from(setup.suite) % 3 == 2,
            forged: false,
            insider: false,
            closed: false,
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Deliver { to, index } => {
                if let Some(datagram) =
                    self.pick(to, index).and_then(|index| self.wires[usize::from(to)].remove(index))
                {
                    self.deliver(to, datagram);
                }
            }
            Op::Drop { to, index } => {
                let index = self.pick(to, index);
                index.and_then(|index| self.wires[usize::from(to)].remove(index));
            }
            Op::Duplicate { to, index } => {
                if let Some(index) = self.pick(to, index) {
                    let copy = self.wires[usize::from(to)][index].clone();
                    self.wires[usize::from(to)].push_back(copy);
                }
            }
            Op::Corrupt { to, index, bit } => {
                if let Some(index) = self.pick(to, index) {
                    let datagram = &mut self.wires[usize::from(to)][index];
                    let bit = usize::from(bit) % (datagram.len() * 8);
                    datagram[bit / 8] ^= 1 << (bit % 8);
                    self.forged = true;
                }
            }
            Op::Truncate { to, index, len } => {
                if let Some(index) = self.pick(to, index) {
                    let datagram = &mut self.wires[usize::from(to)][index];
                    datagram.truncate(usize::from(len) % datagram.len() + 1);
                }
            }
            Op::Transmit { from, room } => self.transmit(from, usize::from(room)),
            Op::Advance { milliseconds } => self.advance(Duration::from_millis(u64::from(milliseconds))),
            Op::NextDeadline => {
                let next = self.sides.iter().filter_map(|side| side.connection.poll_timeout()).min();
                self.advance(next.map_or(Duration::ZERO, |next| next.saturating_duration_since(self.now)));
            }
            Op::Settle => self.settle(),
            Op::Noise { to, bytes } => {
                self.forged = true;
                self.deliver(to, bytes);
            }
            Op::Record { to, content_type, epoch, bytes } => {
                self.forged = true;
                let datagram = record(ContentType(content_type), u16::from(epoch % 3), 1 << 40, &bytes);
                self.deliver(to, datagram);
            }
            Op::Message { to, kind, length, message_seq, offset, bytes } => {
                self.forged = true;
                let mut content = Vec::new();
                let (length, offset) = (u32::from(length), u32::from(offset));
                let message_seq = u16::from(message_seq % 16);
                Fragment { kind: HandshakeType(kind % 26), length, message_seq, offset, bytes: &bytes }
                    .write(&mut content);
                self.deliver(to, record(ContentType::HANDSHAKE, 0, 1 << 40, &content));
            }
            Op::Authentic { to, content_type, number, bytes } => {
                (self.forged, self.insider) = (true, true);
                let number = 1000 + u64::from(number);
                let datagram =
                    authentic(ContentType(20 + content_type % 5), number, &bytes, self.implicit_nonces);
                self.deliver(to, datagram);
            }
            Op::Send { from, bytes } => self.send(from, &bytes),
            Op::Close { side } => {
                self.closed = true;
                self.sides[usize::from(side)].connection.close(self.now);
                self.check(side);
            }
            Op::SetMtu { side, mtu } => {
                let side = &mut self.sides[usize::from(side)];
                side.mtu = usize::from(mtu).max(MIN_MTU);
                side.connection.set_mtu(usize::from(mtu));
            }
            Op::SetRoundTrip { side, milliseconds } => {
                let round_trip = Duration::from_millis(u64::from(milliseconds % 500));
                self.sides[usize::from(side)].connection.set_round_trip(round_trip);
            }
        }
    }

    fn pick(&self, to: bool, index: u8) -> Option<usize> {
        usize::from(index).checked_rem(self.wires[usize::from(to)].len())
    }

    fn deliver(&mut self, to: bool, mut datagram: Vec<u8>) {
        let now = self.now;
        let side = &mut self.sides[usize::from(to)];
        let was_connected = side.connected;
        let mut data: Vec<Vec<u8>> = Vec::new();
        let before = side.connection.stats();
        match side.connection.handle_datagram(now, &mut datagram) {
            Ok(plaintext) => data.extend(plaintext.map(<[u8]>::to_vec)),
            Err(reason) => {
                let after = side.connection.stats();
                assert!(after.discards(reason) > before.discards(reason), "each discard is counted");
            }
        }
        self.check(to);
        let side = &mut self.sides[usize::from(to)];
        while let Some(early) = side.connection.recv() {
            data.push(early);
        }
        assert!(data.is_empty() || was_connected || side.connected, "data from a peer that is not verified");
        let peer = &self.sides[usize::from(!to)];
        assert!(self.insider || data.iter().all(|data| peer.sent.contains(data)), "data that nobody sent");
    }

    /// Takes all that a side has to send into the wire.
    fn transmit(&mut self, from: bool, room: usize) {
        let side = &mut self.sides[usize::from(from)];
        let mut out = b"before".to_vec();
        for _ in 0..100 {
            let Some(len) = side.connection.poll_transmit(self.now, room, &mut out) else {
                assert_eq!(out, b"before", "nothing is appended without a datagram");
                let again = side.connection.poll_transmit(self.now, room, &mut out);
                assert_eq!((again, out.len()), (None, 6), "a second drain is empty");
                self.check(from);
                return;
            };
            assert!(len > 0 && len <= room.min(side.mtu));
            assert_eq!((&out[..6], out.len()), (&b"before"[..], 6 + len));
            self.wires[usize::from(!from)].push_back(out.split_off(6));
        }
        panic!("a drain that does not end");
    }

    fn send(&mut self, from: bool, bytes: &[u8]) {
        let side = &mut self.sides[usize::from(from)];
        let mut out = Vec::new();
        match side.connection.send(bytes, &mut out) {
            Ok(len) => {
                assert!(side.connected && side.ended.is_none());
                assert_eq!((len, out.len()), (bytes.len() + side.connection.overhead(), len));
                side.sent.push(bytes.to_vec());
                self.wires[usize::from(!from)].push_back(out);
            }
            Err(_) => assert!(out.is_empty()),
        }
    }

    fn advance(&mut self, by: Duration) {
        // An early call does nothing.
        for index in [false, true] {
            let side = &mut self.sides[usize::from(index)];
            let deadline = side.connection.poll_timeout();
            if deadline.is_some_and(|deadline| deadline > self.now) {
                side.connection.handle_timeout(self.now);
                assert_eq!(side.connection.poll_timeout(), deadline);
            }
        }
        self.now += by;
        for index in [false, true] {
            let side = &mut self.sides[usize::from(index)];
            side.connection.handle_timeout(self.now);
            assert!(side.connection.poll_timeout().is_none_or(|next| next > self.now), "no progress");
            self.check(index);
        }
    }

    /// Takes the events of a side and checks what must hold at any time.
    fn check(&mut self, index: bool) {
        let side = &mut self.sides[usize::from(index)];
        while let Some(event) = side.connection.poll_event() {
            assert_eq!(side.ended, None, "an event after the end: {event:?}");
            match event {
                Event::Connected(_) => {
                    assert!(!side.connected, "connected twice");
                    side.connected = true;
                }
                Event::KeyLog(_) => {
                    side.key_logs += 1;
                    assert!(side.key_logs == 1 && !side.connected);
                }
                Event::Closed(_) => {
                    assert!(self.closed || self.insider, "closed by nobody");
                    side.ended = Some(event);
                }
                Event::Failed(failure) => {
                    let timeout = matches!(failure, Failure::Timeout { .. });
                    assert!(self.forged || timeout, "failed without a forger: {failure:?}");
                    assert!(!side.connected || self.insider, "failed after the handshake: {failure:?}");
                    side.ended = Some(event);
                }
                _ => {}
            }
        }
        if side.ended.is_some() {
            assert_eq!(side.connection.poll_timeout(), None);
            assert_eq!(side.connection.poll_transmit(self.now, 1500, &mut Vec::new()), None);
        }
        let stats = side.connection.stats();
        assert!(stats.reassembly_bytes <= 32 * 1024 && stats.early_bytes <= 16 * 1024);
        let mut key = [0; 16];
        let exported = side.connection.export_keying_material("label", None, &mut key).is_ok();
        assert!(!exported || side.connected);
    }

    /// Lets the network work: unless somebody forged, closed or waited too long, both sides get connected.
    fn heal(&mut self) {
        let hopeless = self.forged || self.closed || self.now > self.start + Duration::from_secs(5);
        self.settle();
        assert!(hopeless || self.sides.iter().all(|side| side.connected), "not connected");
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            for from in [false, true] {
                self.transmit(from, 1500);
            }
            for to in [false, true] {
                while let Some(datagram) = self.wires[usize::from(to)].pop_front() {
                    self.deliver(to, datagram);
                }
            }
            if self.sides.iter().all(|side| side.connected || side.ended.is_some()) {
                break;
            }
            if self.wires.iter().all(VecDeque::is_empty) {
                let next = self.sides.iter().filter_map(|side| side.connection.poll_timeout()).min();
                let Some(next) = next else { break };
                self.advance(next.saturating_duration_since(self.now));
            }
        }
    }
}

/// An instant without a clock: the epoch of all runs.
fn start() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(now)
}

#[expect(clippy::disallowed_methods, reason = "the one first instant, which nothing depends on")]
fn now() -> Instant {
    Instant::now()
}

fn record(content_type: ContentType, epoch: u16, sequence_number: u64, content: &[u8]) -> Vec<u8> {
    let length = content.len().min(usize::from(u16::MAX)) as u16;
    let header = RecordHeader { content_type, version: RecordHeader::DTLS12, epoch, sequence_number, length };
    let mut out = header.to_bytes().to_vec();
    out.extend_from_slice(&content[..usize::from(length)]);
    out
}

/// A record of epoch 1 with a valid tag.
fn authentic(content_type: ContentType, sequence_number: u64, content: &[u8], implicit: bool) -> Vec<u8> {
    let content = &content[..content.len().min(1 << 14)];
    let mut sealed = Vec::new();
    let number = (1 << 48 | sequence_number).to_be_bytes();
    if !implicit {
        sealed.extend_from_slice(&number);
    }
    sealed.extend_from_slice(content);
    let mut aad = number.to_vec();
    aad.extend_from_slice(&[content_type.0, 0xfe, 0xfd]);
    aad.extend_from_slice(&(content.len() as u16).to_be_bytes());
    sealed.extend_from_slice(&tag(&aad, content));
    let mut out = record(content_type, 1, sequence_number, &sealed);
    out.truncate(RECORD_HEADER_LEN + sealed.len());
    out
}

/// Cryptography without any security: checksums that everyone can compute.
#[derive(Debug)]
struct Null;

fn checksum(parts: &[&[u8]]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().copied().flatten() {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        state ^= state >> 29;
    }
    state
}

fn stretch<const N: usize>(mut state: u64) -> [u8; N] {
    std::array::from_fn(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
}

fn tag(aad: &[u8], plaintext: &[u8]) -> [u8; TAG_LEN] {
    stretch(checksum(&[aad, plaintext]))
}

impl Provider for Null {
    fn is_deterministic(&self) -> bool {
        true
    }

    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Digest {
        let bytes: [u8; 64] = stretch(checksum(parts));
        Digest::new(&bytes[..hash.output_len()])
    }

    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Digest {
        let inner = checksum(parts).to_be_bytes();
        self.digest(hash, &[key, &inner])
    }

    fn aead(&self, _algorithm: AeadAlgorithm, _key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        Ok(Box::new(Self))
    }

    fn key_exchange(&self, group: NamedGroup, seed: &[u8; 32]) -> Result<Box<dyn KeyExchange>, CryptoError> {
        let len = if group == NamedGroup::X25519 { 32 } else { PUBLIC_KEY_LEN };
        Ok(Box::new(NullShare(stretch::<PUBLIC_KEY_LEN>(checksum(&[seed]))[..len].to_vec())))
    }

    fn signing_key(&self, private_key: &[u8; 32]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let mut public = stretch::<PUBLIC_KEY_LEN>(checksum(&[private_key]));
        public[0] = 4;
        Ok(Box::new(NullKey(public)))
    }

    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let expected = stretch::<64>(checksum(&[public_key, message]));
        if signature == expected { Ok(()) } else { Err(CryptoError) }
    }
}

impl Aead for Null {
    fn seal(
        &self,
        _nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        Ok(tag(aad, in_out))
    }

    fn open(&self, _nonce: &[u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let (plaintext, given) = in_out.split_last_chunk::<TAG_LEN>().ok_or(CryptoError)?;
        if *given == tag(aad, plaintext) { Ok(()) } else { Err(CryptoError) }
    }
}

#[derive(Debug)]
struct NullShare(Vec<u8>);

impl KeyExchange for NullShare {
    fn public_key(&self) -> &[u8] {
        &self.0
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        if peer.len() != self.0.len() {
            return Err(CryptoError);
        }
        let both: Vec<u8> = self.0.iter().zip(peer).map(|(ours, theirs)| ours ^ theirs).collect();
        Ok(Zeroizing::new(stretch(checksum(&[&both]))))
    }
}

#[derive(Debug)]
struct NullKey([u8; PUBLIC_KEY_LEN]);

impl SigningKey for NullKey {
    fn public_key(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.0
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(stretch::<64>(checksum(&[&self.0, message])).to_vec())
    }
}
