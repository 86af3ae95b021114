//! Frames as they come from a peer, into files: video into IVF, Opus into Ogg, PCMU into WAV.

use super::{ivf, ogg, wav};
use duologue::rtp::codec::Codec;
use duologue::rtp::stream;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// What a file can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    Vp8,
    Vp9,
    H264,
    H265,
    Av1,
    Opus,
    Pcmu,
}

impl Format {
    /// `None` for what is not written into files.
    pub(crate) fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Vp8 => Some(Self::Vp8),
            Codec::Vp9 => Some(Self::Vp9),
            Codec::H264(_) => Some(Self::H264),
            Codec::H265 => Some(Self::H265),
            Codec::Av1 => Some(Self::Av1),
            Codec::Opus => Some(Self::Opus),
            Codec::Pcmu => Some(Self::Pcmu),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Av1 => "av1",
            Self::Opus => "opus",
            Self::Pcmu => "pcmu",
        }
    }

    /// Ticks of its clock in a second.
    pub(crate) fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => ogg::RATE,
            Self::Pcmu => wav::RATE,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => 90_000,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => "ivf",
            Self::Opus => "ogg",
            Self::Pcmu => "wav",
        }
    }
}

/// A frame to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'f> {
    pub(crate) format: Format,
    /// In units of the format's clock: 90 kHz for video, 48 kHz for Opus, 8 kHz for PCMU. It never wraps.
    pub(crate) timestamp: u64,
    /// Whether decoding can begin here.
    pub(crate) key_frame: bool,
    /// Whether frames before this one are missing.
    pub(crate) after_gap: bool,
    /// Pixels, where a key frame tells them.
    pub(crate) resolution: Option<(u16, u16)>,
    pub(crate) payload: &'f [u8],
}

impl<'f> Frame<'f> {
    /// A received frame; `None` when no file takes its codec.
    pub(crate) fn of(frame: &'f stream::Frame) -> Option<Self> {
        Some(Self {
            format: Format::of(frame.codec)?,
            timestamp: frame.timestamp.0,
            key_frame: frame.description.key_frame,
            after_gap: frame.after_gap,
            resolution: frame.description.resolution,
            payload: &frame.payload,
        })
    }
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Yes,
    /// It cannot be decoded without what is missing: the sender should be asked for a key frame.
    NeedsKeyFrame,
}

/// One file, begun with the first frame that can be decoded.
pub(crate) struct Recorder {
    path: PathBuf,
    file: Option<Open>,
    /// The timestamps of the first frame and the newest.
    first: u64,
    last: u64,
    frames: u64,
}

enum Open {
    Ivf { writer: ivf::Writer<BufWriter<File>>, format: Format, whole: bool },
    Ogg(ogg::Writer<BufWriter<File>>),
    Wav(wav::Writer<BufWriter<File>>),
}

impl Recorder {
    /// Writes into `folder`, which is made if it is not there; the format adds the extension to `name`.
    pub(crate) fn new(folder: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { path: folder.join(name), file: None, first: 0, last: 0, frames: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many frames are in the file; of WAV how many packets were.
    pub(crate) fn frames(&self) -> u64 {
        match &self.file {
            Some(Open::Ogg(writer)) => writer.packets(),
            _ => self.frames,
        }
    }

    /// From the first frame to the newest, in units of the format's clock.
    pub(crate) fn length(&self) -> u64 {
        self.last - self.first
    }

    /// Writes a frame; frames of another format than the first one's are refused, and so is what is older than the first.
    pub(crate) fn write(&mut self, frame: &Frame<'_>) -> io::Result<Written> {
        if self.file.is_none() {
            let Some(open) = self.begin(frame)? else { return Ok(Written::NeedsKeyFrame) };
            self.file = Some(open);
        }
        let Some(at) = frame.timestamp.checked_sub(self.first) else { return Ok(Written::Yes) };
        match &mut self.file {
            Some(Open::Ivf { writer, format, whole }) if *format == frame.format => {
                *whole = frame.key_frame || (*whole && !frame.after_gap);
                if !*whole {
                    return Ok(Written::NeedsKeyFrame);
                }
                write_picture(writer, at, frame)?;
            }
            Some(Open::Ogg(writer)) if frame.format == Format::Opus => writer.write(at, frame.payload)?,
            Some(Open::Wav(writer)) if frame.format == Format::Pcmu => {
                write_sound(writer, at, frame.payload)?
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "the codec has changed")),
        }
        self.frames += 1;
        self.last = frame.timestamp;
        Ok(Written::Yes)
    }

    fn begin(&mut self, frame: &Frame<'_>) -> io::Result<Option<Open>> {
        let fourcc = match frame.format {
            Format::Vp8 => *b"VP80",
            Format::Vp9 => *b"VP90",
            Format::H264 => *b"H264",
            Format::H265 => *b"H265",
            Format::Av1 => *b"AV01",
            Format::Opus => {
                let serial = u32::try_from(frame.timestamp & 0xffff_ffff).unwrap_or(0);
                return self
                    .create(frame)
                    .and_then(|file| Ok(Some(Open::Ogg(ogg::Writer::new(file, serial)?))));
            }
            Format::Pcmu => {
                return self.create(frame).and_then(|file| Ok(Some(Open::Wav(wav::Writer::new(file)?))));
            }
        };
        if !frame.key_frame {
            return Ok(None);
        }
        // Decoders take the size from the frames; what is shown of the file takes it from here.
        let (width, height) = frame.resolution.unwrap_or_default();
        let header = ivf::Header { fourcc, width, height, rate: frame.format.clock_rate(), scale: 1 };
        let writer = ivf::Writer::new(self.create(frame)?, header)?;
        Ok(Some(Open::Ivf { writer, format: frame.format, whole: true }))
    }

    fn create(&mut self, frame: &Frame<'_>) -> io::Result<BufWriter<File>> {
        self.path.as_mut_os_string().push(format!(".{}", frame.format.extension()));
        self.first = frame.timestamp;
        self.last = frame.timestamp;
        File::create(&self.path).map(BufWriter::new)
    }

    /// Completes the file; without a frame there is none.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self.file {
            Some(Open::Ivf { writer, .. }) => writer.finish().map(drop),
            Some(Open::Ogg(writer)) => writer.finish().map(drop),
            Some(Open::Wav(writer)) => writer.finish().map(drop),
            None => Ok(()),
        }
    }
}

fn write_picture(writer: &mut ivf::Writer<BufWriter<File>>, at: u64, frame: &Frame<'_>) -> io::Result<()> {
    /// An OBU that begins a temporal unit. RTP leaves it out, files have it (AV1, Section 7.5).
    const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0];
    if frame.format == Format::Av1 && !frame.payload.starts_with(&TEMPORAL_DELIMITER) {
        return writer.write(at, &[&TEMPORAL_DELIMITER, frame.payload].concat());
    }
    writer.write(at, frame.payload)
}

/// What is missing becomes silence, what comes twice is left out.
fn write_sound(writer: &mut wav::Writer<BufWriter<File>>, at: u64, samples: &[u8]) -> io::Result<()> {
    /// The longest gap that is filled, in samples: a minute.
    const MAX_GAP: u64 = 480_000;
    let missing = at.checked_sub(u64::from(writer.samples()));
    let Some(missing) = missing else { return Ok(()) };
    if missing <= MAX_GAP {
        writer.write_silence(u32::try_from(missing).unwrap_or(0))?;
    }
    writer.write(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("duologue-recorder-{}-{name}", std::process::id()));
            Self(path)
        }

        fn read(&self, name: &str) -> Vec<u8> {
            fs::read(self.0.join(name)).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn picture(timestamp: u64, key_frame: bool, after_gap: bool) -> Frame<'static> {
        let resolution = key_frame.then_some((640, 360));
        Frame { format: Format::Vp8, timestamp, key_frame, after_gap, resolution, payload: b"picture" }
    }

    fn sound(format: Format, timestamp: u64, payload: &[u8]) -> Frame<'_> {
        Frame { format, timestamp, key_frame: true, after_gap: false, resolution: None, payload }
    }

    #[test]
    fn a_file_begins_with_a_key_frame_and_at_time_zero() {
        let folder = Folder::new("begins");
        let mut recorder = Recorder::new(&folder.0, "one").unwrap();
        assert_eq!(recorder.write(&picture(1000, false, false)).unwrap(), Written::NeedsKeyFrame);
        assert!(!folder.0.join("one.ivf").exists());
        assert_eq!(recorder.write(&picture(4000, true, true)).unwrap(), Written::Yes);
        assert_eq!(recorder.write(&picture(7000, false, false)).unwrap(), Written::Yes);
        assert_eq!((recorder.frames(), recorder.length()), (2, 3000));
        recorder.finish().unwrap();
        let mut reader = ivf::Reader::new(io::Cursor::new(folder.read("one.ivf"))).unwrap();
        assert_eq!((reader.header().width, reader.header().height), (640, 360));
        assert_eq!(reader.read().unwrap(), Some((0, b"picture".to_vec())));
        assert_eq!(reader.read().unwrap(), Some((3000, b"picture".to_vec())));
        assert_eq!(reader.read().unwrap(), None);
    }

    #[test]
    fn after_a_lost_frame_nothing_is_written_until_the_next_key_frame() {
        let folder = Folder::new("lost");
        let mut recorder = Recorder::new(&folder.0, "one").unwrap();
        let outcomes = [
            (picture(0, true, false), Written::Yes),
            (picture(6000, false, true), Written::NeedsKeyFrame),
            (picture(9000, false, false), Written::NeedsKeyFrame),
            (picture(12_000, true, false), Written::Yes),
            (picture(15_000, false, false), Written::Yes),
        ];
        for (frame, expected) in outcomes {
            assert_eq!(recorder.write(&frame).unwrap(), expected, "{frame:?}");
        }
        assert_eq!(recorder.frames(), 3);
    }

    #[test]
    fn lost_sound_is_silence_in_a_wav_file() {
        let folder = Folder::new("silence");
        let mut recorder = Recorder::new(&folder.0, "one").unwrap();
        for at in [8000, 8160, 8480, 8480] {
            recorder.write(&sound(Format::Pcmu, at, &[0x55; 160])).unwrap();
        }
        recorder.finish().unwrap();
        let samples = folder.read("one.wav").split_off(58);
        assert_eq!(samples, [[0x55; 160], [0x55; 160], [0xff; 160], [0x55; 160]].concat());
    }

    #[test]
    fn opus_packets_that_fill_gaps_count_as_frames() {
        let folder = Folder::new("opus");
        let mut recorder = Recorder::new(&folder.0, "one").unwrap();
        for at in [0, 960, 2880] {
            recorder.write(&sound(Format::Opus, at, &[0xf8, 1])).unwrap();
        }
        assert_eq!(recorder.frames(), 4);
        recorder.finish().unwrap();
        assert!(folder.read("one.ogg").starts_with(b"OggS"));
    }

    #[test]
    fn temporal_units_of_av1_get_their_delimiter() {
        let folder = Folder::new("av1");
        let mut recorder = Recorder::new(&folder.0, "one").unwrap();
        for payload in [&[0x0a, 1, 0][..], &[0x12, 0, 0x0a, 1, 0][..]] {
            let frame = Frame { payload, format: Format::Av1, ..picture(0, true, false) };
            recorder.write(&frame).unwrap();
        }
        recorder.finish().unwrap();
        let mut reader = ivf::Reader::new(io::Cursor::new(folder.read("one.ivf"))).unwrap();
        for _ in 0..2 {
            assert_eq!(reader.read().unwrap(), Some((0, vec![0x12, 0, 0x0a, 1, 0])));
        }
    }

    #[test]
    fn another_codec_in_the_same_file_is_an_error() {
        let folder = Folder::new("other");
        let mut recorder = Recorder::new(&folder.0, "one").unwrap();
        recorder.write(&picture(0, true, false)).unwrap();
        assert!(recorder.write(&Frame { format: Format::Vp9, ..picture(3000, true, false) }).is_err());
    }
}
