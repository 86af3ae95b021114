//! Elements apart from any packet.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Extensions, Ids, Kind, Value};

/// Elements by their kinds, whatever ids a section gives them: what an application sends with a frame, or gets with one.
/// An empty set holds no memory, and a clone shares it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Set(Bytes);

impl Set {
    /// No elements.
    #[must_use]
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Builds a set in `block`, whose memory the set then shares; one block serves many sets, and is used again once they
    /// are dropped. What the block holds is thrown away.
    pub fn builder(block: &mut BytesMut) -> Builder<'_> {
        block.clear();
        Builder(block)
    }

    /// The elements of a packet whose kinds have ids and pass `filter`.
    pub fn of(
        extensions: Extensions<'_>,
        ids: &Ids,
        filter: impl Fn(Kind) -> bool,
        block: &mut BytesMut,
    ) -> Self {
        let mut builder = Self::builder(block);
        for (kind, value) in extensions.known(ids).filter(|(kind, _)| filter(*kind)) {
            builder.push(kind, value);
        }
        builder.finish()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of the first element of this kind.
    #[must_use]
    pub fn value(&self, kind: Kind) -> Option<&[u8]> {
        self.iter().find_map(|(other, value)| (other == kind).then_some(value))
    }

    /// The first element of the type's kind; `None` too when its value does not have the type's form.
    #[must_use]
    pub fn read<V: Value>(&self) -> Option<V> {
        V::parse(self.value(V::KIND)?)
    }

    /// The elements, in the order they were added.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = (Kind, &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Values print as lengths.
impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(kind, value)| (kind, value.len()))).finish()
    }
}

/// The elements of a [`Set`].
#[derive(Clone)]
pub struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = (Kind, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[number, len], rest) = self.0.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(len))?;
        self.0 = rest;
        Some((Kind::from_number(number)?, value))
    }
}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone().map(|(kind, value)| (kind, value.len()))).finish()
    }
}

/// Adds elements to a [`Set`] being built.
pub struct Builder<'b>(&'b mut BytesMut);

impl Builder<'_> {
    /// Adds an element. Returns whether it was added: not when the value is over 255 bytes long, which no packet can carry.
    pub fn push(&mut self, kind: Kind, value: &[u8]) -> bool {
        let Ok(len) = u8::try_from(value.len()) else { return false };
        self.0.put_slice(&[kind.number(), len]);
        self.0.put_slice(value);
        true
    }

    /// Adds a typed element. Returns whether it was added, as [`Builder::push`] does.
    pub fn typed<V: Value>(&mut self, value: &V) -> bool {
        let Ok(len) = u8::try_from(value.wire_len()) else { return false };
        self.0.put_slice(&[V::KIND.number(), len]);
        value.write(self.0);
        true
    }

    /// The set.
    #[must_use]
    pub fn finish(self) -> Set {
        if self.0.is_empty() { Set::new() } else { Set(self.0.split().freeze()) }
    }
}

/// Values print as lengths.
impl fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builder").field(&Iter(self.0)).finish()
    }
}
