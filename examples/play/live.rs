//! The test card and the tone as they are now, encoded once for all viewers.

use crate::encoder::{Audio, FRAMES_PER_SECOND, PACKET, SOUND_RATE, Video};
use crate::media::recorder::Format;
use crate::viewer::Outgoing;
use bytes::Bytes;
use std::error::Error;
use std::time::{Duration, Instant};

const VIDEO_CLOCK: u32 = 90_000;
/// Key frames that viewers ask for come at most this often.
const KEY_FRAMES_APART: Duration = Duration::from_millis(300);
/// Who has been idle for longer than this goes on with the present, without what was missed.
const MAX_BEHIND: Duration = Duration::from_millis(500);

pub(crate) struct Live {
    video: Video,
    audio: Audio,
    start: Instant,
    /// Frames and packets since the start.
    frames: u64,
    packets: u64,
    key_frame_asked: bool,
    last_key_frame: Option<Instant>,
}

impl Live {
    pub(crate) const FORMATS: [Format; 2] = [Format::H264, Format::Opus];

    pub(crate) fn new(now: Instant) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            video: Video::new()?,
            audio: Audio::new()?,
            start: now,
            frames: 0,
            packets: 0,
            key_frame_asked: false,
            last_key_frame: None,
        })
    }

    pub(crate) fn ask_key_frame(&mut self) {
        self.key_frame_asked = true;
    }

    /// When there is something to send.
    pub(crate) fn deadline(&self) -> Instant {
        self.start + frame_time(self.frames).min(packet_time(self.packets))
    }

    /// The next frame or packet, once it is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Outgoing> {
        self.catch_up(now);
        if self.start + packet_time(self.packets) <= now {
            return self.packet();
        }
        (self.start + frame_time(self.frames) <= now).then(|| self.frame(now)).flatten()
    }

    fn catch_up(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start);
        if elapsed > frame_time(self.frames) + MAX_BEHIND {
            self.frames = whole(elapsed, FRAMES_PER_SECOND);
            self.packets = whole(elapsed, SOUND_RATE) / u64::from(PACKET);
        }
    }

    fn frame(&mut self, now: Instant) -> Option<Outgoing> {
        let elapsed = frame_time(self.frames);
        let rested = self.last_key_frame.is_none_or(|last| now >= last + KEY_FRAMES_APART);
        let wanted = self.key_frame_asked && rested;
        let timestamp = wrap(self.frames * u64::from(VIDEO_CLOCK / FRAMES_PER_SECOND));
        self.frames += 1;
        let (unit, key_frame) =
            self.video.encode(elapsed, wanted).inspect_err(|error| eprintln!("the picture: {error}")).ok()?;
        if key_frame {
            self.key_frame_asked &= !wanted;
            self.last_key_frame = Some(now);
        }
        Some(Outgoing { format: Format::H264, timestamp, payload: unit.into() })
    }

    fn packet(&mut self) -> Option<Outgoing> {
        let first = self.packets * u64::from(PACKET);
        self.packets += 1;
        let packet = self.audio.encode(first).inspect_err(|error| eprintln!("the sound: {error}")).ok()?;
        let payload = Bytes::copy_from_slice(packet);
        Some(Outgoing { format: Format::Opus, timestamp: wrap(first), payload })
    }
}

fn frame_time(frames: u64) -> Duration {
    Duration::from_nanos(frames * 1_000_000_000 / u64::from(FRAMES_PER_SECOND))
}

fn packet_time(packets: u64) -> Duration {
    Duration::from_nanos(packets * u64::from(PACKET) * 1_000_000_000 / u64::from(SOUND_RATE))
}

/// How many units of `1 / rate` seconds have passed.
fn whole(elapsed: Duration, rate: u32) -> u64 {
    u64::try_from(elapsed.as_nanos() * u128::from(rate) / 1_000_000_000).unwrap_or(u64::MAX)
}

/// RTP's timestamps have 32 bits.
fn wrap(ticks: u64) -> u32 {
    u32::try_from(ticks & 0xffff_ffff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_thirty_frames_and_fifty_packets_of_sound_each_in_its_time() {
        let start = duologue_netsim::Network::new(1).now();
        let mut live = Live::new(start).unwrap();
        let mut counts = [0, 0];
        let mut last = [None, None];
        while live.deadline() < start + Duration::from_secs(1) {
            let now = live.deadline();
            let frame = live.take(now).unwrap();
            let (kind, step) = if frame.format == Format::H264 { (0, 3000) } else { (1, 960) };
            counts[kind] += 1;
            if let Some(before) = last[kind].replace(frame.timestamp) {
                assert_eq!(frame.timestamp - before, step);
            }
            assert!(live.deadline() >= now);
        }
        assert_eq!(counts, [30, 50]);
    }

    #[test]
    fn what_was_missed_is_left_out() {
        let start = duologue_netsim::Network::new(1).now();
        let mut live = Live::new(start).unwrap();
        let late = start + Duration::from_secs(100);
        let frames: Vec<Outgoing> = std::iter::from_fn(|| live.take(late)).collect();
        assert!(frames.len() <= 2, "{}", frames.len());
        assert!(live.deadline() > late);
    }
}
