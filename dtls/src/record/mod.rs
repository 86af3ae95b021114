//! The record layer (RFC 6347, Section 4.1).

mod header;
mod plaintext;
mod protect;
mod replay;

pub use header::{ContentType, RECORD_HEADER_LEN, RecordHeader};
pub use plaintext::Plaintext;
pub(crate) use plaintext::{mark_data, mark_used};
pub(crate) use protect::{Opener, Sealer, fixed_iv_len};

use crate::config::CipherSuite;
use crate::event::SendError;

/// The numbering and the keys of the records that we write, and the keys of those that we read.
#[derive(Debug, Default)]
pub(crate) struct Records {
    plain_sequence: u64,
    sealer: Option<Sealer>,
    opener: Option<Opener>,
}

impl Records {
    /// Starts to read and to write epoch 1.
    pub(crate) fn install(&mut self, sealer: Sealer, opener: Opener) {
        self.sealer = Some(sealer);
        self.opener = Some(opener);
    }

    pub(crate) fn opener(&mut self) -> Option<&mut Opener> {
        self.opener.as_mut()
    }

    pub(crate) fn can_read(&self) -> bool {
        self.opener.is_some()
    }

    pub(crate) fn is_protected(&self) -> bool {
        self.sealer.is_some()
    }

    /// Bytes before the content of a record.
    pub(crate) fn header_len(&self, protected: bool) -> usize {
        match &self.sealer {
            Some(sealer) if protected => sealer.header_len(),
            _ => RECORD_HEADER_LEN,
        }
    }

    /// Bytes that a record has beside its content.
    pub(crate) fn overhead(&self, protected: bool) -> usize {
        match (&self.sealer, protected) {
            (Some(sealer), true) => sealer.overhead(),
            (None, true) => CipherSuite::ALL.into_iter().map(Sealer::overhead_of).max().unwrap_or_default(),
            (_, false) => RECORD_HEADER_LEN,
        }
    }

    /// Turns the content that stands in `out` from `start + header_len(protected)` on into a record.
    pub(crate) fn finish(
        &mut self,
        content_type: ContentType,
        protected: bool,
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), SendError> {
        if protected {
            return match &mut self.sealer {
                Some(sealer) => sealer.seal(content_type, out, start),
                None => Err(SendError::NotConnected),
            };
        }
        let length = out.len().saturating_sub(start).saturating_sub(RECORD_HEADER_LEN);
        let header = RecordHeader {
            content_type,
            version: RecordHeader::DTLS12,
            epoch: 0,
            sequence_number: self.plain_sequence,
            length: u16::try_from(length).map_err(|_| SendError::TooLong)?,
        };
        self.plain_sequence = self.plain_sequence.wrapping_add(1);
        header.write_to(out, start);
        Ok(())
    }

    /// Appends a whole record.
    pub(crate) fn write(
        &mut self,
        content_type: ContentType,
        protected: bool,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let start = out.len();
        out.resize(start.saturating_add(self.header_len(protected)), 0);
        out.extend_from_slice(content);
        self.finish(content_type, protected, out, start).inspect_err(|_| out.truncate(start))
    }
}
