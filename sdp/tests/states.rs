//! The W3C's algorithms as tables: what each call does in each signalling state, which descriptions are then set, and each
//! condition of "check if negotiation is needed" alone.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[expect(dead_code, reason = "shared with the tests of behaviours, which use all of it")]
#[path = "behaviours/support.rs"]
mod support;

use duologue_sdp::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use duologue_sdp::SessionDescription;
use duologue_sdp::jsep::SdpType::{Answer, Offer, PrAnswer, Rollback};
use duologue_sdp::jsep::SignalingState::{
    self, Closed, HaveLocalOffer, HaveLocalPrAnswer, HaveRemoteOffer, HaveRemotePrAnswer, Stable,
};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{
    CandidateError, DescriptionError, IceCandidate, Negotiator, OfferOptions, TransceiverError,
    TransceiverInit,
};
use support::{create_offer, directed, exchange, local_offer, offer, pair, peer, signalled, texts, without};

const STATES: [SignalingState; 6] =
    [Stable, HaveLocalOffer, HaveRemoteOffer, HaveLocalPrAnswer, HaveRemotePrAnswer, Closed];

const INVALID_STATE: &str = "InvalidStateError";
const INVALID_MODIFICATION: &str = "InvalidModificationError";
const INVALID_ACCESS: &str = "InvalidAccessError";
const OPERATION: &str = "OperationError";
const TYPE: &str = "TypeError";

/// The W3C's name of an error.
trait Named {
    fn name(&self) -> &'static str;
}

impl Named for DescriptionError {
    fn name(&self) -> &'static str {
        match self {
            Self::State(_) => INVALID_STATE,
            Self::Modified => INVALID_MODIFICATION,
            _ => INVALID_ACCESS,
        }
    }
}

impl Named for TransceiverError {
    fn name(&self) -> &'static str {
        match self {
            Self::Closed | Self::Stopped => INVALID_STATE,
            other => panic!("{other:?}"),
        }
    }
}

impl Named for CandidateError {
    fn name(&self) -> &'static str {
        match self {
            Self::NoSection => TYPE,
            Self::UnknownSection | Self::UnknownGeneration => OPERATION,
            _ => INVALID_STATE,
        }
    }
}

/// A negotiator in a state, and the one it negotiates with; before the first answer.
fn in_state(state: SignalingState) -> (Negotiator, Negotiator) {
    let (mut one, mut other) = pair();
    for peer in [&mut one, &mut other] {
        peer.add_track(Audio, "track", &[]).unwrap();
        peer.request_data();
    }
    match state {
        Stable => {}
        HaveLocalOffer | HaveRemotePrAnswer => {
            offer(&mut one, &mut other);
        }
        HaveRemoteOffer | HaveLocalPrAnswer | Closed => {
            offer(&mut other, &mut one);
        }
    }
    match state {
        HaveLocalPrAnswer => one.set_local_description(PrAnswer, None).unwrap(),
        HaveRemotePrAnswer => {
            let answer = signalled(&other.create_answer().unwrap());
            one.set_remote_description(PrAnswer, &answer).unwrap();
        }
        Closed => one.close(),
        Stable | HaveLocalOffer | HaveRemoteOffer => {}
    }
    assert_eq!(one.signaling_state(), state);
    (one, other)
}

/// An offer of somebody.
fn some_offer() -> SessionDescription {
    let mut carol = peer("carol");
    carol.add_track(Audio, "carol's", &[]).unwrap();
    carol.request_data();
    signalled(&create_offer(&mut carol))
}

/// The peer's answer where it can make one, or another answer.
fn some_answer(other: &mut Negotiator) -> SessionDescription {
    other.create_answer().map_or_else(
        |_| {
            let (_, mut bob) = in_state(HaveLocalOffer);
            signalled(&bob.create_answer().unwrap())
        },
        |answer| signalled(&answer),
    )
}

/// Does an operation in each state, and compares the state it leads to or the error's name. An error changes nothing.
fn check<E: Named>(
    operation: &str,
    expected: [&str; 6],
    call: impl Fn(&mut Negotiator, &mut Negotiator) -> Result<(), E>,
) {
    for (state, expected) in STATES.into_iter().zip(expected) {
        let (mut one, mut other) = in_state(state);
        let result = call(&mut one, &mut other);
        let outcome = result.as_ref().map_or_else(E::name, |()| one.signaling_state().name());
        assert_eq!(outcome, expected, "{operation} in {}", state.name());
        assert!(result.is_ok() || one.signaling_state() == state, "{operation} in {}", state.name());
    }
}

/// Where an operation succeeds, the state stays.
fn stays(fails: &'static str, ok: [bool; 6]) -> [&'static str; 6] {
    std::array::from_fn(|index| if ok[index] { STATES[index].name() } else { fails })
}

const NO: &str = INVALID_STATE;
const OFFER: &str = "have-local-offer";
const REMOTE: &str = "have-remote-offer";
const PR: &str = "have-local-pranswer";
const REMOTE_PR: &str = "have-remote-pranswer";

#[test]
fn offers_and_answers_are_created_in_the_states_that_have_use_for_them() {
    check("createOffer", stays(NO, [true, true, false, false, false, false]), |one, _| {
        one.create_offer(OfferOptions::default()).map(drop).map_err(DescriptionError::from)
    });
    check("createAnswer", stays(NO, [false, false, true, true, false, false]), |one, _| {
        one.create_answer().map(drop).map_err(DescriptionError::from)
    });
}

#[test]
fn each_local_description_moves_each_state_or_is_refused() {
    let table = [
        (Offer, [OFFER, OFFER, NO, NO, NO, NO]),
        (PrAnswer, [NO, NO, PR, PR, NO, NO]),
        (Answer, [NO, NO, "stable", "stable", NO, NO]),
        (Rollback, [NO, "stable", "stable", NO, NO, NO]),
    ];
    for (kind, expected) in table {
        check(&format!("setLocalDescription({kind:?})"), expected, |one, _| {
            one.set_local_description(kind, None)
        });
    }
    check("setLocalDescription()", [OFFER, OFFER, "stable", "stable", NO, NO], |one, _| {
        one.set_implicit_local_description().map(drop)
    });
}

#[test]
fn a_local_description_that_is_not_the_one_created_last_is_refused() {
    let foreign = some_offer();
    let modified = INVALID_MODIFICATION;
    let table = [
        (Offer, [modified, modified, NO, NO, NO, NO]),
        (PrAnswer, [NO, NO, modified, modified, NO, NO]),
        (Answer, [NO, NO, modified, modified, NO, NO]),
    ];
    for (kind, expected) in table {
        check(&format!("setLocalDescription(foreign {kind:?})"), expected, |one, _| {
            one.set_local_description(kind, Some(&foreign))
        });
    }
}

#[test]
fn each_remote_description_moves_each_state_or_is_refused() {
    let table = [
        (Offer, [REMOTE, REMOTE, REMOTE, NO, NO, NO]),
        (PrAnswer, [NO, REMOTE_PR, NO, NO, REMOTE_PR, NO]),
        (Answer, [NO, "stable", NO, NO, "stable", NO]),
        (Rollback, [NO, "stable", "stable", NO, NO, NO]),
    ];
    for (kind, expected) in table {
        check(&format!("setRemoteDescription({kind:?})"), expected, |one, other| {
            let description = if kind == Offer { some_offer() } else { some_answer(other) };
            one.set_remote_description(kind, &description)
        });
    }
}

#[test]
fn a_remote_description_with_invalid_content_is_refused_and_leaves_the_state() {
    let invalid = INVALID_ACCESS;
    let table = [
        (Offer, [invalid, invalid, invalid, NO, NO, NO]),
        (PrAnswer, [NO, invalid, NO, NO, invalid, NO]),
        (Answer, [NO, invalid, NO, NO, invalid, NO]),
    ];
    for (kind, expected) in table {
        check(&format!("setRemoteDescription(invalid {kind:?})"), expected, |one, other| {
            let description = if kind == Offer { some_offer() } else { some_answer(other) };
            one.set_remote_description(kind, &without(&description, "a=fingerprint"))
        });
    }
}

#[test]
fn candidates_are_taken_once_there_is_a_description_of_the_peers() {
    let candidate = |mid: Option<&str>, ufrag: Option<&str>| IceCandidate {
        candidate: "candidate:1 1 udp 1 192.0.2.1 5000 typ host".into(),
        sdp_mid: mid.map(Into::into),
        username_fragment: ufrag.map(Into::into),
        ..IceCandidate::default()
    };
    let described = [false, false, true, true, true, false];
    let refused: [&str; 6] = std::array::from_fn(|index| if described[index] { OPERATION } else { NO });
    let table = [
        ("of the first section", candidate(Some("m0"), None), stays(NO, described)),
        ("that is the end", IceCandidate::default(), stays(NO, described)),
        ("of no section", candidate(Some("nothing"), None), refused),
        ("of no generation", candidate(Some("m0"), Some("nobody")), refused),
        ("without a section", candidate(None, None), [TYPE; 6]),
    ];
    for (what, candidate, expected) in table {
        check(&format!("addIceCandidate({what})"), expected, |one, _| {
            one.add_remote_candidate(&candidate).map(drop)
        });
    }
}

#[test]
fn transceivers_are_changed_in_each_state_but_closed() {
    let all = stays(NO, [true, true, true, true, true, false]);
    check("addTransceiver", all, |one, _| one.add_transceiver(Video, TransceiverInit::default()).map(drop));
    check("addTrack", all, |one, _| one.add_track(Video, "camera", &[]).map(drop));
    check("removeTrack", all, |one, _| one.remove_track(id(one)));
    check("replaceTrack", all, |one, _| one.replace_track(id(one), None));
    check("setStreams", all, |one, _| one.set_streams(id(one), &texts(&["stream"])));
    check("direction", all, |one, _| one.set_direction(id(one), Inactive));
    check("stop", all, |one, _| one.stop(id(one)));
}

#[test]
fn the_four_descriptions_are_set_as_the_state_says() {
    let set = |one: &Negotiator| {
        let pending = (one.pending_local_description().is_some(), one.pending_remote_description().is_some());
        let current = (one.current_local_description().is_some(), one.current_remote_description().is_some());
        (pending, current)
    };
    let none = (false, false);
    let table = [
        (Stable, none),
        (HaveLocalOffer, (true, false)),
        (HaveRemoteOffer, (false, true)),
        (HaveLocalPrAnswer, (true, true)),
        (HaveRemotePrAnswer, (true, true)),
    ];
    for (state, pending) in table {
        let (mut one, mut other) = in_state(state);
        assert_eq!(set(&one), (pending, none), "{}", state.name());
        match state {
            HaveLocalOffer | HaveRemotePrAnswer => {
                one.set_remote_description(Answer, &some_answer(&mut other)).unwrap();
            }
            HaveRemoteOffer | HaveLocalPrAnswer => one.set_local_description(Answer, None).unwrap(),
            Stable | Closed => continue,
        }
        assert_eq!(set(&one), (none, (true, true)), "the answer after {}", state.name());
        local_offer(&mut one);
        assert_eq!(set(&one), ((true, false), (true, true)), "an offer after that");
        one.set_local_description(Rollback, None).unwrap();
        assert_eq!(set(&one), (none, (true, true)), "rolled back");
    }
}

/// Two that have agreed on a track of the first one's: `sendrecv` offered, `recvonly` answered.
fn agreed() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
    exchange(&mut alice, &mut bob);
    assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
    (alice, bob)
}

fn id(one: &Negotiator) -> duologue_sdp::jsep::TransceiverId {
    one.transceivers().next().unwrap().id()
}

#[test]
fn nothing_is_needed_of_a_new_connection_nor_of_a_closed_one() {
    let mut alice = peer("alice");
    assert!(!alice.negotiation_needed());
    alice.request_data();
    alice.close();
    assert!(!alice.negotiation_needed());
}

#[test]
fn needed_are_ice_credentials_to_replace() {
    let (mut alice, mut bob) = agreed();
    alice.restart_ice();
    assert!(alice.negotiation_needed());
    exchange(&mut alice, &mut bob);
    assert!(!alice.negotiation_needed());
}

#[test]
fn needed_is_a_data_section_that_was_not_negotiated() {
    let (mut alice, mut bob) = agreed();
    alice.request_data();
    assert!(alice.negotiation_needed());
    exchange(&mut alice, &mut bob);
    assert!(!alice.negotiation_needed());
    bob.request_data();
    assert!(!bob.negotiation_needed());
}

#[test]
fn needed_is_the_end_of_a_transceiver_that_is_stopping() {
    let (mut alice, mut bob) = agreed();
    let id = id(&alice);
    alice.stop(id).unwrap();
    assert!(alice.negotiation_needed());
    exchange(&mut alice, &mut bob);
    assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
}

#[test]
fn needed_is_a_section_for_a_transceiver_that_has_none() {
    let (mut alice, mut bob) = agreed();
    alice.add_transceiver(Video, directed(Inactive)).unwrap();
    assert!(alice.negotiation_needed());
    exchange(&mut alice, &mut bob);
    assert!(!alice.negotiation_needed());
}

#[test]
fn needed_are_the_streams_of_a_sender_when_their_lines_are_missing_fewer_or_others() {
    let (mut alice, mut bob) = agreed();
    for streams in [&["other"][..], &["other", "second"], &["second"], &[]] {
        let id = id(&alice);
        alice.set_streams(id, &texts(streams)).unwrap();
        assert!(alice.negotiation_needed(), "{streams:?}");
        exchange(&mut alice, &mut bob);
        assert!(!alice.negotiation_needed(), "{streams:?}");
    }
    // A sender whose direction was not offered has no line at all.
    let (mut alice, mut bob) = pair();
    alice.add_transceiver(Audio, directed(SendOnly)).unwrap();
    exchange(&mut alice, &mut bob);
    let theirs = id(&bob);
    assert!(!bob.negotiation_needed());
    bob.set_direction(theirs, SendRecv).unwrap();
    assert!(bob.negotiation_needed());
    bob.set_direction(theirs, RecvOnly).unwrap();
    assert!(!bob.negotiation_needed());
}

#[test]
fn needed_is_a_direction_of_the_offerers_that_neither_offer_nor_answer_has() {
    for (direction, needed) in [(SendRecv, false), (SendOnly, false), (RecvOnly, true), (Inactive, true)] {
        let (mut alice, mut bob) = agreed();
        let id = id(&alice);
        alice.set_direction(id, direction).unwrap();
        assert_eq!(alice.negotiation_needed(), needed, "{direction:?}");
        exchange(&mut alice, &mut bob);
        assert!(!alice.negotiation_needed(), "{direction:?}");
    }
}

#[test]
fn needed_is_a_direction_of_the_answerers_that_the_answer_could_have_had() {
    for (offered, wanted, needed) in [
        (SendRecv, RecvOnly, false),
        (SendRecv, Inactive, true),
        (SendOnly, Inactive, true),
        (RecvOnly, RecvOnly, false),
        (RecvOnly, Inactive, false),
        (Inactive, RecvOnly, false),
    ] {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, directed(offered)).unwrap();
        exchange(&mut alice, &mut bob);
        let id = id(&bob);
        bob.set_direction(id, wanted).unwrap();
        assert_eq!(bob.negotiation_needed(), needed, "{offered:?} {wanted:?}");
        exchange(&mut bob, &mut alice);
        assert!(!bob.negotiation_needed(), "{offered:?} {wanted:?}");
    }
}
