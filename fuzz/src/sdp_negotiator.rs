//! Two negotiators and arbitrary calls: a refused call changes nothing, and in a stable state both agree.

use arbitrary::{Arbitrary, Unstructured};
use duologue_sdp::SessionDescription;
use duologue_sdp::jsep::{
    Config, DtlsRole, IceCredentials, LocalTransport, Negotiator, OfferOptions, SdpType, SignalingState,
};
use std::sync::Arc;

#[derive(Debug, Arbitrary)]
enum Op {
    Request {
        who: bool,
    },
    Offer {
        who: bool,
        set: bool,
    },
    Answer {
        who: bool,
        provisional: bool,
    },
    RollBack {
        who: bool,
        local: bool,
    },
    /// The other's description of this kind arrives, perhaps with a line cut out.
    Deliver {
        who: bool,
        kind: u8,
        cut: Option<u8>,
    },
}

/// One input.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let mut peers = [negotiator("alice"), negotiator("bob")];
    for _ in 0..64 {
        let Some(op) = (!bytes.is_empty()).then(|| Op::arbitrary(&mut bytes).ok()).flatten() else { break };
        apply(&mut peers, &op);
        check(&peers);
    }
}

fn negotiator(name: &str) -> Negotiator {
    let fingerprint = format!("sha-256 {}", ["A5"; 32].join(":"));
    let local = LocalTransport {
        ice: IceCredentials {
            ufrag: format!("{name}ufrag").into(),
            pwd: format!("{name}passwordpasswordpassword").as_str().into(),
        },
        ice_lite: false,
        fingerprints: fingerprint.parse().into_iter().collect(),
        tls_id: format!("{name}0123456789abcdef0123").into(),
        sctp_port: 5000,
        max_message_size: 262_144,
    };
    Negotiator::new(Arc::new(Config::default()), local, [1; 32])
}

fn apply(peers: &mut [Negotiator; 2], op: &Op) {
    let [alice, bob] = peers;
    let pick = |who: &bool| *who;
    match op {
        Op::Request { who } => {
            if pick(who) { alice } else { bob }.request_data();
        }
        Op::Offer { who, set } => {
            let peer = if pick(who) { alice } else { bob };
            if let Ok(offer) = peer.create_offer(OfferOptions::default())
                && *set
            {
                assert_eq!(peer.set_local_description(SdpType::Offer, Some(&offer)), Ok(()));
            }
        }
        Op::Answer { who, provisional } => {
            let peer = if pick(who) { alice } else { bob };
            let kind = if *provisional { SdpType::PrAnswer } else { SdpType::Answer };
            if let Ok(answer) = peer.create_answer() {
                assert_eq!(peer.set_local_description(kind, Some(&answer)), Ok(()));
            }
        }
        Op::RollBack { who, local } => {
            let peer = if pick(who) { alice } else { bob };
            let Some(any) = peer.local_description() else { return };
            if *local {
                let _ = peer.set_local_description(SdpType::Rollback, Some(&any));
            } else {
                let _ = peer.set_remote_description(SdpType::Rollback, &any);
            }
        }
        Op::Deliver { who, kind, cut } => {
            let (from, to) = if pick(who) { (alice, bob) } else { (bob, alice) };
            let Some(description) = from.local_description().and_then(|one| cut_line(&one, *cut)) else {
                return;
            };
            let kind = [SdpType::Offer, SdpType::Answer, SdpType::PrAnswer][usize::from(kind % 3)];
            let before = format!("{to:?}");
            if to.set_remote_description(kind, &description).is_err() {
                assert_eq!(format!("{to:?}"), before, "a refused description changes nothing");
            }
        }
    }
}

fn cut_line(description: &SessionDescription, cut: Option<u8>) -> Option<SessionDescription> {
    let text = description.to_string();
    let lines = text.lines().enumerate();
    let kept = lines.filter(|(index, _)| cut.is_none_or(|cut| *index != usize::from(cut)));
    let kept: String = kept.map(|(_, line)| format!("{line}\r\n")).collect();
    kept.parse().ok()
}

fn check(peers: &[Negotiator; 2]) {
    for peer in peers {
        if peer.signaling_state() == SignalingState::Stable && peer.data().is_some() {
            assert!(peer.dtls_role().is_some() && peer.remote_transport().is_some());
            assert!(matches!(peer.dtls_role(), Some(DtlsRole::Client | DtlsRole::Server)));
        }
        if let Some(description) = peer.local_description() {
            assert_eq!(description.to_string().parse().as_ref(), Ok(&description));
        }
    }
}
