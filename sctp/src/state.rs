//! The states of an association, and what each knows.

use crate::event::CloseReason;

/// What is known of the peer once its INIT or INIT ACK was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The tag that packets to the peer carry.
    pub(crate) tag: u32,
    pub(crate) initial_tsn: u32,
    pub(crate) a_rwnd: u32,
    /// Streams we may send on.
    pub(crate) outbound_streams: u16,
    /// Streams the peer may send on.
    pub(crate) inbound_streams: u16,
    pub(crate) forward_tsn: bool,
    pub(crate) reconfig: bool,
}

/// The last packet of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// ABORT with this error cause, if any.
    Abort {
        tag: u32,
        cause: Option<u16>,
    },
    ShutdownComplete {
        tag: u32,
    },
}

/// RFC 9260, Section 4.
#[derive(Debug)]
pub(crate) enum State {
    /// Nothing was sent; an INIT of the peer is answered.
    Closed,
    CookieWait {
        attempts: u32,
    },
    CookieEchoed {
        attempts: u32,
        cookie: Box<[u8]>,
        peer: Peer,
    },
    Established(Peer),
    /// Our data is still on its way.
    ShutdownPending(Peer),
    ShutdownSent {
        attempts: u32,
        peer: Peer,
    },
    /// The peer has shut down; our data is still on its way.
    ShutdownReceived(Peer),
    ShutdownAckSent {
        attempts: u32,
        peer: Peer,
    },
    /// The last packet waits to be polled.
    Leaving {
        reason: CloseReason,
        farewell: Farewell,
    },
    Ended(CloseReason),
}

impl State {
    pub(crate) const fn peer(&self) -> Option<&Peer> {
        match self {
            Self::CookieEchoed { peer, .. }
            | Self::Established(peer)
            | Self::ShutdownPending(peer)
            | Self::ShutdownSent { peer, .. }
            | Self::ShutdownReceived(peer)
            | Self::ShutdownAckSent { peer, .. } => Some(peer),
            Self::Closed | Self::CookieWait { .. } | Self::Leaving { .. } | Self::Ended(_) => None,
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Leaving { .. } | Self::Ended(_))
    }

    /// Whether the peer's data is taken.
    // RFC 9260, Section 6
    pub(crate) const fn takes_data(&self) -> bool {
        matches!(self, Self::Established(_) | Self::ShutdownPending(_) | Self::ShutdownSent { .. })
    }

    /// Whether our data may leave, COOKIE ECHO's company aside.
    pub(crate) const fn sends_data(&self) -> bool {
        matches!(self, Self::Established(_) | Self::ShutdownPending(_) | Self::ShutdownReceived(_))
    }

    /// Whether the application may queue messages.
    pub(crate) const fn accepts_messages(&self) -> bool {
        matches!(
            self,
            Self::Closed | Self::CookieWait { .. } | Self::CookieEchoed { .. } | Self::Established(_)
        )
    }
}

/// Control chunks that the next packets carry.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Due(u16);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Init,
    CookieEcho,
    CookieAck,
    Heartbeat,
    Shutdown,
    ShutdownAck,
    ReconfigRequest,
}

impl Due {
    pub(crate) const fn add(&mut self, control: Control) {
        self.0 |= 1 << control as u16;
    }

    pub(crate) const fn has(self, control: Control) -> bool {
        self.0 & (1 << control as u16) != 0
    }

    pub(crate) const fn take(&mut self, control: Control) -> bool {
        let had = self.has(control);
        self.0 &= !(1 << control as u16);
        had
    }

    pub(crate) const fn clear(&mut self) {
        self.0 = 0;
    }
}
