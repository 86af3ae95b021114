//! Reading and writing of TLS's presentation language (RFC 5246, Section 4).

use thiserror::Error;

/// Bytes that are not what their place in a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("malformed {field}")]
pub struct DecodeError {
    /// The field at which reading stopped, by its name in the RFC.
    pub field: &'static str,
}

impl DecodeError {
    pub(crate) fn new(field: &'static str) -> Self {
        Self { field }
    }
}

/// A cursor over borrowed bytes; each read names the field that it reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Succeeds when nothing is left.
    pub(crate) fn finish(&self, field: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::new(field)) }
    }

    pub(crate) fn bytes(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError { field })?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<&'a [u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError { field })?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[b]| *b)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(|b| u16::from_be_bytes(*b))
    }

    pub(crate) fn u24(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array::<3>(field).map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]))
    }

    pub(crate) fn u48(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array::<6>(field).map(|[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]))
    }

    /// A vector with a length of one byte.
    pub(crate) fn vec8(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u8(field)?;
        self.bytes(usize::from(len), field)
    }

    /// A vector with a length of two bytes.
    pub(crate) fn vec16(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u16(field)?;
        self.bytes(usize::from(len), field)
    }

    /// A vector with a length of three bytes.
    pub(crate) fn vec24(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u24(field)?;
        self.bytes(usize::try_from(len).map_err(|_| DecodeError::new(field))?, field)
    }

    /// A vector of 16-bit values with a length of two bytes; an odd length or an empty vector is refused.
    pub(crate) fn list16(&mut self, field: &'static str) -> Result<U16List<'a>, DecodeError> {
        let bytes = self.vec16(field)?;
        if bytes.is_empty() || bytes.len() % 2 != 0 {
            return Err(DecodeError::new(field));
        }
        Ok(U16List { bytes })
    }
}

/// A list of 16-bit code points, as `cipher_suites` or `supported_groups` carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct U16List<'a> {
    bytes: &'a [u8],
}

impl U16List<'_> {
    /// The code points in their order.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.bytes.as_chunks::<2>().0.iter().map(|b| u16::from_be_bytes(*b))
    }

    /// Whether `value` is listed.
    #[must_use]
    pub fn contains(&self, value: u16) -> bool {
        self.iter().any(|v| v == value)
    }
}

/// The low 24 bits of `value`, big-endian.
pub(crate) fn u24_bytes(value: u32) -> [u8; 3] {
    let [_, a, b, c] = value.to_be_bytes();
    [a, b, c]
}

/// The low 48 bits of `value`, big-endian.
pub(crate) fn u48_bytes(value: u64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = value.to_be_bytes();
    [a, b, c, d, e, f]
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Writes what `body` writes behind a length of `N` bytes.
///
/// Our own messages stay far below the limits of the lengths; a longer body would be cut short on the wire by
/// the peer's parser, never here.
pub(crate) fn put_vec<const N: usize>(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; N]);
    body(out);
    let len = out.len().saturating_sub(start).saturating_sub(N).to_be_bytes();
    if let (Some(field), Some(low)) = (out.get_mut(start..start + N), len.last_chunk::<N>()) {
        field.copy_from_slice(low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_vector_is_read_back() {
        let mut out = Vec::new();
        put_vec::<2>(&mut out, |out| put_vec::<3>(out, |out| out.extend_from_slice(b"abc")));
        assert_eq!(out, [0, 6, 0, 0, 3, b'a', b'b', b'c']);
        let mut outer = Reader::new(&out);
        let mut inner = Reader::new(outer.vec16("outer").unwrap());
        assert_eq!(inner.vec24("inner").unwrap(), b"abc");
        assert!(inner.finish("inner").is_ok() && outer.finish("outer").is_ok());
    }

    #[test]
    fn a_short_read_names_its_field_and_takes_nothing() {
        let mut reader = Reader::new(&[0, 9, 1]);
        assert_eq!(reader.clone().vec16("cookie"), Err(DecodeError { field: "cookie" }));
        assert_eq!(reader.u16("length"), Ok(9));
        assert_eq!(reader.u48("sequence_number"), Err(DecodeError { field: "sequence_number" }));
        assert_eq!(reader.rest(), [1]);
    }

    #[test]
    fn lists_of_odd_length_are_refused() {
        assert!(Reader::new(&[0, 3, 1, 2, 3]).list16("x").is_err());
        assert!(Reader::new(&[0, 0]).list16("x").is_err());
        let list = Reader::new(&[0, 4, 1, 2, 3, 4]).list16("x").unwrap();
        assert!(list.contains(0x0304) && !list.contains(0x0203));
    }
}
