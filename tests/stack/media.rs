//! Audio and video over the driver: what is negotiated flows, is repaired, and stops with its section.
use crate::support::{ALICE, BOB, Call, Setup};
use bytes::Bytes;
use duologue::rtp::PayloadType;
use duologue::rtp::codec::Codec;
use duologue::sdp::Direction;
use duologue::{
    ConnectionState, Discard, Encoding, Event, JitterConfig, KeyFrameRequest, OutgoingFrame, OutgoingPacket,
    SenderId, TrackKind, TransceiverId, TransceiverInit, codec_of,
};
use duologue_netsim::{Addresses, Link, Loss};
use std::time::Duration;

/// The time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// The first codec of a transceiver that is `wanted`, by its payload type.
fn payload_type(call: &mut Call, who: usize, id: TransceiverId, wanted: Codec) -> PayloadType {
    let one = call.peer(who).connection.transceiver(id).unwrap();
    let codec = one.send_codecs().iter().find(|codec| codec_of(codec) == Some(wanted)).unwrap();
    PayloadType::new(codec.payload_type.get()).unwrap()
}

fn sender(call: &mut Call, who: usize, id: TransceiverId) -> SenderId {
    call.peer(who).connection.senders(id).next().unwrap()
}

/// A call in which Alice sends Bob a track, agreed on and connected.
fn sending(setup: &Setup, kind: TrackKind) -> (Call, TransceiverId) {
    let mut call = Call::new(setup);
    let id = call.peer(ALICE).connection.add_track(kind, "track", &["stream".into()]).unwrap();
    call.negotiate();
    assert!(call.run(30, Call::is_connected), "{:?}", call.peer(ALICE).events);
    (call, id)
}

/// A frame that looks like one of VP8: each fortieth is a key frame.
fn vp8_frame(number: usize) -> Bytes {
    let key = number.is_multiple_of(40);
    let mut frame = vec![if key { 0x10 } else { 0x11 }, 2, 0];
    if key {
        frame.extend_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
    }
    frame.extend(
        (0..if key { 9000 } else { 3000 }).map(|index| u8::try_from((index * 7 + number) % 251).unwrap()),
    );
    frame.into()
}

fn run_for(call: &mut Call, time: Duration) {
    call.run_for(time, |_| false);
}

fn send_video(call: &mut Call, who: usize, id: TransceiverId, frames: std::ops::Range<usize>) {
    let payload_type = payload_type(call, who, id, Codec::Vp8);
    let sender = sender(call, who, id);
    for number in frames {
        let timestamp = u32::try_from(number * 2970).unwrap();
        let frame = OutgoingFrame::new(payload_type, timestamp, vp8_frame(number));
        let now = call.now();
        call.peer(who).connection.send_frame(now, sender, frame).unwrap();
        run_for(call, FRAME);
    }
}

#[test]
fn audio_packets_arrive_with_their_payload_untouched_and_a_source_of_the_senders_own() {
    let (mut call, id) = sending(&Setup::new(1), TrackKind::Audio);
    let payload_type = payload_type(&mut call, ALICE, id, Codec::Opus);
    let sender = sender(&mut call, ALICE, id);
    for number in 0..100u32 {
        let payload = Bytes::from(vec![0xfc, u8::try_from(number).unwrap(), 3]);
        let packet = OutgoingPacket::new(payload_type, number * 960, payload);
        let now = call.now();
        call.peer(ALICE).connection.send_rtp(now, sender, packet).unwrap();
        run_for(&mut call, Duration::from_millis(20));
    }
    call.wait(1);
    let bob = call.peer(BOB);
    assert_eq!(bob.packets.len(), 100);
    let first = &bob.packets[0];
    for (number, packet) in bob.packets.iter().enumerate() {
        assert_eq!(packet.payload, [0xfc, u8::try_from(number).unwrap(), 3]);
        let number = u16::try_from(number).unwrap();
        assert_eq!(
            packet.header.sequence_number.distance(first.header.sequence_number),
            number.cast_signed()
        );
        let ticks = packet.header.timestamp.distance(first.header.timestamp);
        assert_eq!(ticks, i32::from(number) * 960);
    }
    assert!(bob.told(|event| matches!(event, Event::Receiver { .. })));
    assert!(bob.told(|event| matches!(event, Event::Unmute(_))));
    let report = bob.connection.receivers().next().unwrap();
    assert_eq!(report.rid, None);
    let told = report.cname.unwrap().to_owned();
    let description = call.peer(ALICE).connection.local_description().unwrap().to_string();
    assert!(description.contains(&format!("cname:{told}\r\n")), "{told} as in the description");
}

#[test]
fn video_frames_come_out_whole_and_in_order_at_ten_percent_loss() {
    let link = Link { delay: Duration::from_millis(20), loss: Loss::Random(0.1), ..Link::default() };
    let (mut call, id) = sending(&Setup { link, ..Setup::new(6) }, TrackKind::Video);
    let theirs = call.peer(BOB).connection.transceivers().next().unwrap().id();
    call.peer(BOB).connection.set_frames(theirs, Some(JitterConfig::default()));
    send_video(&mut call, ALICE, id, 0..300);
    call.wait(2);
    let bob = call.peer(BOB);
    assert!(bob.packets.iter().filter(|packet| packet.repaired).count() > 50, "losses are repaired");
    // When the very first packets are lost nobody knows of them: the stream begins with the second key frame then.
    assert!([300, 260].contains(&bob.frames.len()), "{} frames", bob.frames.len());
    for (number, frame) in bob.frames.iter().enumerate() {
        assert_eq!(frame.timestamp.0 - bob.frames[0].timestamp.0, number as u64 * 2970);
        assert_eq!(frame.description.key_frame, number.is_multiple_of(40));
        assert_eq!(frame.payload, vp8_frame(number + 300 - bob.frames.len()), "frame {number}");
    }
}

#[test]
fn a_key_frame_request_of_the_receiver_reaches_the_sender_once() {
    let (mut call, id) = sending(&Setup::new(3), TrackKind::Video);
    send_video(&mut call, ALICE, id, 1..10);
    let receiver = call.peer(BOB).connection.receivers().next().unwrap().receiver;
    let now = call.now();
    call.peer(BOB).connection.request_key_frame(now, receiver);
    run_for(&mut call, Duration::from_millis(200));
    let asked = |event: &Event| matches!(event, Event::KeyFrameRequest { kind: KeyFrameRequest::Pli, .. });
    let alice = call.peer(ALICE);
    assert_eq!(alice.events.iter().filter(|(_, event)| asked(event)).count(), 1);
    // What is answered is not asked again.
    send_video(&mut call, ALICE, id, 40..60);
    call.wait(3);
    let alice = call.peer(ALICE);
    assert_eq!(alice.events.iter().filter(|(_, event)| asked(event)).count(), 1);
}

#[test]
fn nothing_is_sent_before_the_peer_is_verified_or_on_a_section_that_does_not_send() {
    let mut call = Call::new(&Setup::new(4));
    let mut init = TransceiverInit::default();
    init.direction = Direction::RecvOnly;
    let id = call.peer(ALICE).connection.add_track(TrackKind::Audio, "track", &[]).unwrap();
    let idle = call.peer(ALICE).connection.add_transceiver(TrackKind::Video, init).unwrap();
    assert_eq!(call.peer(ALICE).connection.senders(id).count(), 0);
    call.negotiate();
    let payload_type = payload_type(&mut call, ALICE, id, Codec::Opus);
    let sender = sender(&mut call, ALICE, id);
    let packet = OutgoingPacket::new(payload_type, 0, Bytes::from_static(b"early"));
    let now = call.now();
    let refused = call.peer(ALICE).connection.send_rtp(now, sender, packet.clone()).unwrap_err();
    assert_eq!((refused.kind, refused.refused), (duologue::SendErrorKind::NotSending, packet));
    assert!(call.run(30, Call::is_connected));
    assert_eq!(call.peer(ALICE).connection.senders(idle).count(), 0);
}

#[test]
fn video_is_added_to_a_data_call_and_taken_away_while_messages_flow() {
    let mut call = Call::connected(&Setup::new(5));
    let id = call.peer(ALICE).connection.add_track(TrackKind::Video, "camera", &[]).unwrap();
    call.negotiate();
    let theirs = call.peer(BOB).connection.transceivers().next().unwrap().id();
    call.peer(BOB).connection.set_frames(theirs, Some(JitterConfig::default()));
    send_video(&mut call, ALICE, id, 0..30);
    call.wait(1);
    assert_eq!(call.peer(BOB).frames.len(), 30);
    call.peer(ALICE).connection.stop(id).unwrap();
    call.negotiate();
    call.wait(1);
    let bob = call.peer(BOB);
    assert!(bob.told(|event| matches!(event, Event::Ended(_))));
    assert_eq!(bob.connection.receivers().count(), 0);
    assert_eq!(call.peer(ALICE).connection.senders(id).count(), 0);
    let now = call.now();
    let channel = call.peer(ALICE).channel("chat").unwrap();
    call.peer(ALICE).send(now, channel, "still here");
    assert!(call.run(5, |call| !call.peer(BOB).messages.is_empty()));
}

#[test]
fn frames_may_be_asked_for_before_anything_is_negotiated() {
    let mut call = Call::new(&Setup::new(10));
    let ours = call.peer(ALICE).connection.add_track(TrackKind::Video, "ours", &[]).unwrap();
    call.peer(ALICE).connection.set_frames(ours, Some(JitterConfig::default()));
    let theirs = call.peer(BOB).connection.add_track(TrackKind::Video, "theirs", &[]).unwrap();
    call.negotiate();
    assert!(call.run(30, Call::is_connected));
    send_video(&mut call, BOB, theirs, 0..10);
    call.wait(1);
    let alice = call.peer(ALICE);
    assert_eq!(alice.frames.len(), 10);
    assert!(alice.packets.len() > 20, "packets are handed out beside them");
}

#[test]
fn three_layers_of_simulcast_arrive_as_three_receivers_with_their_rids() {
    let mut call = Call::new(&Setup::new(6));
    let rids = ["q", "h", "f"];
    let mut init = TransceiverInit::default();
    init.direction = Direction::SendOnly;
    init.send_encodings = rids.map(Encoding::with_rid).to_vec();
    let id = call.peer(ALICE).connection.add_transceiver(TrackKind::Video, init).unwrap();
    call.negotiate();
    assert!(call.run(30, Call::is_connected));
    let payload_type = payload_type(&mut call, ALICE, id, Codec::Vp8);
    let senders: Vec<SenderId> = call.peer(ALICE).connection.senders(id).collect();
    assert_eq!(senders.len(), 3);
    for number in 0..20 {
        let now = call.now();
        for sender in &senders {
            let timestamp = u32::try_from(number * 2970).unwrap();
            let frame = OutgoingFrame::new(payload_type, timestamp, vp8_frame(number));
            call.peer(ALICE).connection.send_frame(now, *sender, frame).unwrap();
        }
        run_for(&mut call, FRAME);
    }
    let bob = &call.peer(BOB).connection;
    let mut found: Vec<&str> = bob.receivers().filter_map(|one| one.rid).collect();
    found.sort_unstable();
    assert_eq!(found, ["f", "h", "q"]);
    assert_eq!(call.peer(BOB).connection.connection_state(), ConnectionState::Connected);
}

/// Sends an audio packet each 20 ms while `at` happens with the `n`th.
fn talk(call: &mut Call, id: TransceiverId, packets: u8, at: impl Fn(&mut Call, u8)) {
    let payload_type = payload_type(call, ALICE, id, Codec::Opus);
    let sender = sender(call, ALICE, id);
    for number in 0..packets {
        at(call, number);
        let now = call.now();
        let packet = OutgoingPacket::new(payload_type, u32::from(number) * 960, vec![0xfc, number].into());
        call.peer(ALICE).connection.send_rtp(now, sender, packet).unwrap();
        run_for(call, Duration::from_millis(20));
    }
    run_for(call, Duration::from_secs(1));
}

#[test]
fn an_ice_restart_loses_no_packet_and_keeps_the_keys() {
    let (mut call, id) = sending(&Setup::new(7), TrackKind::Audio);
    talk(&mut call, id, 100, |call, number| {
        if number == 30 {
            call.peer(ALICE).connection.restart_ice();
            call.negotiate();
        }
    });
    let numbers: Vec<u8> = call.peer(BOB).packets.iter().map(|packet| packet.payload[1]).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<u8>>());
}

/// Asterisk's RTP bleed: media that came from elsewhere drew the answers there.
#[test]
fn media_from_another_address_is_refused_and_moves_no_path() {
    let (mut call, id) = sending(&Setup::new(8), TrackKind::Audio);
    call.peer(ALICE).sent = Some(Vec::new());
    talk(&mut call, id, 5, |_, _| {});
    let sent = call.peer(ALICE).sent.take().unwrap();
    let recorded = sent.iter().filter(|(_, bytes)| bytes[0] == 0x90 || bytes[0] == 0x80);
    let path = call.peer(BOB).connection.candidate_pairs().map(|pair| pair.path).collect::<Vec<_>>();
    let before = call.peer(BOB).packets.len();
    for (addresses, bytes) in recorded {
        let elsewhere = Addresses { source: "198.51.100.66:5000".parse().unwrap(), ..*addresses };
        call.network.inject(elsewhere, bytes);
    }
    call.wait(1);
    let bob = call.peer(BOB);
    assert!(bob.connection.stats().discarded(Discard::UnqualifiedMedia) >= 5);
    assert_eq!(bob.packets.len(), before);
    assert_eq!(bob.connection.candidate_pairs().map(|pair| pair.path).collect::<Vec<_>>(), path);
}

#[test]
fn a_bit_flipped_on_the_way_or_a_packet_sent_again_is_refused() {
    let (mut call, id) = sending(&Setup::new(9), TrackKind::Audio);
    call.peer(ALICE).sent = Some(Vec::new());
    talk(&mut call, id, 5, |_, _| {});
    let sent = call.peer(ALICE).sent.take().unwrap();
    let before = call.peer(BOB).packets.len();
    assert_eq!(before, 5);
    for (addresses, bytes) in sent.iter().filter(|(_, bytes)| bytes[0] & 0xc0 == 0x80) {
        call.network.inject(*addresses, bytes);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << (index % 8);
            call.network.inject(*addresses, &changed);
        }
    }
    call.wait(1);
    assert_eq!(call.peer(BOB).packets.len(), before, "nothing forged or repeated is handed out");
    talk(&mut call, id, 5, |_, _| {});
    assert_eq!(call.peer(BOB).packets.len(), before + 5, "and what is not still is");
}
