//! When a packet or a frame passed a point of its way, and the number that all packets of a transport share.

use bytes::BufMut;

use super::{Kind, Value};

/// The number of a packet among all packets of its transport, for transport-wide feedback. It wraps.
///
/// Source: [draft-holmer-rmcat-transport-wide-cc-extensions-01, Section 2](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01#section-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransportSequence(pub u16);

impl Value for TransportSequence {
    const KIND: Kind = Kind::TransportSequence;

    fn parse(value: &[u8]) -> Option<Self> {
        Some(Self(u16::from_be_bytes(value.try_into().ok()?)))
    }

    fn wire_len(&self) -> usize {
        2
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u16(self.0);
    }
}

/// When a packet left, on the sender's NTP clock: 6 bits of seconds and 18 of fractions. It wraps after 64 s; the unit is
/// 3.8 microseconds.
///
/// Source: [abs-send-time](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/abs-send-time/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// Of an NTP time: 32 bits of seconds and 32 of fractions.
    #[must_use]
    pub const fn from_ntp(ntp: u64) -> Self {
        Self((ntp >> 14 & 0xff_ffff) as u32)
    }

    /// The 24 bits.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// How far this one is after `other`, the shorter way round, in units of 2^-18 s; negative when it is before.
    #[must_use]
    pub const fn distance(self, other: Self) -> i32 {
        (self.0.wrapping_sub(other.0) << 8).cast_signed() >> 8
    }
}

impl Value for AbsSendTime {
    const KIND: Kind = Kind::AbsSendTime;

    fn parse(value: &[u8]) -> Option<Self> {
        let &[a, b, c] = value else { return None };
        Some(Self(u32::from_be_bytes([0, a, b, c])))
    }

    fn wire_len(&self) -> usize {
        3
    }

    fn write(&self, out: &mut impl BufMut) {
        let [_, a, b, c] = self.0.to_be_bytes();
        out.put_slice(&[a, b, c]);
    }
}

/// When a frame was captured, on the NTP clock of the one who captured it.
///
/// Source: [abs-capture-time](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/abs-capture-time/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbsCaptureTime {
    /// The NTP time: 32 bits of seconds and 32 of fractions.
    pub ntp: u64,
    /// What to add to the sender's NTP clock to have the capturer's, in units of 2^-32 s, if the sender knows.
    pub clock_offset: Option<i64>,
}

impl Value for AbsCaptureTime {
    const KIND: Kind = Kind::AbsCaptureTime;

    fn parse(value: &[u8]) -> Option<Self> {
        let (ntp, offset) = value.split_first_chunk()?;
        let clock_offset =
            if offset.is_empty() { None } else { Some(i64::from_be_bytes(offset.try_into().ok()?)) };
        Some(Self { ntp: u64::from_be_bytes(*ntp), clock_offset })
    }

    fn wire_len(&self) -> usize {
        if self.clock_offset.is_some() { 16 } else { 8 }
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u64(self.ntp);
        if let Some(offset) = self.clock_offset {
            out.put_i64(offset);
        }
    }
}

/// When a packet left, counted in ticks of its payload's clock from its timestamp.
///
/// Source: [RFC 5450, Section 3](https://www.rfc-editor.org/rfc/rfc5450#section-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransmissionOffset(i32);

impl TransmissionOffset {
    /// An offset of -8,388,608 to 8,388,607 ticks; `None` outside.
    #[must_use]
    pub const fn new(ticks: i32) -> Option<Self> {
        if ticks << 8 >> 8 == ticks { Some(Self(ticks)) } else { None }
    }

    /// The offset in ticks.
    #[must_use]
    pub const fn ticks(self) -> i32 {
        self.0
    }
}

impl Value for TransmissionOffset {
    const KIND: Kind = Kind::TransmissionOffset;

    fn parse(value: &[u8]) -> Option<Self> {
        let &[a, b, c] = value else { return None };
        Some(Self(i32::from_be_bytes([a, b, c, 0]) >> 8))
    }

    fn wire_len(&self) -> usize {
        3
    }

    fn write(&self, out: &mut impl BufMut) {
        let [_, a, b, c] = self.0.to_be_bytes();
        out.put_slice(&[a, b, c]);
    }
}

/// How long the receiver should hold a frame between its capture and its display, in units of 10 ms.
///
/// Source: [playout-delay](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/playout-delay/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlayoutDelay {
    min: u16,
    max: u16,
}

impl PlayoutDelay {
    /// A range within 0 to 4095; `None` when it is not one.
    #[must_use]
    pub const fn new(min: u16, max: u16) -> Option<Self> {
        if min <= max && max < 1 << 12 { Some(Self { min, max }) } else { None }
    }

    /// At least this long, in units of 10 ms.
    #[must_use]
    pub const fn min(self) -> u16 {
        self.min
    }

    /// At most this long, in units of 10 ms.
    #[must_use]
    pub const fn max(self) -> u16 {
        self.max
    }
}

impl Value for PlayoutDelay {
    const KIND: Kind = Kind::PlayoutDelay;

    fn parse(value: &[u8]) -> Option<Self> {
        let &[a, b, c] = value else { return None };
        Self::new(u16::from_be_bytes([a, b]) >> 4, u16::from_be_bytes([b & 0x0f, c]))
    }

    fn wire_len(&self) -> usize {
        3
    }

    fn write(&self, out: &mut impl BufMut) {
        let [a, b] = (self.min << 4).to_be_bytes();
        let [high, c] = self.max.to_be_bytes();
        out.put_slice(&[a, b | high, c]);
    }
}

/// When a frame passed each step of its sender, in milliseconds after its capture.
///
/// Source: [video-timing](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/video-timing/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VideoTiming {
    /// Why the frame was measured: bit 0 for one that is due in a series, bit 1 for one that is large; 255 says that these
    /// times hold nothing.
    pub flags: u8,
    /// Encoding began.
    pub encode_start: u16,
    /// Encoding ended.
    pub encode_finish: u16,
    /// The frame was packetised.
    pub packetization_finish: u16,
    /// The last packet left the pacer.
    pub pacer_exit: u16,
    /// For a server on the way: the packet came to it.
    pub network: u16,
    /// For a server on the way: the packet left it.
    pub network2: u16,
}

impl Value for VideoTiming {
    const KIND: Kind = Kind::VideoTiming;

    fn parse(value: &[u8]) -> Option<Self> {
        let &[flags, e0, e1, f0, f1, p0, p1, x0, x1, n0, n1, m0, m1] = value else { return None };
        Some(Self {
            flags,
            encode_start: u16::from_be_bytes([e0, e1]),
            encode_finish: u16::from_be_bytes([f0, f1]),
            packetization_finish: u16::from_be_bytes([p0, p1]),
            pacer_exit: u16::from_be_bytes([x0, x1]),
            network: u16::from_be_bytes([n0, n1]),
            network2: u16::from_be_bytes([m0, m1]),
        })
    }

    fn wire_len(&self) -> usize {
        13
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u8(self.flags);
        for time in [
            self.encode_start,
            self.encode_finish,
            self.packetization_finish,
            self.pacer_exit,
            self.network,
            self.network2,
        ] {
            out.put_u16(time);
        }
    }
}
