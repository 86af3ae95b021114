//! Creates descriptions: what offers and answers have in common, and offers (RFC 8829, Section 5.2).

use super::config::{Config, LocalTransport};
use super::section::{Section, Session, Use};
use crate::Text;
use crate::attribute::Attribute;
use crate::media::{Media, MediaKind};
use crate::session::{Connection, Origin, SessionDescription};
use crate::transport::Setup;

/// An offer for `session`, with a new data section when `data` is wanted and there is none.
pub(crate) fn sections(session: &Session, data: bool) -> Vec<Section> {
    let mut sections = session.sections.clone();
    if !data || sections.iter().any(Section::is_data) {
        return sections;
    }
    let new = Section { mid: Some(unused_mid(&sections)), line: data_line(), use_: Use::Offered };
    // RFC 8829, Section 5.2.2: a rejected section is recycled, under another mid.
    match sections.iter_mut().find(|section| section.use_ == Use::Rejected) {
        Some(rejected) => *rejected = new,
        None => sections.push(new),
    }
    sections
}

/// What a description's text is made from.
pub(crate) struct Writer<'a> {
    pub(crate) config: &'a Config,
    pub(crate) local: &'a LocalTransport,
    pub(crate) session_id: u64,
    pub(crate) version: u64,
}

impl Writer<'_> {
    /// A description with these sections. The DTLS role is the data section's; an answer repeats `tls-id` only when
    /// the offer had one (RFC 8842, Section 5.3).
    pub(crate) fn description(
        &self,
        sections: &[Section],
        setup: Setup,
        with_tls_id: bool,
        bundle: bool,
    ) -> SessionDescription {
        let mids: Vec<Text> =
            sections.iter().filter(|one| one.is_data()).filter_map(|one| one.mid.clone()).collect();
        let mut attributes = Vec::new();
        if bundle && !mids.is_empty() {
            attributes.push(Attribute::Group { semantics: "BUNDLE".into(), mids });
        }
        if self.local.ice_lite {
            attributes.push(Attribute::IceLite);
        }
        attributes.push(Attribute::IceOptions("trickle ice2".into()));
        SessionDescription {
            origin: self.origin(),
            name: "-".into(),
            connection: None,
            bandwidths: Vec::new(),
            timing: (0, 0),
            attributes,
            media: sections.iter().map(|section| self.section(section, setup, with_tls_id)).collect(),
        }
    }

    fn origin(&self) -> Origin {
        use std::fmt::Write as _;
        let text = |number: u64| {
            let mut text = Text::default();
            let _ = write!(text, "{number}");
            text
        };
        // RFC 8829, Section 5.2.1: the address does not say where we are.
        Origin {
            username: "-".into(),
            session_id: text(self.session_id),
            version: text(self.version),
            net_type: "IN".into(),
            addr_type: "IP4".into(),
            address: "0.0.0.0".into(),
        }
    }

    fn section(&self, section: &Section, setup: Setup, with_tls_id: bool) -> Media {
        let mut media = Media { connections: vec![unspecified()], ..section.line.clone() };
        media.attributes.extend(section.mid.clone().map(Attribute::Mid));
        if section.use_ == Use::Rejected {
            return media;
        }
        // RFC 8840, Section 4.1: port 9 while the default candidate is not known.
        media.port = 9;
        media.attributes.push(Attribute::IceUfrag(self.local.ice_ufrag.clone()));
        media.attributes.push(Attribute::IcePwd(self.local.ice_pwd.clone()));
        let fingerprints = self.local.fingerprints.iter().cloned();
        media.attributes.extend(fingerprints.map(|one| Attribute::Fingerprint(Box::new(one))));
        media.attributes.push(Attribute::Setup(setup));
        if with_tls_id {
            media.attributes.push(Attribute::TlsId(self.local.tls_id.clone()));
        }
        media.attributes.push(Attribute::SctpPort(self.config.sctp_port));
        media.attributes.push(Attribute::MaxMessageSize(self.config.max_message_size));
        media
    }
}

fn unspecified() -> Connection {
    Connection { net_type: "IN".into(), addr_type: "IP4".into(), address: "0.0.0.0".into() }
}

fn data_line() -> Media {
    Media::bare(MediaKind::Application, "UDP/DTLS/SCTP".into(), vec!["webrtc-datachannel".into()])
}

/// The smallest number that is nobody's mid.
pub(crate) fn unused_mid(sections: &[Section]) -> Text {
    use std::fmt::Write as _;
    let mut number = 0usize;
    loop {
        let mut mid = Text::default();
        let _ = write!(mid, "{number}");
        if !sections.iter().any(|section| section.mid.as_ref() == Some(&mid)) {
            return mid;
        }
        number += 1;
    }
}
