//! The contract's rules, for the whole connection. (Its order of messages and bounds are shown by the fuzz target's body.)
use crate::support::{ALICE, BOB, Call, Setup, config, seed};
use bytes::Bytes;
use duologue::ice::Path;
use duologue::{Arrival, ChannelConfig, Discard, Event, Kind, NtpTime, Output, PeerConnection, SendError};
use duologue_netsim::Link;
use proptest::prelude::*;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn every_public_type_can_go_to_another_thread() {
    fn check<T: Send + 'static>() {}
    check::<PeerConnection>();
    check::<duologue::Demux<u64>>();
    check::<duologue::Config>();
    check::<Event>();
    check::<Output>();
    check::<duologue::Message>();
    check::<duologue::Stats>();
}

#[test]
fn batches_are_of_equal_datagrams_but_for_the_last_and_within_the_mtu() {
    let mut call = Call::connected(&Setup::new(1));
    let now = call.now();
    let channel = call.peer(ALICE).channel("chat").unwrap();
    // Messages that fill no packet stand among those that fill many.
    for len in [700, 1_100, 700, 1_100, 200_000, 1, 700, 1_100, 5_000, 1_160, 1_161, 700, 1_100] {
        call.peer(ALICE).send(now, channel, vec![1; len]);
    }
    let (mut batches, mut datagrams) = (0, 0);
    let eight = NonZeroUsize::new(8).unwrap();
    for _ in 0..40 {
        let now = call.now();
        let mut out = vec![9; 3];
        while let Some(transmit) = call.peer(ALICE).connection.poll_transmit(now, eight, &mut out) {
            let appended = &mut out[3..];
            assert_eq!(appended.len(), transmit.len);
            let size = transmit.segment_size.map_or(transmit.len, NonZeroUsize::get);
            assert!(size <= 1_200 && transmit.len <= 8 * size);
            batches += u32::from(transmit.segment_size.is_some());
            for datagram in appended.chunks_mut(size) {
                datagrams += 1;
                let arrival = Arrival::new(Path::udp(transmit.path.remote, transmit.path.local), now);
                call.peer(BOB).connection.handle_datagram(now, arrival, datagram).unwrap();
            }
            out.truncate(3);
            return_acks(&mut call);
        }
    }
    assert!(batches > 5 && datagrams > 150, "{batches} batches, {datagrams} datagrams");
}

fn return_acks(call: &mut Call) {
    let now = call.now();
    let mut out = Vec::new();
    while let Some(transmit) = call.peer(BOB).connection.poll_transmit(now, NonZeroUsize::MIN, &mut out) {
        let arrival = Arrival::new(Path::udp(transmit.path.remote, transmit.path.local), now);
        call.peer(ALICE).connection.handle_datagram(now, arrival, &mut out).unwrap();
        out.clear();
    }
}

#[test]
fn poll_output_does_all_that_the_polls_do_and_then_waits() {
    let now = duologue_netsim::Network::new(1).now();
    let mut peer = PeerConnection::new(Arc::new(config(ALICE)), seed(1, ALICE), now, NtpTime(0));
    peer.add_interface(now, "192.0.2.7:5000".parse().unwrap()).unwrap();
    peer.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    let (mut events, mut datagrams, mut at) = (0, 0, now);
    let mut out = Vec::new();
    for _ in 0..200 {
        out.clear();
        match peer.poll_output(at, NonZeroUsize::MIN, &mut out) {
            Output::Event(_) => events += 1,
            Output::Transmit(_) => datagrams += 1,
            Output::Wait(Some(next)) => {
                assert!(next > at, "a deadline that is due has been handled");
                at = next;
            }
            Output::Wait(None) => break,
        }
    }
    // The STUN server of the configuration was asked again and again, and never answered.
    assert!(events >= 2 && datagrams >= 7, "{events} {datagrams}");
}

#[test]
fn candidates_are_told_once_the_description_that_they_belong_to_is_set() {
    let now = duologue_netsim::Network::new(1).now();
    let mut peer = PeerConnection::new(Arc::new(config(ALICE)), seed(1, ALICE), now, NtpTime(0));
    peer.add_interface(now, "192.0.2.7:5000".parse().unwrap()).unwrap();
    peer.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    let candidates = |peer: &mut PeerConnection| {
        std::iter::from_fn(|| peer.poll_event())
            .filter(|event| matches!(event, Event::IceCandidate(_)))
            .count()
    };
    assert_eq!(candidates(&mut peer), 0);
    let offer = peer.create_offer().unwrap();
    assert_eq!(candidates(&mut peer), 0);
    peer.set_local_description(now, &offer).unwrap();
    assert_eq!(candidates(&mut peer), 1);
    assert_eq!(peer.local_description().unwrap().media[0].candidates().count(), 1);
}

#[test]
fn misuse_gives_the_payload_back() {
    let mut call = Call::connected(&Setup::new(2));
    let now = call.now();
    let channel = call.peer(ALICE).channel("chat").unwrap();
    let payload = Bytes::from(vec![3; 262_145]);
    let alice = &mut call.peer(ALICE).connection;
    let refused = alice.send(now, channel, Kind::Binary, payload.clone()).unwrap_err();
    assert_eq!(refused, SendError::TooLarge { payload: payload.clone(), limit: 262_144 });
    alice.close_data_channel(now, channel);
    assert_eq!(
        alice.send(now, channel, Kind::Text, payload.clone()),
        Err(SendError::Closed(payload.clone()))
    );
    alice.close(now);
    let refused = alice.send(now, channel, Kind::Binary, payload.clone());
    assert_eq!(refused.unwrap_err().into_payload(), payload);
    assert!(alice.create_data_channel(now, "late", ChannelConfig::default()).is_err());
    assert!(alice.create_offer().is_err());
}

#[test]
fn after_the_end_inputs_do_nothing_and_are_counted() {
    let mut call = Call::connected(&Setup::new(3));
    let now = call.now();
    call.peer(BOB).connection.close(now);
    call.wait(2);
    let now = call.now();
    let bob = &mut call.peer(BOB).connection;
    let arrival = Arrival::new(
        Path::udp("203.0.113.1:6000".parse().unwrap(), "198.51.100.1:5000".parse().unwrap()),
        now,
    );
    assert_eq!(bob.handle_datagram(now, arrival, &mut [0; 20]).err(), Some(Discard::Ended));
    bob.handle_timeout(now + Duration::from_secs(100));
    bob.close(now);
    assert_eq!((bob.poll_timeout(), bob.poll_event()), (None, None));
    assert!(bob.stats().discarded(Discard::Ended) > 0);
}

#[test]
fn without_polls_a_close_ends_after_a_second() {
    let mut call = Call::connected(&Setup::new(4));
    let now = call.now();
    let alice = &mut call.peer(ALICE).connection;
    alice.close(now);
    assert_eq!(alice.poll_timeout(), Some(now + Duration::from_secs(1)));
    alice.handle_timeout(now + Duration::from_secs(1));
    let events: Vec<_> = std::iter::from_fn(|| alice.poll_event()).collect();
    assert!(matches!(events.last(), Some(Event::Closed(_))), "{events:?}");
}

#[test]
fn unread_messages_hold_the_peer_back() {
    let mut setup = Setup::new(5);
    Arc::make_mut(&mut setup.configs[BOB].sctp).receive_window = 400_000;
    let mut call = Call::connected(&setup);
    call.peer(BOB).reads = false;
    let now = call.now();
    let channel = call.peer(ALICE).channel("chat").unwrap();
    for _ in 0..40 {
        call.peer(ALICE).send(now, channel, vec![1; 60_000]);
    }
    call.wait(20);
    let held = call.peer(BOB).connection.stats().sctp.receive_buffer;
    assert!((200_000..600_000).contains(&held), "{held}");
    assert!(call.peer(ALICE).connection.buffered_amount(channel) > 1_000_000);
    call.peer(BOB).reads = true;
    assert!(call.run(60, |call| call.peer(BOB).messages.len() == 40));
}

#[test]
fn an_idle_connection_neither_grows_nor_sends_more_than_its_keep_alives() {
    let mut call = Call::connected(&Setup::new(6));
    call.wait(60);
    let before = call.peer(ALICE).connection.stats();
    call.wait(600);
    let after = call.peer(ALICE).connection.stats();
    let sent = after.datagrams_sent - before.datagrams_sent;
    // A consent check and an answer every five seconds, and a heartbeat with its answer every thirty.
    assert!((150..400).contains(&sent), "{sent}");
    assert_eq!((after.sctp.send_buffer, after.sctp.receive_buffer), (0, 0));
    assert!(call.is_connected());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn early_calls_of_handle_timeout_change_no_byte(seed in 0..1_000u64, early in 1..400u64) {
        let run = |early: Option<u64>| {
            let link = Link { delay: Duration::from_millis(20), ..Link::default() };
            let mut call = Call::new(&Setup { link, ..Setup::new(seed) });
            call.peer(ALICE).sent = Some(Vec::new());
            let now = call.now();
            call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
            call.negotiate();
            let open = call.run(10, |call| {
                if let Some(early) = early {
                    let now = call.now();
                    let alice = &mut call.peer(ALICE).connection;
                    let due = alice.poll_timeout();
                    if due.is_none_or(|due| due > now) && early % 3 != 0 {
                        alice.handle_timeout(now);
                        assert_eq!(alice.poll_timeout(), due, "an early call does nothing");
                    }
                }
                call.is_open("chat")
            });
            assert!(open);
            call.peer(ALICE).sent.take().unwrap()
        };
        prop_assert!(run(None) == run(Some(early)));
    }
}
