//! Opus in Ogg (RFC 7845): packets with their times, whose gaps are told to the decoder.

use ogg::{OggReadError, PacketReader, PacketWriteEndInfo, PacketWriter};
use std::io::{self, Read, Seek, Write};

/// Opus counts time in samples of 48 kHz, whatever it codes.
pub(crate) const RATE: u32 = 48_000;
/// How much of the decoder's output is skipped at the start: what libopus looks ahead.
const PRE_SKIP: u16 = 312;
/// Sound that is lost when the program dies, in samples: one page.
const PAGE: u64 = RATE as u64;
/// The longest gap that is filled; a longer one is cut out, in samples.
const MAX_GAP: u64 = 60 * RATE as u64;
/// The longest packet (RFC 6716, Section 3.2.5), in samples.
const MAX_PACKET: u32 = 5760;

/// Writes the packets of one stream.
pub(crate) struct Writer<W: Write> {
    file: PacketWriter<'static, W>,
    serial: u32,
    /// The newest packet, which is held back: the last one of all must say so.
    held: Option<Vec<u8>>,
    /// Samples up to the end of the packet held back, and those on pages that are written.
    written: u64,
    paged: u64,
    packets: u64,
}

impl<W: Write> Writer<W> {
    /// `serial` tells streams apart: any number.
    pub(crate) fn new(file: W, serial: u32) -> io::Result<Self> {
        let mut file = PacketWriter::new(file);
        file.write_packet(opus_head(), serial, PacketWriteEndInfo::EndPage, 0)?;
        file.write_packet(opus_tags(), serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { file, serial, held: None, written: 0, paged: 0, packets: 0 })
    }

    /// How many packets there are, those that fill gaps included.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Appends a packet of the time `at`, in samples of 48 kHz from the first one's. What is empty or older than what was
    /// written last is left out.
    pub(crate) fn write(&mut self, at: u64, packet: &[u8]) -> io::Result<()> {
        let Some(duration) = duration(packet).map(u64::from) else { return Ok(()) };
        // Half a packet's time may be the clock's.
        if at + duration / 2 < self.written {
            return Ok(());
        }
        self.fill_gap(at, packet, duration)?;
        self.append(packet.to_vec(), duration)
    }

    /// RFC 7845, Section 4.1: lost packets are replaced by ones with a TOC byte alone, which have the decoder conceal them.
    fn fill_gap(&mut self, at: u64, packet: &[u8], duration: u64) -> io::Result<()> {
        if at > self.written + MAX_GAP || self.packets == 0 {
            return Ok(());
        }
        // The same frames, but one of them only.
        let toc = packet.first().map_or(0, |toc| toc & 0xfc);
        let frame = u64::from(frame_duration(toc)).min(duration);
        while self.written + frame / 2 < at {
            self.append(vec![toc], frame)?;
        }
        Ok(())
    }

    fn append(&mut self, packet: Vec<u8>, duration: u64) -> io::Result<()> {
        if let Some(held) = self.held.replace(packet) {
            let full = self.written - self.paged >= PAGE;
            let end = if full { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            if full {
                self.paged = self.written;
            }
            self.file.write_packet(held, self.serial, end, self.granule())?;
            if full {
                self.file.inner_mut().flush()?;
            }
        }
        self.written += duration;
        self.packets += 1;
        Ok(())
    }

    fn granule(&self) -> u64 {
        u64::from(PRE_SKIP) + self.written
    }

    /// Writes the last page and hands the file back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let granule = self.granule();
        if let Some(held) = self.held.take() {
            self.file.write_packet(held, self.serial, PacketWriteEndInfo::EndStream, granule)?;
        }
        self.file.inner_mut().flush()?;
        Ok(self.file.into_inner())
    }
}

/// RFC 7845, Section 5.1.
fn opus_head() -> Vec<u8> {
    let mut bytes = b"OpusHead".to_vec();
    bytes.push(1); // the version
    bytes.push(2); // channels: a decoder makes two of one
    bytes.extend(PRE_SKIP.to_le_bytes());
    bytes.extend(RATE.to_le_bytes());
    bytes.extend([0; 3]); // no gain, and the channels of stereo
    bytes
}

/// RFC 7845, Section 5.2.
fn opus_tags() -> Vec<u8> {
    let vendor = b"duologue";
    let mut bytes = b"OpusTags".to_vec();
    bytes.extend(u32::try_from(vendor.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(vendor);
    bytes.extend(0_u32.to_le_bytes()); // no comments
    bytes
}

/// How long a packet sounds, in samples of 48 kHz (RFC 6716, Sections 3.1 and 3.2); `None` when it is none.
pub(crate) fn duration(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frames * frame_duration(toc)).filter(|duration| (1..=MAX_PACKET).contains(duration))
}

/// RFC 6716, Section 3.1, Table 2: the configuration number tells how long a frame is.
fn frame_duration(toc: u8) -> u32 {
    match (toc >> 3, (toc >> 3) & 3) {
        (0..=11, 3) => 2880,
        (0..=11, step) => 480 << step,
        (12..=15, step) => 480 << (step & 1),
        (_, step) => 120 << step,
    }
}

/// Reads the packets of a file's first stream.
pub(crate) struct Reader<R: Read + Seek> {
    file: PacketReader<R>,
    serial: u32,
}

impl<R: Read + Seek> Reader<R> {
    pub(crate) fn new(file: R) -> io::Result<Self> {
        let mut file = PacketReader::new(file);
        let head = file.read_packet_expected().map_err(told)?;
        if !head.data.starts_with(b"OpusHead") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the first stream is not Opus"));
        }
        let mut this = Self { file, serial: head.stream_serial() };
        this.read()?; // the tags
        Ok(this)
    }

    /// The next packet; `None` at the end.
    pub(crate) fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        while let Some(packet) = self.file.read_packet().map_err(told)? {
            if packet.stream_serial() == self.serial {
                return Ok(Some(packet.data));
            }
        }
        Ok(None)
    }
}

/// What went wrong, in the system's words where they are its own.
fn told(error: OggReadError) -> io::Error {
    match error {
        OggReadError::ReadError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// 20 ms of CELT, as browsers send it.
    const PACKET: [u8; 4] = [0xf8, 1, 2, 3];

    fn file(times: impl IntoIterator<Item = u64>) -> (Vec<u8>, u64) {
        let mut writer = Writer::new(Cursor::new(Vec::new()), 7).unwrap();
        for at in times {
            writer.write(at, &PACKET).unwrap();
        }
        let packets = writer.packets();
        (writer.finish().unwrap().into_inner(), packets)
    }

    /// Packets with the granule positions of their pages.
    fn read(bytes: Vec<u8>) -> Vec<(Vec<u8>, u64)> {
        let mut reader = PacketReader::new(Cursor::new(bytes));
        let mut packets = Vec::new();
        while let Some(packet) = reader.read_packet().unwrap() {
            assert_eq!(packet.stream_serial(), 7);
            packets.push((packet.data.clone(), packet.absgp_page()));
        }
        packets
    }

    #[test]
    fn the_headers_stand_alone_on_the_first_two_pages() {
        let packets = read(file([0]).0);
        assert_eq!(packets[0], (b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0".to_vec(), 0));
        assert_eq!(packets[1], (b"OpusTags\x08\0\0\0duologue\0\0\0\0".to_vec(), 0));
        assert_eq!(packets[2], (PACKET.to_vec(), 312 + 960));
    }

    #[test]
    fn each_page_holds_a_second_and_tells_where_it_ends() {
        let (bytes, packets) = file((0..120).map(|count| count * 960));
        assert_eq!(packets, 120);
        let pages: Vec<u64> = read(bytes).into_iter().skip(2).map(|(_, granule)| granule).collect();
        assert_eq!(pages.len(), 120);
        let mut ends = pages;
        ends.dedup();
        assert_eq!(ends, [312 + 48_000, 312 + 96_000, 312 + 115_200]);
    }

    #[test]
    fn a_gap_is_filled_by_packets_without_sound() {
        let (bytes, packets) = file([0, 960, 960 * 5, 960 * 6]);
        assert_eq!(packets, 7);
        let packets = read(bytes);
        let lengths: Vec<usize> = packets.iter().skip(2).map(|(packet, _)| packet.len()).collect();
        assert_eq!(lengths, [4, 4, 1, 1, 1, 4, 4]);
        assert_eq!(packets[4].0, [0xf8]);
        assert_eq!(packets.last().unwrap().1, 312 + 960 * 7);
    }

    #[test]
    fn what_comes_late_or_again_is_left_out() {
        let (_, packets) = file([0, 960, 960, 0, 1920]);
        assert_eq!(packets, 3);
    }

    #[test]
    fn a_gap_of_hours_is_cut_out() {
        let (bytes, packets) = file([0, 48_000 * 3600 * 3]);
        assert_eq!(packets, 2);
        assert!(bytes.len() < 300);
    }

    #[test]
    fn packets_of_every_kind_have_their_duration() {
        let samples = |packet: &[u8]| duration(packet);
        assert_eq!(samples(&[0x00]), Some(480), "SILK, 10 ms");
        assert_eq!(samples(&[0x18]), Some(2880), "SILK, 60 ms");
        assert_eq!(samples(&[0x68]), Some(960), "hybrid, 20 ms");
        assert_eq!(samples(&[0x80]), Some(120), "CELT, 2.5 ms");
        assert_eq!(samples(&[0xf9]), Some(1920), "two frames of 20 ms");
        assert_eq!(samples(&[0xfb, 3]), Some(2880), "three frames of 20 ms");
        assert_eq!(samples(&[]), None);
        assert_eq!(samples(&[0xfb]), None, "the number of frames is missing");
        assert_eq!(samples(&[0xfb, 0x3f]), None, "more than 120 ms");
        assert_eq!(samples(&[0xfb, 0]), None, "no frame at all");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut reader = Reader::new(Cursor::new(file([0, 960]).0)).unwrap();
        assert_eq!(reader.read().unwrap(), Some(PACKET.to_vec()));
        assert_eq!(reader.read().unwrap(), Some(PACKET.to_vec()));
        assert_eq!(reader.read().unwrap(), None);
        assert!(Reader::new(Cursor::new(b"no Ogg at all".to_vec())).is_err());
    }
}
