//! What audio and video sections offer and accept unless the configuration says otherwise: the codecs that browsers have,
//! with the payload types that they use.

use duologue_sdp::jsep::{Capabilities, CodecCapability, Config, ExtensionCapability};
use duologue_sdp::{Codec, Direction, ExtensionUri, Feedback, FormatParameters, PayloadType};

/// As many encodings of one track as browsers send.
const MAX_ENCODINGS: usize = 3;

/// [`audio`] and [`video`].
#[must_use]
pub fn all() -> Config {
    let mut config = Config::default();
    config.audio = audio();
    config.video = video();
    config
}

/// Opus, G.722, PCMU, PCMA and telephone events (RFC 7874, Section 3).
#[must_use]
pub fn audio() -> Capabilities {
    let opus = codec(111, "opus", 48_000, 2, "minptime=10;useinbandfec=1", &[Feedback::TransportCc]);
    let plain = [(9, "G722", 8_000), (0, "PCMU", 8_000), (8, "PCMA", 8_000)];
    let plain = plain.map(|(number, name, rate)| codec(number, name, rate, 1, "", &[]));
    let events = [(110, 48_000), (126, 8_000)];
    let events = events.map(|(number, rate)| codec(number, "telephone-event", rate, 1, "0-15", &[]));
    Capabilities {
        codecs: opus
            .into_iter()
            .chain(plain.into_iter().flatten())
            .chain(events.into_iter().flatten())
            .collect(),
        extensions: extensions(&[
            (1, ExtensionUri::AudioLevel),
            (2, ExtensionUri::AbsSendTime),
            (3, ExtensionUri::TransportWideCc),
            (4, ExtensionUri::Mid),
        ]),
        max_encodings: 1,
    }
}

/// VP8, VP9, H.264, H.265 and AV1, each with its retransmission (RFC 7742, Section 5).
#[must_use]
pub fn video() -> Capabilities {
    let codecs = [
        (96, "VP8", ""),
        (98, "VP9", "profile-id=0"),
        (102, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
        (108, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
        (104, "H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"),
        (114, "H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
        (49, "H265", "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST"),
        (45, "AV1", "level-idx=5;profile=0;tier=0"),
    ];
    let feedback =
        [Feedback::GoogRemb, Feedback::TransportCc, Feedback::CcmFir, Feedback::Nack, Feedback::NackPli];
    let pairs = codecs.into_iter().flat_map(|(number, name, parameters)| {
        let repair = format!("apt={number}");
        let rtx = codec(number + 1, "rtx", 90_000, 1, &repair, &[]);
        codec(number, name, 90_000, 1, parameters, &feedback).into_iter().chain(rtx)
    });
    Capabilities {
        codecs: pairs.collect(),
        // The ids that Chromium gives them, too: it refuses others for a mid that its own offer had before it gave way.
        extensions: extensions(&[
            (2, ExtensionUri::AbsSendTime),
            (3, ExtensionUri::VideoOrientation),
            (4, ExtensionUri::TransportWideCc),
            (5, ExtensionUri::PlayoutDelay),
            (9, ExtensionUri::Mid),
            (10, ExtensionUri::RtpStreamId),
            (11, ExtensionUri::RepairedRtpStreamId),
            (13, ExtensionUri::DependencyDescriptor),
        ]),
        max_encodings: MAX_ENCODINGS,
    }
}

fn codec(
    number: u8,
    name: &str,
    clock_rate: u32,
    channels: u16,
    parameters: &str,
    feedback: &[Feedback],
) -> Option<CodecCapability> {
    // RFC 8888, Section 6: congestion control feedback is for all payload types.
    let feedback = feedback.iter().cloned().chain([Feedback::AckCcfb]).collect();
    let codec = Codec {
        payload_type: PayloadType::new(number)?,
        name: name.into(),
        clock_rate,
        channels,
        parameters: FormatParameters::new(parameters),
        feedback,
    };
    Some(CodecCapability { codec, direction: Direction::SendRecv })
}

fn extensions(known: &[(u16, ExtensionUri)]) -> Vec<ExtensionCapability> {
    known.iter().map(|(id, uri)| ExtensionCapability { id: *id, uri: uri.clone() }).collect()
}
