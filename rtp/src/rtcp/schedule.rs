//! When to send RTCP.
//!
//! 1. Regular compounds go out at random intervals, which grow with the members and their packets so that all of them
//!    together keep to the bandwidth (RFC 3550, Section 6.3 and Appendix A.7).
//! 2. Under AVPF one feedback message between two of them may go out early, and the next regular one makes up for it
//!    (RFC 4585, Section 3.5).

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// What a [`Schedule`] keeps to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleConfig {
    /// Bits per second for the RTCP of all members, headers of UDP and IP included. By default 75,000: the 5% that
    /// [RFC 3550, Section 6.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.2) recommends, of 1.5 Mbit/s.
    pub bandwidth: NonZeroU64,
    /// The mean time between regular compounds, when the bandwidth allows them that often: the RFC's T_rr_interval under
    /// AVPF, its minimum interval under AVP. By default a second, which is what browsers keep for video. [RFC 3550, Section
    /// 6.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.2) lets the minimum fall to 360 s divided by the session's
    /// kilobits per second, so that a second is allowed from 360 kbit/s on; below, see [`Self::for_session`].
    pub interval: Duration,
    /// The rules that both sides agreed on. By default AVPF, as WebRTC demands.
    pub profile: Profile,
    /// Whether there are two members and no more to come, as over a peer connection, whatever the number of their sources is.
    /// Feedback need not wait then, lest others send the same. By default true.
    pub point_to_point: bool,
}

/// The rules that both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// RTP/AVP and RTP/SAVP: all RTCP is regular.
    Avp,
    /// RTP/AVPF and RTP/SAVPF: feedback may go out early.
    #[default]
    Avpf,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            bandwidth: NonZeroU64::MIN.saturating_add(74_999),
            interval: Duration::from_secs(1),
            profile: Profile::Avpf,
            point_to_point: true,
        }
    }
}

impl ScheduleConfig {
    /// For a session of so many bits per second: 5% of them for RTCP, and an interval of 360 s divided by the kilobits, from
    /// one second (360 kbit/s and more) to the five that [RFC 3550, Section
    /// 6.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.2) recommends (72 kbit/s and less, as audio alone).
    #[must_use]
    pub fn for_session(bandwidth: NonZeroU64) -> Self {
        Self {
            bandwidth: NonZeroU64::new(bandwidth.get() / 20).unwrap_or(NonZeroU64::MIN),
            interval: Duration::from_millis((360_000_000 / bandwidth).clamp(1_000, 5_000)),
            ..Self::default()
        }
    }
}

/// What is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// A full compound, with what feedback there is.
    Regular,
    /// What feedback there is, and no report. It may be a compound of reduced size where both sides agreed on that.
    Feedback,
}

/// What becomes of feedback that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Early {
    /// It goes out early, at this time.
    At(Instant),
    /// It goes out with the next regular compound, at about this time.
    WithRegular(Instant),
    /// It would be too late and is to be forgotten.
    Discard,
}

/// When to send RTCP. Randomness comes with the calls: 32 fresh bits each time, evenly distributed.
///
/// After construction: [`Self::next`] says when to call [`Self::due`]; what that asks for is sent, and [`Self::sent`] is
/// told of it. The caller counts members and senders, who are sources and not machines: a media server's peer may be
/// thousands.
#[derive(Debug, Clone)]
pub struct Schedule {
    config: ScheduleConfig,
    /// The last regular transmission, or the time that is taken for it.
    tp: Instant,
    /// The next regular transmission, if it is not suppressed.
    tn: Instant,
    /// The last calculated interval.
    t_rr: Duration,
    /// Until then regular compounds without feedback are suppressed.
    suppressed_until: Option<Instant>,
    /// Whether no RTCP was sent yet.
    initial: bool,
    allow_early: bool,
    early: Option<Instant>,
    /// Whether feedback waits for the next regular compound.
    feedback_waits: bool,
    members: u32,
    pmembers: u32,
    senders: u32,
    we_sent: bool,
    /// The mean size of compounds, headers included, in 16ths of a byte.
    average_size: u64,
}

impl Schedule {
    /// Begins at `now`, with the size that our first compound will probably have.
    #[must_use]
    pub fn new(config: ScheduleConfig, first_size: usize, now: Instant, random: u32) -> Self {
        let mut schedule = Self {
            config,
            tp: now,
            tn: now,
            t_rr: Duration::ZERO,
            suppressed_until: None,
            initial: true,
            allow_early: true,
            early: None,
            feedback_waits: false,
            members: 1,
            pmembers: 1,
            senders: 0,
            we_sent: false,
            average_size: wire_size(first_size) * 16,
        };
        schedule.t_rr = schedule.interval(random);
        schedule.tn = now + schedule.t_rr;
        schedule
    }

    /// When to call [`Self::due`] next.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.early.map_or_else(|| self.regular(), |early| early.min(self.regular()))
    }

    /// Says what to send at `now`; the caller sends it, and tells by [`Self::sent`]. After [`Due::Nothing`] the next time is
    /// later.
    #[must_use]
    pub fn due(&mut self, now: Instant, random: u32) -> Due {
        if self.regular() <= now {
            // RFC 3550, Section 6.3.6: the interval is drawn anew, by what is known of the members now.
            self.t_rr = self.interval(random);
            self.pmembers = self.members;
            if self.tp + self.t_rr > now {
                self.tn = self.tp + self.t_rr;
            } else if self.suppressed_until.is_some_and(|until| now < until) {
                // RFC 4585, Section 3.5.3, 2b: only feedback goes out, for the regular one's time has not come.
                return Due::Feedback;
            } else {
                return Due::Regular;
            }
        }
        if self.early.is_some_and(|early| early <= now) { Due::Feedback } else { Due::Nothing }
    }

    /// Takes note of a compound that was sent: what [`Self::due`] asked for, of `size` bytes of RTCP.
    pub fn sent(&mut self, now: Instant, due: Due, size: usize, random: u32) {
        self.average(size);
        match due {
            Due::Nothing => {}
            Due::Feedback if self.early.take().is_some() => {
                // RFC 4585, Section 3.5.2: one early packet, and the regular one after it is skipped.
                self.allow_early = false;
                let tn = self.tn;
                self.tn = self.tp + 2 * self.t_rr;
                self.tp = tn;
            }
            Due::Feedback => self.begin_interval(now, random),
            Due::Regular => {
                // RFC 4585, Section 3.5.3: after the first regular packet the minimum is zero.
                self.initial = false;
                self.early = None;
                self.begin_interval(now, random);
                if self.config.profile == Profile::Avpf {
                    // The RFC draws this time anew at each regular one that it suppresses, which for short intervals comes
                    // to half of T_rr_interval and not to its mean. It is drawn once here, from other bits than the
                    // interval's.
                    let random = random.wrapping_mul(0x9e37_79b1).rotate_left(16);
                    self.suppressed_until = Some(now + dither(self.config.interval, random));
                }
            }
        }
    }

    /// Takes note of a compound of `size` bytes that was received.
    pub fn received(&mut self, size: usize) {
        self.average(size);
    }

    /// Asks when feedback can go out that has come up at `now`, and is of use until `max_delay` later. Feedback that was
    /// asked for before goes out with it.
    #[must_use]
    pub fn request_early(&mut self, now: Instant, max_delay: Duration, random: u32) -> Early {
        if let Some(early) = self.early {
            return Early::At(early);
        }
        if self.feedback_waits {
            return Early::WithRegular(self.regular());
        }
        if self.config.profile == Profile::Avp {
            return self.wait_for_regular(now, max_delay);
        }
        self.pass_suppressed(now, random);
        // RFC 4585, Section 3.5.2: members of larger groups wait, lest all send the same.
        let dither_max = if self.config.point_to_point { Duration::ZERO } else { self.t_rr / 2 };
        if now + dither_max > self.tn {
            self.feedback_waits = true;
            return Early::WithRegular(self.regular());
        }
        if !self.allow_early {
            return self.wait_for_regular(now, max_delay);
        }
        let early = now + scale(dither_max, random.into(), 1 << 32);
        self.early = Some(early);
        Early::At(early)
    }

    /// Takes note of how many sources there are, ours included, how many of them sent media of late, and whether ours did.
    pub fn set_members(&mut self, now: Instant, members: u32, senders: u32, we_sent: bool) {
        (self.members, self.senders, self.we_sent) = (members.max(1), senders, we_sent);
        // RFC 3550, Section 6.3.4: reverse reconsideration, when members leave.
        if self.members < self.pmembers {
            let [left, before] = [self.members, self.pmembers].map(u128::from);
            let wait = scale(self.tn.saturating_duration_since(now), left, before);
            let ago = scale(now.saturating_duration_since(self.tp), left, before);
            self.tn = now + wait;
            self.tp = now.checked_sub(ago).unwrap_or(self.tp);
            self.pmembers = self.members;
        }
    }

    /// How long a member may be silent before it counts as gone: five intervals without their randomness, as if we received
    /// only ([RFC 3550, Section 6.3.5](https://www.rfc-editor.org/rfc/rfc3550#section-6.3.5)).
    #[must_use]
    pub fn member_timeout(&self) -> Duration {
        let minimum = match self.config.profile {
            // RFC 3550, Section 6.2: the fixed minimum, lest those who do not use the reduced one time out.
            Profile::Avp => FIXED_MINIMUM,
            // RFC 4585, Section 3.5.4: T_rr_interval in its place.
            Profile::Avpf => self.config.interval,
        };
        5 * self.deterministic(false).max(minimum)
    }

    /// When the next regular compound goes out.
    fn regular(&self) -> Instant {
        match self.suppressed_until {
            // RFC 4585, Section 3.5.3: with feedback it is not suppressed.
            Some(until) if !self.feedback_waits => self.tn.max(until),
            _ => self.tn,
        }
    }

    fn wait_for_regular(&mut self, now: Instant, max_delay: Duration) -> Early {
        if self.tn.saturating_duration_since(now) >= max_delay {
            return Early::Discard;
        }
        self.feedback_waits = true;
        Early::WithRegular(self.regular())
    }

    /// Takes the regular times that came and went without anything to send as one: the last of them is taken to be `now`.
    fn pass_suppressed(&mut self, now: Instant, random: u32) {
        if self.tn <= now && self.regular() > now {
            self.begin_interval(now, random);
        }
    }

    /// A regular time was used or passed over: the next is an interval away.
    fn begin_interval(&mut self, now: Instant, random: u32) {
        self.tp = now;
        self.t_rr = self.interval(random);
        self.tn = now + self.t_rr;
        // RFC 4585, Section 3.5.3: a suppressed packet sets allow_early too.
        self.allow_early = true;
        self.feedback_waits = false;
    }

    /// RFC 3550, Section 6.3.3: a sixteenth of the new size, fifteen of the mean.
    fn average(&mut self, size: usize) {
        self.average_size = self.average_size - self.average_size / 16 + wire_size(size);
    }

    /// The calculated interval, with its randomness ([RFC 3550, Section
    /// 6.3.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.3.1)).
    fn interval(&self, random: u32) -> Duration {
        let minimum = match self.config.profile {
            Profile::Avp if self.initial => self.config.interval / 2,
            Profile::Avp => self.config.interval,
            // RFC 4585, Section 3.5.1: at first a second, lest a large group starts at once; between two, and later on, zero.
            Profile::Avpf if self.initial && !self.config.point_to_point => Duration::from_secs(1),
            Profile::Avpf => Duration::ZERO,
        };
        let interval = dither(self.deterministic(self.we_sent).max(minimum), random);
        // RFC 3550, Section 6.3.1: reconsideration makes up for a divisor of e - 3/2.
        scale(interval, 100_000, 121_828)
    }

    /// The time that the members' compounds take by the bandwidth.
    fn deterministic(&self, we_sent: bool) -> Duration {
        let (members, senders) = (u128::from(self.members), u128::from(self.senders.min(self.members)));
        // RFC 3550, Section 6.3.1: a quarter of the bandwidth is the senders', as long as they are fewer than that.
        let (n, quarters) = match (senders * 4 <= members, we_sent) {
            (true, true) => (senders.max(1), 1),
            (true, false) => (members - senders, 3),
            (false, _) => (members, 4),
        };
        let sixteenths_of_bits = u128::from(self.average_size) * 8 * n * 4;
        let nanos =
            sixteenths_of_bits * 1_000_000_000 / (16 * quarters * u128::from(self.config.bandwidth.get()));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(LONGEST)
    }
}

/// Half of the interval to three halves of it.
fn dither(interval: Duration, random: u32) -> Duration {
    scale(interval, (1 << 31) + u128::from(random), 1 << 32)
}

fn scale(duration: Duration, numerator: u128, denominator: u128) -> Duration {
    let nanos = duration.as_nanos().saturating_mul(numerator) / denominator;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The bytes of a datagram with its headers of UDP and IPv4 (RFC 3550, Section 6.2).
fn wire_size(size: usize) -> u64 {
    u64::try_from(size.min(65_535)).unwrap_or_default() + 28
}

/// RFC 3550, Section 6.2.
const FIXED_MINIMUM: Duration = Duration::from_secs(5);

/// A bound of our own: a group so large that it takes longer is no longer measured by RTCP.
const LONGEST: Duration = Duration::from_secs(86_400);
