//! A header extension, element by element.

use super::{Form, Ids, Kind, ONE_BYTE_IDS, ONE_BYTE_PROFILE, Set, TWO_BYTE_PROFILE, Value};

/// Appends the elements of a header extension. They stand in the one-byte form as long as all ids are at most 14 and all
/// values 1 to 16 bytes long; the first element that needs it turns the extension into the two-byte form.
///
/// [`packet::write`](crate::packet::write) makes one.
///
/// Source: [RFC 8285, Section 4](https://www.rfc-editor.org/rfc/rfc8285#section-4).
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Where the extension begins.
    start: usize,
    state: State,
}

/// The form of what has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    OneByte,
    TwoByte,
}

impl<'o> Writer<'o> {
    pub(crate) const fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, state: State::Nothing }
    }

    /// Appends an element in the smallest form that takes it. Returns whether it was written: not when the id is 0, the
    /// value is over 255 bytes long, or the extension is full, at 128 KiB.
    ///
    /// Whether the peer takes both forms on one stream is not looked at: [`Writer::value`] does that.
    pub fn write(&mut self, id: u8, value: &[u8]) -> bool {
        let begun = self.element(Form::Mixed, id, value.len());
        if begun {
            self.out.extend_from_slice(value);
        }
        begun
    }

    /// Appends an element of a known kind. Returns whether it was written: not when the kind has no id, or the value is
    /// too long for the form that [`Ids::form`] keeps to.
    pub fn value(&mut self, ids: &Ids, kind: Kind, value: &[u8]) -> bool {
        let begun = ids.id(kind).is_some_and(|id| self.element(ids.form(), id, value.len()));
        if begun {
            self.out.extend_from_slice(value);
        }
        begun
    }

    /// Appends a typed element. Returns whether it was written, as [`Writer::value`] does.
    #[inline]
    pub fn typed<V: Value>(&mut self, ids: &Ids, value: &V) -> bool {
        let Some(id) = ids.id(V::KIND) else { return false };
        let begun = self.element(ids.form(), id, value.wire_len());
        if begun {
            value.write(self.out);
        }
        begun
    }

    /// Appends those elements of a set whose kinds have ids.
    pub fn set(&mut self, ids: &Ids, set: &Set) {
        for (kind, value) in set {
            self.value(ids, kind, value);
        }
    }

    /// Writes what stands before a value of `len` bytes, if an element of that length can be written.
    #[inline]
    fn element(&mut self, form: Form, id: u8, len: usize) -> bool {
        let Ok(len) = u8::try_from(len) else { return false };
        let fits_one_byte = id <= ONE_BYTE_IDS && (1..=16).contains(&len);
        let full = self.out.len() - self.start > MOST;
        if id == 0 || full || (form == Form::OneByte && !fits_one_byte) {
            return false;
        }
        // RFC 8285, Section 4.1.2: one form in a packet, and the two-byte one only where an element needs it.
        let two_byte = !fits_one_byte || form == Form::TwoByte || self.state == State::TwoByte;
        if two_byte {
            self.two_byte_head(id, len);
        } else {
            if self.state == State::Nothing {
                self.begin(ONE_BYTE_PROFILE);
                self.state = State::OneByte;
            }
            self.out.push(id << 4 | (len - 1));
        }
        true
    }

    #[inline]
    fn begin(&mut self, profile: u16) {
        let [p0, p1] = profile.to_be_bytes();
        self.out.extend_from_slice(&[p0, p1, 0, 0]);
    }

    /// The two bytes before a value; what is written already, if anything, is turned into the two-byte form.
    #[cold]
    fn two_byte_head(&mut self, id: u8, len: u8) {
        match self.state {
            State::TwoByte => {}
            State::Nothing => self.begin(TWO_BYTE_PROFILE),
            State::OneByte => {
                let [p0, p1] = TWO_BYTE_PROFILE.to_be_bytes();
                if let Some(profile) = self.out.get_mut(self.start..self.start + 2) {
                    profile.copy_from_slice(&[p0, p1]);
                }
                let mut at = self.start + HEAD;
                while let Some(byte) = self.out.get_mut(at) {
                    let len = (*byte & 0x0f) + 1;
                    *byte >>= 4;
                    self.out.insert(at + 1, len);
                    at += 2 + usize::from(len);
                }
            }
        }
        self.state = State::TwoByte;
        self.out.extend_from_slice(&[id, len]);
    }

    /// Pads to a whole word and writes the length. Returns whether there is an extension.
    #[inline]
    pub(crate) fn finish(self) -> bool {
        if self.state == State::Nothing {
            return false;
        }
        // RFC 8285, Section 4.1.2: bytes of padding fill the last word.
        let written = self.out.len() - self.start;
        let len = written.next_multiple_of(4);
        self.out.extend_from_slice([0; 3].get(..len - written).unwrap_or_default());
        let words = u16::try_from((len - HEAD) / 4).unwrap_or(u16::MAX);
        if let Some(field) = self.out.get_mut(self.start + 2..self.start + HEAD) {
            field.copy_from_slice(&words.to_be_bytes());
        }
        true
    }
}

/// The profile and the length.
const HEAD: usize = 4;
/// Bytes after which no element is taken. Turned into the two-byte form, and with padding, what is written until then still
/// fits the length's 16 bits of words.
const MOST: usize = 128 << 10;
