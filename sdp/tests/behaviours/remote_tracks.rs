//! What is told of the tracks that a peer sends.

use crate::support::{
    directed, edited, events, exchange, local_offer, nth, offer, only, pair, signalled, texts, tracks,
    without,
};
use duologue_sdp::Direction::{Inactive, RecvOnly};
use duologue_sdp::jsep::Event::{AddTrack, Mute, RemoveTrack, SignalingStateChange, Track};
use duologue_sdp::jsep::SignalingState::HaveRemoteOffer;
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{Negotiator, SdpType, TransceiverId, TransceiverInit};

/// A pair in which the first one sends a track of the stream "stream".
fn sending() -> (Negotiator, TransceiverId, Negotiator, TransceiverId) {
    let (mut alice, mut bob) = pair();
    let id = alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
    exchange(&mut alice, &mut bob);
    events(&mut alice);
    events(&mut bob);
    let theirs = only(&bob).id();
    (alice, id, bob, theirs)
}

/// The streams of a track that is offered with these lines.
fn parsed(msid: &str) -> Vec<String> {
    let (mut alice, mut bob) = pair();
    alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
    let offer = edited(&local_offer(&mut alice), "a=msid:stream", msid);
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    assert_eq!(tracks(&mut bob), [only(&bob).id()]);
    only(&bob).remote_streams().iter().map(|stream| stream.to_string()).collect()
}

mod ontrack {
    use super::*;

    #[test]
    fn set_remote_description_should_trigger_ontrack_event_when_the_msid_of_the_stream_is_is() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
        let offer = edited(&local_offer(&mut alice), "a=msid:stream", "a=msid:other audio-track");
        bob.set_remote_description(SdpType::Offer, &offer).unwrap();
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
        assert_eq!(only(&bob).remote_streams(), texts(&["other"]));
    }

    #[test]
    fn set_remote_description_with_m_line_of_recvonly_direction_should_not_trigger_track_event() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, directed(RecvOnly)).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), []);
        assert!(only(&bob).remote_streams().is_empty());
    }

    #[test]
    fn add_track_should_cause_remote_connection_to_fire_ontrack_when_set_remote_description() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
        assert_eq!((only(&bob).kind(), only(&bob).remote_streams()), (Audio, &texts(&["stream"])[..]));
    }

    #[test]
    fn add_transceiver_video_should_cause_remote_connection_to_fire_ontrack_when_set_remote() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
        assert_eq!(only(&bob).kind(), Video);
    }

    #[test]
    fn add_transceiver_with_inactive_direction_should_not_cause_remote_connection_to_fire() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Video, directed(Inactive)).unwrap();
        exchange(&mut alice, &mut bob);
        assert_eq!((tracks(&mut bob), tracks(&mut alice)), (vec![], vec![]));
    }
}

mod set_remote_description_tracks {
    use super::*;

    #[test]
    fn add_track_with_a_track_and_no_stream_makes_ontrack_fire_with_a_track_and_no_stream() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        offer(&mut alice, &mut bob);
        let id = only(&bob).id();
        assert_eq!(events(&mut bob), [SignalingStateChange(HaveRemoteOffer), Track(id)]);
        assert!(only(&bob).remote_streams().is_empty());
    }

    #[test]
    fn add_track_with_a_track_and_a_stream_makes_ontrack_fire_with_a_track_and_a_stream() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
        assert_eq!(only(&bob).remote_streams(), texts(&["stream"]));
    }

    #[test]
    fn ontrack_fires_before_set_remote_description_resolves() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
        let offer = local_offer(&mut alice);
        assert_eq!(events(&mut bob), []);
        bob.set_remote_description(SdpType::Offer, &signalled(&offer)).unwrap();
        let transceiver = only(&bob).id();
        let told = events(&mut bob);
        assert!(told.contains(&Track(transceiver)));
        assert!(told.contains(&AddTrack { transceiver, stream: "stream".into() }));
    }

    #[test]
    fn add_track_with_two_tracks_and_one_stream_makes_ontrack_fire_twice_with_the_tracks_and() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
        alice.add_track(Video, "camera", &texts(&["stream"])).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), [nth(&bob, 0).id(), nth(&bob, 1).id()]);
        for one in bob.transceivers() {
            assert_eq!(one.remote_streams(), texts(&["stream"]));
        }
    }

    #[test]
    fn add_track_for_an_existing_stream_makes_stream_onaddtrack_fire() {
        let (mut alice, _, mut bob, _) = sending();
        alice.add_track(Video, "camera", &texts(&["stream"])).unwrap();
        offer(&mut alice, &mut bob);
        let added = nth(&bob, 1).id();
        let told = events(&mut bob);
        let tracks: Vec<_> =
            told.iter().filter(|event| matches!(event, AddTrack { .. } | Track(_))).collect();
        assert_eq!(tracks, [&AddTrack { transceiver: added, stream: "stream".into() }, &Track(added)]);
    }

    #[test]
    fn add_track_with_a_track_and_two_streams_makes_ontrack_fire_with_a_track_and_two_streams() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &texts(&["one", "two"])).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
        assert_eq!(only(&bob).remote_streams(), texts(&["one", "two"]));
    }

    #[test]
    fn ontracks_receiver_matches_get_receivers() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        offer(&mut alice, &mut bob);
        let told = tracks(&mut bob);
        let known: Vec<_> = bob.transceivers().map(|one| one.id()).collect();
        assert_eq!(told, known);
    }

    #[test]
    fn remove_track_does_not_remove_the_receiver() {
        let (mut alice, id, mut bob, theirs) = sending();
        let track = only(&bob).receiver_track().to_owned();
        alice.remove_track(id).unwrap();
        exchange(&mut alice, &mut bob);
        assert_eq!((only(&bob).id(), only(&bob).receiver_track()), (theirs, track.as_str()));
        assert!(!only(&bob).stopped());
    }

    #[test]
    fn remove_track_makes_stream_onremovetrack_fire_and_the_track_to_be_removed_from_the_stream() {
        let (mut alice, id, mut bob, transceiver) = sending();
        alice.remove_track(id).unwrap();
        offer(&mut alice, &mut bob);
        assert!(events(&mut bob).contains(&RemoveTrack { transceiver, stream: "stream".into() }));
        assert!(only(&bob).remote_streams().is_empty());
    }

    #[test]
    fn remove_track_makes_track_onmute_fire_and_the_track_to_be_muted() {
        let (mut alice, id, mut bob, theirs) = sending();
        alice.remove_track(id).unwrap();
        offer(&mut alice, &mut bob);
        assert!(events(&mut bob).contains(&Mute(theirs)));
    }

    #[test]
    fn remove_track_twice_is_safe() {
        let (mut alice, id, mut bob, _) = sending();
        alice.remove_track(id).unwrap();
        assert_eq!(alice.remove_track(id), Ok(()));
        exchange(&mut alice, &mut bob);
        assert_eq!(alice.remove_track(id), Ok(()));
        assert_eq!(only(&alice).current_direction(), Some(Inactive));
    }
}

mod msid_parse {
    use super::*;

    #[test]
    fn description_with_no_msid_produces_a_track_with_a_stream() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
        let offer = without(&local_offer(&mut alice), "a=msid");
        bob.set_remote_description(SdpType::Offer, &offer).unwrap();
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
        assert_eq!(only(&bob).remote_streams().len(), 1);
        assert!(!only(&bob).remote_streams()[0].is_empty());
    }

    #[test]
    fn description_with_msid_appid_produces_a_track_with_no_stream() {
        assert_eq!(parsed("a=msid:- appid"), [""; 0]);
    }

    #[test]
    fn description_with_msid_foo_bar_produces_a_stream_with_id_foo() {
        assert_eq!(parsed("a=msid:foo bar"), ["foo"]);
    }

    #[test]
    fn description_with_two_msid_produces_two_streams() {
        assert_eq!(parsed("a=msid:foo bar\r\na=msid:baz bar"), ["foo", "baz"]);
    }

    #[test]
    fn description_with_msid_foo_but_no_track_id_is_accepted() {
        assert_eq!(parsed("a=msid:foo"), ["foo"]);
    }
}
