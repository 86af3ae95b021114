//! The browser's statistics: both sides count the same, and what was sent and received.
use crate::stats_call::{MediaCall, STEP, send, step, take_all};
use crate::support::{ALICE, BOB, Call, Setup};
use duologue::ice::{PairPhase, Role, State};
use duologue::rtp::stream::JitterConfig;
use duologue::sdp::Direction;
use duologue::{
    CandidatePairStats, ChannelConfig, ChannelState, CodecType, DtlsTransportState, Encoding,
    InboundRtpStats, NtpTime, OutboundRtpStats, PeerConnection, RemoteInboundRtpStats,
    RemoteOutboundRtpStats, TrackKind, TransceiverInit,
};
use duologue_netsim::{Link, Loss};
use std::time::{Duration, UNIX_EPOCH};

const DELAY: Duration = Duration::from_millis(10);

/// From now on packets are lost and late by chance.
fn lossy(call: &mut Call, loss: f64) {
    let jitter = Duration::from_millis(3);
    let up = Link { delay: DELAY, jitter, loss: Loss::Random(loss), ..Link::default() };
    for cable in call.cables {
        call.network.set_links(cable, up.clone(), Link::default());
    }
}

fn outbound(peer: &PeerConnection, kind: TrackKind) -> OutboundRtpStats<'_> {
    peer.outbound_rtp().find(|one| one.kind == Some(kind)).unwrap()
}

fn inbound(peer: &PeerConnection, kind: TrackKind) -> InboundRtpStats<'_> {
    peer.inbound_rtp().find(|one| one.kind == kind).unwrap()
}

fn remote_inbound(peer: &PeerConnection, kind: TrackKind) -> RemoteInboundRtpStats {
    peer.remote_inbound_rtp().find(|one| one.kind == kind).unwrap()
}

fn remote_outbound(peer: &PeerConnection, kind: TrackKind) -> RemoteOutboundRtpStats {
    peer.remote_outbound_rtp().find(|one| one.kind == kind).unwrap()
}

fn selected(peer: &PeerConnection) -> CandidatePairStats {
    peer.candidate_pairs().find(|pair| pair.selected).unwrap()
}

fn near(value: f64, expected: f64, tolerance: f64) -> bool {
    (value - expected).abs() <= tolerance
}

fn micros(seconds: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(seconds).as_micros()).unwrap()
}

/// Every number that only ever grows, in an order that stays.
fn counters(peer: &PeerConnection) -> Vec<u64> {
    let transport = peer.transport();
    let mut all = vec![
        transport.packets_sent,
        transport.packets_received,
        transport.bytes_sent,
        transport.bytes_received,
        transport.selected_candidate_pair_changes,
    ];
    for one in peer.outbound_rtp() {
        all.extend([one.packets_sent, one.bytes_sent, one.header_bytes_sent, one.frames_sent]);
        all.extend([one.nack_count, one.pli_count, one.fir_count]);
        all.extend([one.retransmitted_packets_sent, one.retransmitted_bytes_sent]);
    }
    for one in peer.inbound_rtp() {
        all.extend([one.packets_received, one.bytes_received, one.header_bytes_received]);
        all.extend([
            one.frames_received,
            one.key_frames_received,
            one.nack_count,
            one.pli_count,
            one.fir_count,
        ]);
        all.extend([one.retransmitted_packets_received, one.retransmitted_bytes_received]);
    }
    for one in peer.remote_inbound_rtp() {
        all.extend([one.round_trip_time_measurements, micros(one.total_round_trip_time)]);
    }
    for one in peer.remote_outbound_rtp() {
        all.extend([one.reports_sent, one.packets_sent.into(), one.bytes_sent.into()]);
    }
    for one in peer.data_channel_stats() {
        all.extend([one.messages_sent, one.bytes_sent, one.messages_received, one.bytes_received]);
    }
    let pair = selected(peer);
    all.extend([pair.requests_sent, pair.requests_received, pair.responses_sent, pair.responses_received]);
    all.extend([pair.consent_requests_sent, micros(pair.total_round_trip_time)]);
    all
}

#[test]
fn a_connection_that_has_not_begun_has_no_streams_pairs_or_agreements() {
    let mut call = Call::new(&Setup::new(901));
    let peer = &call.peer(ALICE).connection;
    let transport = peer.transport();
    assert_eq!((transport.dtls_state, transport.ice_state), (DtlsTransportState::New, State::New));
    assert_eq!((transport.ice_role, transport.dtls_role), (None, None));
    assert_eq!((transport.tls_version, transport.dtls_cipher, transport.srtp_cipher), (None, None, None));
    assert_eq!((transport.selected_candidate_pair, transport.selected_candidate_pair_changes), (None, 0));
    assert_eq!((transport.packets_sent, transport.bytes_received), (0, 0));
    assert!(peer.local_ice_ufrags().any(|ufrag| ufrag == transport.ice_local_username_fragment));
    assert_eq!(peer.outbound_rtp().count() + peer.inbound_rtp().count() + peer.codecs().count(), 0);
    assert_eq!(peer.remote_outbound_rtp().count() + peer.remote_inbound_rtp().count(), 0);
    assert_eq!(peer.candidate_pairs().count() + peer.data_channel_stats().count(), 0);
    assert_eq!(peer.certificates().filter(|one| !one.remote).count(), 1);
    assert_eq!(peer.certificates().filter(|one| one.remote).count(), 0);
    assert_eq!(take_all(peer), 1, "our certificate alone");
}

#[test]
fn a_call_with_data_counts_the_same_messages_datagrams_and_checks_on_both_sides() {
    let mut call = Call::new(&Setup::new(902));
    let now = call.now();
    let mut config = ChannelConfig::default();
    config.protocol = "duo".to_owned();
    call.peer(ALICE).connection.create_data_channel(now, "chat", config).unwrap();
    call.negotiate();
    assert!(call.run(60, |call| call.is_open("chat")));
    for (who, lens) in [(ALICE, &[10, 0, 3_000][..]), (BOB, &[70_000, 5][..])] {
        let now = call.now();
        let peer = call.peer(who);
        let channel = peer.channel("chat").unwrap();
        lens.iter().for_each(|len| peer.send(now, channel, vec![1; *len]));
    }
    call.wait(60);
    // Consent goes on for ever: what is on its way is waited for.
    let quiet = |call: &mut Call| {
        let [a, b] = [ALICE, BOB].map(|who| selected(&call.peer(who).connection));
        a.responses_received == a.requests_sent + a.consent_requests_sent
            && b.responses_received == b.requests_sent + b.consent_requests_sent
    };
    assert!(call.run(1, quiet));

    let sent = [(3, 3_010), (2, 70_005)];
    for who in [ALICE, BOB] {
        let channel = call.peer(who).channel("chat").unwrap();
        let peer = &call.peer(who).connection;
        let one = peer.data_channel_stats().next().unwrap();
        assert_eq!((one.channel, one.label, one.protocol), (channel, "chat", "duo"));
        let stream = peer.data_channel(channel).unwrap().stream().unwrap();
        assert_eq!((one.data_channel_identifier, one.state), (Some(stream.0), ChannelState::Open));
        assert_eq!((one.messages_sent, one.bytes_sent), sent[who], "of {who}");
        assert_eq!((one.messages_received, one.bytes_received), sent[1 - who], "at {who}");
        assert_eq!(peer.data_channel_stats().count(), 1);
        assert_eq!(peer.outbound_rtp().count() + peer.inbound_rtp().count() + peer.codecs().count(), 0);
    }

    let stats = [ALICE, BOB].map(|who| call.peer(who).connection.stats());
    assert_eq!(call.network.stats().lost, 0);
    for who in [ALICE, BOB] {
        let [ours, theirs] = [who, 1 - who].map(|who| selected(&call.peer(who).connection));
        let mine = call.peer(who).connection.transport();
        let (sent, bytes) = (mine.packets_sent, mine.bytes_sent);
        assert_eq!(mine.selected_candidate_pair, Some(ours.id));
        assert!(mine.packets_sent < stats[who].datagrams_sent && mine.bytes_sent < stats[who].bytes_sent);
        let peer = call.peer(1 - who).connection.transport();
        assert_eq!((sent, bytes), (peer.packets_received, peer.bytes_received), "from {who}");

        assert_eq!((ours.state, ours.nominated), (PairPhase::Succeeded, true));
        assert_eq!((ours.path.local, ours.path.remote), (theirs.path.remote, theirs.path.local));
        assert_eq!(ours.requests_sent + ours.consent_requests_sent, theirs.requests_received);
        assert_eq!(ours.responses_sent, theirs.responses_received);
        assert!(ours.requests_sent >= 1 && ours.consent_requests_sent >= 8, "{ours:?}");
        assert!(near(ours.current_round_trip_time.unwrap(), 0.02, 1e-6), "{ours:?}");
        let answered = ours.responses_received as f64;
        assert!(near(ours.total_round_trip_time, answered * 0.02, 1e-3), "{ours:?}");
    }
}

#[test]
fn both_sides_tell_the_same_of_what_they_have_agreed_on_and_who_they_are() {
    let mut call = MediaCall::new(&Setup::new(903));
    call.talk(100);
    let identities = [ALICE, BOB].map(|who| {
        let peer = &*call.peer(who);
        let transport = peer.transport();
        assert_eq!(transport.dtls_state, DtlsTransportState::Connected);
        assert_eq!(transport.ice_state, State::Completed);
        assert_eq!(transport.tls_version, Some("FEFD"));
        assert_eq!(transport.dtls_cipher, Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
        assert_eq!(transport.srtp_cipher, Some("SRTP_AEAD_AES_128_GCM"));
        assert!(transport.selected_candidate_pair_changes >= 1);
        let sdp = peer.local_description().unwrap().to_string();
        let certificates: Vec<_> = peer.certificates().collect();
        let [ours, theirs] = certificates[..] else { panic!("two certificates, but {certificates:?}") };
        assert_eq!((ours.remote, theirs.remote), (false, true));
        let hex: Vec<String> = ours.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        let line = format!("a=fingerprint:{} {}", ours.fingerprint_algorithm, hex.join(":"));
        assert!(sdp.contains(&line), "{line}");
        let identity = |one: duologue::CertificateStats<'_>| {
            (one.fingerprint.to_vec(), one.fingerprint_algorithm.to_owned(), one.certificate.to_vec())
        };
        (identity(ours), identity(theirs), transport.ice_role, transport.dtls_role)
    });
    let [alice, bob] = identities;
    assert_eq!((&alice.0, &alice.1), (&bob.1, &bob.0));
    assert_eq!((alice.2, bob.2), (Some(Role::Controlling), Some(Role::Controlled)));
    assert!(alice.3.is_some() && bob.3.is_some() && alice.3 != bob.3);

    for who in [ALICE, BOB] {
        let peer = &*call.peer(who);
        let codecs: Vec<_> = peer.codecs().collect();
        assert_eq!(codecs.len(), 4, "{codecs:?}");
        for (codec_type, kind) in [CodecType::Encode, CodecType::Decode]
            .into_iter()
            .flat_map(|codec_type| [TrackKind::Audio, TrackKind::Video].map(|kind| (codec_type, kind)))
        {
            let is =
                |one: &&duologue::CodecStats<'_>| one.codec_type == codec_type && one.mime_type.kind == kind;
            let codec = codecs.iter().find(is).unwrap();
            let used = match codec_type {
                CodecType::Encode => outbound(peer, kind).payload_type.unwrap(),
                CodecType::Decode => inbound(peer, kind).payload_type,
            };
            assert_eq!(codec.payload_type, used);
            let expected = match kind {
                TrackKind::Audio => ("audio/opus", 48_000, Some(2)),
                TrackKind::Video => ("video/VP8", 90_000, None),
            };
            assert_eq!((&*codec.mime_type.to_string(), codec.clock_rate, codec.channels), expected);
            let sdp = peer.local_description().unwrap().to_string();
            let line = codec.sdp_fmtp_line.map(|line| format!("a=fmtp:{} {line}\r\n", used.get()));
            assert_eq!(line.is_some(), kind == TrackKind::Audio);
            assert!(line.is_none_or(|line| sdp.contains(&line)));
        }
    }

    let now = call.call.now();
    call.peer(ALICE).close(now);
    call.call.wait(2);
    for who in [ALICE, BOB] {
        let transport = call.peer(who).transport();
        assert_eq!((transport.dtls_state, transport.ice_state), (DtlsTransportState::Closed, State::Closed));
        assert_eq!((transport.selected_candidate_pair, transport.srtp_cipher), (None, None));
        assert_eq!(call.peer(who).certificates().filter(|one| one.remote).count(), 0);
    }
}

#[test]
fn without_loss_every_packet_byte_and_frame_sent_is_received_and_reported() {
    let mut call = MediaCall::new(&Setup::new(904));
    let transceivers: Vec<_> = call.peer(BOB).transceivers().map(|one| one.id()).collect();
    for id in transceivers {
        call.peer(BOB).set_frames(id, Some(JitterConfig::default()));
    }
    call.talk(500);
    let last = call.call.now() - STEP;
    call.call.wait(4);
    let now = call.call.now();
    for (kind, frames, packets, least) in
        [(TrackKind::Audio, 500, 500, 500 * 100), (TrackKind::Video, 250, 250 * 3, 250 * 3_000)]
    {
        let sender = call.sender(ALICE, kind);
        let alice = call.peer(ALICE);
        let sent = outbound(alice, kind);
        assert_eq!((sent.sender, sent.active, sent.encoding_index), (sender, true, 0));
        assert_eq!(sent.packets_sent, packets);
        // A descriptor of the payload format stands before each part of a picture.
        let most = least + if kind == TrackKind::Video { packets * 6 } else { 0 };
        assert_eq!(sent.frames_sent, frames);
        assert!((least..=most).contains(&sent.bytes_sent), "{sent:?}");
        // 12 bytes of header, 16 of the tag, and what extensions take.
        assert!((28..80).contains(&(sent.header_bytes_sent / packets)), "{sent:?}");
        assert_eq!((sent.retransmitted_packets_sent, sent.retransmitted_bytes_sent), (0, 0));
        let told = remote_inbound(alice, kind);
        assert_eq!((told.sender, told.ssrc, told.transceiver), (sender, sent.ssrc, sent.transceiver));
        assert_eq!((told.packets_lost, told.fraction_lost), (0, 0.0));
        assert!(near(told.round_trip_time.unwrap(), 0.02, 1e-3), "{told:?}");
        let measured = told.round_trip_time_measurements;
        assert!(measured >= 5, "{told:?}");
        assert!(near(told.total_round_trip_time, 0.02 * measured as f64, 1e-3 * measured as f64));
        let (mid, ssrc, rtx) = (sent.mid.map(str::to_owned), sent.ssrc, sent.rtx_ssrc);
        let of_payload = (sent.packets_sent, sent.bytes_sent, sent.header_bytes_sent);
        let jitter = told.jitter;
        assert_eq!(rtx.is_some(), kind == TrackKind::Video);

        let bob = call.peer(BOB);
        let got = inbound(bob, kind);
        assert_eq!((got.mid.map(str::to_owned), got.rid, got.ssrc), (mid, None, ssrc));
        assert_eq!((got.packets_received, got.bytes_received, got.header_bytes_received), of_payload);
        assert_eq!((got.packets_lost, got.frames_received), (0, frames));
        assert_eq!(got.key_frames_received, if kind == TrackKind::Audio { 0 } else { 5 });
        assert_eq!(got.track_identifier, bob.transceiver(got.transceiver).unwrap().receiver_track());
        assert_eq!((got.nack_count, got.retransmitted_packets_received), (0, 0));
        assert!(near(got.jitter, jitter, 1e-4) && got.jitter < 0.001, "{got:?}");
        assert!(now > got.last_packet_received_timestamp);
        assert!(got.last_packet_received_timestamp >= last - STEP + DELAY, "{got:?}");
        let told = remote_outbound(bob, kind);
        assert_eq!((told.receiver, told.transceiver, told.ssrc), (got.receiver, got.transceiver, ssrc));
        assert_eq!((u64::from(told.packets_sent), u64::from(told.bytes_sent)), (of_payload.0, of_payload.1));
        assert!((10..=30).contains(&told.reports_sent), "{told:?}");
        // The report was made when it was sent, by Alice's clock.
        let start = NtpTime::from(UNIX_EPOCH + Duration::from_secs(1_767_225_600));
        let made = told.remote_timestamp.since(start).unwrap();
        let came = told.timestamp - call.start;
        assert!(came.abs_diff(made + DELAY) < Duration::from_micros(10), "{came:?} {made:?}");
    }
}

#[test]
fn under_loss_the_peers_reports_agree_with_the_counts_and_repair_shows_on_both_sides() {
    let mut call = MediaCall::new(&Setup::new(905));
    call.talk(100);
    lossy(&mut call.call, 0.05);
    let mut before = [ALICE, BOB].map(|who| counters(call.peer(who)));
    for second in 0..20 {
        if second == 10 {
            let now = call.call.now();
            let receiver = inbound(call.peer(BOB), TrackKind::Video).receiver;
            call.peer(BOB).request_key_frame(now, receiver);
        }
        call.talk(50);
        for who in [ALICE, BOB] {
            let after = counters(call.peer(who));
            assert!(after.len() >= before[who].len());
            let grows = before[who].iter().zip(&after).all(|(before, after)| before <= after);
            // A report's first coming puts new numbers in between.
            assert!(grows || after.len() > before[who].len(), "{:?} {after:?}", before[who]);
            before[who] = after;
        }
        if second == 10 {
            let told = remote_inbound(call.peer(ALICE), TrackKind::Video);
            assert!(told.fraction_lost < 0.5 && told.packets_lost > 0, "{told:?}");
        }
    }
    lossy(&mut call.call, 0.0);
    call.talk(20);
    call.call.wait(4);
    assert!(call.call.network.stats().lost > 100);
    for (who, kind) in [(ALICE, TrackKind::Audio), (ALICE, TrackKind::Video), (BOB, TrackKind::Video)] {
        let peer = &*call.peer(who);
        let (sent, told) = (outbound(peer, kind), remote_inbound(peer, kind));
        let first = sent.packets_sent - sent.retransmitted_packets_sent;
        let first_bytes = sent.bytes_sent - sent.retransmitted_bytes_sent;
        let (again, nacks, plis) = (sent.retransmitted_packets_sent, sent.nack_count, sent.pli_count);
        let other = call.peer(1 - who);
        let got = inbound(other, kind);
        let lost = u64::try_from(got.packets_lost).unwrap();
        assert_eq!(told.packets_lost, got.packets_lost);
        assert!((0.0002..0.01).contains(&got.jitter), "{got:?}");
        assert!(near(told.jitter, got.jitter, 1e-4), "{} {}", told.jitter, got.jitter);
        assert_eq!(got.packets_received - got.retransmitted_packets_received + lost, first);
        assert!(lost * 100 > first && lost * 10 < first, "{lost} of {first}");
        let report = remote_outbound(other, kind);
        assert_eq!((u64::from(report.packets_sent), u64::from(report.bytes_sent)), (first, first_bytes));
        if kind == TrackKind::Audio {
            assert_eq!((again, got.nack_count, got.rtx_ssrc), (0, 0, None));
            continue;
        }
        assert!(again >= lost && got.retransmitted_packets_received >= lost * 9 / 10, "{again} {got:?}");
        assert!(got.retransmitted_packets_received <= again);
        assert!(nacks > 0 && nacks <= got.nack_count, "{nacks} {got:?}");
        assert!(got.retransmitted_bytes_received > 0 && got.rtx_ssrc.is_some());
        assert_eq!((plis > 0, got.pli_count > 0), (who == ALICE, who == ALICE), "{plis} {got:?}");
        assert!(plis <= got.pli_count);
    }
}

#[test]
fn simulcast_tells_each_encoding_by_its_rid_and_place_on_both_sides() {
    let mut call = Call::new(&Setup::new(906));
    let mut init = TransceiverInit::default();
    init.direction = Direction::SendOnly;
    init.send_encodings = ["q", "h", "f"]
        .map(|rid| {
            let mut encoding = Encoding::default();
            encoding.rid = Some(rid.into());
            encoding
        })
        .into();
    let id = call.peer(ALICE).connection.add_transceiver(TrackKind::Video, init).unwrap();
    call.negotiate();
    assert!(call.run(60, Call::is_connected));
    for number in 0..50u32 {
        let senders: Vec<_> = call.peer(ALICE).connection.senders(id).collect();
        for sender in senders {
            send(&mut call, ALICE, sender, number);
        }
        step(&mut call);
    }
    let rids = |all: Vec<(usize, Option<&str>, u64)>| -> Vec<(usize, Option<String>, u64)> {
        all.into_iter().map(|(index, rid, packets)| (index, rid.map(str::to_owned), packets)).collect()
    };
    call.wait(2);
    let sent = rids(
        call.peer(ALICE)
            .connection
            .outbound_rtp()
            .map(|one| (one.encoding_index, one.rid, one.packets_sent))
            .collect(),
    );
    let got =
        rids(call.peer(BOB).connection.inbound_rtp().map(|one| (0, one.rid, one.packets_received)).collect());
    for (index, rid) in ["q", "h", "f"].into_iter().enumerate() {
        assert!(sent.contains(&(index, Some(rid.to_owned()), 150)), "{sent:?}");
        assert!(got.contains(&(0, Some(rid.to_owned()), 150)), "{got:?}");
    }
    assert_eq!(call.peer(ALICE).connection.codecs().count(), 1);
    let mut parameters = call.peer(ALICE).connection.parameters(id).unwrap();
    parameters.encodings[0].active = false;
    call.peer(ALICE).connection.set_parameters(id, parameters).unwrap();
    let active: Vec<_> = call.peer(ALICE).connection.outbound_rtp().map(|one| one.active).collect();
    assert_eq!(active.iter().filter(|active| **active).count(), 2);
}
