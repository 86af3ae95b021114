//! Puts the codecs of a section together from its attributes.

use crate::attribute::Attribute;
use crate::codec::{Codec, Rtpmap};
use crate::feedback::Feedback;
use crate::format::{FormatParameters, PayloadType};
use crate::media::Media;

/// The codecs in the order of the `m=` line, each payload type once. Of several `rtpmap` or `fmtp` lines for one
/// payload type the first counts.
pub(crate) fn of(media: &Media) -> Vec<Codec> {
    let mut drafts = Drafts::new(media);
    for attribute in &media.attributes {
        match attribute {
            Attribute::Rtpmap(rtpmap) => drafts.map(rtpmap),
            Attribute::Fmtp(fmtp) => drafts.set_parameters(fmtp.payload_type, &fmtp.parameters),
            Attribute::RtcpFb(fb) => drafts.add_feedback(fb.payload_type, &fb.feedback),
            _ => {}
        }
    }
    drafts.codecs.retain(|codec| codec.clock_rate != 0);
    drafts.codecs
}

/// Codecs in the making; one without a clock rate has no name yet.
struct Drafts {
    codecs: Vec<Codec>,
    /// Where the codec of each payload type stands.
    places: [Option<usize>; PayloadType::COUNT],
}

impl Drafts {
    fn new(media: &Media) -> Self {
        let mut drafts = Self { codecs: Vec::new(), places: [None; PayloadType::COUNT] };
        for payload_type in media.formats.iter().filter_map(|format| format.parse::<PayloadType>().ok()) {
            let Some(place @ None) = drafts.places.get_mut(usize::from(payload_type.get())) else { continue };
            *place = Some(drafts.codecs.len());
            drafts.codecs.push(fixed(payload_type));
        }
        drafts
    }

    fn get(&mut self, payload_type: PayloadType) -> Option<&mut Codec> {
        let place = self.places.get(usize::from(payload_type.get())).copied().flatten()?;
        self.codecs.get_mut(place)
    }

    fn map(&mut self, rtpmap: &Rtpmap) {
        // The fixed codecs' names too may be written again, with the name that the sender likes.
        let Some(codec) = self.get(rtpmap.payload_type) else { return };
        codec.name = rtpmap.name.clone();
        codec.clock_rate = rtpmap.clock_rate;
        codec.channels = rtpmap.channels.unwrap_or(1);
    }

    fn set_parameters(&mut self, payload_type: PayloadType, parameters: &FormatParameters) {
        if let Some(codec) = self.get(payload_type).filter(|codec| codec.parameters.is_empty()) {
            codec.parameters = parameters.clone();
        }
    }

    fn add_feedback(&mut self, payload_type: Option<PayloadType>, feedback: &Feedback) {
        let chosen = match payload_type {
            Some(payload_type) => self.get(payload_type).map(std::slice::from_mut).unwrap_or_default(),
            None => self.codecs.as_mut_slice(),
        };
        for codec in chosen {
            if codec.feedback.len() < MAX_FEEDBACK && !codec.feedback.contains(feedback) {
                codec.feedback.push(feedback.clone());
            }
        }
    }
}

/// The codec of a payload type before its description says more.
fn fixed(payload_type: PayloadType) -> Codec {
    let fixed = FIXED.iter().find(|(number, ..)| *number == payload_type.get());
    let (_, name, clock_rate, channels) = fixed.copied().unwrap_or((0, "", 0, 1));
    Codec {
        payload_type,
        name: name.into(),
        clock_rate,
        channels,
        parameters: FormatParameters::default(),
        feedback: Vec::new(),
    }
}

/// The most kinds of feedback that are kept of one codec; browsers write up to seven.
const MAX_FEEDBACK: usize = 64;

/// The payload types that are known without `rtpmap`: number, name, clock rate, channels (RFC 3551, Section 6).
const FIXED: [(u8, &str, u32, u16); 24] = [
    (0, "PCMU", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (5, "DVI4", 8_000, 1),
    (6, "DVI4", 16_000, 1),
    (7, "LPC", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (12, "QCELP", 8_000, 1),
    (13, "CN", 8_000, 1),
    (14, "MPA", 90_000, 1),
    (15, "G728", 8_000, 1),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
    (18, "G729", 8_000, 1),
    (25, "CelB", 90_000, 1),
    (26, "JPEG", 90_000, 1),
    (28, "nv", 90_000, 1),
    (31, "H261", 90_000, 1),
    (32, "MPV", 90_000, 1),
    (33, "MP2T", 90_000, 1),
    (34, "H263", 90_000, 1),
];
