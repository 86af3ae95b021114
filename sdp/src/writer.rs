//! Prints a description.

use crate::attribute::Attribute;
use crate::media::Media;
use crate::session::{Bandwidth, Connection, Origin, SessionDescription};
use std::fmt::{Display, Formatter, Result};

impl Display for SessionDescription {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "v=0\r\n{}s={}\r\n", self.origin, self.name)?;
        write_all(f, &self.connection)?;
        write_all(f, &self.bandwidths)?;
        write!(f, "t={} {}\r\n", self.timing.0, self.timing.1)?;
        write_all(f, &self.attributes)?;
        write_all(f, &self.media)
    }
}

impl Display for Media {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "m={} {}", self.kind.name(), self.port)?;
        if let Some(count) = self.port_count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.protocol)?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        f.write_str("\r\n")?;
        if let Some(title) = &self.title {
            write!(f, "i={title}\r\n")?;
        }
        write_all(f, &self.connections)?;
        write_all(f, &self.bandwidths)?;
        if let Some(key) = &self.key {
            write!(f, "k={key}\r\n")?;
        }
        write_all(f, &self.attributes)
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { username, session_id, version, net_type, addr_type, address } = self;
        write!(f, "o={username} {session_id} {version} {net_type} {addr_type} {address}\r\n")
    }
}

impl Display for Connection {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "c={} {} {}\r\n", self.net_type, self.addr_type, self.address)
    }
}

impl Display for Bandwidth {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "b={}:{}\r\n", self.kind, self.value)
    }
}

impl Display for Attribute {
    /// The whole line, with its end.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Group { semantics, mids } => {
                write!(f, "a=group:{semantics}")?;
                for mid in mids {
                    write!(f, " {mid}")?;
                }
                f.write_str("\r\n")
            }
            Self::Mid(mid) => write!(f, "a=mid:{mid}\r\n"),
            Self::BundleOnly => f.write_str("a=bundle-only\r\n"),
            Self::IceUfrag(ufrag) => write!(f, "a=ice-ufrag:{ufrag}\r\n"),
            Self::IcePwd(pwd) => write!(f, "a=ice-pwd:{}\r\n", pwd.expose()),
            Self::IceLite => f.write_str("a=ice-lite\r\n"),
            Self::IceOptions(options) => write!(f, "a=ice-options:{options}\r\n"),
            Self::Candidate(candidate) => write!(f, "a=candidate:{candidate}\r\n"),
            Self::EndOfCandidates => f.write_str("a=end-of-candidates\r\n"),
            Self::Fingerprint(fingerprint) => write!(f, "a=fingerprint:{fingerprint}\r\n"),
            Self::Setup(setup) => write!(f, "a=setup:{}\r\n", setup.name()),
            Self::TlsId(id) => write!(f, "a=tls-id:{id}\r\n"),
            Self::SctpPort(port) => write!(f, "a=sctp-port:{port}\r\n"),
            Self::MaxMessageSize(size) => write!(f, "a=max-message-size:{size}\r\n"),
            Self::RtcpMux => f.write_str("a=rtcp-mux\r\n"),
            Self::Direction(direction) => write!(f, "a={}\r\n", direction.name()),
            Self::Rtpmap(rtpmap) => write!(f, "a=rtpmap:{rtpmap}\r\n"),
            Self::Fmtp(fmtp) => write!(f, "a=fmtp:{fmtp}\r\n"),
            Self::RtcpFb(fb) => write!(f, "a=rtcp-fb:{fb}\r\n"),
            Self::Extmap(extmap) => write!(f, "a=extmap:{extmap}\r\n"),
            Self::ExtmapAllowMixed => f.write_str("a=extmap-allow-mixed\r\n"),
            Self::Ssrc(ssrc) => write!(f, "a=ssrc:{ssrc}\r\n"),
            Self::SsrcGroup(group) => write!(f, "a=ssrc-group:{group}\r\n"),
            Self::Rid(rid) => write!(f, "a=rid:{rid}\r\n"),
            Self::Simulcast(simulcast) => write!(f, "a=simulcast:{simulcast}\r\n"),
            Self::Msid(msid) => write!(f, "a=msid:{msid}\r\n"),
            Self::RtcpMuxOnly => f.write_str("a=rtcp-mux-only\r\n"),
            Self::RtcpRsize => f.write_str("a=rtcp-rsize\r\n"),
            Self::Rtcp(rtcp) => write!(f, "a=rtcp:{rtcp}\r\n"),
            Self::Imageattr(imageattr) => write!(f, "a=imageattr:{imageattr}\r\n"),
            Self::Other { name, value: None } => write!(f, "a={name}\r\n"),
            Self::Other { name, value: Some(value) } => write!(f, "a={name}:{value}\r\n"),
        }
    }
}

fn write_all<'a, T: Display + 'a>(f: &mut Formatter<'_>, lines: impl IntoIterator<Item = &'a T>) -> Result {
    lines.into_iter().try_for_each(|line| line.fmt(f))
}
