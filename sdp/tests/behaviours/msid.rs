//! The streams of our tracks, as descriptions carry them.

use crate::support::{create_offer, directed, lines, peer, texts};
use duologue_sdp::Direction::{Inactive, RecvOnly};
use duologue_sdp::jsep::TrackKind::Audio;
use duologue_sdp::jsep::{Negotiator, TransceiverInit};

fn msids(peer: &mut Negotiator) -> Vec<String> {
    lines(&create_offer(peer), "a=msid:")
}

fn added_track(streams: &[&str]) -> Vec<String> {
    let mut alice = peer("alice");
    alice.add_track(Audio, "microphone", &texts(streams)).unwrap();
    msids(&mut alice)
}

fn added_transceiver(streams: &[&str]) -> Vec<String> {
    let mut alice = peer("alice");
    let mut init = TransceiverInit::default();
    init.track = Some("microphone".into());
    init.streams = texts(streams);
    alice.add_transceiver(Audio, init).unwrap();
    msids(&mut alice)
}

fn set_streams(streams: &[&str]) -> Vec<String> {
    let mut alice = peer("alice");
    let id = alice.add_track(Audio, "microphone", &[]).unwrap();
    alice.set_streams(id, &texts(streams)).unwrap();
    msids(&mut alice)
}

mod msid_generate {
    use super::*;

    #[test]
    fn no_media_track_produces_no_msid() {
        let mut alice = peer("alice");
        alice.request_data();
        alice.add_transceiver(Audio, directed(RecvOnly)).unwrap();
        alice.add_transceiver(Audio, directed(Inactive)).unwrap();
        assert_eq!(create_offer(&mut alice).media.len(), 3);
        assert_eq!(msids(&mut alice), [""; 0]);
    }

    #[test]
    fn add_track_without_a_stream_produces_msid_with_no_stream_id() {
        assert_eq!(added_track(&[]), ["-"]);
    }

    #[test]
    fn add_track_with_a_stream_produces_msid_with_a_stream_id() {
        assert_eq!(added_track(&["one"]), ["one"]);
    }

    #[test]
    fn add_track_with_two_streams_produces_two_msid_lines() {
        assert_eq!(added_track(&["one", "two"]), ["one", "two"]);
    }

    #[test]
    fn add_track_with_the_stream_twice_produces_single_msid_with_a_stream_id() {
        assert_eq!(added_track(&["one", "one"]), ["one"]);
    }

    #[test]
    fn add_transceiver_without_a_stream_produces_msid_with_no_stream_id() {
        assert_eq!(added_transceiver(&[]), ["-"]);
    }

    #[test]
    fn add_transceiver_with_a_stream_produces_msid_with_a_stream_id() {
        assert_eq!(added_transceiver(&["one"]), ["one"]);
    }

    #[test]
    fn add_transceiver_with_two_streams_produces_two_msid_lines() {
        assert_eq!(added_transceiver(&["one", "two"]), ["one", "two"]);
    }

    #[test]
    fn add_transceiver_with_the_stream_twice_produces_single_msid_with_a_stream_id() {
        assert_eq!(added_transceiver(&["one", "one"]), ["one"]);
    }

    #[test]
    fn set_streams_with_a_stream_produces_msid_with_a_stream_id() {
        assert_eq!(set_streams(&["one"]), ["one"]);
    }

    #[test]
    fn set_streams_with_two_streams_produces_two_msid_lines() {
        assert_eq!(set_streams(&["one", "two"]), ["one", "two"]);
    }

    #[test]
    fn set_streams_with_the_stream_twice_produces_single_msid_with_a_stream_id() {
        assert_eq!(set_streams(&["one", "one"]), ["one"]);
    }
}
