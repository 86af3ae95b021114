//! What H.264 and H.265 share: the three forms of a payload (a NAL unit, several, or a part of one), frames cut into
//! them and put together, and parameter sets kept for frames that come without.

use super::annex_b::{self, START_CODE};
use super::parameter_sets::ParameterSets;
use super::{Description, Fragment, PacketizeError, PayloadDiscard};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Range;

/// The payload's header has the fields of a NAL unit's, whatever the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header(pub(super) u16);

/// What a NAL unit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An access unit delimiter: first in its frame.
    Delimiter,
    /// A parameter set: the place of its kind in [`Format::SETS`].
    ParameterSet(usize),
    /// Coded picture data that needs no other frame: IDR or IRAP.
    RandomAccess,
    /// Other coded picture data.
    Slice,
    /// Anything else.
    Other,
}

/// What a codec's NAL units have that the other's do not.
pub(super) trait Format: Debug + Clone + Default {
    /// Bytes of a unit's header: 1 or 2.
    const HEADER_LEN: usize;
    /// The type of a payload of several units.
    const AGGREGATION: u8;
    /// The type of a payload with a part of a unit.
    const FRAGMENTATION: u8;
    /// The bits of a type.
    const TYPE_MASK: u8;
    /// Whether a part may be empty.
    const EMPTY_FRAGMENTS: bool;
    /// How many kinds of parameter sets there are, each needing those before.
    const SETS: usize;

    fn kind(header: Header) -> u8;
    fn with_kind(header: Header, kind: u8) -> Header;
    /// The header of two units together, but for its type.
    fn merged(one: Header, other: Header) -> Header;
    /// What a payload of one of the three forms is enclosed in, if it is: gives its own header and what follows that.
    fn enclosed(header: Header, rest: &[u8]) -> Option<Result<(Header, &[u8]), PayloadDiscard>>;
    /// Whether a unit of this type is the codec's own, not of the payload format.
    fn is_unit(kind: u8) -> bool;
    /// What becomes of a payload of a type that is neither a unit's nor one of the three forms.
    fn refuse(kind: u8) -> Result<(), PayloadDiscard>;
    fn role(kind: u8) -> Role;
    /// The identifier of a parameter set, within its kind.
    fn set_id(kind: usize, body: &[u8]) -> Option<u32>;
    /// Whether the unit may be the first of a frame; `body` is what follows the header, perhaps cut short.
    fn may_start(header: Header, body: &[u8]) -> bool;
    /// Takes up what a unit says of its frame.
    fn note(summary: &mut Summary, header: Header, body: &[u8]);
    /// Whether decoding can begin with a frame of these units.
    fn is_key_frame(summary: &Summary) -> bool;
}

/// What the units seen so far say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Summary {
    pub(super) description: Description,
    /// A sequence parameter set was there.
    pub(super) sequence: bool,
    /// A unit of [`Role::RandomAccess`] was there.
    pub(super) random_access: bool,
    /// Coded picture data was there.
    pub(super) slices: bool,
    /// Coded picture data that others refer to was there.
    pub(super) references: bool,
}

/// One payload.
enum Payload<'a> {
    /// Whole units, each with its header, well-formed.
    Units(Units<'a>),
    /// A part of a unit with this header.
    Fragment { header: Header, start: bool, end: bool, body: &'a [u8] },
    /// To be ignored.
    Nothing,
}

/// The units of a payload, each after its length when `aggregated`.
#[derive(Clone)]
struct Units<'a> {
    rest: &'a [u8],
    aggregated: bool,
}

impl<'a> Units<'a> {
    fn next<F: Format>(&mut self) -> Option<Result<(Header, &'a [u8]), PayloadDiscard>> {
        if self.rest.is_empty() {
            return None;
        }
        let unit = if self.aggregated {
            let unit = self.rest.split_at_checked(2).and_then(|(mut size, rest)| {
                let (unit, rest) = rest.split_at_checked(usize::from(size.get_u16()))?;
                self.rest = rest;
                Some(unit)
            });
            match unit {
                None => return Some(Err(PayloadDiscard::Truncated)),
                Some(unit) => unit,
            }
        } else {
            std::mem::take(&mut self.rest)
        };
        let split = split_header::<F>(unit).ok_or(PayloadDiscard::Malformed);
        Some(split.and_then(|(header, body)| {
            F::is_unit(F::kind(header)).then_some((header, body)).ok_or(PayloadDiscard::Malformed)
        }))
    }
}

fn parse<F: Format>(payload: &[u8]) -> Result<Payload<'_>, PayloadDiscard> {
    let (header, rest) = split_header::<F>(payload).ok_or(PayloadDiscard::Truncated)?;
    let enclosed = F::enclosed(header, rest).transpose()?;
    let (header, rest) = enclosed.unwrap_or((header, rest));
    let kind = F::kind(header);
    if kind == F::AGGREGATION {
        let units = Units { rest, aggregated: true };
        let mut check = units.clone();
        let mut any = false;
        while let Some(unit) = check.next::<F>() {
            unit?;
            any = true;
        }
        return if any { Ok(Payload::Units(units)) } else { Err(PayloadDiscard::Truncated) };
    }
    if kind == F::FRAGMENTATION {
        let (flags, body) = rest.split_first().ok_or(PayloadDiscard::Truncated)?;
        let kind = flags & F::TYPE_MASK;
        if !F::is_unit(kind) {
            return Err(PayloadDiscard::Malformed);
        }
        if body.is_empty() && !F::EMPTY_FRAGMENTS {
            return Err(PayloadDiscard::Truncated);
        }
        let header = F::with_kind(header, kind);
        return Ok(Payload::Fragment { header, start: flags & START != 0, end: flags & END != 0, body });
    }
    if F::is_unit(kind) && enclosed.is_some() {
        // Its header does not stand before it, as in a fragment: it is all parts in one.
        return Ok(Payload::Fragment { header, start: true, end: true, body: rest });
    }
    if F::is_unit(kind) {
        return Ok(Payload::Units(Units { rest: payload, aggregated: false }));
    }
    F::refuse(kind).map(|()| Payload::Nothing)
}

/// Reads one payload: see [`super::describe`].
pub(super) fn describe<F: Format>(payload: &[u8]) -> Result<Description, PayloadDiscard> {
    let mut summary = Summary::default();
    match parse::<F>(payload)? {
        Payload::Units(mut units) => {
            let mut first = true;
            while let Some(unit) = units.next::<F>() {
                let (header, body) = unit?;
                summary.description.starts_frame |= first && F::may_start(header, body);
                first = false;
                summary.take_up::<F>(header, body);
            }
        }
        // Only the first part of a unit has what follows its header, but each has its type.
        Payload::Fragment { header, start, body, .. } => {
            summary.description.starts_frame = start && F::may_start(header, body);
            summary.take_up::<F>(header, if start { body } else { &[] });
        }
        Payload::Nothing => {}
    }
    // A payload with parameter sets is a key frame's, though the picture may come in the next.
    summary.description.key_frame = summary.random_access || summary.sequence;
    summary.description.layers.discardable = summary.slices && !summary.references;
    Ok(summary.description)
}

impl Summary {
    fn take_up<F: Format>(&mut self, header: Header, body: &[u8]) {
        match F::role(F::kind(header)) {
            Role::RandomAccess => {
                self.random_access = true;
                self.slices = true;
            }
            Role::Slice => self.slices = true,
            Role::Delimiter | Role::ParameterSet(_) | Role::Other => {}
        }
        F::note(self, header, body);
    }
}

/// Appends the fragments of an access unit: single units, several together, or parts of one.
pub(super) fn packetize<F: Format>(
    frame: &Bytes,
    max_len: usize,
    prefixes: &mut BytesMut,
    out: &mut VecDeque<Fragment>,
) -> Result<(), PacketizeError> {
    let mut units = checked_units::<F>(frame)?;
    prefixes.clear();
    while let Some(first) = units.next() {
        if first.len() > max_len {
            fragment::<F>(frame, &first, max_len, prefixes, out);
            continue;
        }
        let (prefix, body) = aggregate::<F>(frame, first, &mut units, max_len, prefixes);
        out.push_back(Fragment { prefix, body: frame.slice(body), last: false });
    }
    if let Some(fragment) = out.back_mut() {
        fragment.last = true;
    }
    Ok(())
}

/// The units of an access unit, once it is known that it has some and that all can be sent.
pub(super) fn checked_units<F: Format>(frame: &[u8]) -> Result<annex_b::Units<'_>, PacketizeError> {
    let units = annex_b::units(frame).ok_or(PacketizeError::Malformed)?;
    let mut any = false;
    for unit in units.clone() {
        let header = split_header::<F>(frame.get(unit).unwrap_or_default());
        if !header.is_some_and(|(header, _)| F::is_unit(F::kind(header))) {
            return Err(PacketizeError::Malformed);
        }
        any = true;
    }
    if any { Ok(units) } else { Err(PacketizeError::Malformed) }
}

/// Takes as many units as fit after the first: all but the last are copied into the prefix, if they are small.
fn aggregate<F: Format>(
    frame: &[u8],
    first: Range<usize>,
    units: &mut annex_b::Units<'_>,
    max_len: usize,
    prefixes: &mut BytesMut,
) -> (Bytes, Range<usize>) {
    let unit = |range: &Range<usize>| frame.get(range.clone()).unwrap_or_default();
    let header_of =
        |range: &Range<usize>| split_header::<F>(unit(range)).map_or(Header(0), |(header, _)| header);
    let mut header = header_of(&first);
    let mut last = first;
    let mut len = F::HEADER_LEN + 2 + last.len();
    let mut ahead = units.clone();
    while last.len() <= COPIED
        && let Some(next) = ahead.next()
        && len + 2 + next.len() <= max_len
        && let Ok(size) = u16::try_from(last.len())
        && u16::try_from(next.len()).is_ok()
    {
        if prefixes.is_empty() {
            put_header::<F>(Header(0), prefixes);
        }
        prefixes.put_u16(size);
        prefixes.put_slice(unit(&last));
        header = F::merged(header, header_of(&next));
        len += 2 + next.len();
        last = next;
        *units = ahead.clone();
    }
    if prefixes.is_empty() {
        // RFC 7798, Section 5: one unit goes as a single NAL unit packet.
        return (Bytes::new(), last);
    }
    prefixes.put_u16(u16::try_from(last.len()).unwrap_or_default());
    let mut prefix = prefixes.split();
    if let Some(mut start) = prefix.get_mut(..F::HEADER_LEN) {
        put_header::<F>(F::with_kind(header, F::AGGREGATION), &mut start);
    }
    (prefix.freeze(), last)
}

/// Cuts one unit into parts of nearly equal length.
fn fragment<F: Format>(
    frame: &Bytes,
    unit: &Range<usize>,
    max_len: usize,
    prefixes: &mut BytesMut,
    out: &mut VecDeque<Fragment>,
) {
    let Some((header, body)) = split_header::<F>(frame.get(unit.clone()).unwrap_or_default()) else { return };
    let count = body.len().div_ceil(max_len - F::HEADER_LEN - 1);
    let mut at = unit.start + F::HEADER_LEN;
    for left in (1..=count).rev() {
        let end = at + (unit.end - at).div_ceil(left);
        put_header::<F>(F::with_kind(header, F::FRAGMENTATION), prefixes);
        let mut flags = F::kind(header);
        if left == count {
            flags |= START;
        }
        if left == 1 {
            flags |= END;
        }
        prefixes.put_u8(flags);
        out.push_back(Fragment {
            prefix: prefixes.split().freeze(),
            body: frame.slice(at..end),
            last: false,
        });
        at = end;
    }
}

/// Puts access units together.
#[derive(Debug, Clone, Default)]
pub(super) struct Depacketizer<F> {
    sets: ParameterSets,
    frame: Frame,
    format: PhantomData<F>,
}

/// The access unit under construction.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    summary: Summary,
    /// The unit that goes on in the next payload: its header, and where its start code is.
    open: Option<(Header, usize)>,
    /// Kinds of parameter sets that came.
    sets: [bool; MAX_KINDS],
    /// Where the delimiter ends.
    after_delimiter: usize,
}

impl<F: Format> Depacketizer<F> {
    pub(super) fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        if frame.is_empty() {
            self.frame = Frame::default();
        }
        let payload = parse::<F>(payload)?;
        match (payload, self.frame.open) {
            (Payload::Units(mut units), None) => {
                while let Some(unit) = units.next::<F>() {
                    let (header, body) = unit?;
                    let start = self.begin(header, body, frame);
                    self.end(header, start, frame);
                }
            }
            (Payload::Fragment { header, start: true, end, body }, None) => {
                let start = self.begin(header, body, frame);
                if end {
                    self.end(header, start, frame);
                } else {
                    self.frame.open = Some((header, start));
                }
            }
            (Payload::Fragment { header, start: false, end, body }, Some((begun, start)))
                if F::kind(header) == F::kind(begun) =>
            {
                frame.put_slice(body);
                if end {
                    self.frame.open = None;
                    self.end(begun, start, frame);
                }
            }
            // RFC 6184, Section 5.8: no fragment is of use without those before it.
            (Payload::Fragment { start: false, .. }, None) => return Err(PayloadDiscard::Orphan),
            // RFC 6184, Section 5.8: nothing may come between the fragments of a unit.
            (Payload::Units(_) | Payload::Fragment { .. }, Some(_)) => return Err(PayloadDiscard::Malformed),
            (Payload::Nothing, _) => {}
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<Description, PayloadDiscard> {
        let Frame { mut summary, open, .. } = std::mem::take(&mut self.frame);
        if open.is_some() {
            return Err(PayloadDiscard::Truncated);
        }
        summary.description.starts_frame = true;
        summary.description.ends_frame = true;
        summary.description.key_frame = F::is_key_frame(&summary);
        summary.description.layers.discardable = summary.slices && !summary.references;
        Ok(summary.description)
    }

    /// Appends a start code, a header and what there is of the unit; says where.
    fn begin(&mut self, header: Header, body: &[u8], frame: &mut BytesMut) -> usize {
        if F::role(F::kind(header)) == Role::RandomAccess && !self.frame.summary.slices {
            self.supply_sets(frame);
        }
        let start = frame.len();
        frame.put_slice(&START_CODE);
        put_header::<F>(header, frame);
        frame.put_slice(body);
        start
    }

    /// Takes note of a unit that is whole.
    fn end(&mut self, header: Header, start: usize, frame: &BytesMut) {
        let unit = frame.get(start + START_CODE.len()..).unwrap_or_default();
        let body = unit.get(F::HEADER_LEN..).unwrap_or_default();
        match F::role(F::kind(header)) {
            Role::Delimiter if start == 0 => self.frame.after_delimiter = frame.len(),
            Role::ParameterSet(kind) => {
                if let Some(came) = self.frame.sets.get_mut(kind) {
                    *came = true;
                }
                if let Some(id) = F::set_id(kind, body) {
                    self.sets.keep(kind, id, unit);
                }
            }
            Role::Delimiter | Role::RandomAccess | Role::Slice | Role::Other => {}
        }
        self.frame.summary.take_up::<F>(header, body);
    }

    /// Before the first picture data of a key frame: the parameter sets of the kinds that did not come with it, as some
    /// senders send them once, or in packets of their own. The last kind goes here, those it needs to the front.
    fn supply_sets(&mut self, frame: &mut BytesMut) {
        let (mut before, mut after) = (BytesMut::new(), BytesMut::new());
        for (kind, _) in self.frame.sets.iter().enumerate().take(F::SETS).filter(|(_, came)| !**came) {
            let out = if kind + 1 == F::SETS { &mut after } else { &mut before };
            for unit in self.sets.of_kind(kind) {
                out.put_slice(&START_CODE);
                out.put_slice(unit);
                if let Some((header, body)) = split_header::<F>(unit) {
                    self.frame.summary.take_up::<F>(header, body);
                }
            }
        }
        if !before.is_empty() {
            let rest = frame.split_off(self.frame.after_delimiter.min(frame.len()));
            frame.put_slice(&before);
            frame.put_slice(&rest);
        }
        frame.put_slice(&after);
    }
}

fn split_header<F: Format>(unit: &[u8]) -> Option<(Header, &[u8])> {
    let (header, body) = unit.split_at_checked(F::HEADER_LEN)?;
    Some((Header(header.iter().fold(0, |value, byte| value << 8 | u16::from(*byte))), body))
}

fn put_header<F: Format>(header: Header, out: &mut impl BufMut) {
    let bytes = header.0.to_be_bytes();
    out.put_slice(bytes.get(bytes.len() - F::HEADER_LEN..).unwrap_or_default());
}

/// Flags of a fragment (RFC 6184, Section 5.8; RFC 7798, Section 4.4.3).
const START: u8 = 0x80;
const END: u8 = 0x40;
/// Units up to this length are copied to share a packet with the next.
const COPIED: usize = 256;
/// Kinds of parameter sets, at most.
const MAX_KINDS: usize = 3;
