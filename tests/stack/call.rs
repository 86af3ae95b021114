//! Whole calls over the simulated network: they connect, deliver, survive cuts, and end.
use crate::support::{ALICE, BOB, Call, Setup};
use duologue::ice::{FailureReason, State};
use duologue::{ChannelConfig, CloseReason, ConnectionState, Event, Kind};
use duologue_netsim::{Link, Loss, NatKind};
use std::time::Duration;

/// A rough link: what a call meets outside.
fn rough(loss: f64) -> Link {
    Link {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(3),
        loss: Loss::Random(loss),
        duplicate: 0.02,
        reorder: 0.02,
        ..Link::default()
    }
}

/// Messages of all sizes, numbered.
fn messages(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![u8::try_from(number % 251).unwrap(); number * number * 7 % 5_000]).collect()
}

/// Sends messages both ways, and looks whether each arrives once, in order, unchanged.
fn exchange(call: &mut Call, count: usize) {
    let sent = messages(count);
    for who in [ALICE, BOB] {
        let now = call.now();
        let peer = call.peer(who);
        let channel = peer.channel("chat").unwrap();
        sent.iter().for_each(|message| peer.send(now, channel, message.clone()));
    }
    let all = call.run(300, |call| [ALICE, BOB].iter().all(|who| call.peer(*who).messages.len() == count));
    for who in [ALICE, BOB] {
        let received: Vec<_> = call.peer(who).messages.iter().map(|one| one.payload.to_vec()).collect();
        assert!(all && received == sent, "{} of {count} messages at {who}", received.len());
    }
}

fn nat_pairs() -> impl Iterator<Item = [NatKind; 2]> {
    let all = NatKind::ALL;
    all.into_iter().flat_map(move |a| all.map(|b| [a, b])).filter(|[a, b]| a.reaches(*b))
}

#[test]
fn behind_each_pair_of_nats_that_can_work_a_call_connects_and_delivers_in_order() {
    let (mut seed, mut lost, mut reordered, mut duplicated) = (0, 0, 0, 0);
    for nats in nat_pairs() {
        for loss in [0.0, 0.05] {
            for _ in 0..4 {
                seed += 1;
                let setup = Setup { link: rough(loss), nats: nats.map(Some), ..Setup::new(seed) };
                let mut call = Call::connected(&setup);
                exchange(&mut call, 40);
                let stats = call.network.stats();
                assert_eq!(stats.lost > 0, loss > 0.0, "{stats:?}");
                lost += stats.lost;
                reordered += stats.reordered;
                duplicated += stats.duplicated;
            }
        }
    }
    assert_eq!(seed, 13 * 2 * 4);
    assert!(lost > 500 && reordered > 200 && duplicated > 200, "{lost} {reordered} {duplicated}");
}

#[test]
fn at_twenty_percent_loss_995_of_1000_seeds_connect_and_deliver_and_the_rest_fail_with_their_reason() {
    let pairs: Vec<_> = nat_pairs().collect();
    let mut failed = Vec::new();
    for seed in 0..1_000 {
        let nats = pairs[usize::try_from(seed).unwrap() % pairs.len()];
        let setup = Setup { link: rough(0.2), nats: nats.map(Some), ..Setup::new(seed) };
        let mut call = Call::new(&setup);
        let now = call.now();
        call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
        call.negotiate();
        if call.run(120, |call| call.is_open("chat")) {
            exchange(&mut call, 5);
        } else {
            let state = call.peer(ALICE).connection.connection_state();
            let reason = call.peer(ALICE).connection.ice_connection_state();
            println!("seed {seed}, {nats:?}: {state:?}, ICE {reason:?}, {:?}", call.peer(ALICE).closed());
            let told = matches!(reason, State::Failed(_)) || call.peer(ALICE).closed().is_some();
            assert!(told, "seed {seed}: neither connected nor failed");
            failed.push(seed);
        }
    }
    assert!(failed.len() <= 5, "{failed:?}");
}

#[test]
fn two_symmetric_nats_fail_with_their_reason() {
    let setup = Setup { nats: [Some(NatKind::Symmetric); 2], ..Setup::new(1) };
    let mut call = Call::new(&setup);
    let now = call.now();
    call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    call.negotiate();
    assert!(call.run(60, |call| call.peer(ALICE).connection.connection_state() == ConnectionState::Failed));
    assert_eq!(call.peer(ALICE).connection.ice_connection_state(), State::Failed(FailureReason::NoAnswer));
    assert!(call.network.stats().nat_refused > 0);
}

#[test]
fn the_same_seed_makes_the_same_datagrams_and_another_seed_others() {
    let run = |seed| {
        let setup = Setup { link: rough(0.05), nats: [Some(NatKind::PortRestricted); 2], ..Setup::new(seed) };
        let mut call = Call::new(&setup);
        call.peer(ALICE).sent = Some(Vec::new());
        call.peer(BOB).sent = Some(Vec::new());
        let now = call.now();
        call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
        call.negotiate();
        assert!(call.run(60, |call| call.is_open("chat")));
        exchange(&mut call, 20);
        [call.peer(ALICE).sent.take().unwrap(), call.peer(BOB).sent.take().unwrap()]
    };
    let (one, again, other) = (run(7), run(7), run(8));
    assert!(one[ALICE].len() > 20);
    assert!(one == again);
    assert!(one != other);
}

#[test]
fn a_cut_of_five_seconds_is_survived() {
    let mut call = Call::connected(&Setup::new(3));
    call.network.set_connected(call.cables[BOB], false);
    let now = call.now();
    let channel = call.peer(ALICE).channel("chat").unwrap();
    call.peer(ALICE).send(now, channel, "before it is over");
    call.wait(5);
    assert!(call.peer(BOB).messages.is_empty() && call.network.stats().lost > 0);
    call.network.set_connected(call.cables[BOB], true);
    assert!(call.run(10, |call| call.peer(BOB).messages.len() == 1));
    assert!(call.run(10, Call::is_connected));
    exchange_after(&mut call);
}

#[test]
fn what_waits_leaves_as_soon_as_a_silent_path_is_heard_again() {
    for seed in 0..20 {
        let mut call = Call::connected(&Setup::new(seed));
        call.network.set_connected(call.cables[BOB], false);
        let now = call.now();
        let channel = call.peer(ALICE).channel("chat").unwrap();
        call.peer(ALICE).send(now, channel, "patience");
        call.wait(22);
        assert_eq!(call.peer(ALICE).connection.connection_state(), ConnectionState::Disconnected);
        call.network.set_connected(call.cables[BOB], true);
        assert!(call.run(10, |call| {
            call.peer(ALICE).connection.connection_state() == ConnectionState::Connected
        }));
        let heard = call.now();
        assert!(call.run(10, |call| call.peer(BOB).messages.len() == 1));
        assert!(call.now() - heard <= Duration::from_millis(50), "seed {seed}: {:?}", call.now() - heard);
    }
}

fn exchange_after(call: &mut Call) {
    call.peer(BOB).messages.clear();
    exchange(call, 10);
}

#[test]
fn a_silent_peer_is_disconnected_within_ten_seconds_and_failed_by_consent_within_thirty_five() {
    let mut call = Call::connected(&Setup::new(4));
    call.wait(10);
    call.network.set_connected(call.cables[BOB], false);
    let state = |call: &mut Call| call.peer(ALICE).connection.connection_state();
    assert!(call.run(10, |call| state(call) == ConnectionState::Disconnected));
    assert!(call.run(25, |call| state(call) == ConnectionState::Failed));
    assert_eq!(call.peer(ALICE).connection.ice_connection_state(), State::Failed(FailureReason::ConsentLost));
    // RFC 7675, Section 5.1: without consent nothing is sent.
    let sent = call.peer(ALICE).connection.stats().datagrams_sent;
    let now = call.now();
    let channel = call.peer(ALICE).channel("chat").unwrap();
    call.peer(ALICE).send(now, channel, "nobody may have this");
    call.wait(30);
    assert_eq!(call.peer(ALICE).connection.stats().datagrams_sent, sent);
    assert_eq!(call.peer(ALICE).closed(), None, "failed is a state, not an end");
}

#[test]
fn the_close_of_one_side_is_seen_by_the_other_at_once() {
    let mut call = Call::connected(&Setup::new(5));
    let now = call.now();
    call.peer(ALICE).connection.close(now);
    assert!(call.run(1, |call| call.peer(BOB).closed() == Some(CloseReason::Peer)));
    assert_eq!(call.peer(ALICE).closed(), Some(CloseReason::Local));
    for who in [ALICE, BOB] {
        let connection = &mut call.peer(who).connection;
        assert_eq!(connection.connection_state(), ConnectionState::Closed);
        assert_eq!((connection.poll_timeout(), connection.poll_event()), (None, None));
        assert!(call.peer(who).told(|event| matches!(event, Event::ChannelClosed(..))));
    }
}

#[test]
fn what_had_arrived_is_still_received_after_the_end() {
    let mut call = Call::connected(&Setup::new(6));
    call.peer(BOB).reads = false;
    let now = call.now();
    let channel = call.peer(ALICE).channel("chat").unwrap();
    call.peer(ALICE).send(now, channel, "last words");
    call.wait(1);
    let now = call.now();
    call.peer(ALICE).connection.close(now);
    assert!(call.run(2, |call| call.peer(BOB).closed().is_some()));
    assert_eq!(&call.peer(BOB).connection.recv().unwrap().payload[..], b"last words");
}

#[test]
fn a_certificate_without_the_signalled_fingerprint_gets_nothing_and_ends_the_connection() {
    for liar in [ALICE, BOB] {
        let setup = Setup::new(7);
        let mut call = Call::new(&setup);
        let now = call.now();
        let channel =
            call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
        call.peer(ALICE).send_early(now, channel);
        call.negotiate_with(|who, sdp| {
            let line = sdp.lines().find(|line| line.starts_with("a=fingerprint")).unwrap().to_owned();
            let other = format!("a=fingerprint:sha-256 {}", ["5A"; 32].join(":"));
            if who == liar { sdp.replace(&line, &other) } else { sdp }
        });
        let victim = 1 - liar;
        assert!(call.run(60, |call| call.peer(victim).closed().is_some()));
        let failure = duologue::dtls::Failure::WrongCertificate;
        assert_eq!(call.peer(victim).closed(), Some(CloseReason::Dtls(failure)));
        call.wait(60);
        for who in [ALICE, BOB] {
            assert!(call.peer(who).messages.is_empty());
            assert!(!call.peer(who).told(|event| matches!(event, Event::SctpConnected)));
            assert_ne!(call.peer(who).connection.connection_state(), ConnectionState::Connected);
        }
    }
}

#[test]
fn the_first_message_is_delivered_within_six_round_trips_of_the_negotiation() {
    let round_trip = Duration::from_millis(100);
    let link = Link { delay: round_trip / 2, ..Link::default() };
    for offerer_sends in [true, false] {
        let setup = Setup { link: link.clone(), ..Setup::new(8) };
        let mut call = Call::new(&setup);
        let now = call.now();
        let channel =
            call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
        call.negotiate();
        let receiver = if offerer_sends { BOB } else { ALICE };
        if !offerer_sends {
            assert!(call.run(10, |call| call.peer(BOB).channel("chat").is_some()));
            let now = call.now();
            let channel = call.peer(BOB).channel("chat").unwrap();
            call.peer(BOB).send(now, channel, "first");
        } else {
            assert!(
                call.run(10, |call| call.peer(ALICE).told(|event| matches!(event, Event::ChannelOpen(_))))
            );
            let now = call.now();
            call.peer(ALICE).send(now, channel, "first");
        }
        assert!(call.run(10, |call| call.peer(receiver).messages.len() == 1));
        let trips = (call.now() - now).as_secs_f64() / round_trip.as_secs_f64();
        println!("the first message took {trips:.2} round trips (offerer sends: {offerer_sends})");
        assert!(trips <= 6.0, "{trips}");
    }
}

#[test]
fn channels_of_all_kinds_open_echo_and_close_and_their_ids_are_used_again() {
    let mut call = Call::connected(&Setup::new(9));
    for round in 0..3 {
        let now = call.now();
        let label = format!("round {round}");
        let mut config = ChannelConfig::default();
        config.ordered = round != 1;
        config.protocol = "test".into();
        let id = call.peer(ALICE).connection.create_data_channel(now, &label, config).unwrap();
        assert!(call.run(5, |call| call.is_open(&label)));
        let stream = call.peer(ALICE).connection.data_channel(id).unwrap().stream().unwrap();
        assert_eq!(stream.0, 3, "the next id of the DTLS server's");
        let bob_id = call.peer(BOB).channel(&label).unwrap();
        let now = call.now();
        for (kind, text) in [(Kind::Text, "gr\u{fc}\u{df}e"), (Kind::Text, ""), (Kind::Binary, "")] {
            call.peer(BOB).connection.send(now, bob_id, kind, text.into()).unwrap();
        }
        call.peer(ALICE).messages.clear();
        assert!(call.run(5, |call| call.peer(ALICE).messages.len() == 3));
        let closer = round % 2;
        let now = call.now();
        let id = call.peer(closer).channel(&label).unwrap();
        call.peer(closer).connection.close_data_channel(now, id);
        assert!(call.run(5, |call| [ALICE, BOB].iter().all(|who| call.peer(*who).channel(&label).is_none())));
    }
}
