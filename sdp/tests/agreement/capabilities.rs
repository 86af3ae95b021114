//! What the peers can do. Payload types and ids of header extensions collide on purpose.

use duologue_sdp::jsep::{
    Capabilities, CodecCapability, Config, ExtensionCapability, IceCredentials, LocalTransport, Negotiator,
};
use duologue_sdp::{Codec, Direction, ExtensionUri, Feedback, FormatParameters, PayloadType, Text};
use std::sync::Arc;

/// A peer's capabilities, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Able {
    /// Much audio and video, with simulcast.
    Much,
    /// The same with other numbers, another order and no simulcast.
    Renumbered,
    /// Audio alone, and codecs that go one way.
    OneWay,
    /// Data channels alone.
    Data,
    /// One audio codec.
    Opus,
}

impl Able {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Much, Self::Renumbered, Self::OneWay, Self::Data, Self::Opus];
}

const BOTH: Direction = Direction::SendRecv;

fn codec(number: u8, name: &str, rate: u32, channels: u16, fmtp: &str, fb: &[&str]) -> CodecCapability {
    let codec = Codec {
        payload_type: PayloadType::new(number).unwrap(),
        name: name.into(),
        clock_rate: rate,
        channels,
        parameters: FormatParameters::new(fmtp),
        feedback: fb.iter().map(|one| Feedback::from(*one)).collect(),
    };
    CodecCapability { codec, direction: BOTH }
}

fn one_way(capability: CodecCapability, direction: Direction) -> CodecCapability {
    CodecCapability { direction, ..capability }
}

fn extensions(list: &[(u16, ExtensionUri)]) -> Vec<ExtensionCapability> {
    list.iter().map(|(id, uri)| ExtensionCapability { id: *id, uri: uri.clone() }).collect()
}

const VIDEO_FB: [&str; 5] = ["nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"];
const H264: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f";
const H264_LOW: &str = "level-asymmetry-allowed=0;packetization-mode=1;profile-level-id=420015";
const H264_SINGLE: &str = "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f";

fn much() -> Config {
    use ExtensionUri::{
        AudioLevel, Mid, RepairedRtpStreamId, RtpStreamId, TransportWideCc, VideoOrientation,
    };
    let mut config = Config::default();
    config.audio = Capabilities {
        codecs: vec![
            codec(111, "opus", 48_000, 2, "minptime=10;useinbandfec=1", &["transport-cc"]),
            codec(63, "red", 48_000, 2, "111/111", &[]),
            codec(9, "G722", 8_000, 1, "", &[]),
            codec(0, "PCMU", 8_000, 1, "", &[]),
            codec(101, "telephone-event", 8_000, 1, "0-15", &[]),
            codec(110, "telephone-event", 48_000, 1, "0-15", &[]),
        ],
        extensions: extensions(&[(1, Mid), (2, AudioLevel), (3, TransportWideCc)]),
        max_encodings: 1,
    };
    config.video = Capabilities {
        codecs: vec![
            codec(96, "VP8", 90_000, 1, "", &VIDEO_FB),
            codec(97, "rtx", 90_000, 1, "apt=96", &[]),
            codec(98, "VP9", 90_000, 1, "profile-id=0", &VIDEO_FB),
            codec(99, "rtx", 90_000, 1, "apt=98", &[]),
            codec(102, "H264", 90_000, 1, H264, &VIDEO_FB[..3]),
            codec(103, "rtx", 90_000, 1, "apt=102", &[]),
            codec(104, "red", 90_000, 1, "", &[]),
            codec(105, "rtx", 90_000, 1, "apt=104", &[]),
            codec(106, "ulpfec", 90_000, 1, "", &[]),
        ],
        extensions: extensions(&[
            (1, Mid),
            (10, RtpStreamId),
            (11, RepairedRtpStreamId),
            (3, TransportWideCc),
            (4, VideoOrientation),
        ]),
        max_encodings: 3,
    };
    config
}

fn renumbered() -> Config {
    use ExtensionUri::{AudioLevel, Mid, TransportWideCc, VideoOrientation};
    let mut config = Config::default();
    config.audio = Capabilities {
        codecs: vec![
            codec(0, "PCMU", 8_000, 1, "", &[]),
            codec(96, "opus", 48_000, 2, "useinbandfec=0", &["nack", "transport-cc"]),
            codec(97, "red", 48_000, 2, "96/96", &[]),
            codec(111, "telephone-event", 8_000, 1, "0-15", &[]),
        ],
        extensions: extensions(&[(3, Mid), (1, TransportWideCc), (2, AudioLevel)]),
        max_encodings: 1,
    };
    config.video = Capabilities {
        codecs: vec![
            codec(111, "H264", 90_000, 1, H264_SINGLE, &VIDEO_FB),
            codec(96, "H264", 90_000, 1, H264_LOW, &VIDEO_FB[1..]),
            codec(101, "rtx", 90_000, 1, "apt=96", &[]),
            codec(97, "AV1", 90_000, 1, "", &VIDEO_FB),
            codec(102, "VP8", 90_000, 1, "", &VIDEO_FB),
            codec(98, "rtx", 90_000, 1, "apt=102", &[]),
        ],
        extensions: extensions(&[(1, VideoOrientation), (4, Mid), (2, TransportWideCc)]),
        max_encodings: 1,
    };
    config
}

fn one_way_audio() -> Config {
    let mut config = Config::default();
    config.audio = Capabilities {
        codecs: vec![
            one_way(codec(9, "G722", 8_000, 1, "", &[]), Direction::RecvOnly),
            codec(0, "PCMU", 8_000, 1, "", &[]),
            one_way(codec(120, "opus", 48_000, 2, "stereo=1", &[]), Direction::SendOnly),
            codec(13, "CN", 8_000, 1, "", &[]),
        ],
        extensions: extensions(&[(14, ExtensionUri::Mid)]),
        max_encodings: 0,
    };
    config
}

fn opus() -> Config {
    let mut config = Config::default();
    config.audio.codecs = vec![codec(111, "opus", 48_000, 2, "", &[])];
    config
}

/// The capabilities of that name.
pub(crate) fn config(able: Able) -> Config {
    match able {
        Able::Much => much(),
        Able::Renumbered => renumbered(),
        Able::OneWay => one_way_audio(),
        Able::Data => Config::default(),
        Able::Opus => opus(),
    }
}

/// A negotiator with these capabilities; no two have the same `seed`.
pub(crate) fn negotiator(able: Able, seed: u8) -> Negotiator {
    let name = if seed == 0 { "alice" } else { "bob" };
    let local = LocalTransport {
        ice: IceCredentials {
            ufrag: format!("{name}ufrag").into(),
            pwd: format!("{name}passwordpasswordpassword").as_str().into(),
        },
        ice_lite: false,
        fingerprints: vec![
            format!("sha-256 {}", [format!("{seed:02X}").as_str(); 32].join(":")).parse().unwrap(),
        ],
        tls_id: Text::from(format!("{name}0123456789abcdef0123")),
        sctp_port: 5000,
        max_message_size: if able == Able::Renumbered { 0 } else { 262_144 },
    };
    Negotiator::new(Arc::new(config(able)), local, [seed; 32])
}
