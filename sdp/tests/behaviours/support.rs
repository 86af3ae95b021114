//! Negotiators, what they can do, and exchanges between them.

use duologue_sdp::jsep::{
    Capabilities, CodecCapability, Config, Event, ExtensionCapability, IceCredentials, LocalTransport,
    Negotiator, OfferOptions, SdpType, Transceiver, TransceiverId, TransceiverInit,
};
use duologue_sdp::{Codec, Direction, SessionDescription, Text};
use std::sync::Arc;

const SESSION: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n\
    a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\n\
    a=rtpmap:0 PCMU/8000\r\n";
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101 102 103\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\n\
    a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtcp-fb:98 nack pli\r\n\
    a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
    a=rtpmap:100 H264/90000\r\n\
    a=fmtp:100 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
    a=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\n\
    a=rtpmap:102 H264/90000\r\n\
    a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f\r\n\
    a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n";
pub(crate) const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
pub(crate) const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub(crate) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub(crate) const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
pub(crate) const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// The codecs that a section names, by preference.
pub(crate) fn codecs(section: &str) -> Vec<Codec> {
    let description: SessionDescription = format!("{SESSION}{section}").parse().unwrap();
    description.media[0].codecs()
}

fn capabilities(section: &str, extensions: &[(u16, &str)]) -> Capabilities {
    let capability = |codec| CodecCapability { codec, direction: Direction::SendRecv };
    Capabilities {
        codecs: codecs(section).into_iter().map(capability).collect(),
        extensions: extensions
            .iter()
            .map(|(id, uri)| ExtensionCapability { id: *id, uri: (*uri).into() })
            .collect(),
        max_encodings: 3,
    }
}

/// Opus and PCMU; VP8, VP9 and two profiles of H.264, each with RTX; simulcast of three.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.audio = capabilities(AUDIO, &[(1, MID), (2, AUDIO_LEVEL), (4, TRANSPORT_CC)]);
    config.video = capabilities(VIDEO, &[(1, MID), (3, RID), (4, TRANSPORT_CC), (5, VIDEO_ORIENTATION)]);
    config
}

/// A negotiator that can do what `config` says; the name makes its credentials its own.
pub(crate) fn peer_with(name: &str, config: Config) -> Negotiator {
    let local = LocalTransport {
        ice: IceCredentials {
            ufrag: format!("{name}Ufrag").into(),
            pwd: format!("{name}PasswordPasswordPassword").as_str().into(),
        },
        ice_lite: false,
        fingerprints: vec![format!("sha-256 {}", ["A5"; 32].join(":")).parse().unwrap()],
        tls_id: format!("{name}0123456789abcdef0123").into(),
        sctp_port: 5000,
        max_message_size: 262_144,
    };
    let mut seed = [0; 32];
    name.bytes().zip(&mut seed).for_each(|(letter, byte)| *byte = letter);
    Negotiator::new(Arc::new(config), local, seed)
}

pub(crate) fn peer(name: &str) -> Negotiator {
    peer_with(name, config())
}

/// Two negotiators that have said nothing yet.
pub(crate) fn pair() -> (Negotiator, Negotiator) {
    (peer("alice"), peer("bob"))
}

pub(crate) fn create_offer(peer: &mut Negotiator) -> SessionDescription {
    peer.create_offer(OfferOptions::default()).unwrap()
}

/// What arrives when a description is signalled as text.
pub(crate) fn signalled(description: &SessionDescription) -> SessionDescription {
    description.to_string().parse().unwrap()
}

/// An offer, set on both sides.
pub(crate) fn offer(from: &mut Negotiator, to: &mut Negotiator) -> SessionDescription {
    let offer = local_offer(from);
    to.set_remote_description(SdpType::Offer, &signalled(&offer)).unwrap();
    offer
}

/// An offer, set on the side that makes it.
pub(crate) fn local_offer(from: &mut Negotiator) -> SessionDescription {
    let offer = create_offer(from);
    from.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
    offer
}

/// An answer, set on both sides.
pub(crate) fn answer(from: &mut Negotiator, to: &mut Negotiator) -> SessionDescription {
    let answer = from.create_answer().unwrap();
    from.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
    to.set_remote_description(SdpType::Answer, &signalled(&answer)).unwrap();
    answer
}

/// A whole round: offer and answer.
pub(crate) fn exchange(
    offerer: &mut Negotiator,
    answerer: &mut Negotiator,
) -> (SessionDescription, SessionDescription) {
    (offer(offerer, answerer), answer(answerer, offerer))
}

/// All that has been told since the last time.
pub(crate) fn events(peer: &mut Negotiator) -> Vec<Event> {
    std::iter::from_fn(|| peer.poll_event()).collect()
}

/// Whether it was told now that an offer is due.
pub(crate) fn needed(peer: &mut Negotiator) -> bool {
    events(peer).contains(&Event::NegotiationNeeded)
}

/// The transceivers whose tracks have been announced since the last time.
pub(crate) fn tracks(peer: &mut Negotiator) -> Vec<TransceiverId> {
    let track = |event| match event {
        Event::Track(id) => Some(id),
        _ => None,
    };
    events(peer).into_iter().filter_map(track).collect()
}

pub(crate) fn nth(peer: &Negotiator, index: usize) -> &Transceiver {
    peer.transceivers().nth(index).unwrap()
}

/// The only transceiver.
pub(crate) fn only(peer: &Negotiator) -> &Transceiver {
    assert_eq!(peer.transceivers().count(), 1);
    nth(peer, 0)
}

/// The present state of a transceiver.
pub(crate) fn state(peer: &Negotiator, id: TransceiverId) -> &Transceiver {
    peer.transceiver(id).unwrap()
}

pub(crate) fn texts(list: &[&str]) -> Vec<Text> {
    list.iter().map(|text| Text::from(*text)).collect()
}

pub(crate) fn directed(direction: Direction) -> TransceiverInit {
    let mut init = TransceiverInit::default();
    init.direction = direction;
    init
}

/// The description with `from` in its text replaced.
pub(crate) fn edited(description: &SessionDescription, from: &str, to: &str) -> SessionDescription {
    let text = description.to_string();
    assert!(text.contains(from), "{from} in {text}");
    text.replace(from, to).parse().unwrap()
}

/// The description without the lines that begin so.
pub(crate) fn without(description: &SessionDescription, start: &str) -> SessionDescription {
    let text = description.to_string();
    let kept: String = text.split_inclusive('\n').filter(|line| !line.starts_with(start)).collect();
    assert_ne!(text, kept, "no {start}");
    kept.parse().unwrap()
}

/// What stands behind `start` on the lines that begin so.
pub(crate) fn lines(description: &SessionDescription, start: &str) -> Vec<String> {
    description.to_string().lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect()
}

/// The text of each media section.
pub(crate) fn sections(description: &SessionDescription) -> Vec<String> {
    description
        .to_string()
        .split("\r\nm=")
        .skip(1)
        .map(|section| format!("m={}\r\n", section.trim_end()))
        .collect()
}
