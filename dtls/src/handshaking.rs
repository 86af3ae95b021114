//! A handshake under way: its messages, its flights, its timer (RFC 6347, Section 4.2.4).

use std::fmt;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::{Zeroize, Zeroizing};

use crate::alert::AlertDescription;
use crate::config::Role;
use crate::core::{Core, MAX_TIMEOUT};
use crate::event::{Discard, Failure, Hint};
use crate::handshake::{Flight, Fragment, Message, Reassembly, Transcript};
use crate::identity::Fingerprint;
use crate::timer::Timer;
use crate::v12::{self, Context, Entropy, Outcome, Refusal, Step};

pub(crate) struct Handshaking {
    machine: Machine,
    fingerprints: Vec<Fingerprint>,
    entropy: Entropy,
    transcript: Transcript,
    reassembly: Reassembly,
    flight: Flight,
    /// The last message of the peer's flight that ours answers: when it comes again, ours was lost.
    answered: Option<u16>,
    /// Whether the timer repeats the flight.
    repeats: bool,
    timeout: Duration,
    retransmissions: u32,
    /// When the flight was queued, or last written to its end.
    written_at: Instant,
    hint: Option<Hint>,
}

/// What has become of the handshake by a record.
pub(crate) enum Progress {
    /// It goes on.
    Continue,
    /// The peer is verified.
    Done(Box<Outcome>),
    /// It has failed.
    Failed(AlertDescription, Failure),
}

#[derive(Debug)]
enum Machine {
    Client(v12::Client),
    Server(v12::Server),
}

impl Handshaking {
    pub(crate) fn new(
        core: &mut Core,
        role: Role,
        fingerprints: Vec<Fingerprint>,
        mut seed: [u8; 32],
    ) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        seed.zeroize();
        let mut entropy = Entropy {
            random: [0; 32],
            key_share: Zeroizing::new([0; 32]),
            cookie_key: Zeroizing::new([0; 32]),
        };
        rng.fill_bytes(&mut entropy.random);
        rng.fill_bytes(entropy.key_share.as_mut_slice());
        rng.fill_bytes(entropy.cookie_key.as_mut_slice());
        let mut new = Self {
            machine: Machine::Server(v12::Server::new()),
            fingerprints,
            entropy,
            transcript: Transcript::default(),
            reassembly: Reassembly::default(),
            flight: Flight::default(),
            answered: None,
            repeats: false,
            timeout: core.first_timeout(),
            retransmissions: 0,
            written_at: core.now,
            hint: None,
        };
        if role == Role::Client {
            new.with_context(core, |machine, context| {
                *machine = Machine::Client(v12::Client::new(context));
            });
            new.launch(core, true);
        }
        new
    }

    pub(crate) fn held(&self) -> usize {
        self.reassembly.held()
    }

    pub(crate) fn hint(&self) -> Option<Hint> {
        self.hint
    }

    /// A plaintext alert says why the handshake may fail, and no more: anyone could have sent it.
    pub(crate) fn note_alert(&mut self, description: AlertDescription) {
        self.hint = Some(Hint::Alert(description));
    }

    /// The last flight of a handshake that is done: the server's, as the client's is answered.
    pub(crate) fn into_last_flight(self) -> Flight {
        match self.machine {
            Machine::Client(_) => Flight::default(),
            Machine::Server(_) => self.flight,
        }
    }

    pub(crate) fn write_datagram(&mut self, core: &mut Core, limit: usize, out: &mut Vec<u8>) -> usize {
        // RFC 6347, Section 4.1.1.1: when retransmissions bring no answer, smaller records SHOULD be tried.
        let limit = if self.retransmissions < SMALL_AFTER { limit } else { limit.min(SMALL_MTU) };
        let len = self.flight.write_datagram(&mut core.records, limit, out);
        if len > 0 && self.flight.is_written() {
            self.written_at = core.now;
            if self.repeats {
                core.timers.set(Timer::Retransmit, core.now + self.timeout);
            }
        }
        len
    }

    /// The retransmission timer has expired.
    pub(crate) fn handle_timeout(&mut self, core: &mut Core) {
        // A flight that the socket has not taken as a whole is not lost yet.
        if self.flight.is_written() {
            self.repeat(core);
            // RFC 6347, Section 4.2.4.1: the timer doubles with each retransmission.
            self.timeout = self.timeout.saturating_mul(2).min(MAX_TIMEOUT);
        }
        core.timers.set(Timer::Retransmit, core.now + self.timeout);
    }

    fn repeat(&mut self, core: &mut Core) {
        self.flight.rewind();
        self.retransmissions = self.retransmissions.saturating_add(1);
        core.stats.flights_retransmitted = core.stats.flights_retransmitted.saturating_add(1);
    }

    /// The round trip has become known: a flight that is out for the first time is repeated in time for it.
    pub(crate) fn handle_round_trip(&mut self, core: &mut Core) {
        if self.retransmissions == 0 && self.repeats {
            self.timeout = core.first_timeout();
            core.timers.set(Timer::Retransmit, core.now.max(self.written_at + self.timeout));
        }
    }

    /// Starts a flight that was queued.
    fn launch(&mut self, core: &mut Core, repeats: bool) {
        self.timeout = core.first_timeout();
        self.retransmissions = 0;
        self.repeats = repeats;
        self.written_at = core.now;
        if repeats {
            core.timers.set(Timer::Retransmit, core.now + self.timeout);
        } else {
            core.timers.stop(Timer::Retransmit);
        }
    }

    /// Takes the content of a handshake record.
    pub(crate) fn handle_record(
        &mut self,
        core: &mut Core,
        content: &[u8],
        protected: bool,
    ) -> Result<Progress, Discard> {
        if content.is_empty() {
            return core.discard(Discard::HandshakeFragment);
        }
        let mut rest = content;
        let mut result = Err(Discard::HandshakeFragment);
        while !rest.is_empty() {
            let Ok((fragment, behind)) = Fragment::parse(rest) else {
                core.stats.count(Discard::HandshakeFragment);
                return result;
            };
            rest = behind;
            match self.handle_fragment(core, &fragment, protected) {
                Ok(Progress::Continue) => result = Ok(Progress::Continue),
                Ok(end) => return Ok(end),
                Err(discard) => {
                    core.stats.count(discard);
                    result = result.or(Err(discard));
                }
            }
        }
        result
    }

    fn handle_fragment(
        &mut self,
        core: &mut Core,
        fragment: &Fragment<'_>,
        protected: bool,
    ) -> Result<Progress, Discard> {
        let ahead = fragment.message_seq.wrapping_sub(self.reassembly.next());
        if ahead > u16::MAX / 2 {
            return self.handle_repetition(core, fragment);
        }
        // Under the new keys comes the Finished message and nothing else, and it comes under them alone.
        if protected != self.machine.expects_finished() {
            return Err(Discard::HandshakeFragment);
        }
        if ahead == 0 && fragment.is_whole() {
            let message =
                Message { kind: fragment.kind, message_seq: fragment.message_seq, body: fragment.bytes };
            let progress = self.handle_message(core, &message)?;
            if !matches!(progress, Progress::Continue) {
                return Ok(progress);
            }
        } else {
            self.reassembly.insert(fragment).map_err(|_| Discard::HandshakeFragment)?;
        }
        let mut message_seq = self.reassembly.next();
        while let Some((kind, body)) = self.reassembly.take_complete() {
            let progress = self.handle_message(core, &Message { kind, message_seq, body: &body })?;
            if !matches!(progress, Progress::Continue) {
                return Ok(progress);
            }
            message_seq = self.reassembly.next();
        }
        Ok(Progress::Continue)
    }

    /// A message that was handled before has come again.
    fn handle_repetition(&mut self, core: &mut Core, fragment: &Fragment<'_>) -> Result<Progress, Discard> {
        // RFC 6347, Section 4.2.4: when the peer's last flight comes again, ours is sent again. It is the flight's
        // last fragment that counts, and not more often than twice in a timeout, so that neither duplicates in the
        // network nor a forger make us send much.
        let is_end = self.answered == Some(fragment.message_seq) && fragment.end() == fragment.length;
        if is_end && self.flight.is_written() && self.written_at + self.timeout / 2 <= core.now {
            self.repeat(core);
            return Ok(Progress::Continue);
        }
        Err(Discard::HandshakeFragment)
    }

    fn handle_message(&mut self, core: &mut Core, message: &Message<'_>) -> Result<Progress, Discard> {
        let could_read = core.records.can_read();
        let result = self.with_context(core, |machine, context| match machine {
            Machine::Client(client) => client.handle(context, message),
            Machine::Server(server) => server.handle(context, message),
        });
        match result {
            Ok(step) => {
                self.reassembly.advance();
                if core.records.can_read() && !could_read {
                    // What is held came in plaintext, and no plaintext message is to come.
                    self.reassembly.clear();
                }
                Ok(self.take_step(core, step))
            }
            Err(Refusal::Ignore) => {
                self.hint = self.hint.or(Some(Hint::RefusedMessage));
                Err(Discard::HandshakeMessage)
            }
            Err(Refusal::Fail(alert, failure)) => Ok(Progress::Failed(alert, failure)),
        }
    }

    fn take_step(&mut self, core: &mut Core, step: Step) -> Progress {
        match step {
            Step::Wait => {}
            Step::Answer | Step::AnswerOnce => {
                self.answered = Some(self.reassembly.next().wrapping_sub(1));
                self.launch(core, matches!(step, Step::Answer));
            }
            Step::Done(outcome) => return Progress::Done(outcome),
        }
        Progress::Continue
    }

    fn with_context<T>(
        &mut self,
        core: &mut Core,
        work: impl FnOnce(&mut Machine, &mut Context<'_>) -> T,
    ) -> T {
        let mut context = Context {
            config: &core.config,
            fingerprints: &self.fingerprints,
            entropy: &self.entropy,
            transcript: &mut self.transcript,
            flight: &mut self.flight,
            records: &mut core.records,
            events: &mut core.events,
        };
        work(&mut self.machine, &mut context)
    }
}

impl Machine {
    fn expects_finished(&self) -> bool {
        match self {
            Self::Client(client) => client.expects_finished(),
            Self::Server(server) => server.expects_finished(),
        }
    }
}

impl fmt::Debug for Handshaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").field("machine", &self.machine).finish_non_exhaustive()
    }
}

/// After so many retransmissions of a flight its datagrams become small.
const SMALL_AFTER: u32 = 3;
/// What every path of IPv4 carries: 576 bytes less the headers of IP and UDP.
const SMALL_MTU: usize = 548;
