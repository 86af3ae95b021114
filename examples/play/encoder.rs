//! The test card and its tone as frames of H.264 and Opus.

use crate::card::{self, Picture};
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, RateControlMode,
    SpsPpsStrategy, UsageType,
};
use openh264::formats::YUVSlices;
use opus_rs::{Application, OpusEncoder};
use std::error::Error;
use std::time::Duration;

pub(crate) const FRAMES_PER_SECOND: u32 = 30;
const BITRATE: u32 = 1_000_000;
/// A key frame at least this often, whoever asks.
const KEY_FRAME_PERIOD: u32 = 10 * FRAMES_PER_SECOND;

/// A packet of sound: 20 ms, in samples of 48 kHz.
pub(crate) const PACKET: u32 = 960;
pub(crate) const SOUND_RATE: u32 = 48_000;
const SOUND_BITRATE: i32 = 48_000;

/// Draws and encodes.
pub(crate) struct Video {
    encoder: Encoder,
    picture: Picture,
}

impl Video {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(BITRATE))
            .max_frame_rate(FrameRate::from_hz(30.0))
            .rate_control_mode(RateControlMode::Off)
            .usage_type(UsageType::CameraVideoRealTime)
            .profile(Profile::Baseline)
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .intra_frame_period(IntraFramePeriod::from_num_frames(KEY_FRAME_PERIOD))
            .num_threads(1);
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config)?;
        Ok(Self { encoder, picture: Picture::new() })
    }

    /// The card at a time, as an access unit with start codes, and whether decoding can begin with it.
    pub(crate) fn encode(
        &mut self,
        elapsed: Duration,
        key_frame: bool,
    ) -> Result<(Vec<u8>, bool), Box<dyn Error>> {
        self.picture.draw(elapsed);
        if key_frame {
            self.encoder.force_intra_frame();
        }
        let planes = (&*self.picture.y, &*self.picture.u, &*self.picture.v);
        let strides = (card::WIDTH, card::WIDTH / 2, card::WIDTH / 2);
        let picture = YUVSlices::new(planes, (card::WIDTH, card::HEIGHT), strides);
        let stream = self.encoder.encode(&picture)?;
        Ok((stream.to_vec(), matches!(stream.frame_type(), FrameType::IDR)))
    }
}

/// Makes the tone and encodes it.
pub(crate) struct Audio {
    encoder: OpusEncoder,
    samples: Vec<f32>,
    packet: Vec<u8>,
}

impl Audio {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let mut encoder = OpusEncoder::new(48_000, 1, Application::Audio)?;
        encoder.bitrate_bps = SOUND_BITRATE;
        Ok(Self { encoder, samples: Vec::new(), packet: vec![0; 1275] })
    }

    /// The packet that begins with a sample, counted from the start.
    pub(crate) fn encode(&mut self, first: u64) -> Result<&[u8], Box<dyn Error>> {
        self.samples.clear();
        let times = (first..first + u64::from(PACKET)).map(time_of);
        self.samples.extend(times.map(card::tone));
        let len = self.encoder.encode(&self.samples, self.samples.len(), &mut self.packet)?;
        self.packet.get(..len).ok_or_else(|| "the encoder claims more than there is room for".into())
    }
}

fn time_of(sample: u64) -> Duration {
    let rate = u64::from(SOUND_RATE);
    Duration::from_secs(sample / rate) + Duration::from_nanos(sample % rate * 1_000_000_000 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ogg;

    #[test]
    fn key_frames_come_when_they_are_asked_for_and_bring_their_parameter_sets() {
        let mut video = Video::new().unwrap();
        let mut key_frames = Vec::new();
        for count in 0..20 {
            let elapsed = Duration::from_secs(1) * count / FRAMES_PER_SECOND;
            let (unit, key_frame) = video.encode(elapsed, count == 13).unwrap();
            assert!(unit.starts_with(&[0, 0, 0, 1]), "a start code");
            assert_eq!(unit[4] & 0x1f == 7, key_frame, "a sequence parameter set leads a key frame");
            if key_frame {
                key_frames.push(count);
            }
        }
        assert_eq!(key_frames, [0, 13]);
    }

    #[test]
    fn the_card_stays_under_its_bitrate() {
        let mut video = Video::new().unwrap();
        let bytes: usize =
            (0..90).map(|count| video.encode(time_of(count * 1600), false).unwrap().0.len()).sum();
        let bitrate = bytes * 8 / 3;
        assert!(bitrate < 1_000_000, "{bitrate} bit/s");
    }

    #[test]
    fn packets_of_sound_last_20_ms() {
        let mut audio = Audio::new().unwrap();
        for count in 0..50 {
            let packet = audio.encode(count * u64::from(PACKET)).unwrap();
            assert_eq!(ogg::duration(packet), Some(PACKET));
            assert!(packet.len() < 400);
        }
    }
}
