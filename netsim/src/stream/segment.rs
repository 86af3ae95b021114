//! What streams put on the network.

/// One segment. Positions count the stream's bytes from 0, and its end as one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) kind: Kind,
    /// A number that the sending end drew when it began, as an initial sequence number tells connections apart.
    pub(crate) tag: u32,
    /// The receiving end's number.
    pub(crate) peer_tag: u32,
    /// The position of the first byte.
    pub(crate) position: u64,
    /// Up to where the other end's bytes have arrived.
    pub(crate) acknowledged: u64,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Opens a stream; the receiving end's number is not known yet.
    Open,
    /// Answers an opening.
    Accept,
    /// Bytes, or an acknowledgement alone.
    Data,
    /// The end of the bytes.
    End,
    /// The stream does not exist, or no longer.
    Reset,
}

impl Segment {
    /// Bytes that TCP's header with timestamps takes more than UDP's.
    pub(crate) const HEADERS: usize = 24;

    /// The answer to a segment that belongs to no stream.
    pub(crate) fn refusal(&self) -> Option<Self> {
        (self.kind != Kind::Reset).then_some(Self {
            kind: Kind::Reset,
            tag: self.peer_tag,
            peer_tag: self.tag,
            position: 0,
            acknowledged: 0,
            bytes: Vec::new(),
        })
    }
}
