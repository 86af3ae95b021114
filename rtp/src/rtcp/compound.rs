//! Compound packets: what may be sent in one datagram.

use super::{
    MAX_REPORT_BLOCKS, ReceiverReport, ReportBlock, Sdes, SdesItem, SdesItemType, SenderInfo, SenderReport,
};
use crate::Ssrc;

/// Writes the RTCP packets of one datagram, never longer than was said.
///
/// A full compound begins with a report and the CNAME of its source
/// ([RFC 3550, Section 6.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.1)); one of reduced size has any packets, and
/// is only for feedback that goes out before its time ([RFC 5506, Section
/// 4.1](https://www.rfc-editor.org/rfc/rfc5506#section-4.1)).
#[derive(Debug)]
#[must_use = "a compound is judged when it is finished"]
pub struct Compound<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    end: usize,
    /// Whether packets may be added: a report has come, or none is needed.
    open: bool,
}

/// One of our sources, as its report names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// The source.
    pub ssrc: Ssrc,
    /// What it sent, when it sent of late: makes the report an SR. Else it is an RR.
    pub info: Option<SenderInfo>,
    /// The name of our end-point, at most 255 bytes
    /// ([RFC 7022](https://www.rfc-editor.org/rfc/rfc7022#section-4) says how to choose it).
    pub cname: &'a [u8],
}

impl<'o> Compound<'o> {
    /// Begins a full compound of at most `max_len` bytes at the end of `out`.
    pub const fn full(out: &'o mut Vec<u8>, max_len: usize) -> Self {
        Self::begin(out, max_len, false)
    }

    /// Begins a compound of reduced size.
    pub const fn reduced_size(out: &'o mut Vec<u8>, max_len: usize) -> Self {
        Self::begin(out, max_len, true)
    }

    const fn begin(out: &'o mut Vec<u8>, max_len: usize, open: bool) -> Self {
        let start = out.len();
        Self { out, start, end: start.saturating_add(max_len), open }
    }

    /// Bytes that are free.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.end.saturating_sub(self.out.len())
    }

    /// Appends the report of a source with as many of `blocks` as fit, those above 31 in further receiver reports, and its
    /// CNAME. The others stay in the iterator, for the next interval: whoever keeps the blocks takes them in turns
    /// ([RFC 3550, Section 6.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.1)), and takes fewer to leave room for
    /// feedback. `false`, and nothing appended, when there is no room for a report without blocks.
    pub fn source(&mut self, source: &Source<'_>, blocks: &mut impl Iterator<Item = ReportBlock>) -> bool {
        let Source { ssrc, info, cname } = source;
        let sdes_len = 4 + (4 + 2 + cname.len().min(255) + 1).next_multiple_of(4);
        let report_len = if info.is_some() { SenderReport::LEN } else { ReceiverReport::LEN };
        let Some(mut room) = self.room().checked_sub(sdes_len + report_len) else { return false };
        let fit = (room / ReportBlock::LEN).min(MAX_REPORT_BLOCKS);
        let before = self.out.len();
        match info {
            Some(info) => SenderReport::write(self.out, *ssrc, info, blocks.by_ref().take(fit)),
            None => ReceiverReport::write(self.out, *ssrc, blocks.by_ref().take(fit)),
        };
        let mut written = (self.out.len() - before - report_len) / ReportBlock::LEN;
        room -= written * ReportBlock::LEN;
        // RFC 3550, Section 6.1: blocks above 31 should follow in further RR packets.
        while written == MAX_REPORT_BLOCKS && room >= ReceiverReport::LEN + ReportBlock::LEN {
            let fit = ((room - ReceiverReport::LEN) / ReportBlock::LEN).min(MAX_REPORT_BLOCKS);
            let len = ReceiverReport::write(self.out, *ssrc, blocks.by_ref().take(fit));
            written = (len - ReceiverReport::LEN) / ReportBlock::LEN;
            room -= len;
            if written == 0 {
                self.out.truncate(self.out.len() - len);
            }
        }
        let cname = SdesItem { item_type: SdesItemType::CNAME, value: cname };
        Sdes::write(self.out, [(*ssrc, [cname])]);
        self.open = true;
        true
    }

    /// Appends what `write` writes, which is whole packets: it is given the buffer and the bytes that are free.
    /// `None`, and nothing appended, when it writes nothing or more than is free, or when a full compound has no report yet.
    pub fn packet<T>(&mut self, write: impl FnOnce(&mut Vec<u8>, usize) -> T) -> Option<T> {
        if !self.open {
            return None;
        }
        let (before, room) = (self.out.len(), self.room());
        let written = write(self.out, room);
        if self.out.len() == before || self.out.len() > self.end {
            self.out.truncate(before);
            return None;
        }
        Some(written)
    }

    /// Ends the compound and returns its length. Zero when nothing was appended.
    pub const fn finish(self) -> usize {
        self.out.len() - self.start
    }
}
