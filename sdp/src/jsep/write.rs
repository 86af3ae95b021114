//! What offers and answers have in common when they are written.

use super::config::{Config, IceCredentials, LocalTransport};
use super::negotiator::number;
use crate::{
    Attribute, Codec, Connection, Direction, Extmap, Feedback, Fmtp, Media, MediaKind, Msid, Origin, RtcpFb,
    Rtpmap, SessionDescription, Setup, Text,
};

/// What a description's text is made from.
pub(crate) struct Writer<'a> {
    pub(crate) config: &'a Config,
    pub(crate) local: &'a LocalTransport,
    pub(crate) ice: &'a IceCredentials,
    pub(crate) session_id: u64,
    pub(crate) cname: &'a Text,
}

/// The lines of a section that belong to the transport: they stand in the tagged section alone (RFC 9143,
/// Section 7.1.3).
pub(crate) struct TransportLines {
    pub(crate) setup: Setup,
    pub(crate) tls_id: bool,
}

/// The lines of an audio or video section.
pub(crate) struct MediaLines {
    pub(crate) direction: Direction,
    /// The streams of our track; told when the transceiver wants to send, also where the section does not.
    pub(crate) streams: Option<Vec<Text>>,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) extensions: Vec<Extmap>,
    /// `a=rid` and `a=simulcast`.
    pub(crate) encodings: Vec<Attribute>,
    /// `a=ssrc-group` and `a=ssrc`.
    pub(crate) sources: Vec<Attribute>,
    /// `a=rtcp-mux` and what goes with it.
    pub(crate) rtcp: Vec<Attribute>,
}

impl Writer<'_> {
    /// A description of these sections.
    pub(crate) fn description(&self, attributes: Vec<Attribute>, media: Vec<Media>) -> SessionDescription {
        SessionDescription {
            origin: self.origin(),
            name: "-".into(),
            connection: None,
            bandwidths: Vec::new(),
            timing: (0, 0),
            attributes,
            media,
        }
    }

    fn origin(&self) -> Origin {
        // RFC 8829, Section 5.2.1: the address does not say where we are.
        Origin {
            username: "-".into(),
            session_id: number(self.session_id),
            // The negotiator counts.
            version: number(0),
            net_type: "IN".into(),
            addr_type: "IP4".into(),
            address: "0.0.0.0".into(),
        }
    }

    /// Our certificate's fingerprints.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = Attribute> {
        self.local.fingerprints.iter().map(|one| Attribute::Fingerprint(Box::new(one.clone())))
    }

    /// The lines of the transport, the fingerprints excepted.
    pub(crate) fn transport(&self, media: &mut Media, lines: &TransportLines) {
        media.attributes.push(Attribute::IceUfrag(self.ice.ufrag.clone()));
        media.attributes.push(Attribute::IcePwd(self.ice.pwd.clone()));
        media.attributes.push(Attribute::Setup(lines.setup));
        if lines.tls_id {
            media.attributes.push(Attribute::TlsId(self.local.tls_id.clone()));
        }
    }

    /// The lines of a data section (RFC 8841, Sections 5 and 6), or, in the answer to an older one, of that kind.
    pub(crate) fn data(&self, media: &mut Media) {
        if let Some(port) = media.formats.first().filter(|_| media.protocol == "DTLS/SCTP") {
            let value = format!("{port} webrtc-datachannel 65535");
            media.attributes.push(Attribute::Other { name: "sctpmap".into(), value: Some(value.into()) });
        } else {
            media.attributes.push(Attribute::SctpPort(self.local.sctp_port));
        }
        media.attributes.push(Attribute::MaxMessageSize(self.local.max_message_size));
    }
}

/// A section with no port and nothing but its mid: rejected, or the beginning of another.
pub(crate) fn rejected(mid: Option<Text>, line: &Media) -> Media {
    let mut media = Media { connections: vec![unspecified()], ..line.clone() };
    media.attributes.extend(mid.map(Attribute::Mid));
    media
}

fn unspecified() -> Connection {
    Connection { net_type: "IN".into(), addr_type: "IP4".into(), address: "0.0.0.0".into() }
}

pub(crate) fn data_line() -> Media {
    Media::bare(MediaKind::Application, "UDP/DTLS/SCTP".into(), vec!["webrtc-datachannel".into()])
}

/// The lines of an audio or video section.
pub(crate) fn media(media: &mut Media, lines: MediaLines) {
    let attributes = &mut media.attributes;
    attributes.push(Attribute::Direction(lines.direction));
    if let Some(streams) = lines.streams {
        // RFC 8830, Section 2: `-` says that there is no stream.
        let none = streams.is_empty().then_some(None);
        let streams = streams.into_iter().map(Some).chain(none);
        attributes.extend(streams.map(|stream| Attribute::Msid(Msid { stream, track: None })));
    }
    attributes.extend(lines.rtcp);
    attributes.extend(lines.extensions.into_iter().map(Attribute::Extmap));
    media.formats = lines.codecs.iter().map(|codec| codec.payload_type.to_string().into()).collect();
    // RFC 8888, Section 6: it must be for all payload types.
    let for_all = lines.codecs.iter().any(|codec| codec.feedback.contains(&Feedback::AckCcfb));
    for codec in lines.codecs {
        attributes.extend(codec_lines(codec));
    }
    let for_all = for_all.then_some(RtcpFb { payload_type: None, feedback: Feedback::AckCcfb });
    attributes.extend(for_all.map(Attribute::RtcpFb));
    attributes.extend(lines.encodings);
    attributes.extend(lines.sources);
}

fn codec_lines(codec: Codec) -> impl Iterator<Item = Attribute> {
    let Codec { payload_type, name, clock_rate, channels, parameters, feedback } = codec;
    let channels = (channels > 1).then_some(channels);
    let rtpmap = Attribute::Rtpmap(Rtpmap { payload_type, name, clock_rate, channels });
    let fmtp = (!parameters.is_empty()).then_some(Attribute::Fmtp(Fmtp { payload_type, parameters }));
    let feedback = feedback
        .into_iter()
        .filter(|feedback| *feedback != Feedback::AckCcfb)
        .map(move |feedback| Attribute::RtcpFb(RtcpFb { payload_type: Some(payload_type), feedback }));
    std::iter::once(rtpmap).chain(feedback).chain(fmtp)
}

/// A group of sections.
pub(crate) fn group(semantics: &str, mids: Vec<Text>) -> Attribute {
    Attribute::Group { semantics: semantics.into(), mids }
}
