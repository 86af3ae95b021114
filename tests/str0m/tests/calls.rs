//! Calls with str0m: each side offers, and they connect, exchange messages of all sizes, close channels and end.

use duologue::{ChannelState, CloseReason, Event};
use duologue_netsim::{Link, Loss};
use duologue_str0m_tests::{Call, Offerer, Received, Setup};
use std::time::Duration;

const OFFERERS: [Offerer; 2] = [Offerer::Ours, Offerer::Theirs];
/// Both sides' own `max-message-size`.
const LARGEST: usize = 256 * 1024;

/// Bytes that are different everywhere.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

fn message(binary: bool, payload: &[u8]) -> Received {
    Received { label: "chat".to_owned(), binary, payload: payload.to_vec() }
}

/// Text and binary, empty and as large as can be.
fn messages() -> Vec<Received> {
    vec![
        message(false, "hello, \u{1f30d}".as_bytes()),
        message(true, &[0, 1, 2, 255]),
        message(false, b""),
        message(true, b""),
        message(true, &bytes(1_199)),
        message(true, &bytes(65_536)),
        message(true, &bytes(LARGEST)),
        message(false, b"the last"),
    ]
}

/// Each side sends everything, the other echoes it: each message comes back once, in order, unchanged.
///
/// str0m reads empty messages, but sends none: sctp-proto 0.10.8 cuts a message into chunks while bytes remain, and for no
/// bytes it writes no chunk, where RFC 8831, Section 6.6 asks for one byte with a PPID of its own.
fn echo_both_ways(call: &mut Call) {
    let sent = messages();
    let theirs: Vec<_> = sent.iter().filter(|one| !one.payload.is_empty()).cloned().collect();
    call.ours().echoes = false;
    call.theirs().echoes = true;
    for one in &sent {
        let now = call.now();
        call.ours().send(now, "chat", one.binary, &one.payload);
    }
    assert!(
        call.run(|call| call.ours().received.len() == theirs.len()),
        "{} echoed",
        call.ours().received.len()
    );
    assert!(call.ours().received == theirs && call.theirs().received == sent, "unchanged both ways");

    call.theirs().echoes = false;
    call.ours().echoes = true;
    call.ours().received.clear();
    call.theirs().received.clear();
    for one in &theirs {
        let now = call.now();
        call.theirs().send(now, "chat", one.binary, &one.payload);
    }
    assert!(
        call.run(|call| call.theirs().received.len() == theirs.len()),
        "{} echoed",
        call.theirs().received.len()
    );
    assert!(call.ours().received == theirs && call.theirs().received == theirs, "unchanged both ways");
    call.ours().received.clear();
    call.theirs().received.clear();
}

#[test]
fn whoever_offers_messages_of_all_sizes_and_kinds_are_echoed_both_ways() {
    for offerer in OFFERERS {
        let mut call = Call::connected(&Setup::new(offerer));
        assert!(call.theirs().rtc.is_connected(), "{offerer:?}");
        echo_both_ways(&mut call);
        assert!(call.ours().told(|event| matches!(event, Event::Secured(_))), "{offerer:?}");
    }
}

#[test]
fn an_ice_lite_str0m_is_reached_whoever_offers() {
    for offerer in OFFERERS {
        let mut call = Call::connected(&Setup { their_lite: true, ..Setup::new(offerer) });
        echo_both_ways(&mut call);
    }
}

#[test]
fn as_an_ice_lite_agent_we_are_reached_by_str0m_whoever_offers() {
    for offerer in OFFERERS {
        let mut call = Call::connected(&Setup { our_lite: true, ..Setup::new(offerer) });
        echo_both_ways(&mut call);
    }
}

#[test]
fn each_side_opens_channels_and_each_side_closes_them_and_the_other_is_told() {
    for offerer in OFFERERS {
        let mut call = Call::connected(&Setup::new(offerer));
        let now = call.now();
        for label in ["ours, closed by us", "ours, closed by them"] {
            call.ours().create_channel(now, label);
        }
        for label in ["theirs, closed by us", "theirs, closed by them"] {
            call.theirs().create_channel(now, label);
        }
        for label in
            ["ours, closed by us", "theirs, closed by us", "ours, closed by them", "theirs, closed by them"]
        {
            assert!(call.run(|call| call.is_open(label)), "{offerer:?}: {label} opens");
        }
        for label in
            ["ours, closed by us", "theirs, closed by us", "ours, closed by them", "theirs, closed by them"]
        {
            let id = call.ours().channel(label).unwrap();
            let now = call.now();
            if label.ends_with("us") {
                call.ours().close_channel(now, label);
            } else {
                call.theirs().close_channel(now, label);
            }
            let closed = call.run(|call| {
                call.ours().told(|event| matches!(event, Event::ChannelClosed(closed, _) if *closed == id))
                    && call.theirs().closed.iter().any(|closed| closed == label)
            });
            let told = call.theirs().closed.clone();
            assert!(
                closed,
                "{offerer:?}: {label}: {:?}, str0m told {told:?}",
                call.ours().connection.data_channel(id)
            );
        }
        let chat = call.ours().channel("chat").unwrap();
        let state = call.ours().connection.data_channel(chat).map(duologue::Channel::state);
        assert_eq!(state, Some(ChannelState::Open), "{offerer:?}: the others' closing leaves it open");
        echo_both_ways(&mut call);
    }
}

#[test]
fn after_channels_were_closed_their_streams_are_used_again() {
    for offerer in OFFERERS {
        let mut call = Call::connected(&Setup::new(offerer));
        for round in 0..6 {
            let label = format!("round {round}");
            let now = call.now();
            if round % 2 == 0 {
                call.ours().create_channel(now, &label);
            } else {
                call.theirs().create_channel(now, &label);
            }
            assert!(call.run(|call| call.is_open(&label)), "{offerer:?}: {label} opens");
            let now = call.now();
            call.ours().send(now, &label, true, b"to you");
            call.theirs().send(now, &label, true, b"to you");
            let arrived = call.run(|call| {
                let arrived = |last: Option<&Received>| last.is_some_and(|one| one.label == label);
                arrived(call.ours().received.last()) && arrived(call.theirs().received.last())
            });
            assert!(arrived, "{offerer:?}: {label} carries messages");
            let now = call.now();
            if round / 2 % 2 == 0 {
                call.ours().close_channel(now, &label);
            } else {
                call.theirs().close_channel(now, &label);
            }
            let closed = call
                .run(|call| call.ours().channel(&label).is_none() && call.theirs().closed.contains(&label));
            assert!(closed, "{offerer:?}: {label} is closed");
        }
        let streams = call.ours().connection.data_channels().count();
        assert_eq!(streams, 1, "{offerer:?}: only the first channel is left");
    }
}

#[test]
fn at_five_percent_loss_every_message_arrives_once_in_order_whoever_offers() {
    for offerer in OFFERERS {
        for seed in 0..5 {
            let link = Link { delay: Duration::from_millis(10), loss: Loss::Random(0.05), ..Link::default() };
            let mut call = Call::connected(&Setup { seed, link, ..Setup::new(offerer) });
            echo_both_ways(&mut call);
            let stats = call.network.stats();
            assert!(stats.lost > stats.sent / 40, "{stats:?}");
        }
    }
}

#[test]
fn when_str0m_closes_we_are_told_and_the_other_way_round() {
    for offerer in OFFERERS {
        let mut call = Call::connected(&Setup::new(offerer));
        let now = call.now();
        call.theirs().close(now);
        let closed = call.run(|call| call.ours().told(|event| *event == Event::Closed(CloseReason::Peer)));
        assert!(closed, "{offerer:?}: {:?}", call.ours().events);

        let mut call = Call::connected(&Setup::new(offerer));
        let now = call.now();
        call.ours().connection.close(now);
        let closed = call.run(|call| {
            call.ours().told(|event| *event == Event::Closed(CloseReason::Local))
                && call.theirs().events.iter().any(|event| matches!(event, str0m::Event::Closed))
        });
        assert!(closed, "{offerer:?}: {:?}", call.theirs().events);
    }
}
