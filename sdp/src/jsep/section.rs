//! What has been negotiated, section by section.

use super::config::IceCredentials;
use super::numbers::Numbers;
use super::transceiver::{Life, Transceiver, TransceiverId};
use crate::{Fingerprint, Media, Text};

/// Our role in the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// We open the handshake (`active`).
    Client,
    /// We wait for it (`passive`).
    Server,
}

/// The peer's side of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteTransport {
    /// The ICE agent's credentials.
    pub ice: IceCredentials,
    /// Whether the ICE agent is a lite one.
    pub ice_lite: bool,
    /// Whether candidates may follow (`ice-options` has `trickle`).
    pub trickle: bool,
    /// Whether a nomination may be followed by others (`ice-options` has `renomination`, draft-thatcher-ice-renomination).
    pub renomination: bool,
    /// Fingerprints of the certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// The DTLS association's identification.
    pub tls_id: Option<Text>,
    /// The candidates of the description and those trickled since, each as its attribute's value stands.
    pub candidates: Vec<Text>,
    /// Whether these are all.
    pub end_of_candidates: bool,
}

/// What both sides agreed on for data channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSection {
    /// The peer's SCTP port.
    pub remote_port: u16,
    /// The largest message that the peer takes, in bytes; `None` is any size.
    pub max_message_size: Option<u64>,
}

/// One section of the session, at its place for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// As descriptions have it; a peer may do without.
    pub(crate) mid: Option<Text>,
    /// Kind, protocol and formats as last seen: what a rejection repeats.
    pub(crate) line: Media,
    pub(crate) content: Content,
}

/// What a section is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing: it was rejected, or cannot be used. Its place may be taken again.
    Rejected,
    /// Data channels; `None` while our offer of them waits for its answer.
    Data(Option<DataSection>),
    /// A transceiver.
    Media(TransceiverId),
}

impl Section {
    pub(crate) fn new(mid: Option<Text>, media: &Media, content: Content) -> Self {
        let line = Media::bare(media.kind.clone(), media.protocol.clone(), media.formats.clone());
        Self { mid, line, content }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.content != Content::Rejected
    }

    pub(crate) fn is_media(&self) -> bool {
        matches!(self.content, Content::Media(_))
    }

    pub(crate) fn is_data(&self) -> bool {
        matches!(self.content, Content::Data(_))
    }
}

/// A session, negotiated or on its way to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    pub(crate) sections: Vec<Section>,
    /// In the order in which they were added.
    pub(crate) transceivers: Vec<Transceiver>,
    /// Our credentials.
    pub(crate) ice: IceCredentials,
    pub(crate) remote: Option<RemoteTransport>,
    pub(crate) role: Option<DtlsRole>,
    /// Whether this side made the first offer: it becomes the controlling ICE agent.
    pub(crate) offerer: Option<bool>,
    /// The sections in the `BUNDLE` group of the last answer, the tagged one first.
    pub(crate) bundle: Vec<Text>,
    pub(crate) numbers: Numbers,
}

impl Session {
    pub(crate) fn new(ice: IceCredentials) -> Self {
        Self {
            sections: Vec::new(),
            transceivers: Vec::new(),
            ice,
            remote: None,
            role: None,
            offerer: None,
            bundle: Vec::new(),
            numbers: Numbers::default(),
        }
    }

    pub(crate) fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.transceivers.iter().find(|one| one.id == id)
    }

    pub(crate) fn transceiver_mut(&mut self, id: TransceiverId) -> Option<&mut Transceiver> {
        self.transceivers.iter_mut().find(|one| one.id == id)
    }

    pub(crate) fn data(&self) -> Option<DataSection> {
        self.sections.iter().find_map(|section| match section.content {
            Content::Data(data) => data,
            Content::Rejected | Content::Media(_) => None,
        })
    }

    pub(crate) fn has_data(&self) -> bool {
        self.sections.iter().any(Section::is_data)
    }

    /// The transceivers whose sections have been rejected, or never were taken up.
    pub(crate) fn of_rejected_sections(&self) -> Vec<TransceiverId> {
        let live = |id| self.sections.iter().any(|section| section.content == Content::Media(id));
        let linked = self.transceivers.iter().filter(|one| one.link.mid.is_some());
        linked.map(|one| one.id).filter(|id| !live(*id)).collect()
    }

    /// What a rollback to `stable` leaves: its descriptions' work undone, what the application did since kept
    /// (RFC 8829, Section 4.1.10.2).
    pub(crate) fn rolled_back_to(&self, stable: &Self) -> Self {
        let kept = self.transceivers.iter().filter_map(|one| {
            let mut one = one.clone();
            match stable.transceiver(one.id) {
                Some(before) => one.undo(before),
                None if one.is_of_peer() => return None,
                None => one.link = super::transceiver::Link::default(),
            }
            Some(one)
        });
        Self { transceivers: kept.collect(), ..stable.clone() }
    }

    /// A letter and the smallest number that make nobody's mid. Browsers number theirs: libwebrtc, when it has rolled its
    /// own offer back, refuses one whose section has the same mid and other header extension ids.
    pub(crate) fn unused_mid(&self, planned: &[Option<Text>]) -> Text {
        use std::fmt::Write as _;
        let taken = |mid: &Text| {
            let wire = self.sections.iter().map(|section| section.mid.as_ref());
            let links = self.transceivers.iter().map(|one| one.link.mid.as_ref());
            wire.chain(links).chain(planned.iter().map(Option::as_ref)).flatten().any(|one| one == mid)
        };
        let mut number = 0usize;
        loop {
            let mut mid = Text::default();
            let _ = write!(mid, "m{number}");
            if !taken(&mid) {
                return mid;
            }
            number += 1;
        }
    }

    /// Whether a transceiver may get a section in an offer.
    pub(crate) fn wants_section(&self, one: &Transceiver) -> bool {
        one.life == Life::Active && one.link.mid.is_none()
    }
}
