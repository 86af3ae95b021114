//! Media: what is negotiated becomes streams, packets and frames go in and out.

use crate::event::Event;
use crate::input::Ecn;
use crate::peer_connection::PeerConnection;
use duologue_rtp::codec::{Codec, PacketizationMode};
use duologue_rtp::extension::{Ids, Kind};
use duologue_rtp::stream::{
    Frame, JitterConfig, OutgoingFrame, OutgoingPacket, Packet, ReceiverId, SectionId, SenderId,
};
use duologue_rtp::{self as rtp, Feedback, Format, Section, SendError, SenderInit, SignalledSource, Ssrc};
use duologue_sdp::jsep::{Negotiator, Transceiver, TransceiverId};
use duologue_sdp::{self as sdp, Attribute, CodecRole, Extmap, Media as MediaSection};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Instant;

/// A received RTP packet, borrowed from its datagram.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RtpPacket<'d> {
    /// The transceiver that receives it.
    pub transceiver: TransceiverId,
    /// The packet.
    pub packet: Packet<'d>,
}

/// A received encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverInfo<'a> {
    /// Which.
    pub receiver: ReceiverId,
    /// The transceiver that receives it.
    pub transceiver: TransceiverId,
    /// Its source.
    pub ssrc: Ssrc,
    /// Its `rid`, with simulcast.
    pub rid: Option<&'a str>,
    /// The CNAME by which its sender tells that sources belong together, once RTCP has brought it
    /// ([RFC 3550, Section 6.5.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.5.1)).
    pub cname: Option<&'a str>,
}

/// The RTP session, and what of it belongs to which transceiver.
#[derive(Debug)]
// What every sent packet touches comes first.
#[repr(C)]
pub(crate) struct Media {
    pub(crate) session: rtp::Session,
    pub(crate) links: BTreeMap<SectionId, Link>,
    next_section: u32,
}

/// A transceiver's part of the session.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) transceiver: TransceiverId,
    pub(crate) section: Section,
    /// One for each encoding, with its `rid`.
    pub(crate) senders: Vec<(Option<Box<str>>, SenderId)>,
    frames: Option<JitterConfig>,
    /// Whether nothing comes.
    muted: bool,
}

/// What a codec of a description is, if it can be packetised.
#[must_use]
pub fn codec_of(codec: &sdp::Codec) -> Option<Codec> {
    let is = |known| codec.name.eq_ignore_ascii_case(known);
    let plain = [
        ("opus", Codec::Opus),
        ("PCMU", Codec::Pcmu),
        ("PCMA", Codec::Pcma),
        ("G722", Codec::G722),
        ("telephone-event", Codec::TelephoneEvent),
        ("VP8", Codec::Vp8),
        ("VP9", Codec::Vp9),
        ("H265", Codec::H265),
        ("AV1", Codec::Av1),
    ];
    let known = plain.into_iter().find(|(name, _)| is(name)).map(|(_, codec)| codec);
    known.or_else(|| match codec.format() {
        // RFC 6184, Section 8.1: mode 0 unless another is told.
        sdp::Format::H264(h264) if h264.packetization_mode == 0 => {
            Some(Codec::H264(PacketizationMode::SingleNalUnit))
        }
        sdp::Format::H264(_) => Some(Codec::H264(PacketizationMode::NonInterleaved)),
        _ => None,
    })
}

impl Media {
    pub(crate) fn new(session: rtp::Session) -> Self {
        Self { session, links: BTreeMap::new(), next_section: 0 }
    }

    /// The section of a transceiver; a new one when it has none yet.
    fn section_of(&mut self, transceiver: TransceiverId) -> SectionId {
        let known = self.links.iter().find(|(_, link)| link.transceiver == transceiver);
        if let Some((id, _)) = known {
            return *id;
        }
        let id = SectionId(self.next_section);
        self.next_section += 1;
        let link =
            Link { transceiver, section: Section::default(), senders: Vec::new(), frames: None, muted: true };
        self.links.insert(id, link);
        id
    }

    /// Makes the session what is negotiated.
    pub(crate) fn update(&mut self, now: Instant, negotiator: &Negotiator) {
        self.session.set_cname(negotiator.cname());
        for one in negotiator.transceivers() {
            let agreed = one.current_direction().filter(|_| one.mid().is_some());
            let Some(direction) = agreed else { continue };
            let id = self.section_of(one.id());
            let section = section(negotiator, one, direction);
            let Some(link) = self.links.get_mut(&id) else { continue };
            if link.section != section {
                self.session.set_section(now, id, section.clone());
                link.section = section;
            }
            link.muted |= !direction.receives();
            if link.frames.is_some() {
                self.session.set_frames(id, link.frames.clone());
            }
            link.update_senders(&mut self.session, now, id, one, direction.sends());
        }
        let live = |link: &Link| {
            let one = negotiator.transceiver(link.transceiver);
            one.is_some_and(|one| !one.stopped())
        };
        let session = &mut self.session;
        self.links.retain(|id, link| {
            let keep = live(link);
            if !keep {
                session.remove_section(now, *id);
            }
            keep
        });
    }
}

impl Link {
    /// One sender for each encoding that was agreed on.
    fn update_senders(
        &mut self,
        session: &mut rtp::Session,
        now: Instant,
        id: SectionId,
        one: &Transceiver,
        sends: bool,
    ) {
        let encodings = one.encodings();
        self.senders.retain(|(rid, sender)| {
            let keep = encodings.iter().any(|encoding| encoding.rid.as_deref() == rid.as_deref());
            if !keep {
                session.remove_sender(now, *sender);
            }
            keep
        });
        for encoding in encodings.iter().filter(|_| sends) {
            let rid: Option<Box<str>> = encoding.rid.as_deref().map(Box::from);
            if self.senders.iter().any(|(known, _)| *known == rid) {
                continue;
            }
            let mut init = SenderInit::default();
            let sources = one.sources();
            init.sources = rid.is_none().then_some((Ssrc(sources.media), Ssrc(sources.repair)));
            init.rid.clone_from(&rid);
            let sender = session.add_sender(now, id, init);
            self.senders.push((rid, sender));
        }
        let place = |rid: &Option<Box<str>>| {
            encodings.iter().position(|encoding| encoding.rid.as_deref() == rid.as_deref())
        };
        self.senders.sort_by_key(|(rid, _)| place(rid));
        for (rid, sender) in &self.senders {
            let active = encodings.iter().any(|one| one.rid.as_deref() == rid.as_deref() && one.active);
            session.set_active(*sender, sends && active);
        }
    }
}

/// What is agreed on for a transceiver, as the session needs it.
fn section(negotiator: &Negotiator, one: &Transceiver, direction: sdp::Direction) -> Section {
    let remote = negotiator.remote_description();
    let theirs = remote.and_then(|remote| remote.media.iter().find(|media| media.mid() == one.mid()));
    let mixed = remote.is_some_and(|remote| remote.attributes.contains(&Attribute::ExtmapAllowMixed))
        || theirs.is_some_and(|media| media.has(&Attribute::ExtmapAllowMixed));
    let mut section = Section::default();
    section.mid = one.mid().map(Box::from);
    section.extensions = ids(one.extensions(), mixed);
    section.receive = formats(if direction.receives() { one.receive_codecs() } else { &[] });
    section.send = formats(if direction.sends() { one.send_codecs() } else { &[] });
    section.rids = one.receive_rids().iter().map(|rid| Box::from(rid.as_str())).collect();
    section.sources = theirs.map(sources).unwrap_or_default();
    section.reduced_size = one.reduced_size_rtcp();
    section
}

fn ids(extensions: &[Extmap], mixed: bool) -> Ids {
    let mut ids = Ids::new();
    for extension in extensions {
        let kind = Kind::from_uri(&extension.uri.to_string());
        if let (Some(kind), Ok(id)) = (kind, u8::try_from(extension.id)) {
            ids.set(kind, id);
        }
    }
    ids.set_allow_mixed(mixed);
    ids
}

fn formats(codecs: &[sdp::Codec]) -> Vec<Format> {
    let payload_type = |one: &sdp::Codec| rtp::PayloadType::new(one.payload_type.get());
    let repair = |one: &sdp::Codec| {
        let found = codecs.iter().find(|other| other.apt() == Some(one.payload_type));
        found.and_then(payload_type)
    };
    let format = |one: &sdp::Codec| {
        let codec = codec_of(one)?;
        let mut format = Format::new(payload_type(one)?, codec, NonZeroU32::new(one.clock_rate)?);
        format.repair = repair(one);
        let has = |feedback: sdp::Feedback| one.feedback.contains(&feedback);
        let mut feedback = Feedback::default();
        feedback.nack = has(sdp::Feedback::Nack);
        feedback.pli = has(sdp::Feedback::NackPli);
        feedback.fir = has(sdp::Feedback::CcmFir);
        feedback.transport_wide = has(sdp::Feedback::TransportCc);
        feedback.congestion_control = has(sdp::Feedback::AckCcfb);
        format.feedback = feedback;
        Some(format)
    };
    let media = codecs.iter().filter(|one| one.role() != CodecRole::Retransmission);
    media.filter_map(format).collect()
}

/// The sources that a description tells of (RFC 5576), with those of their retransmissions.
fn sources(media: &MediaSection) -> Vec<SignalledSource> {
    let pairs: Vec<(u32, u32)> = media
        .ssrc_groups()
        .filter(|group| group.semantics == "FID")
        .filter_map(|group| match group.ssrcs.as_slice() {
            [media, repair] => Some((*media, *repair)),
            _ => None,
        })
        .collect();
    let repair = |ssrc| pairs.iter().find(|(media, _)| *media == ssrc).map(|(_, repair)| Ssrc(*repair));
    let mut sources: Vec<SignalledSource> = Vec::new();
    for line in media.ssrcs().take(MAX_SOURCES) {
        let is_repair = pairs.iter().any(|(_, repair)| *repair == line.ssrc);
        let known = sources.iter().any(|source| source.ssrc.0 == line.ssrc);
        if !is_repair && !known {
            sources.push(SignalledSource { ssrc: Ssrc(line.ssrc), repair: repair(line.ssrc) });
        }
    }
    sources
}

/// The most `a=ssrc` lines of a section that are looked at.
const MAX_SOURCES: usize = 256;

impl PeerConnection {
    /// The senders of a transceiver, one for each encoding and in their order; none before it was agreed that it sends.
    pub fn senders(&self, transceiver: TransceiverId) -> impl Iterator<Item = SenderId> {
        let link = self.media.links.values().find(|link| link.transceiver == transceiver);
        link.into_iter().flat_map(|link| link.senders.iter().map(|(_, sender)| *sender))
    }

    /// The transceiver of a sender.
    #[must_use]
    pub fn transceiver_of(&self, sender: SenderId) -> Option<TransceiverId> {
        let has = |link: &&Link| link.senders.iter().any(|(_, one)| *one == sender);
        self.media.links.values().find(has).map(|link| link.transceiver)
    }

    /// Sends an RTP packet: its payload type, payload, numbers and extensions are the caller's. What is forwarded from another
    /// connection gets its numbers from a [`Forwarder`](rtp::stream::Forwarder); whole frames are for
    /// [`send_frame`](Self::send_frame).
    ///
    /// # Errors
    /// It cannot be sent; it is handed back. [`SendErrorKind`](crate::SendErrorKind) says why: before the peer is verified, for
    /// instance, or while the encoding is paused, nothing is.
    pub fn send_rtp(
        &mut self,
        now: Instant,
        sender: SenderId,
        packet: OutgoingPacket,
    ) -> Result<(), SendError<OutgoingPacket>> {
        let now = self.advance(now);
        self.media.session.send_rtp(now, sender, packet)
    }

    /// Sends a frame, cut into packets as its codec has it: a picture, or a packet of sound.
    ///
    /// The payload type is one of the transceiver's [`send_codecs`](crate::Transceiver::send_codecs), of which
    /// [`codec_of`] tells what a frame is made of; the timestamp counts that codec's clock.
    ///
    /// # Errors
    /// It cannot be sent, for the same reasons as a packet or because it is not what its codec makes; it is handed back, and
    /// nothing of it leaves.
    pub fn send_frame(
        &mut self,
        now: Instant,
        sender: SenderId,
        frame: OutgoingFrame,
    ) -> Result<(), SendError<OutgoingFrame>> {
        let now = self.advance(now);
        self.media.session.send_frame(now, sender, frame)
    }

    /// Whether what a transceiver receives becomes frames too, which [`recv_frame`](Self::recv_frame) hands out. Default
    /// not: packets are handed through by [`handle_datagram`](Self::handle_datagram), as a media server wants them, and go on
    /// being handed through beside frames. It may be asked for at any time, before anything is negotiated too.
    pub fn set_frames(&mut self, transceiver: TransceiverId, frames: Option<JitterConfig>) {
        let id = self.media.section_of(transceiver);
        if let Some(link) = self.media.links.get_mut(&id) {
            link.frames.clone_from(&frames);
        }
        self.media.session.set_frames(id, frames);
    }

    /// The next received frame, of whichever encoding: those of one come in order, with what is lost left out and told by
    /// the next one's `after_gap`. Few are kept: the oldest is dropped when nobody takes them.
    /// [`Event::FramesReadable`] tells that there are some.
    pub fn recv_frame(&mut self) -> Option<Frame> {
        self.media.session.recv_frame()
    }

    /// Asks the peer for a key frame of a received encoding: at its start, when layers are switched, when a picture cannot be
    /// decoded. To ask again before it has come does no harm: requests leave in moderation.
    pub fn request_key_frame(&mut self, now: Instant, receiver: ReceiverId) {
        let now = self.advance(now);
        self.media.session.request_key_frame(now, receiver);
    }

    /// Every received encoding.
    pub fn receivers(&self) -> impl Iterator<Item = ReceiverInfo<'_>> {
        self.media.session.receivers().filter_map(|stats| {
            Some(ReceiverInfo {
                receiver: stats.receiver,
                transceiver: self.media.links.get(&stats.section)?.transceiver,
                ssrc: stats.ssrc,
                rid: self.media.session.rid(stats.receiver),
                cname: self.media.session.cname(stats.receiver),
            })
        })
    }

    /// A received encoding; `None` when it has ended.
    #[must_use]
    pub fn receiver(&self, receiver: ReceiverId) -> Option<ReceiverInfo<'_>> {
        self.receivers().find(|one| one.receiver == receiver)
    }

    /// Takes RTP or RTCP from a qualified source.
    pub(crate) fn handle_media<'d>(
        &mut self,
        arrival: &crate::Arrival,
        datagram: &'d mut [u8],
    ) -> Result<Option<RtpPacket<'d>>, rtp::Discard> {
        let now = self.now;
        if rtp::packet::is_rtcp(datagram) {
            self.media.session.handle_rtcp(now, datagram)?;
            return Ok(None);
        }
        let ecn = arrival.ecn.map(|mark| match mark {
            Ecn::Ect1 => rtp::Ecn::Ect1,
            Ecn::Ect0 => rtp::Ecn::Ect0,
            Ecn::Ce => rtp::Ecn::Ce,
        });
        let packet = self.media.session.handle_rtp(now, arrival.at, ecn, datagram)?;
        let link = self.media.links.get(&packet.section).ok_or(rtp::Discard::NoSection)?;
        Ok(Some(RtpPacket { transceiver: link.transceiver, packet }))
    }

    /// What the session tells, as the browser would.
    pub(crate) fn poll_media_event(&mut self) -> Option<Event> {
        while let Some(event) = self.media.session.poll_event() {
            // It may bring others.
            self.wake(self.now);
            match event {
                rtp::Event::ReceiverAdded { receiver, section } => {
                    let Some(link) = self.media.links.get_mut(&section) else { continue };
                    let transceiver = link.transceiver;
                    if std::mem::take(&mut link.muted) {
                        self.events.push_back(Event::Unmute(transceiver));
                    }
                    return Some(Event::Receiver { transceiver, receiver });
                }
                rtp::Event::ReceiverEnded { receiver, section } => {
                    let Some(link) = self.media.links.get_mut(&section) else { continue };
                    let transceiver = link.transceiver;
                    let silent = !self.media.session.receivers().any(|one| one.section == section);
                    if silent && !std::mem::replace(&mut link.muted, true) {
                        self.events.push_back(Event::Mute(transceiver));
                    }
                    return Some(Event::ReceiverEnded { transceiver, receiver });
                }
                rtp::Event::KeyFrameRequest { sender, kind } => {
                    let Some(transceiver) = self.transceiver_of(sender) else { continue };
                    return Some(Event::KeyFrameRequest { transceiver, sender, kind });
                }
                rtp::Event::FramesReadable => return Some(Event::FramesReadable),
                _ => {}
            }
        }
        None
    }
}
