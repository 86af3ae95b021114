//! The sources that a sender's packets come from, as descriptions tell them (RFC 5576).

use super::transceiver::Transceiver;
use crate::{Attribute, Codec, CodecRole, Direction, Ssrc, SsrcGroup, Text};

/// The sources of a sender that has one encoding ([RFC 5576](https://www.rfc-editor.org/rfc/rfc5576)). Those of simulcast are
/// told apart by their `rid`s, and no description names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sources {
    /// The packets of the track.
    pub media: u32,
    /// Their retransmissions ([RFC 4588, Section 8.8](https://www.rfc-editor.org/rfc/rfc4588#section-8.8)).
    pub repair: u32,
}

/// `a=ssrc-group` and `a=ssrc`. RFC 8829 has neither; older clients find retransmissions by them alone.
pub(crate) fn lines(
    one: &Transceiver,
    direction: Direction,
    codecs: &[Codec],
    encodings: &[Attribute],
    cname: &Text,
) -> Vec<Attribute> {
    let mut lines = Vec::new();
    let layered = encodings.iter().any(|line| matches!(line, Attribute::Simulcast(_)));
    if !direction.sends() || layered || one.sender.encodings.iter().any(|one| one.rid.is_some()) {
        return lines;
    }
    let Sources { media, repair } = one.sender.sources;
    let mut ssrcs = vec![media];
    if codecs.iter().any(|codec| codec.role() == CodecRole::Retransmission) {
        ssrcs.push(repair);
        lines.push(Attribute::SsrcGroup(SsrcGroup { semantics: "FID".into(), ssrcs: ssrcs.clone() }));
    }
    let named = |ssrc| Attribute::Ssrc(Ssrc { ssrc, attribute: "cname".into(), value: Some(cname.clone()) });
    lines.extend(ssrcs.into_iter().map(named));
    lines
}
