//! IVF, the simplest file for video: a header of 32 bytes, then frames with their times. `ffmpeg` reads and writes it.

use std::io::{self, Read, Seek, SeekFrom, Write};

const SIGNATURE: [u8; 4] = *b"DKIF";
const HEADER_LEN: u16 = 32;
const FRAME_HEADER_LEN: usize = 12;
/// Frames that claim to be longer are taken as damage, in bytes.
const MAX_FRAME_LEN: usize = 16 << 20;

/// What an IVF file says of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The codec: `VP80`, `VP90`, `AV01`, `H264` (access units with start codes) or `H265`.
    pub(crate) fourcc: [u8; 4],
    /// Pixels.
    pub(crate) width: u16,
    /// Pixels.
    pub(crate) height: u16,
    /// A frame's time counts units of `scale / rate` seconds.
    pub(crate) rate: u32,
    pub(crate) scale: u32,
}

/// Writes frames as they come; [`finish`](Self::finish) puts their whole time into the header.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    file: W,
    header: Header,
    frames: u64,
    /// The newest frame's time.
    last: u64,
}

impl<W: Write + Seek> Writer<W> {
    pub(crate) fn new(mut file: W, header: Header) -> io::Result<Self> {
        file.write_all(&header_bytes(&header, 0))?;
        Ok(Self { file, header, frames: 0, last: 0 })
    }

    /// Appends a frame of the time `at`, in the header's units.
    pub(crate) fn write(&mut self, at: u64, frame: &[u8]) -> io::Result<()> {
        let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.file.write_all(&len.to_le_bytes())?;
        self.file.write_all(&at.to_le_bytes())?;
        self.file.write_all(frame)?;
        self.frames += 1;
        self.last = at;
        Ok(())
    }

    /// Completes the header and hands the file back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.file.seek(SeekFrom::Start(0))?;
        // The last frame is taken to be shown as long as the others.
        let length = self.last + self.last / self.frames.saturating_sub(1).max(1);
        self.file.write_all(&header_bytes(&self.header, length))?;
        self.file.seek(SeekFrom::End(0))?;
        self.file.flush()?;
        Ok(self.file)
    }
}

/// The header. Some count frames where others, `ffmpeg` among them, read the length in units of time; a file of frames that
/// are one unit long says both at once.
fn header_bytes(header: &Header, length: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(usize::from(HEADER_LEN));
    bytes.extend(SIGNATURE);
    bytes.extend(0_u16.to_le_bytes()); // the version
    bytes.extend(HEADER_LEN.to_le_bytes());
    bytes.extend(header.fourcc);
    bytes.extend(header.width.to_le_bytes());
    bytes.extend(header.height.to_le_bytes());
    bytes.extend(header.rate.to_le_bytes());
    bytes.extend(header.scale.to_le_bytes());
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes
}

/// Reads the frames of a file.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    file: R,
    header: Header,
}

impl<R: Read + Seek> Reader<R> {
    pub(crate) fn new(mut file: R) -> io::Result<Self> {
        let mut start = [0; 32];
        file.read_exact(&mut start)?;
        let header = parse_header(&start).ok_or_else(|| damaged("this is not an IVF file"))?;
        let len = u64::from(u16::from_le_bytes(part(&start, 6)));
        file.seek(SeekFrom::Start(len))?;
        Ok(Self { file, header })
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// The next frame and its time; `None` at the end.
    pub(crate) fn read(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        let mut head = [0; FRAME_HEADER_LEN];
        let mut got = 0;
        while let Some(rest) = head.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest) {
                Ok(0) if got == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => got += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let len = usize::try_from(u32::from_le_bytes(part(&head, 0))).unwrap_or(usize::MAX);
        if len > MAX_FRAME_LEN {
            return Err(damaged("a frame of more than 16 MiB"));
        }
        let mut frame = vec![0; len];
        self.file.read_exact(&mut frame)?;
        Ok(Some((u64::from_le_bytes(part(&head, 4)), frame)))
    }
}

fn parse_header(bytes: &[u8; 32]) -> Option<Header> {
    let header = Header {
        fourcc: part(bytes, 8),
        width: u16::from_le_bytes(part(bytes, 12)),
        height: u16::from_le_bytes(part(bytes, 14)),
        rate: u32::from_le_bytes(part(bytes, 16)),
        scale: u32::from_le_bytes(part(bytes, 20)),
    };
    let sound = part(bytes, 0) == SIGNATURE && header.rate > 0 && header.scale > 0;
    (sound && u16::from_le_bytes(part(bytes, 6)) >= HEADER_LEN).then_some(header)
}

/// `N` bytes from `at` on; zeros beyond the end, which no caller reaches.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const HEADER: Header = Header { fourcc: *b"VP80", width: 640, height: 360, rate: 90_000, scale: 1 };

    fn file(frames: &[(u64, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Cursor::new(Vec::new()), HEADER).unwrap();
        for (at, frame) in frames {
            writer.write(*at, frame).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_file_is_laid_out_as_others_read_it() {
        let bytes = file(&[(0, b"ab"), (3000, b"abc")]);
        assert_eq!(bytes[..8], *b"DKIF\0\0\x20\0");
        assert_eq!(bytes[8..24], *b"VP80\x80\x02\x68\x01\x90\x5f\x01\0\x01\0\0\0");
        assert_eq!(bytes[24..32], *b"\x70\x17\0\0\0\0\0\0", "the length: two frames of 3000");
        assert_eq!(bytes[32..46], *b"\x02\0\0\0\0\0\0\0\0\0\0\0ab");
        assert_eq!(bytes[46..], *b"\x03\0\0\0\xb8\x0b\0\0\0\0\0\0abc");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let frames: [(u64, &[u8]); 3] = [(0, b"first"), (3003, b""), (1 << 40, b"last")];
        let mut reader = Reader::new(Cursor::new(file(&frames))).unwrap();
        assert_eq!(reader.header(), HEADER);
        for (at, frame) in frames {
            assert_eq!(reader.read().unwrap(), Some((at, frame.to_vec())));
        }
        assert_eq!(reader.read().unwrap(), None);
    }

    #[test]
    fn a_file_cut_short_is_an_error_where_it_is_cut() {
        let whole = file(&[(0, b"abc")]);
        for len in 0..whole.len() {
            let opened = Reader::new(Cursor::new(whole[..len].to_vec()));
            match opened.and_then(|mut reader| reader.read()) {
                Ok(frame) => assert_eq!((frame, len), (None, 32)),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
            }
        }
    }

    #[test]
    fn damage_is_an_error_and_costs_no_memory() {
        let whole = file(&[(0, b"abc")]);
        for (at, value) in [(0, b'X'), (7, 0xff), (35, 0xff)] {
            let mut spoilt = whole.clone();
            spoilt[at] = value;
            assert!(
                Reader::new(Cursor::new(spoilt)).and_then(|mut reader| reader.read()).is_err() || at == 7
            );
        }
        let mut still = whole;
        still[16..20].fill(0);
        assert!(Reader::new(Cursor::new(still)).is_err(), "a rate of zero");
    }
}
