//! Two peers, the messages on their way between them, and applications that negotiate as the W3C's example of perfect
//! negotiation does.

use crate::agreed::{self, History};
use crate::capabilities::{Able, config, negotiator};
use crate::needed::Model;
use duologue_sdp::SessionDescription;
use duologue_sdp::jsep::{
    Config, Event, Negotiator, OfferOptions, SdpType, SignalingState, TrackKind, Transceiver, TransceiverId,
};
use std::collections::VecDeque;

/// A description under way, as text; a rollback says that an offer was declined.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) kind: SdpType,
    pub(crate) text: String,
    /// The version of the offer that it answers or declines.
    about: Option<String>,
}

/// A peer and its application.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) negotiator: Negotiator,
    config: Config,
    polite: bool,
    /// It was told that an offer is due, and has made none since.
    pub(crate) wants_offer: bool,
    /// It has ignored an offer because of its own, which must now stand.
    committed: bool,
    /// What it has sent and the other has not got yet.
    pub(crate) outbox: VecDeque<Message>,
    model: Model,
}

/// Both peers. The first one is polite.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) peers: [Peer; 2],
    history: History,
    /// How many stable points were compared.
    pub(crate) stable_points: usize,
    /// How many offers were made, and how many ignored.
    pub(crate) offers: usize,
    pub(crate) ignored: usize,
}

impl World {
    pub(crate) fn new(able: [Able; 2]) -> Self {
        let peer = |index: usize| Peer {
            negotiator: negotiator(able[index], u8::try_from(index).unwrap()),
            config: config(able[index]),
            polite: index == 0,
            wants_offer: false,
            committed: false,
            outbox: VecDeque::new(),
            model: Model::default(),
        };
        let peers = [peer(0), peer(1)];
        Self { peers, history: History::default(), stable_points: 0, offers: 0, ignored: 0 }
    }

    pub(crate) fn state(&self, who: usize) -> SignalingState {
        self.peers[who].negotiator.signaling_state()
    }

    /// The transceiver at a place, counted around the list.
    pub(crate) fn transceiver(&self, who: usize, place: u8) -> Option<TransceiverId> {
        let all: Vec<_> = self.peers[who].negotiator.transceivers().map(|one| one.id()).collect();
        (!all.is_empty()).then(|| all[usize::from(place) % all.len()])
    }

    /// Whether a peer has codecs for a kind of track.
    pub(crate) fn carries(&self, who: usize, kind: TrackKind) -> bool {
        !self.peers[who].config.capabilities(kind).codecs.is_empty()
    }

    /// A call of the application; then what it was told is compared with what it should have been told.
    pub(crate) fn call<T>(&mut self, who: usize, call: impl FnOnce(&mut Negotiator) -> T) -> T {
        self.set(who, SdpType::Offer, call)
    }

    /// The same for a call that sets a description of this kind.
    fn set<T>(&mut self, who: usize, kind: SdpType, call: impl FnOnce(&mut Negotiator) -> T) -> T {
        let peer = &mut self.peers[who];
        let before = peer.negotiator.signaling_state();
        let result = call(&mut peer.negotiator);
        peer.notice(before, kind == SdpType::Answer);
        result
    }

    pub(crate) fn request_data(&mut self, who: usize) {
        self.peers[who].model.request_data();
        self.call(who, Negotiator::request_data);
    }

    pub(crate) fn restart_ice(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        peer.model.restart_ice(&peer.negotiator);
        self.call(who, Negotiator::restart_ice);
    }

    /// Whether an offer of this peer's waits that has not left it.
    pub(crate) fn withdraws(&self, who: usize) -> bool {
        let peer = &self.peers[who];
        self.state(who) == SignalingState::HaveLocalOffer
            && !peer.committed
            && peer.outbox.back().is_some_and(|message| message.kind == SdpType::Offer)
    }

    /// Creates, sets and sends an offer, if this peer may; one that has not left it is replaced.
    pub(crate) fn offer(&mut self, who: usize, options: Option<OfferOptions>) {
        if self.withdraws(who) {
            self.peers[who].outbox.pop_back();
        } else if self.state(who) != SignalingState::Stable {
            return;
        }
        let offer = self.call(who, |one| match options {
            None => {
                assert_eq!(one.set_implicit_local_description(), Ok(SdpType::Offer));
                one.pending_local_description().unwrap()
            }
            Some(options) => {
                let offer = one.create_offer(options).unwrap();
                assert_eq!(one.create_offer(options), Ok(offer.clone()), "nothing has changed");
                assert_eq!(one.set_local_description(SdpType::Offer, Some(&offer)), Ok(()));
                offer
            }
        });
        agreed::well_formed(&offer);
        self.offers += 1;
        let message = Message { kind: SdpType::Offer, text: offer.to_string(), about: None };
        self.peers[who].outbox.push_back(message);
        self.compare();
    }

    /// Creates, sets and sends an answer, if one is due.
    pub(crate) fn answer(&mut self, who: usize, kind: SdpType) {
        if !matches!(self.state(who), SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPrAnswer) {
            return;
        }
        let offer =
            self.peers[who].negotiator.pending_remote_description().unwrap().origin.version.to_string();
        let answer = self.set(who, kind, |one| {
            let answer = one.create_answer().unwrap();
            assert_eq!(one.create_answer(), Ok(answer.clone()), "nothing has changed");
            assert_eq!(one.set_local_description(kind, Some(&answer)), Ok(()));
            answer
        });
        agreed::well_formed(&answer);
        if kind == SdpType::Answer {
            agreed::sections(&self.peers[who].negotiator, &mut self.history);
        }
        let message = Message { kind, text: answer.to_string(), about: Some(offer) };
        self.peers[who].outbox.push_back(message);
        self.compare();
    }

    /// Takes back an offer that has not left, or declines the other's.
    pub(crate) fn roll_back(&mut self, who: usize) {
        if self.withdraws(who) {
            self.peers[who].outbox.pop_back();
        } else if self.state(who) == SignalingState::HaveRemoteOffer {
            let offer = self.peers[who].negotiator.pending_remote_description().unwrap();
            let about = Some(offer.origin.version.to_string());
            let message = Message { kind: SdpType::Rollback, text: String::new(), about };
            self.peers[who].outbox.push_back(message);
        } else {
            return;
        }
        self.call(who, |one| assert_eq!(one.set_local_description(SdpType::Rollback, None), Ok(())));
        self.compare();
    }

    /// The oldest message on its way to a peer arrives.
    pub(crate) fn deliver(&mut self, to: usize) {
        let Some(message) = self.peers[1 - to].outbox.pop_front() else { return };
        let state = self.state(to);
        let peer = &mut self.peers[to];
        let pending = peer.negotiator.pending_local_description().map(|one| one.origin.version.to_string());
        match message.kind {
            SdpType::Rollback => {
                if state == SignalingState::HaveLocalOffer && pending == message.about {
                    let any = peer.negotiator.local_description().unwrap();
                    self.call(to, |one| {
                        assert_eq!(one.set_remote_description(SdpType::Rollback, &any), Ok(()))
                    });
                }
            }
            SdpType::Offer if state != SignalingState::Stable && !peer.polite => {
                peer.committed = true;
                self.ignored += 1;
            }
            kind => {
                if kind != SdpType::Offer {
                    assert_eq!(pending, message.about, "an answer is to the offer that waits");
                }
                let description: SessionDescription = message.text.parse().unwrap();
                self.set(to, kind, |one| {
                    let result = one.set_remote_description(kind, &description);
                    assert_eq!(result, Ok(()), "{kind:?}\n{}", message.text);
                });
            }
        }
        self.compare();
    }

    /// Both react to what they are told until nothing happens any more.
    pub(crate) fn converge(&mut self) {
        let offers = self.offers;
        loop {
            let mut quiet = true;
            for who in [0, 1] {
                while !self.peers[1 - who].outbox.is_empty() {
                    self.deliver(who);
                    quiet = false;
                }
                if matches!(
                    self.state(who),
                    SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPrAnswer
                ) {
                    self.answer(who, SdpType::Answer);
                    quiet = false;
                }
                if self.state(who) == SignalingState::Stable && self.peers[who].wants_offer {
                    self.offer(who, None);
                    quiet = false;
                }
            }
            if quiet {
                break;
            }
            assert!(
                self.offers - offers <= MAX_OFFERS,
                "signalling converges: {:#?}",
                self.peers.each_ref().map(|one| one.negotiator.transceivers().collect::<Vec<_>>())
            );
        }
        for peer in &self.peers {
            assert_eq!(peer.negotiator.signaling_state(), SignalingState::Stable);
            assert!(!peer.negotiator.negotiation_needed());
        }
    }

    /// Creates what the state asks for, and leaves it.
    pub(crate) fn create(&mut self, who: usize) {
        self.call(who, |one| {
            let created = one.create_offer(OfferOptions::default()).or_else(|_| one.create_answer());
            if let Ok(created) = created {
                agreed::well_formed(&created);
            }
        });
    }

    /// What the application does when it is told: an offer, or the answer.
    pub(crate) fn react(&mut self, who: usize) {
        if self.peers[who].wants_offer {
            self.offer(who, None);
        } else {
            self.answer(who, SdpType::Answer);
        }
    }

    /// Prefers some of the codecs that a transceiver may have, in another order.
    pub(crate) fn prefer(&mut self, who: usize, id: TransceiverId, turn: usize, take: usize) {
        let Some(kind) = self.peers[who].negotiator.transceiver(id).map(Transceiver::kind) else { return };
        let able = self.peers[who].config.capabilities(kind);
        let mut codecs: Vec<_> = able.codecs.iter().map(|one| one.codec.clone()).collect();
        let len = codecs.len().max(1);
        let turn = turn % len;
        codecs.rotate_left(turn);
        codecs.truncate(take % (len + 1));
        let _ = self.call(who, |one| one.set_codec_preferences(id, &codecs));
    }

    fn compare(&mut self) {
        let stable = |peer: &Peer| {
            peer.negotiator.signaling_state() == SignalingState::Stable && peer.outbox.is_empty()
        };
        if self.peers.iter().all(stable) && self.peers[0].negotiator.current_local_description().is_some() {
            let [alice, bob] = &self.peers;
            agreed::check(&alice.negotiator, &bob.negotiator, &mut self.history);
            self.stable_points += 1;
        }
    }
}

/// Offers that both make after the random part: each has one for what it wants, an offer may meet another, an answer may
/// reject what was offered, and what was rejected is asked for again.
const MAX_OFFERS: usize = 8;

impl Peer {
    /// Whether a restart of ICE was asked for and not negotiated.
    pub(crate) fn restarts(&self) -> bool {
        self.model.restarts()
    }

    /// What the application remembers.
    pub(crate) fn application(&self) -> impl std::fmt::Debug {
        (self.wants_offer, self.committed, &self.model)
    }

    /// Polls the events, and compares the one that tells of negotiation with the model.
    fn notice(&mut self, before: SignalingState, answered: bool) {
        let state = self.negotiator.signaling_state();
        if before != SignalingState::Stable && state == SignalingState::Stable {
            self.committed = false;
        }
        let expected = self.model.tells(&self.negotiator, before, answered);
        let events: Vec<_> = std::iter::from_fn(|| self.negotiator.poll_event()).collect();
        let told = events.iter().filter(|event| **event == Event::NegotiationNeeded).count();
        assert_eq!(
            told,
            usize::from(expected),
            "{state:?} {:#?}",
            self.negotiator.transceivers().collect::<Vec<_>>()
        );
        assert!(told == 0 || events.last() == Some(&Event::NegotiationNeeded));
        assert_eq!(self.negotiator.poll_event(), None);
        self.wants_offer |= expected;
        self.wants_offer &= state == SignalingState::Stable;
    }
}
