//! The one transport: data channels, bundling, DTLS roles and fingerprints.

use crate::support::{
    answer, edited, exchange, local_offer, offer, only, pair, peer, sections, signalled, without,
};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{DtlsRole, Negotiator, SdpType};
use duologue_sdp::{SessionDescription, Setup};

/// An offer of data as `change` makes it, and the one who takes it.
fn data_offer(change: impl Fn(&SessionDescription) -> SessionDescription) -> Negotiator {
    let (mut alice, mut bob) = pair();
    alice.request_data();
    let offer = local_offer(&mut alice);
    bob.set_remote_description(SdpType::Offer, &change(&offer)).unwrap();
    bob.set_implicit_local_description().unwrap();
    bob
}

fn max_message_size(line: &str) -> Option<u64> {
    let bob = data_offer(|offer| {
        let offer = without(offer, "a=max-message-size");
        edited(&offer, "a=sctp-port:5000\r\n", &format!("a=sctp-port:5000\r\n{line}"))
    });
    bob.data().unwrap().max_message_size
}

/// The roles that offerer and answerer have after an offer with this role.
fn roles(setup: &str) -> (SessionDescription, [Option<DtlsRole>; 2]) {
    let (mut alice, mut bob) = pair();
    alice.request_data();
    let offer = edited(&local_offer(&mut alice), "a=setup:actpass", setup);
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    let answer = bob.create_answer().unwrap();
    bob.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
    alice.set_remote_description(SdpType::Answer, &signalled(&answer)).unwrap();
    (answer, [alice.dtls_role(), bob.dtls_role()])
}

fn with_fingerprint(hash: &str, bytes: usize) {
    let digest = vec!["5A"; bytes].join(":");
    let change = |one: &SessionDescription| {
        let line = format!("a=fingerprint:sha-256 {}", ["A5"; 32].join(":"));
        edited(one, &line, &format!("a=fingerprint:{hash} {digest}"))
    };
    let (mut alice, mut bob) = pair();
    alice.add_track(Audio, "microphone", &[]).unwrap();
    let offer = change(&local_offer(&mut alice));
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    let answer = bob.create_answer().unwrap();
    bob.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
    alice.set_remote_description(SdpType::Answer, &change(&answer)).unwrap();
    for one in [&alice, &bob] {
        let fingerprints = &one.remote_transport().unwrap().fingerprints;
        assert_eq!(fingerprints.len(), 1);
        assert_eq!(fingerprints[0].to_string().to_lowercase(), format!("{hash} {digest}").to_lowercase());
    }
}

mod create_data_channel {
    use super::*;

    #[test]
    fn add_track_then_creating_datachannel_should_negotiate_properly_when_max_bundle_is_used() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        alice.request_data();
        let (offer, answer) = exchange(&mut alice, &mut bob);
        assert_eq!((offer.media.len(), answer.media.len()), (2, 2));
        assert!(answer.media.iter().all(|media| media.port != 0));
        assert!(alice.data().is_some() && bob.data().is_some());
        assert!(only(&alice).current_direction().is_some());
    }
}

mod sctp_transport_constructor {
    use super::*;

    #[test]
    fn set_remote_description_with_answer_containing_data_media_should_initialize_pc_sctp() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        offer(&mut alice, &mut bob);
        assert_eq!(alice.data(), None);
        answer(&mut bob, &mut alice);
        assert_eq!(alice.data().unwrap().remote_port, 5000);
    }

    #[test]
    fn set_local_description_with_answer_containing_data_media_should_initialize_pc_sctp() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        offer(&mut alice, &mut bob);
        assert_eq!(bob.data(), None);
        answer(&mut bob, &mut alice);
        assert_eq!(bob.data().unwrap().remote_port, 5000);
    }
}

mod sctp_transport_max_message_size {
    use super::*;

    #[test]
    fn determine_the_local_side_send_limitation_can_send_size_by_offering_a_max_message_size() {
        assert_eq!(max_message_size("a=max-message-size:0\r\n"), None);
    }

    #[test]
    fn remote_offer_sdp_missing_max_message_size_attribute() {
        assert_eq!(max_message_size(""), Some(65_536));
    }

    #[test]
    fn max_message_size_with_a_non_zero_value_provided_by_the_remote_peer() {
        assert_eq!(max_message_size("a=max-message-size:4096\r\n"), Some(4096));
    }

    #[test]
    fn max_message_size_with_a_non_zero_value_larger_than_can_send_size_provided_by_the_remote() {
        // What can be sent is bound by the driver's own queue; the peer's word is kept as it stands.
        assert_eq!(max_message_size("a=max-message-size:281474976710656\r\n"), Some(1 << 48));
    }

    #[test]
    fn renegotiate_max_message_size_with_various_values_provided_by_the_remote_peer() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        exchange(&mut alice, &mut bob);
        assert_eq!(bob.data().unwrap().max_message_size, Some(262_144));
        for (line, size) in [
            ("a=max-message-size:1024", Some(1024)),
            ("a=max-message-size:0", None),
            ("a=max-message-size:65537", Some(65_537)),
            ("a=other:thing", Some(65_536)),
        ] {
            let offer = edited(&local_offer(&mut alice), "a=max-message-size:262144", line);
            bob.set_remote_description(SdpType::Offer, &offer).unwrap();
            answer(&mut bob, &mut alice);
            assert_eq!(bob.data().unwrap().max_message_size, size, "{line}");
        }
    }
}

mod bundle {
    use super::*;

    #[test]
    fn max_bundle_with_an_offer_without_bundle_only_negotiates_the_first_m_line() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        alice.add_track(Video, "camera", &[]).unwrap();
        let offer = without(&without(&local_offer(&mut alice), "a=group"), "a=bundle-only");
        let transport: String = sections(&offer)[0]
            .split_inclusive('\n')
            .filter(|line| ["a=ice-", "a=fingerprint", "a=setup"].iter().any(|one| line.starts_with(one)))
            .collect();
        let second = sections(&offer)[1].clone();
        let offer =
            edited(&offer, &second, &format!("{second}{transport}").replace("m=video 0", "m=video 9"));
        bob.set_remote_description(SdpType::Offer, &offer).unwrap();
        let answer = bob.create_answer().unwrap();
        assert_ne!(answer.media[0].port, 0);
        assert_eq!((answer.media.len(), answer.media[1].port), (2, 0));
    }

    #[test]
    fn srd_offer_works_with_no_transport_attributes_in_a_bundle_only_m_section() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        alice.add_track(Video, "camera", &[]).unwrap();
        let offer = local_offer(&mut alice);
        let second = &sections(&offer)[1];
        assert!(
            second.contains("a=bundle-only")
                && !second.contains("a=ice-ufrag")
                && !second.contains("a=fingerprint")
        );
        bob.set_remote_description(SdpType::Offer, &signalled(&offer)).unwrap();
        let answer = answer(&mut bob, &mut alice);
        assert!(answer.media.iter().all(|media| media.port != 0));
        assert!(bob.transceivers().all(|one| one.current_direction().is_some_and(|one| one.receives())));
        // The section with the transport may come later.
        let [audio, video] = &sections(&offer)[..] else { panic!("two sections") };
        let offer = edited(&offer, &format!("{audio}{video}"), &format!("{video}{audio}"));
        let mut carol = peer("carol");
        carol.set_remote_description(SdpType::Offer, &offer).unwrap();
        assert_eq!(carol.remote_transport().unwrap().ice.ufrag, "aliceUfrag");
        assert!(carol.create_answer().unwrap().media.iter().all(|media| media.port != 0));
    }
}

mod dtls_fingerprint_validation {
    use super::*;

    #[test]
    fn sdp_negotiation_with_a_sha_1_fingerprint_succeds() {
        with_fingerprint("sha-1", 20);
    }

    #[test]
    fn sdp_negotiation_with_a_sha_256_fingerprint_succeds() {
        with_fingerprint("sha-256", 32);
    }

    #[test]
    fn sdp_negotiation_with_a_sha_384_fingerprint_succeds() {
        with_fingerprint("sha-384", 48);
    }

    #[test]
    fn sdp_negotiation_with_a_sha_512_fingerprint_succeds() {
        with_fingerprint("sha-512", 64);
    }
}

mod dtls_setup {
    use super::*;

    #[test]
    fn pc_should_accept_initial_offer_with_setup_actpass() {
        let (answer, roles) = roles("a=setup:actpass");
        assert_eq!(answer.media[0].setup(), Some(Setup::Active));
        assert_eq!(roles, [Some(DtlsRole::Server), Some(DtlsRole::Client)]);
    }

    #[test]
    fn pc_should_accept_initial_offer_with_setup_active() {
        let (answer, roles) = roles("a=setup:active");
        assert_eq!(answer.media[0].setup(), Some(Setup::Passive));
        assert_eq!(roles, [Some(DtlsRole::Client), Some(DtlsRole::Server)]);
    }

    #[test]
    fn pc_should_accept_initial_offer_with_setup_passive() {
        let (answer, roles) = roles("a=setup:passive");
        assert_eq!(answer.media[0].setup(), Some(Setup::Active));
        assert_eq!(roles, [Some(DtlsRole::Server), Some(DtlsRole::Client)]);
    }
}
