//! Renegotiation of a running connection: ICE restarts, tracks, glare.
use crate::support::{ALICE, BOB, Call, Setup};
use duologue::ice::State;
use duologue::sdp::Direction;
use duologue::sdp::jsep::{SdpType, SignalingState};
use duologue::{
    ChannelConfig, ConnectionState, Description, Event, Kind, Output, PeerConnection, TrackKind,
    TransceiverInit,
};
use duologue_netsim::{Link, Loss, NatKind};
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

fn users(call: &mut Call) -> [Vec<String>; 2] {
    [ALICE, BOB].map(|who| call.peer(who).connection.local_ice_ufrags().map(str::to_owned).collect())
}

/// Sends a numbered message each 20 ms from both sides while `at` happens, and looks whether all arrive, in order.
fn talk_while(call: &mut Call, at: impl Fn(&mut Call)) {
    for who in [ALICE, BOB] {
        call.peer(who).messages.clear();
    }
    for number in 0..100u8 {
        if number == 10 {
            at(call);
        }
        let now = call.now();
        for who in [ALICE, BOB] {
            let peer = call.peer(who);
            let channel = peer.channel("chat").unwrap();
            peer.send(now, channel, vec![number]);
        }
        let until = now + Duration::from_millis(20);
        call.run(1, |call| call.now() >= until);
    }
    let arrived = call.run(30, |call| [ALICE, BOB].iter().all(|who| call.peer(*who).messages.len() == 100));
    for who in [ALICE, BOB] {
        let numbers: Vec<u8> = call.peer(who).messages.iter().map(|one| one.payload[0]).collect();
        assert!(arrived && numbers == (0..100).collect::<Vec<u8>>(), "{numbers:?}");
    }
}

#[test]
fn an_ice_restart_begun_by_either_side_keeps_channels_running_and_the_dtls_connection_untouched() {
    let all = NatKind::ALL;
    for (seed, loss) in [(1, 0.0), (2, 0.05), (3, 0.2)] {
        for (offerer, asks) in [(ALICE, ALICE), (BOB, BOB), (ALICE, BOB)] {
            let link = Link { delay: Duration::from_millis(20), loss: Loss::Random(loss), ..Link::default() };
            let setup = Setup { link, nats: [Some(all[0]), Some(all[0])], ..Setup::new(seed) };
            let mut call = Call::connected(&setup);
            let before = users(&mut call);
            talk_while(&mut call, |call| {
                call.peer(asks).connection.restart_ice();
                if offerer != asks {
                    // The peer that asks answers first, and offers then.
                    call.negotiate_from(offerer, |_, sdp| sdp);
                }
                call.negotiate_from(asks, |_, sdp| sdp);
            });
            let after = users(&mut call);
            for who in [ALICE, BOB] {
                assert_ne!(before[who][0], after[who][0], "the credentials are new");
                let peer = call.peer(who);
                let secured = peer.events.iter().filter(|(_, event)| matches!(event, Event::Secured(_)));
                assert_eq!(secured.count(), 1, "there is one DTLS handshake");
                assert_eq!(peer.connection.connection_state(), ConnectionState::Connected);
                let told = |state| peer.told(|event| *event == Event::ConnectionStateChange(state));
                assert!(!told(ConnectionState::Disconnected) && !told(ConnectionState::Failed));
            }
            call.wait(90);
            assert_eq!(users(&mut call).map(|users| users.len()), [1, 1], "the old user names are gone");
        }
    }
}

#[test]
fn both_sides_may_restart_ice_one_after_the_other() {
    let mut call = Call::connected(&Setup::new(4));
    let before = users(&mut call);
    talk_while(&mut call, |call| {
        for who in [ALICE, BOB] {
            call.peer(who).connection.restart_ice();
        }
        call.negotiate_from(ALICE, |_, sdp| sdp);
    });
    let after = users(&mut call);
    assert!(before[ALICE][0] != after[ALICE][0] && before[BOB][0] != after[BOB][0]);
    // Bob's wish was satisfied by Alice's restart (W3C).
    assert!(!call.peer(BOB).connection.negotiation_needed());
}

#[test]
fn a_restart_that_is_rolled_back_leaves_the_path_in_use() {
    let mut call = Call::connected(&Setup::new(5));
    let before = users(&mut call);
    talk_while(&mut call, |call| {
        let now = call.now();
        let alice = &mut call.peer(ALICE).connection;
        alice.restart_ice();
        let offer = alice.set_implicit_local_description(now).unwrap();
        assert_eq!(alice.local_ice_ufrags().count(), 2);
        alice.roll_back(now).unwrap();
        let bob = &mut call.peer(BOB).connection;
        bob.set_remote_description(now, &offer).unwrap();
        bob.roll_back(now).unwrap();
    });
    assert_eq!(users(&mut call), before);
    assert!(call.peer(ALICE).connection.negotiation_needed(), "the restart is still wanted");
    talk_while(&mut call, |call| call.negotiate_from(ALICE, |_, sdp| sdp));
}

#[test]
fn a_restart_revives_a_connection_whose_ice_has_failed() {
    let mut call = Call::connected(&Setup::new(6));
    call.network.set_connected(call.cables[BOB], false);
    let failed = |call: &mut Call| {
        [ALICE, BOB]
            .iter()
            .all(|who| matches!(call.peer(*who).connection.ice_connection_state(), State::Failed(_)))
    };
    assert!(call.run(120, failed));
    call.network.set_connected(call.cables[BOB], true);
    call.peer(BOB).connection.restart_ice();
    call.negotiate_from(BOB, |_, sdp| sdp);
    assert!(call.run(30, Call::is_connected));
    talk_while(&mut call, |_| {});
    for who in [ALICE, BOB] {
        let secured = call.peer(who).events.iter().filter(|(_, event)| matches!(event, Event::Secured(_)));
        assert_eq!(secured.count(), 1);
    }
}

/// The W3C's perfect negotiation on both sides, with descriptions that wait for delivery.
struct Perfect {
    polite: [bool; 2],
    /// What is on its way to each.
    queues: [VecDeque<Description>; 2],
    ignored: usize,
}

impl Perfect {
    /// Delivers and reacts until nothing is left to say.
    fn settle(&mut self, call: &mut Call) {
        let mut seen = [0, 0];
        for _ in 0..100 {
            call.run(1, |_| true);
            let now = call.now();
            for who in [ALICE, BOB] {
                let peer = call.peer(who);
                while let Some(event) = peer.connection.poll_event() {
                    peer.events.push((now, event));
                }
                let needed = |(_, event): &(_, Event)| *event == Event::NegotiationNeeded;
                let told = peer.events.iter().filter(|event| needed(event)).count();
                if told > seen[who] && peer.connection.signaling_state() == SignalingState::Stable {
                    let offer = peer.connection.set_implicit_local_description(now).unwrap();
                    self.queues[1 - who].push_back(offer);
                }
                seen[who] = told;
            }
            for who in [ALICE, BOB] {
                if let Some(description) = self.queues[who].pop_front() {
                    self.receive(call, who, &description);
                }
            }
        }
        assert!(self.queues.iter().all(VecDeque::is_empty));
    }

    fn receive(&mut self, call: &mut Call, who: usize, description: &Description) {
        let now = call.now();
        let connection = &mut call.peer(who).connection;
        let offer = description.kind == SdpType::Offer;
        if offer && connection.signaling_state() != SignalingState::Stable && !self.polite[who] {
            self.ignored += 1;
            return;
        }
        let description = Description::parse(description.kind, &description.sdp.to_string()).unwrap();
        connection.set_remote_description(now, &description).unwrap();
        if offer {
            let answer = connection.set_implicit_local_description(now).unwrap();
            self.queues[1 - who].push_back(answer);
        }
    }
}

#[test]
fn perfect_negotiation_settles_glare_with_either_side_polite() {
    for polite in [[true, false], [false, true]] {
        let mut call = Call::connected(&Setup::new(7));
        let sendonly = || {
            let mut init = TransceiverInit::default();
            init.direction = Direction::SendOnly;
            init.streams = vec!["stream".into()];
            init
        };
        call.peer(ALICE).connection.add_transceiver(TrackKind::Video, sendonly()).unwrap();
        call.peer(BOB).connection.add_transceiver(TrackKind::Audio, sendonly()).unwrap();
        let mut perfect = Perfect { polite, queues: Default::default(), ignored: 0 };
        perfect.settle(&mut call);
        assert_eq!(perfect.ignored, 1, "the offers met");
        for who in [ALICE, BOB] {
            let peer = call.peer(who);
            assert_eq!(peer.connection.signaling_state(), SignalingState::Stable);
            assert!(!peer.connection.negotiation_needed());
            let tracks = peer.events.iter().filter(|(_, event)| matches!(event, Event::Track(_))).count();
            assert_eq!(tracks, 1, "{:?}", peer.events);
            let added =
                peer.told(|event| matches!(event, Event::AddTrack { stream, .. } if stream == "stream"));
            assert!(added);
        }
        let mids = |call: &mut Call, who| -> Vec<_> {
            let all = call.peer(who).connection.transceivers();
            all.map(|one| (one.mid().unwrap().to_owned(), one.kind(), one.current_direction())).collect()
        };
        let (mut alice, bob) = (mids(&mut call, ALICE), mids(&mut call, BOB));
        alice.sort_by(|one, other| one.0.cmp(&other.0));
        for (one, other) in &mut alice.iter().zip(bob_sorted(bob)) {
            assert_eq!((&one.0, one.1), (&other.0, other.1));
            assert_eq!(one.2, other.2.map(Direction::reversed));
        }
        talk_while(&mut call, |_| {});
    }
}

type Seen = (String, TrackKind, Option<Direction>);

fn bob_sorted(mut bob: Vec<Seen>) -> Vec<Seen> {
    bob.sort_by(|one, other| one.0.cmp(&other.0));
    bob
}

#[test]
fn a_track_can_come_first_and_a_data_channel_later() {
    let mut call = Call::new(&Setup::new(8));
    let now = call.now();
    call.peer(ALICE).connection.add_track(TrackKind::Audio, "voice", &["stream".into()]).unwrap();
    call.negotiate();
    assert!(call.run(30, Call::is_connected));
    call.peer(BOB).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    assert!(call.peer(BOB).connection.negotiation_needed());
    call.negotiate_from(BOB, |_, sdp| sdp);
    assert!(call.run(30, |call| call.is_open("chat")));
    talk_while(&mut call, |_| {});
}

#[test]
fn a_later_description_changes_the_largest_message_and_a_rejected_section_ends_the_association() {
    let mut call = Call::connected(&Setup::new(9));
    let now = call.now();
    let small = |who, sdp: String| if who == BOB { sdp.replace("size:262144", "size:1000") } else { sdp };
    call.negotiate_from(ALICE, small);
    let channel = call.peer(ALICE).channel("chat").unwrap();
    let alice = &mut call.peer(ALICE).connection;
    assert!(alice.send(now, channel, Kind::Binary, vec![0; 1_001].into()).is_err());
    assert!(alice.send(now, channel, Kind::Binary, vec![0; 1_000].into()).is_ok());
    // A peer that answers without data channels from now on.
    let offer = alice.set_implicit_local_description(now).unwrap();
    let mut answer = call.peer(BOB).connection.local_description().unwrap();
    answer.media[0].port = 0;
    assert_eq!(offer.kind, SdpType::Offer);
    let answer = Description { kind: SdpType::Answer, sdp: answer };
    call.peer(ALICE).connection.set_remote_description(now, &answer).unwrap();
    call.wait(1);
    let closed = |event: &Event| matches!(event, Event::ChannelClosed(id, _) if *id == channel);
    assert!(call.peer(ALICE).told(closed));
    assert_eq!(call.peer(ALICE).connection.connection_state(), ConnectionState::Connected);
}

#[test]
fn what_sending_brings_about_is_told_by_the_next_poll() {
    let mut call = Call::connected(&Setup::new(10));
    let (now, mut out) = (call.now(), Vec::new());
    let channel = call.peer(ALICE).channel("chat").unwrap();
    let connection = &mut call.peer(ALICE).connection;
    connection.send(now, channel, Kind::Text, "all of it leaves at once".into()).unwrap();
    assert_eq!(connection.poll_event(), None);
    assert!(connection.poll_transmit(now, NonZeroUsize::MIN, &mut out).is_some());
    assert_eq!(connection.poll_event(), Some(Event::BufferedAmountLow(channel)));
}

#[test]
fn what_is_asked_of_a_quiet_connection_is_told_though_nothing_arrives() {
    let asks: [fn(&mut PeerConnection); 2] = [PeerConnection::restart_ice, |connection| {
        connection.add_transceiver(TrackKind::Audio, TransceiverInit::default()).unwrap();
    }];
    for ask in asks {
        let mut call = Call::connected(&Setup::new(9));
        let (now, mut out) = (call.now(), Vec::new());
        let connection = &mut call.peer(ALICE).connection;
        while connection.poll_output(now, NonZeroUsize::MIN, &mut out)
            != Output::Wait(connection.poll_timeout())
        {}
        ask(connection);
        assert_eq!(connection.poll_event(), Some(Event::NegotiationNeeded));
    }
}
