//! WAV with mu-law samples (format 7): sound of 8 kHz in the bytes of PCMU.

use std::io::{self, Seek, SeekFrom, Write};

pub(crate) const RATE: u32 = 8000;
const MU_LAW: u16 = 7;
/// What follows the eight bytes of the RIFF chunk's head, without the samples.
const HEAD_LEN: u32 = 50;
/// Mu-law's zero.
const SILENCE: u8 = 0xff;

/// Writes samples as they come; [`finish`](Self::finish) puts their number into the header.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    file: W,
    samples: u32,
}

impl<W: Write + Seek> Writer<W> {
    pub(crate) fn new(mut file: W) -> io::Result<Self> {
        file.write_all(&head(0))?;
        Ok(Self { file, samples: 0 })
    }

    /// How many samples there are.
    pub(crate) fn samples(&self) -> u32 {
        self.samples
    }

    pub(crate) fn write(&mut self, samples: &[u8]) -> io::Result<()> {
        let len = u32::try_from(samples.len()).map_err(io::Error::other)?;
        let sum = self.samples.checked_add(len).filter(|sum| *sum < u32::MAX - HEAD_LEN);
        self.samples = sum.ok_or_else(|| io::Error::other("a WAV file holds 4 GiB"))?;
        self.file.write_all(samples)
    }

    /// Appends silence of `count` samples.
    pub(crate) fn write_silence(&mut self, count: u32) -> io::Result<()> {
        let block = [SILENCE; 800];
        let mut left = usize::try_from(count).map_err(io::Error::other)?;
        while left > 0 {
            let part = block.get(..left).unwrap_or(&block);
            self.write(part)?;
            left -= part.len();
        }
        Ok(())
    }

    /// Completes the header and hands the file back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        // Chunks have an even length.
        if self.samples % 2 == 1 {
            self.file.write_all(&[0])?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head(self.samples))?;
        self.file.seek(SeekFrom::End(0))?;
        self.file.flush()?;
        Ok(self.file)
    }
}

fn head(samples: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((HEAD_LEN + samples + samples % 2).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(18_u32.to_le_bytes());
    bytes.extend(MU_LAW.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes()); // channels
    bytes.extend(RATE.to_le_bytes());
    bytes.extend(RATE.to_le_bytes()); // bytes per second
    bytes.extend(1_u16.to_le_bytes()); // bytes per sample of all channels
    bytes.extend(8_u16.to_le_bytes()); // bits per sample
    bytes.extend(0_u16.to_le_bytes()); // nothing more about the format
    bytes.extend(b"fact");
    bytes.extend(4_u32.to_le_bytes());
    bytes.extend(samples.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(samples.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn the_header_tells_of_all_samples_in_the_end() {
        let mut writer = Writer::new(Cursor::new(Vec::new())).unwrap();
        writer.write(&[1; 160]).unwrap();
        writer.write_silence(1601).unwrap();
        assert_eq!(writer.samples(), 1761);
        let bytes = writer.finish().unwrap().into_inner();
        assert_eq!(bytes.len(), 58 + 1762, "padded to an even length");
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(number(4) as usize, bytes.len() - 8);
        assert_eq!(bytes[8..16], *b"WAVEfmt ");
        assert_eq!(bytes[38..42], *b"fact");
        assert_eq!(number(46), 1761);
        assert_eq!(bytes[50..54], *b"data");
        assert_eq!(number(54), 1761);
        assert_eq!(bytes[58..58 + 160], [1; 160]);
        assert!(bytes[58 + 160..58 + 1761].iter().all(|sample| *sample == 0xff));
    }
}
