//! A flight of messages as it goes out, once or again (RFC 6347, Sections 4.2.3 and 4.2.4).

use std::ops::Range;

use super::message::{FRAGMENT_HEADER_LEN, Fragment, HandshakeType};
use super::transcript::Transcript;
use crate::record::{ContentType, RECORD_HEADER_LEN, Records};

/// The messages of our latest flight, kept whole: records are written when they can leave, for the MTU of that time.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    /// The bodies of all messages.
    bytes: Vec<u8>,
    parts: Vec<Part>,
    /// The number of the next message that is added, counted over all flights.
    message_seq: u16,
    /// How far the flight is written: the part, and the offset in its body.
    cursor: (usize, usize),
}

#[derive(Debug, Clone)]
enum Part {
    Message { kind: HandshakeType, message_seq: u16, body: Range<usize>, protected: bool },
    ChangeCipherSpec,
}

impl Flight {
    /// Forgets the messages; those added next are a new flight.
    pub(crate) fn restart(&mut self) {
        self.bytes.clear();
        self.parts.clear();
        self.rewind();
    }

    /// Makes the whole flight go out again.
    pub(crate) fn rewind(&mut self) {
        self.cursor = (0, 0);
    }

    /// Whether all is written, or nothing is there to write.
    pub(crate) fn is_written(&self) -> bool {
        self.cursor.0 >= self.parts.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Adds a message and notes it in the transcript.
    pub(crate) fn add(
        &mut self,
        kind: HandshakeType,
        protected: bool,
        transcript: &mut Transcript,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let message_seq = self.message_seq;
        self.message_seq = message_seq.wrapping_add(1);
        transcript.push(kind, message_seq, self.bytes.get(start..).unwrap_or_default());
        self.parts.push(Part::Message { kind, message_seq, body: start..self.bytes.len(), protected });
    }

    pub(crate) fn add_change_cipher_spec(&mut self) {
        self.parts.push(Part::ChangeCipherSpec);
    }

    /// Appends one datagram of at most `limit` bytes and returns its length; 0 when nothing is left or nothing fits.
    pub(crate) fn write_datagram(&mut self, records: &mut Records, limit: usize, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        while let Some(part) = self.parts.get(self.cursor.0) {
            let room = limit.saturating_sub(out.len().saturating_sub(start));
            let wrote = match part {
                Part::ChangeCipherSpec => {
                    let fits = room > RECORD_HEADER_LEN
                        && records.write(ContentType::CHANGE_CIPHER_SPEC, false, &[1], out).is_ok();
                    if fits {
                        self.cursor = (self.cursor.0.saturating_add(1), 0);
                    }
                    fits
                }
                Part::Message { protected, .. } => self.write_record(*protected, records, room, out),
            };
            if !wrote {
                break;
            }
        }
        out.len().saturating_sub(start)
    }

    /// Appends one record with as many fragments as fit; false when none does.
    fn write_record(
        &mut self,
        protected: bool,
        records: &mut Records,
        room: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(room) = room.checked_sub(records.overhead(protected)) else { return false };
        let start = out.len();
        let cursor = self.cursor;
        out.resize(start.saturating_add(records.header_len(protected)), 0);
        let content = out.len();
        while self.write_fragment(protected, room.saturating_sub(out.len().saturating_sub(content)), out) {}
        if out.len() > content && records.finish(ContentType::HANDSHAKE, protected, out, start).is_ok() {
            return true;
        }
        out.truncate(start);
        self.cursor = cursor;
        false
    }

    /// Appends the next fragment if it may stand in the record; false when the record ends.
    fn write_fragment(&mut self, in_protected: bool, room: usize, out: &mut Vec<u8>) -> bool {
        let (index, offset) = self.cursor;
        let Some(Part::Message { kind, message_seq, body, protected }) = self.parts.get(index) else {
            return false;
        };
        let remaining = body.len().saturating_sub(offset);
        let Some(room) = room.checked_sub(FRAGMENT_HEADER_LEN) else { return false };
        if *protected != in_protected || room < remaining.min(MIN_FRAGMENT) {
            return false;
        }
        let len = remaining.min(room);
        let from = body.start.saturating_add(offset);
        let fragment = Fragment {
            kind: *kind,
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            message_seq: *message_seq,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            bytes: self.bytes.get(from..from.saturating_add(len)).unwrap_or_default(),
        };
        fragment.write(out);
        self.cursor =
            if len == remaining { (index.saturating_add(1), 0) } else { (index, offset.saturating_add(len)) };
        true
    }
}

/// A message is not split for a rest of room smaller than this.
const MIN_FRAGMENT: usize = 32;
