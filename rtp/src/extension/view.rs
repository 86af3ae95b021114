//! The elements of a received header extension.

use std::fmt;
use std::iter::FusedIterator;

use super::{Ids, Kind, Value};

/// The elements of a header extension in the order of the wire: each an id (1 to 255) and a value, which may be empty. Of
/// one that is in neither form there are none. What lies after an element that does not fit is not looked at.
///
/// Source: [RFC 8285, Section 4](https://www.rfc-editor.org/rfc/rfc8285#section-4).
#[derive(Clone, Copy, Default)]
pub struct Extensions<'a> {
    rest: &'a [u8],
    two_byte: bool,
}

impl<'a> Extensions<'a> {
    /// The elements of an extension. `profile` is the 16 bits that open it, `data` what follows its length.
    #[must_use]
    pub const fn new(profile: u16, data: &'a [u8]) -> Self {
        // RFC 8285, Section 4.3: the lower four bits are the application's, and are ignored.
        if profile & 0xfff0 == super::TWO_BYTE_PROFILE {
            Self { rest: data, two_byte: true }
        } else if profile == super::ONE_BYTE_PROFILE {
            Self { rest: data, two_byte: false }
        } else {
            Self { rest: &[], two_byte: false }
        }
    }

    /// The value of the first element with this id.
    #[must_use]
    pub fn find(mut self, id: u8) -> Option<&'a [u8]> {
        self.find_map(|(other, value)| (other == id).then_some(value))
    }

    /// The value of the first element of this kind.
    #[must_use]
    pub fn value(self, ids: &Ids, kind: Kind) -> Option<&'a [u8]> {
        self.find(ids.id(kind)?)
    }

    /// The first element of the type's kind; `None` too when its value does not have the type's form.
    #[must_use]
    pub fn read<V: Value>(self, ids: &Ids) -> Option<V> {
        V::parse(self.value(ids, V::KIND)?)
    }

    /// The elements whose kind is known, with it.
    pub fn known(self, ids: &Ids) -> impl Iterator<Item = (Kind, &'a [u8])> {
        self.filter_map(|(id, value)| Some((ids.kind(id)?, value)))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let element = if self.two_byte { two_byte(self.rest) } else { one_byte(self.rest) };
        let (id, value, rest) = element.unwrap_or_default();
        self.rest = rest;
        (id != 0).then_some((id, value))
    }
}

impl FusedIterator for Extensions<'_> {}

/// Values print as lengths.
impl fmt::Debug for Extensions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.map(|(id, value)| (id, value.len()))).finish()
    }
}

/// The first element's id and value, and what follows it.
// RFC 8285, Section 4.2: after the byte, one byte of value more than its lower half says.
fn one_byte(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&byte, rest) = after_padding(data)?;
    let id = byte >> 4;
    // RFC 8285, Sections 4.1.2 and 4.2: the id 15, and the id 0 where it is not a byte of padding, end the extension.
    if id == 0 || id == 15 {
        return None;
    }
    let (value, rest) = rest.split_at_checked(usize::from(byte & 0x0f) + 1)?;
    Some((id, value, rest))
}

/// The first element's id and value, and what follows it.
// RFC 8285, Section 4.3: after the id and the length, as many bytes as the length says.
fn two_byte(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&id, rest) = after_padding(data)?;
    let (&len, rest) = rest.split_first()?;
    let (value, rest) = rest.split_at_checked(usize::from(len))?;
    Some((id, value, rest))
}

/// The first byte that is not zero, and what follows it.
// RFC 8285, Section 4.1.2: bytes of padding may stand between elements.
fn after_padding(mut data: &[u8]) -> Option<(&u8, &[u8])> {
    loop {
        let (first, rest) = data.split_first()?;
        if *first != 0 {
            return Some((first, rest));
        }
        data = rest;
    }
}
