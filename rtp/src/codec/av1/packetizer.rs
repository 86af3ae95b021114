//! Temporal units cut into payloads.

use super::super::{Fragment, PacketizeError};
use super::obu::{Header, Obu, SEQUENCE_HEADER, leb128_len, obus, put_leb128};
use super::{N, Summary, Y, Z};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::ops::Range;

#[derive(Debug, Clone, Default)]
pub(in super::super) struct Packetizer;

impl Packetizer {
    /// OBUs up to [`COPIED`] bytes share a packet with what follows; a longer one ends its packet and may go on in others.
    pub(in super::super) fn packetize(
        &self,
        frame: &Bytes,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) -> Result<(), PacketizeError> {
        let (mut summary, mut any) = (Summary::default(), false);
        for obu in obus(frame, 0) {
            let obu = obu.map_err(|_| PacketizeError::Malformed)?;
            summary.note(obu.header, frame.get(obu.body.clone()).unwrap_or_default());
            any |= obu.header.is_carried();
        }
        if !any {
            return Err(PacketizeError::Empty);
        }
        prefixes.clear();
        // The RTP specification, Section 4.4: N is set in the first packet of a coded video sequence.
        let new_sequence = summary.is_key_frame();
        let mut writer = Writer { frame, max_len, prefixes, out, new_sequence, waiting: Waiting::NONE };
        // The RTP specification, Sections 4.5 and 5: no sizes, no temporal delimiters, no tile lists.
        for obu in obus(frame, 0).flatten().filter(|obu| obu.header.is_carried()) {
            if !writer.waiting.may_precede(&obu) {
                writer.flush();
            }
            writer.add(&obu);
        }
        writer.flush();
        if let Some(fragment) = out.back_mut() {
            fragment.last = true;
        }
        Ok(())
    }
}

struct Writer<'a> {
    frame: &'a Bytes,
    max_len: usize,
    prefixes: &'a mut BytesMut,
    out: &'a mut VecDeque<Fragment>,
    /// Whether the next packet is the first of a coded video sequence.
    new_sequence: bool,
    waiting: Waiting,
}

/// Small OBUs that will share a packet.
#[derive(Clone, Copy)]
struct Waiting {
    /// Where the first begins.
    start: usize,
    count: usize,
    /// The length of a packet of them, each with its length before it.
    len: usize,
    layer: Option<(u8, u8)>,
}

impl Waiting {
    const NONE: Self = Self { start: 0, count: 0, len: 1, layer: None };

    /// The RTP specification, Section 5: a packet is of one layer; a sequence header comes first, then what is of no layer.
    fn may_precede(&self, obu: &Obu) -> bool {
        let of_its_layer = self.layer.is_none() || self.layer == obu.header.layer();
        self.count == 0 || of_its_layer && obu.header.kind() != SEQUENCE_HEADER
    }
}

/// The last element of a packet.
struct Element {
    /// Absent where the OBU only goes on.
    header: Option<Header>,
    body: Range<usize>,
    will_continue: bool,
}

impl Writer<'_> {
    fn add(&mut self, obu: &Obu) {
        let len = leb128_len(obu.len()) + obu.len();
        if obu.len() > COPIED {
            return self.end_with(obu);
        }
        if self.waiting.len + len > self.max_len {
            self.flush();
        }
        if 1 + len > self.max_len {
            return self.end_with(obu);
        }
        if self.waiting.count == 0 {
            self.waiting.start = obu.start;
        }
        self.waiting.count += 1;
        self.waiting.len += len;
        self.waiting.layer = self.waiting.layer.or_else(|| obu.header.layer());
    }

    /// Sends what waits.
    fn flush(&mut self) {
        let Some(copied) = self.waiting.count.checked_sub(1) else { return };
        let last = obus(self.frame, self.waiting.start).flatten().filter(|obu| obu.header.is_carried());
        if let Some(Obu { header, body, .. }) = last.clone().nth(copied) {
            self.write(copied, Element { header: Some(header), body, will_continue: false });
        }
        self.waiting = Waiting::NONE;
    }

    /// Sends what waits and this OBU, in packets of nearly equal length.
    fn end_with(&mut self, obu: &Obu) {
        // The last element has a length only where the header's W cannot count them all.
        let length_len = |count| if count < MAX_COUNTED { 0 } else { leb128_len(self.max_len) };
        let mut used = self.waiting.len + length_len(self.waiting.count);
        if used + MIN_PART > self.max_len {
            self.flush();
            used = 1;
        }
        let total = obu.len();
        let more = total.saturating_sub(self.max_len - used).div_ceil(self.max_len - 1);
        let mean = (used + total + more).div_ceil(more + 1);
        let first = mean.saturating_sub(used).clamp(obu.header.len(), total);
        let mut at = obu.body.start + first - obu.header.len();
        let element =
            Element { header: Some(obu.header), body: obu.body.start..at, will_continue: at < obu.body.end };
        self.write(self.waiting.count, element);
        self.waiting = Waiting::NONE;
        for left in (1..=more).rev() {
            let end = at + (obu.body.end - at).div_ceil(left);
            self.write(0, Element { header: None, body: at..end, will_continue: end < obu.body.end });
            at = end;
        }
    }

    /// Writes a packet of the first `copied` OBUs that wait, and of a last element.
    fn write(&mut self, copied: usize, last: Element) {
        let count = copied + 1;
        let counted = if count <= MAX_COUNTED { u8::try_from(count).unwrap_or_default() } else { 0 };
        let mut flags = counted << 4;
        if last.header.is_none() {
            flags |= Z;
        }
        if last.will_continue {
            flags |= Y;
        }
        if std::mem::take(&mut self.new_sequence) {
            flags |= N;
        }
        self.prefixes.put_u8(flags);
        let waiting = obus(self.frame, self.waiting.start).flatten().filter(|obu| obu.header.is_carried());
        for obu in waiting.take(copied) {
            put_leb128(obu.len(), self.prefixes);
            obu.header.put(None, self.prefixes);
            self.prefixes.put_slice(self.frame.get(obu.body).unwrap_or_default());
        }
        if counted == 0 {
            put_leb128(last.header.map_or(0, Header::len) + last.body.len(), self.prefixes);
        }
        if let Some(header) = last.header {
            header.put(None, self.prefixes);
        }
        let (prefix, body) = (self.prefixes.split().freeze(), self.frame.slice(last.body));
        self.out.push_back(Fragment { prefix, body, last: false });
    }
}

/// OBUs up to this length are copied to share a packet with the next.
const COPIED: usize = 128;
/// What W counts to.
const MAX_COUNTED: usize = 3;
/// Less room than this is not worth a part of an OBU.
const MIN_PART: usize = 16;
