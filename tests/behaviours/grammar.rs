//! The text of candidates, as the agent types it.

use crate::pair::{ALICE, BOB, Pair};
use duologue::ice::grammar::{Candidate, CandidateAddress, CandidateKind, Protocol, TcpType};
use duologue::sdp::jsep::IceCandidate;
use duologue::{AddCandidateError, ChannelConfig};

fn init(candidate: &str) -> IceCandidate {
    IceCandidate { candidate: candidate.into(), sdp_mid: Some("m0".into()), ..IceCandidate::default() }
}

/// Bob with Alice's offer.
fn offered() -> Pair {
    let mut pair = Pair::new();
    pair.create(ALICE, "chat", ChannelConfig::default());
    pair.negotiate(ALICE, |_, text| text);
    pair
}

fn is_refused(text: &str) -> bool {
    let mut pair = offered();
    let result = pair.peers[BOB].add_ice_candidate(pair.now, &init(text));
    matches!(result, Err(AddCandidateError::Grammar(_)))
}

mod ice_candidate_constructor {
    use super::*;

    #[test]
    fn new_rtc_ice_candidate_with_invalid_candidate_string_and_sdp_mid() {
        let init = init("this is no candidate");
        assert_eq!(init.candidate, "this is no candidate");
        assert!(init.candidate.parse::<Candidate>().is_err());
    }

    #[test]
    fn new_rtc_ice_candidate_with_nondefault_values_for_all_fields() {
        let text = "candidate:4242 1 udp 2122260223 192.0.2.7 5000 typ srflx raddr 10.0.0.7 rport 6000 generation 3 ufrag user1";
        let candidate: Candidate = text.parse().unwrap();
        assert_eq!((candidate.foundation.as_str(), candidate.component), ("4242", 1));
        assert_eq!((&candidate.protocol, candidate.priority), (&Protocol::Udp, 2_122_260_223));
        let ip = |text: &str| CandidateAddress::Ip(text.parse().unwrap());
        assert_eq!((&candidate.address, candidate.port), (&ip("192.0.2.7"), 5000));
        assert_eq!((&candidate.kind, &candidate.tcp_type), (&CandidateKind::ServerReflexive, &None));
        assert_eq!((&candidate.related_address, candidate.related_port), (&Some(ip("10.0.0.7")), Some(6000)));
        assert_eq!((candidate.ufrag(), candidate.to_string().as_str()), (Some("user1"), text));
    }

    #[test]
    fn new_rtc_ice_candidate_with_nondefault_values_for_all_fields_tcp_candidate() {
        let text = "candidate:1 2 tcp 1518280447 192.0.2.7 9 typ host tcptype active";
        let candidate: Candidate = text.parse().unwrap();
        assert_eq!((candidate.component, &candidate.protocol), (2, &Protocol::Tcp));
        assert_eq!((&candidate.kind, &candidate.tcp_type), (&CandidateKind::Host, &Some(TcpType::Active)));
        assert_eq!((&candidate.related_address, candidate.related_port), (&None, None));
        assert_eq!(candidate.to_string(), text);
    }
}

mod add_ice_candidate {
    use super::*;

    #[test]
    fn add_candidate_with_invalid_candidate_string_should_reject_with_operation_error() {
        assert!(is_refused("(Invalid) candidate string"));
        assert!(is_refused("candidate:(1) 1 udp 1 192.0.2.1 5000 typ host"));
        assert!(is_refused("candidate:1 1 udp 1 192.0.2.1 70000 typ host"));
        assert!(!is_refused("candidate:1 1 udp 1 192.0.2.1 5000 typ host"));
    }
}
