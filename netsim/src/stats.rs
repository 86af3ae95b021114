//! Counters.

/// What the network did so far. `sent` and `delivered` count datagrams, `segments` those of streams, the others both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sent by nodes, and injected.
    pub sent: u64,
    /// Handed to nodes, copies included.
    pub delivered: u64,
    /// Segments of streams sent, repeated ones included.
    pub segments: u64,
    /// Lost by a link or an outage.
    pub lost: u64,
    /// Dropped because a queue was full.
    pub queue_dropped: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Held back, so that others overtook them.
    pub reordered: u64,
    /// Changed by one bit; a segment is then dropped by its receiver.
    pub corrupted: u64,
    /// Refused by a NAT or a firewall: its filter, no mapping, or no hairpinning.
    pub nat_refused: u64,
    /// Sent to or from an address that nobody has.
    pub unroutable: u64,
}
