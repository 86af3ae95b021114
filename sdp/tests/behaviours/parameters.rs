//! The parameters of senders.

use crate::support::{codecs, exchange, only, pair, peer, state};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{
    Encoding, Negotiator, Parameters, TransceiverError, TransceiverId, TransceiverInit,
};
use duologue_sdp::{FormatParameters, PayloadType};

fn with_encodings(encodings: Vec<Encoding>) -> TransceiverInit {
    let mut init = TransceiverInit::default();
    init.send_encodings = encodings;
    init
}

/// A sender that has negotiated.
fn negotiated(kind: duologue_sdp::jsep::TrackKind) -> (Negotiator, TransceiverId) {
    let (mut alice, mut bob) = pair();
    let id = alice.add_transceiver(kind, TransceiverInit::default()).unwrap();
    exchange(&mut alice, &mut bob);
    (alice, id)
}

/// Whether parameters that were changed so are refused as modified, and nothing has changed.
fn is_refused(kind: duologue_sdp::jsep::TrackKind, change: impl Fn(&mut Parameters)) -> bool {
    let (mut alice, id) = negotiated(kind);
    let mut parameters = alice.parameters(id).unwrap();
    let before = parameters.clone();
    change(&mut parameters);
    assert_ne!(parameters, before, "the test changes something");
    let refused = alice.set_parameters(id, parameters) == Err(TransceiverError::Modified);
    let after = alice.parameters(id).unwrap();
    refused && (&after.encodings, &after.codecs) == (&before.encodings, &before.codecs)
}

/// What is left of an encoding after all that may be changed was.
fn changed(init: TransceiverInit) -> (bool, Option<u64>, Option<f64>) {
    let mut alice = peer("alice");
    let id = alice.add_transceiver(Video, init).unwrap();
    let mut parameters = alice.parameters(id).unwrap();
    parameters.encodings[0].active = false;
    parameters.encodings[0].max_bitrate = Some(20_000);
    parameters.encodings[0].max_framerate = Some(48.0);
    alice.set_parameters(id, parameters).unwrap();
    let encoding = alice.parameters(id).unwrap().encodings.remove(0);
    (encoding.active, encoding.max_bitrate, encoding.max_framerate)
}

mod rtp_parameters_codecs {
    use super::*;

    #[test]
    fn set_parameters_with_codec_payload_type_modified_should_reject_with_invalid_modification() {
        assert!(is_refused(Audio, |one| one.codecs[0].payload_type = PayloadType::new(120).unwrap()));
    }

    #[test]
    fn set_parameters_with_codec_mime_type_modified_should_reject_with_invalid_modification() {
        assert!(is_refused(Audio, |one| one.codecs[0].name = "foobar".into()));
    }

    #[test]
    fn set_parameters_with_codec_clock_rate_modified_should_reject_with_invalid_modification() {
        assert!(is_refused(Audio, |one| one.codecs[0].clock_rate += 1));
    }

    #[test]
    fn set_parameters_with_codec_channels_modified_should_reject_with_invalid_modification() {
        assert!(is_refused(Audio, |one| one.codecs[0].channels += 11));
    }

    #[test]
    fn set_parameters_with_codec_sdp_fmtp_line_modified_should_reject_with_invalid() {
        assert!(is_refused(Audio, |one| one.codecs[0].parameters = FormatParameters::new("a=b")));
    }

    #[test]
    fn set_parameters_with_new_codecs_inserted_should_reject_with_invalid_modification_error() {
        let new = codecs("m=audio 9 UDP/TLS/RTP/SAVPF 120\r\na=rtpmap:120 new/8000\r\n").remove(0);
        assert!(is_refused(Audio, |one| one.codecs.push(new.clone())));
        assert!(is_refused(Audio, |one| one.codecs.insert(0, new.clone())));
    }
}

mod rtp_parameters_encodings {
    use super::*;

    #[test]
    fn add_transceiver_with_undefined_send_encodings_should_have_default_encoding_parameter() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let parameters = alice.parameters(id).unwrap();
        let [encoding] = &parameters.encodings[..] else { panic!("one encoding") };
        assert!(encoding.active && encoding.rid.is_none() && encoding.max_bitrate.is_none());
    }

    #[test]
    fn add_transceiver_with_empty_list_send_encodings_should_have_default_encoding_parameter() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Video, with_encodings(Vec::new())).unwrap();
        let parameters = alice.parameters(id).unwrap();
        assert_eq!(parameters.encodings.len(), 1);
        assert!(parameters.encodings[0].active);
    }

    #[test]
    fn sender_get_parameters_should_return_send_encodings_set_by_add_transceiver() {
        let mut alice = peer("alice");
        let mut encodings = vec![Encoding::with_rid("foo"), Encoding::with_rid("bar")];
        encodings[0].active = false;
        encodings[1].max_bitrate = Some(1_000_000);
        encodings[1].scale_resolution_down_by = Some(2.5);
        encodings[0].scale_resolution_down_by = Some(1.0);
        let id = alice.add_transceiver(Video, with_encodings(encodings.clone())).unwrap();
        assert_eq!(alice.parameters(id).unwrap().encodings, encodings);
    }

    #[test]
    fn sender_set_parameters_with_mismatch_number_of_encodings_should_reject_with_invalid() {
        assert!(is_refused(Video, |one| one.encodings.push(Encoding::default())));
        assert!(is_refused(Video, |one| one.encodings.clear()));
    }

    #[test]
    fn set_parameters_with_modified_encoding_rid_field_should_reject_with_invalid_modification() {
        let mut alice = peer("alice");
        let init = with_encodings(vec![Encoding::with_rid("foo"), Encoding::with_rid("baz")]);
        let id = alice.add_transceiver(Video, init).unwrap();
        let mut parameters = alice.parameters(id).unwrap();
        parameters.encodings[1].rid = Some("bar".into());
        assert_eq!(alice.set_parameters(id, parameters), Err(TransceiverError::Modified));
        let mut parameters = alice.parameters(id).unwrap();
        parameters.encodings.swap(0, 1);
        assert_eq!(alice.set_parameters(id, parameters), Err(TransceiverError::Modified));
        assert_eq!(only(&alice).encodings()[1].rid.as_deref(), Some("baz"));
    }

    #[test]
    fn set_parameters_with_encoding_scale_resolution_down_by_field_set_to_less_than_1_0_should() {
        let (mut alice, id) = negotiated(Video);
        for scale in [0.5, 0.999, 0.0, -1.0] {
            let mut parameters = alice.parameters(id).unwrap();
            parameters.encodings[0].scale_resolution_down_by = Some(scale);
            assert_eq!(alice.set_parameters(id, parameters), Err(TransceiverError::Scale), "{scale}");
        }
    }

    #[test]
    fn set_parameters_with_encoding_scale_resolution_down_by_field_set_to_greater_than_1_0() {
        let (mut alice, id) = negotiated(Video);
        let mut parameters = alice.parameters(id).unwrap();
        parameters.encodings[0].scale_resolution_down_by = Some(1.5);
        alice.set_parameters(id, parameters).unwrap();
        assert_eq!(state(&alice, id).encodings()[0].scale_resolution_down_by, Some(1.5));
    }

    #[test]
    fn set_parameters_changes_what_an_encoding_of_the_init_may_change() {
        let mut first = Encoding::default();
        first.active = true;
        first.max_bitrate = Some(10_000);
        first.max_framerate = Some(24.0);
        assert_eq!(changed(with_encodings(vec![first])), (false, Some(20_000), Some(48.0)));
    }

    #[test]
    fn set_parameters_changes_what_an_encoding_may_change_without_an_init() {
        assert_eq!(changed(TransceiverInit::default()), (false, Some(20_000), Some(48.0)));
    }
}

mod rtp_parameters_header_extensions {
    use super::*;

    #[test]
    fn set_parameters_with_modified_header_extensions_should_reject_with_invalid_modification() {
        assert!(is_refused(Audio, |one| one.header_extensions.clear()));
        assert!(is_refused(Audio, |one| one.header_extensions[0].id += 1));
    }
}

mod rtp_parameters_rtcp {
    use super::*;

    #[test]
    fn set_parameters_with_modified_rtcp_cname_should_reject_with_invalid_modification_error() {
        assert!(is_refused(Audio, |one| one.cname = "foo".into()));
    }

    #[test]
    fn set_parameters_with_modified_rtcp_reduced_size_should_reject_with_invalid_modification() {
        assert!(is_refused(Audio, |one| one.reduced_size = !one.reduced_size));
    }
}

mod rtp_parameters_transaction_id {
    use super::*;

    #[test]
    fn sender_get_parameters_should_return_different_transaction_i_ds_for_each_call() {
        let (mut alice, id) = negotiated(Audio);
        let ids = [0, 1].map(|_| alice.parameters(id).unwrap().transaction_id);
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn sender_set_parameters_with_transaction_id_different_from_last_get_parameters_should() {
        let (mut alice, id) = negotiated(Audio);
        let mut parameters = alice.parameters(id).unwrap();
        parameters.transaction_id += 1;
        assert_eq!(alice.set_parameters(id, parameters), Err(TransceiverError::Transaction));
    }

    #[test]
    fn set_parameters_twice_with_the_same_parameters_should_reject_with_invalid_state_error() {
        let (mut alice, id) = negotiated(Audio);
        let parameters = alice.parameters(id).unwrap();
        assert_eq!(alice.set_parameters(id, parameters.clone()), Ok(()));
        assert_eq!(alice.set_parameters(id, parameters), Err(TransceiverError::Transaction));
    }

    #[test]
    fn set_parameters_with_parameters_older_than_last_get_parameters_should_reject_with() {
        let (mut alice, id) = negotiated(Audio);
        let older = alice.parameters(id).unwrap();
        let newer = alice.parameters(id).unwrap();
        assert_eq!(alice.set_parameters(id, older), Err(TransceiverError::Transaction));
        assert_eq!(alice.set_parameters(id, newer), Ok(()));
    }
}

mod rtp_sender_set_parameters {
    use super::*;

    #[test]
    fn set_parameters_when_transceiver_is_stopped_should_reject_with_invalid_state_error() {
        let (mut alice, id) = negotiated(Audio);
        let parameters = alice.parameters(id).unwrap();
        alice.stop(id).unwrap();
        assert_eq!(alice.set_parameters(id, parameters), Err(TransceiverError::Stopped));
    }
}
