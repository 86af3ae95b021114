#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test panics")]
//! Whole frames in order, whatever became of their packets.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use duologue_netsim::Network;
use duologue_rtp::codec::{Codec, Layers, Packetizer};
use duologue_rtp::extension::{Kind, Set};
use duologue_rtp::stream::jitter::{AfterLoss, Incoming, JitterBuffer, JitterConfig, JitterDiscard};
use duologue_rtp::stream::{Frame, ReceiverId};
use duologue_rtp::{ExtendedSequence, ExtendedTimestamp, PayloadType};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Packet {
    sequence: u64,
    timestamp: u64,
    codec: Codec,
    marker: bool,
    payload: Vec<u8>,
}

/// Makes packets of frames of video.
struct Source {
    packetizer: Packetizer,
    prefixes: BytesMut,
    sequence: u64,
    frame: u64,
}

impl Source {
    fn new(sequence: u64) -> Self {
        Self { packetizer: Packetizer::new(Codec::Vp8, 77), prefixes: BytesMut::new(), sequence, frame: 0 }
    }

    /// The next frame, in about so many packets.
    fn frame(&mut self, key: bool, packets: usize) -> Vec<Packet> {
        let frame = Bytes::from(content(self.frame, key, packets));
        let mut fragments = VecDeque::new();
        self.packetizer
            .packetize(&frame, Layers::default(), 200, &mut self.prefixes, &mut fragments)
            .unwrap();
        let timestamp = (1 << 32) + self.frame * 3000;
        self.frame += 1;
        let packets = fragments.into_iter().map(|fragment| {
            self.sequence += 1;
            Packet {
                sequence: self.sequence - 1,
                timestamp,
                codec: Codec::Vp8,
                marker: fragment.last,
                payload: [fragment.prefix, fragment.body].concat(),
            }
        });
        packets.collect()
    }

    fn padding(&mut self) -> Packet {
        self.sequence += 1;
        let timestamp = (1 << 32) + self.frame.saturating_sub(1) * 3000;
        Packet {
            sequence: self.sequence - 1,
            timestamp,
            codec: Codec::Vp8,
            marker: false,
            payload: Vec::new(),
        }
    }
}

fn content(frame: u64, key: bool, packets: usize) -> Vec<u8> {
    let mut content = vec![u8::from(!key)];
    content.extend_from_slice(&frame.to_be_bytes());
    content.resize(packets * 180, u8::try_from(frame % 256).unwrap());
    content
}

struct Bench {
    start: Instant,
    buffer: JitterBuffer,
}

impl Bench {
    fn new(after_loss: AfterLoss) -> Self {
        Self::with(after_loss, |_| ())
    }

    fn with(after_loss: AfterLoss, adapt: impl FnOnce(&mut JitterConfig)) -> Self {
        let mut config = JitterConfig::default();
        config.after_loss = after_loss;
        adapt(&mut config);
        Self { start: Network::new(0).now(), buffer: JitterBuffer::new(ReceiverId(5), config) }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn insert(&mut self, millis: u64, packet: &Packet) -> Result<(), JitterDiscard> {
        self.insert_with(millis, packet, Set::new())
    }

    fn insert_with(&mut self, millis: u64, packet: &Packet, extensions: Set) -> Result<(), JitterDiscard> {
        let now = self.at(millis);
        self.buffer.insert(
            now,
            Incoming {
                sequence: ExtendedSequence(packet.sequence),
                timestamp: ExtendedTimestamp(packet.timestamp),
                codec: packet.codec,
                payload_type: PayloadType::new(96).unwrap(),
                marker: packet.marker,
                payload: &packet.payload,
                arrival: now,
                extensions,
            },
        )
    }

    fn insert_all(&mut self, millis: u64, packets: &[Packet]) {
        for packet in packets {
            self.insert(millis, packet).unwrap();
        }
    }

    fn frames(&mut self, millis: u64) -> Vec<Frame> {
        let now = self.at(millis);
        let frames = std::iter::from_fn(|| self.buffer.poll(now)).collect();
        assert!(self.buffer.deadline().is_none_or(|deadline| deadline > now), "progress");
        frames
    }

    /// The numbers of the frames that are there to be read.
    fn numbers(&mut self, millis: u64) -> Vec<u64> {
        self.frames(millis).iter().map(number).collect()
    }

    fn deadline(&self) -> Option<u64> {
        let deadline = self.buffer.deadline()?;
        Some(u64::try_from((deadline - self.start).as_millis()).unwrap())
    }
}

fn number(frame: &Frame) -> u64 {
    u64::from_be_bytes(frame.payload[1..9].try_into().unwrap())
}

/// The frames' numbers, and whether they follow a gap.
fn gaps(frames: &[Frame]) -> Vec<(u64, bool)> {
    frames.iter().map(|frame| (number(frame), frame.after_gap)).collect()
}

#[test]
fn a_frame_is_released_with_its_last_packet() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(65_530);
    for n in 0..50u64 {
        let packets = source.frame(n == 0, 1 + usize::try_from(n % 7).unwrap());
        let (last, others) = packets.split_last().unwrap();
        bench.insert_all(n * 33, others);
        assert!(bench.numbers(n * 33 + 1).is_empty() && !bench.buffer.is_readable());
        bench.insert(n * 33 + 2, last).unwrap();
        assert!(bench.buffer.is_readable());
        let frames = bench.frames(n * 33 + 2);
        let [frame] = &frames[..] else { unreachable!() };
        assert_eq!(frame.payload, content(n, n == 0, 1 + usize::try_from(n % 7).unwrap()));
        assert_eq!((frame.receiver, frame.codec), (ReceiverId(5), Codec::Vp8));
        assert_eq!(frame.timestamp.0, packets[0].timestamp);
        assert_eq!((frame.first_sequence.0, frame.last_sequence.0), (packets[0].sequence, last.sequence));
        let began = bench.at(n * 33 + if others.is_empty() { 2 } else { 0 });
        assert_eq!((frame.first_arrival, frame.last_arrival), (began, bench.at(n * 33 + 2)));
        assert_eq!((frame.description.key_frame, frame.after_gap), (n == 0, false));
        assert_eq!(bench.deadline(), None);
    }
    assert!(!bench.buffer.take_wants_key_frame());
    assert_eq!(bench.buffer.take_useless_before(), None);
}

#[test]
fn order_does_not_matter() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(9);
    let first = source.frame(true, 3);
    bench.insert_all(0, &first);
    let mut packets: Vec<_> = (0..5).flat_map(|_| source.frame(false, 4)).collect();
    packets.reverse();
    for packet in &packets {
        assert_eq!(bench.numbers(0).len(), usize::from(packet.sequence == packets[0].sequence));
        bench.insert(1, packet).unwrap();
        let twice = bench.insert(1, packet);
        assert_eq!(twice, Err(JitterDiscard::Duplicate));
    }
    assert_eq!(bench.numbers(1), [1, 2, 3, 4, 5]);
    assert_eq!((bench.buffer.counters().duplicates, bench.buffer.waiting()), (packets.len() as u64, 0));
}

#[test]
fn a_frame_without_a_marker_ends_before_the_next_timestamp() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(0);
    for n in 0..10 {
        let mut packets = source.frame(n == 0, 3);
        packets.iter_mut().for_each(|packet| packet.marker = false);
        packets.reverse();
        bench.insert_all(n, &packets);
        assert_eq!(bench.numbers(n), if n == 0 { vec![] } else { vec![n - 1] });
    }
}

#[test]
fn padding_fills_its_number_and_belongs_to_no_frame() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(0);
    bench.insert_all(0, &source.frame(true, 2));
    let padding = [source.padding(), source.padding()];
    let next = source.frame(false, 2);
    bench.insert(0, &padding[0]).unwrap();
    bench.insert_all(0, &next);
    assert_eq!(bench.numbers(0), [0]);
    bench.insert(0, &padding[1]).unwrap();
    let frames = bench.frames(0);
    assert_eq!(number(&frames[0]), 1);
    assert_eq!(frames[0].first_sequence.0, next[0].sequence);
    assert_eq!(bench.buffer.counters().padding, 2);
}

#[test]
fn nothing_but_a_key_frame_begins() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(100);
    for n in 0..3 {
        let packets = source.frame(false, 3);
        // The first frame is met in its middle.
        bench.insert_all(n, &packets[usize::from(n == 0)..]);
        assert_eq!(bench.buffer.take_wants_key_frame(), n > 0, "each frame that is lost tells once");
    }
    assert!(bench.numbers(2).is_empty());
    // A key frame is taken up at once, though packets before it are missing.
    source.frame(false, 3);
    bench.insert_all(3, &source.frame(true, 3));
    bench.insert_all(3, &source.frame(false, 3));
    let frames = bench.frames(3);
    assert_eq!(frames.iter().map(number).collect::<Vec<_>>(), [4, 5]);
    assert!(!bench.buffer.take_wants_key_frame());
    assert_eq!(bench.buffer.take_useless_before().unwrap(), frames[0].first_sequence.add(6));
}

#[test]
fn the_first_packets_may_be_swapped() {
    for after_loss in [AfterLoss::KeyFrame, AfterLoss::Continue] {
        let mut bench = Bench::new(after_loss);
        let mut source = Source::new(0x1_0000);
        let packets = source.frame(true, 5);
        for index in [1, 2, 0, 4, 3] {
            bench.insert(0, &packets[index]).unwrap();
        }
        assert_eq!(bench.numbers(0), [0]);
        assert!(!bench.buffer.take_wants_key_frame());
    }
}

#[test]
fn after_a_loss_frames_go_on_with_a_key_frame() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(0);
    bench.insert_all(0, &source.frame(true, 2));
    let broken = source.frame(false, 3);
    bench.insert(33, &broken[0]).unwrap();
    assert_eq!(bench.deadline(), None, "nothing is known to be missing");
    bench.insert(34, &broken[2]).unwrap();
    bench.insert_all(66, &source.frame(false, 2));
    assert_eq!(bench.numbers(533), [0]);
    assert_eq!(bench.deadline(), Some(534));
    assert!(!bench.buffer.take_wants_key_frame());
    assert!(bench.numbers(534).is_empty());
    assert!(bench.buffer.take_wants_key_frame());
    assert_eq!(bench.buffer.take_useless_before().unwrap().0, broken[2].sequence + 3);
    assert_eq!(bench.insert(540, &broken[1]), Err(JitterDiscard::TooLate));
    assert_eq!(bench.insert(540, &broken[2]), Err(JitterDiscard::Duplicate));
    bench.insert_all(600, &source.frame(false, 2));
    bench.insert_all(633, &source.frame(true, 2));
    bench.insert_all(666, &source.frame(false, 2));
    let frames = bench.frames(666);
    assert_eq!(gaps(&frames), [(4, true), (5, false)]);
    assert_eq!((bench.buffer.counters().gaps, bench.buffer.counters().too_late), (1, 1));
}

#[test]
fn a_whole_key_frame_halves_the_wait() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(0);
    bench.insert_all(0, &source.frame(true, 2));
    source.frame(false, 1);
    bench.insert_all(100, &source.frame(false, 2));
    let key = source.frame(true, 3);
    bench.insert_all(133, &key[..2]);
    bench.insert_all(166, &source.frame(false, 1));
    assert_eq!(bench.deadline(), Some(600));
    bench.insert(200, &key[2]).unwrap();
    assert_eq!(bench.deadline(), Some(350));
    assert_eq!(bench.numbers(349), [0]);
    let frames = bench.frames(350);
    assert_eq!(gaps(&frames), [(3, true), (4, false)]);
    assert!(!bench.buffer.take_wants_key_frame());
}

#[test]
fn each_gap_has_its_own_time() {
    let mut bench = Bench::new(AfterLoss::Continue);
    let mut source = Source::new(0);
    let frames: Vec<_> = (0..6).map(|n| source.frame(n == 0, 3)).collect();
    bench.insert_all(0, &frames[0]);
    // Of frame 1 the middle is missing, of frame 3 the first, noticed 200 ms later.
    bench.insert(10, &frames[1][0]).unwrap();
    bench.insert(20, &frames[1][2]).unwrap();
    bench.insert_all(20, &frames[2]);
    bench.insert_all(220, &frames[3][1..]);
    bench.insert_all(230, &frames[4]);
    assert_eq!(bench.deadline(), Some(520));
    assert_eq!(bench.numbers(519), [0]);
    let given_up = bench.frames(520);
    assert_eq!(gaps(&given_up), [(2, true)]);
    assert_eq!(bench.deadline(), Some(720));
    // A repair in time completes the other.
    bench.insert(719, &frames[3][0]).unwrap();
    bench.insert_all(719, &frames[5]);
    let rest = bench.frames(719);
    assert!(rest.iter().all(|frame| !frame.after_gap));
    assert_eq!(rest.iter().map(number).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(!bench.buffer.take_wants_key_frame());
}

fn audio(sequence: u64, codec: Codec) -> Packet {
    let payload = [&[0][..], &sequence.to_be_bytes()].concat();
    Packet { sequence, timestamp: (1 << 32) + sequence * 960, codec, marker: false, payload }
}

#[test]
fn lost_audio_is_waited_for_and_passed_over() {
    let mut bench = Bench::with(AfterLoss::Continue, |config| config.max_wait = Duration::from_millis(60));
    for n in (0..20).filter(|n| *n != 10 && *n != 11) {
        bench.insert(n * 20, &audio(n, Codec::Opus)).unwrap();
        let expected: Vec<u64> = match n {
            12..15 => vec![],
            15 => (12..=15).collect(),
            _ => vec![n],
        };
        let frames = bench.frames(n * 20);
        assert_eq!(frames.iter().map(number).collect::<Vec<_>>(), expected);
        assert!(frames.iter().all(|frame| frame.after_gap == (number(frame) == 12)));
    }
    assert_eq!(bench.insert(400, &audio(10, Codec::Opus)), Err(JitterDiscard::TooLate));
    assert_eq!(bench.buffer.take_useless_before(), Some(ExtendedSequence(20)));
    assert!(!bench.buffer.take_wants_key_frame());
}

#[test]
fn telephone_events_interleave_with_audio() {
    let mut bench = Bench::new(AfterLoss::Continue);
    for n in 0..30 {
        let mut packet = audio(n, if n % 3 == 0 { Codec::Opus } else { Codec::TelephoneEvent });
        // An event is told again and again with the time it began.
        packet.timestamp = (1 << 32) + n / 6 * 960;
        bench.insert(n, &packet).unwrap();
        let frames = bench.frames(n);
        assert!(frames.len() == 1 && number(&frames[0]) == n && frames[0].codec == packet.codec);
    }
}

#[test]
fn a_frame_has_the_extensions_of_all_its_packets() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut block = BytesMut::new();
    let mut set = |elements: &[(Kind, &[u8])]| {
        let mut builder = Set::builder(&mut block);
        for (kind, value) in elements {
            builder.push(*kind, value);
        }
        builder.finish()
    };
    let packets = Source::new(0).frame(true, 3);
    bench.insert_with(0, &packets[1], set(&[])).unwrap();
    bench.insert_with(0, &packets[0], set(&[(Kind::AbsCaptureTime, &[1; 8])])).unwrap();
    let last = set(&[(Kind::VideoOrientation, &[1]), (Kind::AbsCaptureTime, &[2; 8])]);
    bench.insert_with(0, packets.last().unwrap(), last).unwrap();
    let frame = bench.frames(0).pop().unwrap();
    assert_eq!(frame.extensions.value(Kind::VideoOrientation), Some(&[1][..]));
    assert_eq!(frame.extensions.value(Kind::AbsCaptureTime), Some(&[2; 8][..]));
    assert_eq!(frame.extensions.iter().count(), 2);
}

#[test]
fn frames_that_nobody_reads_are_bounded() {
    for (max_packets, max_bytes) in [(50, 4 << 20), (2048, 20_000)] {
        let mut bench = Bench::with(AfterLoss::Continue, |config| {
            (config.max_packets, config.max_bytes) = (max_packets, max_bytes);
        });
        let mut refused = 0;
        for n in 0..10_000 {
            let mut packet = audio(n, Codec::Opus);
            packet.payload.resize(100, 0);
            match bench.insert(n, &packet) {
                Ok(()) => {}
                Err(JitterDiscard::Full) => refused += 1,
                other => assert_eq!(other, Ok(())),
            }
        }
        assert_eq!(bench.buffer.counters().full, refused);
        assert!(refused > 9000);
        let read = bench.numbers(10_000);
        assert!(read.is_sorted() && read.len() + usize::try_from(refused).unwrap() == 10_000);
        // And it goes on.
        let mut last = 0;
        for n in 10_000..11_000 {
            bench.insert(n, &audio(n, Codec::Opus)).unwrap();
            last = bench.numbers(n).last().copied().unwrap_or(last);
        }
        assert_eq!(last, 10_999);
    }
}

#[test]
fn each_second_packet_missing_for_ever_neither_stalls_nor_grows() {
    for (max_packets, pause) in [(2048, 1), (64, 0)] {
        let mut bench = Bench::with(AfterLoss::Continue, |config| config.max_packets = max_packets);
        let mut heard = 0;
        for n in 0..20_000 {
            bench.insert(n * pause, &audio(n * 2, Codec::Opus)).unwrap();
            assert!(bench.buffer.waiting() <= max_packets);
            heard += bench.numbers(n * pause).len();
        }
        assert!(heard > 19_000, "{heard}");
        let mut bench = Bench::with(AfterLoss::KeyFrame, |config| config.max_packets = max_packets);
        let mut source = Source::new(0);
        let mut wanted = 0;
        for n in 0..4000 {
            let packets = source.frame(n % 1000 == 0, 4);
            for packet in packets.iter().step_by(2) {
                bench.insert(n * pause, packet).unwrap();
            }
            assert!(bench.buffer.waiting() <= max_packets && bench.numbers(n * pause).is_empty());
            wanted += u32::from(bench.buffer.take_wants_key_frame());
        }
        assert!(wanted >= 3, "{wanted}");
        bench.insert_all(5000, &source.frame(true, 4));
        assert_eq!(bench.numbers(6000), [4000]);
    }
}

#[test]
fn a_frame_that_never_ends_is_given_up() {
    let mut bench = Bench::with(AfterLoss::KeyFrame, |config| config.max_bytes = 100_000);
    let mut source = Source::new(0);
    let packets = source.frame(true, 2000);
    let refused = packets.iter().filter(|packet| bench.insert(0, packet).is_err()).count();
    assert_eq!((refused, bench.buffer.counters().too_long), (1, 1));
    assert!(bench.numbers(0).is_empty() && bench.buffer.take_wants_key_frame());
    bench.insert_all(1, &source.frame(false, 2));
    bench.insert_all(2, &source.frame(true, 2));
    assert_eq!(bench.numbers(2), [2]);
}

#[test]
fn jumps_of_the_numbers_are_followed() {
    let mut bench = Bench::new(AfterLoss::KeyFrame);
    let mut source = Source::new(100_000);
    bench.insert_all(0, &source.frame(true, 2));
    for (n, jump) in [(1, 1i64 << 15), (2, 1 << 40), (3, -(1 << 40)), (4, -50_000)] {
        source.sequence = source.sequence.checked_add_signed(jump).unwrap();
        // Of two packets from far behind the first is refused; the frame after it is whole.
        for packet in source.frame(true, 4) {
            let _ = bench.insert(n, &packet);
        }
        bench.insert_all(n, &source.frame(true, 2));
        let key = source.frame - 1;
        assert!(bench.numbers(n).contains(&key), "{jump}");
        assert_eq!(bench.buffer.counters().jumps, n);
    }
    // One stray packet is no jump back.
    let stray = Packet { sequence: 3, ..source.padding() };
    assert_eq!(bench.insert(9, &stray), Err(JitterDiscard::TooLate));
    assert_eq!(bench.insert(9, &stray), Err(JitterDiscard::TooLate));
    assert_eq!(bench.buffer.counters().jumps, 4);
}

#[test]
fn a_payload_of_no_codec_spoils_its_frame_alone() {
    let mut bench = Bench::new(AfterLoss::Continue);
    let mut source = Source::new(0);
    for n in 0..10 {
        let mut packets = source.frame(n == 0, 3);
        if n == 4 {
            // An extension that is not there.
            packets[1].payload = vec![0x80];
        }
        for packet in &packets {
            let result = bench.insert(n, packet);
            assert_eq!(result.is_err(), packet.payload.len() == 1, "{result:?}");
        }
        let frames = bench.frames(n);
        assert_eq!(frames.iter().map(number).collect::<Vec<_>>(), if n == 4 { vec![] } else { vec![n] });
        assert!(frames.iter().all(|frame| frame.after_gap == (n == 5)));
    }
    assert_eq!(bench.buffer.counters().payloads, 1);
}

#[test]
fn the_rest_of_a_broken_frame_makes_no_frame() {
    let mut bench = Bench::new(AfterLoss::Continue);
    let mut source = Source::new(0);
    bench.insert_all(0, &source.frame(true, 2));
    let mut broken = source.frame(false, 4);
    // It looks like the beginning of a frame, as a slice of a picture may.
    broken[2].payload = source.frame(false, 1)[0].payload.clone();
    source.sequence -= 1;
    broken.remove(1);
    bench.insert_all(1, &broken);
    bench.insert_all(2, &source.frame(false, 2));
    assert_eq!(bench.numbers(2), [0]);
    assert_eq!(bench.numbers(600), [3]);
}

/// What becomes of one packet: after how many milliseconds it comes, if it does, and a copy of it.
fn fate() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    let delay = prop_oneof![6 => (0..5u64).prop_map(Some), 2 => (0..250u64).prop_map(Some), 1 => (400..900u64).prop_map(Some), 1 => Just(None)];
    let copy = prop_oneof![9 => Just(None), 1 => (0..900u64).prop_map(Some)];
    (delay, copy)
}

/// A frame's packets, whether it is a key frame, whether it has a marker, whether padding follows.
fn shape() -> impl Strategy<Value = (usize, bool, bool, bool)> {
    (1..6usize, prop::bool::weighted(0.15), prop::bool::weighted(0.8), prop::bool::weighted(0.1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn frames_are_whole_and_in_order_and_go_on_after_loss(
        shapes in prop::collection::vec(shape(), 1..60),
        fates in prop::collection::vec(fate(), 360),
        key_frames in any::<bool>(),
        max_packets in prop_oneof![Just(2048usize), 4..40usize],
    ) {
        let after_loss = if key_frames { AfterLoss::KeyFrame } else { AfterLoss::Continue };
        let mut bench = Bench::with(after_loss, |config| config.max_packets = max_packets);
        let mut source = Source::new(65_500);
        let mut arrivals = Vec::new();
        let mut fates = fates.into_iter();
        for (n, (packets, key, marker, padding)) in (0..).zip(&shapes) {
            let mut packets = source.frame(*key, *packets);
            packets.last_mut().unwrap().marker = *marker;
            packets.extend(padding.then(|| source.padding()));
            for packet in packets {
                let (delay, copy) = fates.next().unwrap();
                arrivals.extend(delay.map(|delay| (n * 33 + delay, packet.clone())));
                arrivals.extend(copy.map(|delay| (n * 33 + delay, packet)));
            }
        }
        arrivals.sort_by_key(|(at, _)| *at);
        // The loss ends, with a key frame.
        let end = shapes.len() as u64 * 33 + 2000;
        let tail = source.frame;
        for n in 0..5 {
            let packets = source.frame(n == 0, 3);
            arrivals.extend(packets.into_iter().map(|packet| (end + n * 33, packet)));
        }
        let mut read: Vec<Frame> = Vec::new();
        for (at, packet) in &arrivals {
            while let Some(deadline) = bench.deadline().filter(|deadline| deadline <= at) {
                read.extend(bench.frames(deadline));
            }
            let _ = bench.insert(*at, packet);
            prop_assert!(bench.buffer.waiting() <= max_packets);
            read.extend(bench.frames(*at));
        }
        read.extend(bench.frames(end + 5000));
        let mut before = None;
        for frame in &read {
            let n = number(frame);
            let key = frame.payload[0] == 0;
            let (packets, is_key) = shapes.get(usize::try_from(n).unwrap()).map_or((3, n == tail), |s| (s.0, s.1));
            prop_assert_eq!(&frame.payload[..], &content(n, is_key, packets)[..], "a whole frame");
            prop_assert_eq!(key, is_key);
            prop_assert!(before.is_none_or(|before| before < n), "in order");
            let follows = before.is_some_and(|before| before + 1 == n);
            if key_frames {
                prop_assert!(key || follows, "after a loss, a key frame");
            }
            prop_assert!(follows || before.is_none() || frame.after_gap);
            before = Some(n);
        }
        let last: Vec<u64> = read.iter().map(number).filter(|n| *n >= tail).collect();
        prop_assert_eq!(last, (tail..tail + 5).collect::<Vec<_>>(), "the stream goes on");
    }
}
