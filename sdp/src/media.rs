//! A media section: an `m=` line and what follows it.

use crate::Text;
use crate::attribute::Attribute;
use crate::codec::Codec;
use crate::codecs;
use crate::direction::Direction;
use crate::error::{ParseError, Rule};
use crate::extension::Extmap;
use crate::format::PayloadType;
use crate::lexer::{Line, is_token};
use crate::session::{Bandwidth, Connection};
use crate::simulcast::{Rid, Simulcast};
use crate::source::{Msid, Ssrc, SsrcGroup};
use crate::transport::{Fingerprint, Secret, Setup};

/// The kind of a media section (RFC 8866, Section 5.14).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `application`: data channels are here.
    Application,
    /// Another one.
    Other(Text),
}

impl MediaKind {
    /// The word in a description.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Other(name) => name,
        }
    }
}

/// A media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What kind it is.
    pub kind: MediaKind,
    /// The port; 0 says rejected, or `bundle-only` in an offer.
    pub port: u16,
    /// The number of ports behind a slash.
    pub port_count: Option<u32>,
    /// `UDP/DTLS/SCTP`, `UDP/TLS/RTP/SAVPF`, ...
    pub protocol: Text,
    /// Payload types, or `webrtc-datachannel`.
    pub formats: Vec<Text>,
    /// `i=`
    pub title: Option<Text>,
    /// `c=`
    pub connections: Vec<Connection>,
    /// `b=`
    pub bandwidths: Vec<Bandwidth>,
    /// `k=`
    pub key: Option<Text>,
    /// `a=`, in order.
    pub attributes: Vec<Attribute>,
}

/// The first value that `$pattern` finds in the attributes.
macro_rules! first {
    ($(#[$doc:meta])* $name:ident, $type:ty, $pattern:pat => $value:expr) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> Option<$type> {
            self.attributes.iter().find_map(|attribute| match attribute {
                $pattern => Some($value),
                _ => None,
            })
        }
    };
}

/// All values that `$pattern` finds in the attributes.
macro_rules! every {
    ($(#[$doc:meta])* $name:ident, $type:ty, $pattern:pat => $value:expr) => {
        $(#[$doc])*
        pub fn $name(&self) -> impl Iterator<Item = &$type> {
            self.attributes.iter().filter_map(|attribute| match attribute {
                $pattern => Some($value),
                _ => None,
            })
        }
    };
}

impl Media {
    first!(/// The section's identification.
        mid, &str, Attribute::Mid(mid) => mid.as_str());
    first!(/// The user name fragment of this section's ICE.
        ice_ufrag, &str, Attribute::IceUfrag(ufrag) => ufrag.as_str());
    first!(/// The password of this section's ICE.
        ice_pwd, &Secret, Attribute::IcePwd(pwd) => pwd);
    first!(/// The DTLS role.
        setup, Setup, Attribute::Setup(setup) => *setup);
    first!(/// The identification of the DTLS association.
        tls_id, &str, Attribute::TlsId(id) => id.as_str());
    first!(/// The SCTP port.
        sctp_port, u16, Attribute::SctpPort(port) => *port);
    first!(/// The largest message that the sender of this description takes; 0 is any size.
        max_message_size, u64, Attribute::MaxMessageSize(size) => *size);

    first!(/// Which way media flows, where the section says it; unsaid, it is [`Direction::SendRecv`].
        direction, Direction, Attribute::Direction(direction) => *direction);
    first!(/// The streams sent and received at the same time.
        simulcast, &Simulcast, Attribute::Simulcast(simulcast) => simulcast);
    every!(/// The RTP header extensions.
        extensions, Extmap, Attribute::Extmap(extmap) => extmap);
    every!(/// The MediaStreams that the track belongs to.
        msids, Msid, Attribute::Msid(msid) => msid);
    every!(/// The attributes of sources.
        ssrcs, Ssrc, Attribute::Ssrc(ssrc) => ssrc);
    every!(/// The groups of sources.
        ssrc_groups, SsrcGroup, Attribute::SsrcGroup(group) => group);

    /// The streams with restrictions. Those whose identification stands more than once are passed over, all of them
    /// (RFC 8851, Section 6.2.2).
    pub fn rids(&self) -> impl Iterator<Item = &Rid> {
        let all = || {
            self.attributes.iter().filter_map(|attribute| match attribute {
                Attribute::Rid(rid) => Some(rid),
                _ => None,
            })
        };
        let mut ids: Vec<&str> = all().map(|rid| rid.id.as_str()).collect();
        ids.sort_unstable();
        let mut repeated: Vec<&str> = Vec::new();
        for (id, next) in ids.iter().zip(ids.iter().skip(1)) {
            if id == next {
                repeated.push(id);
            }
        }
        all().filter(move |rid| repeated.binary_search(&rid.id.as_str()).is_err())
    }

    /// The codecs of an RTP section in the order of the `m=` line, each payload type once. What is known about a codec
    /// comes from `rtpmap`, `fmtp` and `rtcp-fb`, and for the payload types that are fixed from
    /// [RFC 3551, Section 6](https://www.rfc-editor.org/rfc/rfc3551#section-6); a format that is neither is left out.
    #[must_use]
    pub fn codecs(&self) -> Vec<Codec> {
        if self.is_rtp() { codecs::of(self) } else { Vec::new() }
    }

    /// Whether this is a section of RTP media, by its protocol
    /// ([RFC 8829, Section 5.1.2](https://www.rfc-editor.org/rfc/rfc8829#section-5.1.2)).
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        matches!(
            self.protocol.as_str(),
            "UDP/TLS/RTP/SAVPF"
                | "UDP/TLS/RTP/SAVP"
                | "TCP/DTLS/RTP/SAVPF"
                | "TCP/DTLS/RTP/SAVP"
                | "RTP/SAVPF"
                | "RTP/SAVP"
                | "RTP/AVPF"
                | "RTP/AVP"
        )
    }

    /// The certificate's fingerprints.
    pub fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        fingerprints(&self.attributes)
    }

    /// The bandwidth that the description's sender wants to receive, lower layers included (`b=AS`), in bits per second
    /// ([RFC 8866, Section 5.8](https://www.rfc-editor.org/rfc/rfc8866#section-5.8)).
    #[must_use]
    pub fn bandwidth_as(&self) -> Option<u64> {
        // The line counts in kilobits.
        self.bandwidth("AS").map(|kilobits| kilobits.saturating_mul(1000))
    }

    /// The bandwidth that the description's sender wants to receive, without lower layers (`b=TIAS`), in bits per second
    /// ([RFC 3890, Section 6.2](https://www.rfc-editor.org/rfc/rfc3890#section-6.2)).
    #[must_use]
    pub fn bandwidth_tias(&self) -> Option<u64> {
        self.bandwidth("TIAS")
    }

    fn bandwidth(&self, kind: &str) -> Option<u64> {
        self.bandwidths.iter().find(|bandwidth| bandwidth.kind == kind).map(|bandwidth| bandwidth.value)
    }

    /// The candidates, each as its attribute's value stands.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter_map(|attribute| match attribute {
            Attribute::Candidate(candidate) => Some(candidate.as_str()),
            _ => None,
        })
    }

    /// Whether `attribute` stands in this section.
    #[must_use]
    pub fn has(&self, attribute: &Attribute) -> bool {
        self.attributes.contains(attribute)
    }

    /// Whether this is a section for data channels (RFC 8841, Section 4).
    #[must_use]
    pub fn is_data_channel(&self) -> bool {
        let is_new = matches!(self.protocol.as_str(), "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP")
            && self.formats.iter().any(|format| format == "webrtc-datachannel");
        self.kind == MediaKind::Application && (is_new || self.sctpmap_port().is_some())
    }

    /// The SCTP port of a section for data channels of the older kind: `DTLS/SCTP`, whose format is the port and has an
    /// `a=sctpmap` (RFC 8829, Section 5.1.2, has them understood).
    #[must_use]
    pub fn sctpmap_port(&self) -> Option<u16> {
        if self.protocol != "DTLS/SCTP" {
            return None;
        }
        self.attributes.iter().find_map(|attribute| {
            let Attribute::Other { name, value: Some(value) } = attribute else { return None };
            let mut words = value.split_ascii_whitespace();
            let (port, application) = (words.next()?, words.next()?);
            let is_it = name == "sctpmap"
                && application.eq_ignore_ascii_case("webrtc-datachannel")
                && self.formats.iter().any(|format| format == port);
            port.parse().ok().filter(|_| is_it)
        })
    }

    /// An `m=` line with port 0 and nothing behind it.
    #[must_use]
    pub fn bare(kind: MediaKind, protocol: Text, formats: Vec<Text>) -> Self {
        Self {
            kind,
            port: 0,
            port_count: None,
            protocol,
            formats,
            title: None,
            connections: Vec::new(),
            bandwidths: Vec::new(),
            key: None,
            attributes: Vec::new(),
        }
    }

    pub(crate) fn parse(line: &Line<'_>) -> Result<Self, ParseError> {
        let media = Self::parse_value(line.value).ok_or_else(|| line.error(Rule::Media))?;
        let is_number = |format: &Text| format.bytes().all(|byte| byte.is_ascii_digit());
        let is_refused = |format: &Text| is_number(format) && format.parse::<PayloadType>().is_err();
        if media.is_rtp() && media.formats.iter().any(is_refused) {
            return Err(line.error(Rule::PayloadType));
        }
        Ok(media)
    }

    fn parse_value(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let kind = match words.next().filter(|word| is_token(word))? {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            "application" => MediaKind::Application,
            other => MediaKind::Other(other.into()),
        };
        let ports = words.next()?;
        let (port, port_count) = match ports.split_once('/') {
            Some((port, count)) => (port.parse().ok()?, Some(count.parse().ok()?)),
            None => (ports.parse().ok()?, None),
        };
        let protocol = words.next().filter(|word| word.split('/').all(is_token))?.into();
        let formats: Vec<Text> = words.map(Text::from).collect();
        (!formats.is_empty()).then(|| Self { port, port_count, ..Self::bare(kind, protocol, formats) })
    }
}

pub(crate) fn fingerprints(attributes: &[Attribute]) -> impl Iterator<Item = &Fingerprint> {
    attributes.iter().filter_map(|attribute| match attribute {
        Attribute::Fingerprint(fingerprint) => Some(&**fingerprint),
        _ => None,
    })
}
