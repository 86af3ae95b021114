//! Files as they are sent: frames with the times they are due.

use crate::media::recorder::Format;
use crate::media::{ivf, ogg};
use crate::viewer::{Outgoing, kind_of};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const VIDEO_CLOCK: u64 = 90_000;
const NANOSECONDS: u64 = 1_000_000_000;

/// The files to be sent, of which every viewer gets a [`Player`].
pub(crate) struct Files(Vec<PathBuf>);

impl Files {
    /// Checks that all of them can be sent.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, Box<dyn std::error::Error>> {
        let mut kinds = Vec::new();
        for path in paths {
            let complain = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
            let kind = match Track::open(path) {
                Ok(track) => kind_of(track.format),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(complain(&"it ends before anything that can be sent").into());
                }
                Err(error) => return Err(complain(&error).into()),
            };
            if kinds.contains(&kind) {
                return Err(complain(&"one file for the picture and one for the sound, no more").into());
            }
            kinds.push(kind);
        }
        Ok(Self(paths.to_vec()))
    }

    pub(crate) fn formats(&self) -> Vec<Format> {
        self.0.iter().filter_map(|path| Track::open(path).ok()).map(|track| track.format).collect()
    }

    pub(crate) fn player(&self) -> io::Result<Player> {
        let tracks = self.0.iter().map(|path| Track::open(path)).collect::<io::Result<_>>()?;
        Ok(Player { tracks, start: None, behind: 0 })
    }
}

/// One viewer's place in the files.
pub(crate) struct Player {
    tracks: Vec<Track>,
    /// When the files began; `None` while the viewer is not connected.
    start: Option<Instant>,
    /// How long the rounds before took, in nanoseconds: timestamps go on from one to the next.
    behind: u64,
}

impl Player {
    pub(crate) fn start(&mut self, now: Instant) {
        self.start.get_or_insert(now);
    }

    /// Begins again with what can be decoded without anything before, unless it has only just begun.
    pub(crate) fn go_back(&mut self, now: Instant) {
        let Some(start) = self.start else { return };
        let elapsed = now.saturating_duration_since(start + Duration::from_nanos(self.behind));
        if elapsed > Duration::from_secs(2) {
            self.rewind(self.behind + nanoseconds(elapsed));
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let start = self.start? + Duration::from_nanos(self.behind);
        let next = self.tracks.iter().filter_map(|track| track.next.as_ref()).map(|next| next.at).min();
        next.map(|at| start + Duration::from_nanos(at))
    }

    /// The next frame, once it is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Outgoing> {
        let start = self.start? + Duration::from_nanos(self.behind);
        let elapsed = nanoseconds(now.checked_duration_since(start)?);
        let track =
            self.tracks.iter_mut().filter(|track| track.next.is_some()).min_by_key(|track| track.at())?;
        let next = track.next.take_if(|next| next.at <= elapsed)?;
        let timestamp = u32::try_from(ticks(self.behind + next.at, track.clock) & 0xffff_ffff).unwrap_or(0);
        let outgoing = Outgoing { format: track.format, timestamp, payload: next.frame.into() };
        track.advance().unwrap_or_else(|error| eprintln!("the file: {error}"));
        if self.tracks.iter().all(|track| track.next.is_none()) {
            let longest = self.tracks.iter().map(|track| track.end).max().unwrap_or(0);
            self.rewind(self.behind + longest);
        }
        Some(outgoing)
    }

    fn rewind(&mut self, behind: u64) {
        self.behind = behind;
        for track in &mut self.tracks {
            track.rewind().unwrap_or_else(|error| eprintln!("the file: {error}"));
        }
    }
}

struct Track {
    path: PathBuf,
    source: Source,
    format: Format,
    /// Ticks of RTP's clock in a second.
    clock: u64,
    next: Option<Next>,
    /// When the newest frame read begins and ends, in nanoseconds from the beginning.
    newest: u64,
    end: u64,
}

struct Next {
    /// Nanoseconds from the beginning.
    at: u64,
    frame: Vec<u8>,
}

enum Source {
    Ivf(ivf::Reader<BufReader<File>>),
    Ogg { reader: ogg::Reader<BufReader<File>>, samples: u64 },
}

impl Track {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let start = file.fill_buf()?;
        let (source, format, clock) = match start.get(..4).unwrap_or(start) {
            b"DKIF" => {
                let reader = ivf::Reader::new(file)?;
                let format = match &reader.header().fourcc {
                    b"VP80" => Format::Vp8,
                    b"VP90" => Format::Vp9,
                    b"H264" => Format::H264,
                    b"H265" => Format::H265,
                    b"AV01" => Format::Av1,
                    _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "its codec is not known")),
                };
                (Source::Ivf(reader), format, VIDEO_CLOCK)
            }
            b"OggS" => {
                let reader = ogg::Reader::new(file)?;
                (Source::Ogg { reader, samples: 0 }, Format::Opus, u64::from(ogg::RATE))
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "neither IVF nor Ogg")),
        };
        let mut track = Self { path: path.to_owned(), source, format, clock, next: None, newest: 0, end: 0 };
        track.advance()?;
        match track.next {
            Some(_) => Ok(track),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "there is nothing in it")),
        }
    }

    fn at(&self) -> u64 {
        self.next.as_ref().map_or(u64::MAX, |next| next.at)
    }

    /// Reads the next frame. What cannot be read ends the file.
    fn advance(&mut self) -> io::Result<()> {
        self.next = match &mut self.source {
            Source::Ivf(reader) => {
                let ivf::Header { rate, scale, .. } = reader.header();
                let time = |at: u64| scaled(at, u64::from(scale) * NANOSECONDS, u64::from(rate));
                reader.read()?.map(|(at, frame)| Next { at: time(at), frame })
            }
            Source::Ogg { reader, samples } => reader.read()?.map(|frame| {
                let at = scaled(*samples, NANOSECONDS, u64::from(ogg::RATE));
                *samples += u64::from(ogg::duration(&frame).unwrap_or(0));
                Next { at, frame }
            }),
        };
        if let Some(next) = &self.next {
            // The last frame lasts as long as the one before it, within reason.
            let step = next.at.saturating_sub(self.newest).clamp(NANOSECONDS / 100, NANOSECONDS / 5);
            (self.newest, self.end) = (next.at, next.at + step);
        }
        Ok(())
    }

    fn rewind(&mut self) -> io::Result<()> {
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn ticks(nanoseconds: u64, clock: u64) -> u64 {
    // Half a tick more: what was rounded down on the way from ticks comes back to them.
    scaled(nanoseconds + NANOSECONDS / clock / 2, clock, NANOSECONDS)
}

fn scaled(value: u64, by: u64, over: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(by) / u128::from(over)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::recorder::{Frame, Recorder};

    /// Two frames of video 40 ms apart, and three packets of sound.
    fn files(name: &str) -> (Files, PathBuf) {
        let folder = std::env::temp_dir().join(format!("duologue-play-{}-{name}", std::process::id()));
        let frame = |format, timestamp, payload| Frame {
            format,
            timestamp,
            key_frame: true,
            after_gap: false,
            resolution: None,
            payload,
        };
        let mut video = Recorder::new(&folder, "video").unwrap();
        for (at, payload) in [(0, b"one"), (3600, b"two")] {
            video.write(&frame(Format::Vp8, at, payload)).unwrap();
        }
        let mut audio = Recorder::new(&folder, "audio").unwrap();
        for at in [0, 960, 1920] {
            audio.write(&frame(Format::Opus, at, &[0xf8, 1])).unwrap();
        }
        let paths = [video.path().to_owned(), audio.path().to_owned()];
        video.finish().unwrap();
        audio.finish().unwrap();
        (Files::open(&paths).unwrap(), folder)
    }

    #[test]
    fn frames_come_when_they_are_due_and_the_files_start_again_with_timestamps_that_go_on() {
        let (files, folder) = files("due");
        assert_eq!(files.formats(), [Format::Vp8, Format::Opus]);
        let start = duologue_netsim::Network::new(1).now();
        let mut player = files.player().unwrap();
        assert_eq!(player.deadline(), None, "nobody is connected");
        player.start(start);
        let mut seen = Vec::new();
        for _ in 0..10 {
            let due = player.deadline().unwrap();
            assert!(player.take(due - Duration::from_nanos(1)).is_none());
            let frame = player.take(due).unwrap();
            seen.push(((due - start).as_millis(), frame.format, frame.timestamp));
        }
        let (vp8, opus) = (Format::Vp8, Format::Opus);
        let round = [(0, vp8, 0), (0, opus, 0), (20, opus, 960), (40, vp8, 3600), (40, opus, 1920)];
        assert_eq!(seen[..5], round);
        let again = round.map(|(at, format, timestamp)| {
            (at + 80, format, timestamp + if format == vp8 { 7200 } else { 3840 })
        });
        assert_eq!(seen[5..], again);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_neither_is_refused() {
        let complaint = |path| Files::open(&[PathBuf::from(path)]).err().unwrap().to_string();
        assert_eq!(complaint("Cargo.toml"), "Cargo.toml: neither IVF nor Ogg");
        assert!(complaint("no such file").starts_with("no such file: No such file"));
    }

    #[test]
    fn a_second_picture_and_a_file_that_is_cut_short_are_refused() {
        let (files, folder) = files("second");
        let [video, audio] = &files.0[..] else { panic!("two files") };
        let complaint = |paths: &[&PathBuf]| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).clone()).collect();
            Files::open(&paths).err().map(|error| error.to_string())
        };
        assert_eq!(complaint(&[audio, video]), None);
        assert!(complaint(&[video, audio, video]).unwrap().contains("no more"));
        for (path, frames) in [(video, 2 * (12 + 3)), (audio, 2)] {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() - frames + 1]).unwrap();
            let told = complaint(&[path]).unwrap();
            assert!(told.ends_with("it ends before anything that can be sent"), "{told}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
