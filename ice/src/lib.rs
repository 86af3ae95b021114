//! A sans-IO ICE agent: gathering, connectivity checks, nomination and consent.
//!
//! [`Agent`] is one agent with one stream of one component, the bundled transport of WebRTC. It opens no socket and
//! reads no clock: the embedder says which addresses it can send from, hands over every datagram, sends what
//! [`Agent::poll_transmit`] writes, and comes back when [`Agent::poll_timeout`] says. Datagrams that are not STUN pass
//! through with the name of their source and whether that source is trustworthy.
//!
//! # Example
//!
//! Two agents on one host connect; the datagrams are carried by hand.
//!
//! ```
//! # #[cfg(feature = "rust-crypto")] {
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use duologue_ice::{Agent, Config, Role, State};
//!
//! # #[expect(clippy::disallowed_methods, reason = "an example begins its virtual time somewhere")]
//! let mut now = Instant::now();
//! let config = Arc::new(Config::default());
//! let mut agents = [1, 2].map(|n| Agent::new(Arc::clone(&config), [n; 32], now));
//! let [a, b] = &mut agents;
//! a.set_role(now, Role::Controlling);
//! b.set_role(now, Role::Controlled);
//! a.add_interface(now, "127.0.0.1:1000".parse()?)?;
//! b.add_interface(now, "127.0.0.1:2000".parse()?)?;
//! for (one, other) in [(0, 1), (1, 0)] {
//!     // What signalling carries: credentials and candidates.
//!     let credentials = agents[other].local_credentials().clone();
//!     let candidates: Vec<_> = agents[other].local_candidates().collect();
//!     agents[one].set_remote_credentials(now, credentials)?;
//!     for candidate in candidates {
//!         agents[one].add_remote_candidate(now, &candidate);
//!     }
//!     agents[one].end_of_remote_candidates(now);
//! }
//!
//! let mut datagram = Vec::new();
//! while agents.iter().any(|agent| agent.state() != State::Completed) {
//!     for (from, to) in [(0, 1), (1, 0)] {
//!         while let Some(sent) = agents[from].poll_transmit(now, 1500, &mut datagram) {
//!             let arrived = duologue_ice::Path::udp(sent.path.remote, sent.path.local);
//!             let _ = agents[to].handle_datagram(now, arrived, &mut datagram);
//!             datagram.clear();
//!         }
//!         while let Some(event) = agents[from].poll_event() {
//!             println!("{event:?}");
//!         }
//!     }
//!     now += Duration::from_millis(1);
//!     agents.iter_mut().for_each(|agent| agent.handle_timeout(now));
//! }
//! assert!(agents[0].sending_path().is_some());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Relays and streams
//!
//! TURN servers ([`Config::turn_servers`]) are asked as STUN servers are. What leaves by one is framed: payload is written behind
//! [`SendingPath::headroom`] bytes and sealed by [`Agent::seal`]; what comes is unwrapped by [`Agent::handle_datagram`], and named
//! by the peer that sent it. A stream, to such a server or to a TCP candidate, is the embedder's: it is opened when
//! [`Event::OpenStream`] asks for it, what is read goes through a [`duologue_stun::framing::Deframer`], and what
//! [`Agent::poll_transmit`] and [`Agent::seal`] write for a path over TCP or TLS goes onto the stream as it is.
//!
//! # Handover
//!
//! Beside the pair in use one more is kept warm, by another interface if there is one. When an interface is removed, or payload
//! that has been flowing stops and authentic STUN shows that the other pair works and the one in use does not, payload leaves
//! on the other one, and the peer is told by a nomination.
//!
//! # Restarts
//!
//! [`Agent::restart`] begins a new session beside the one that works. Either side begins: the offerer restarts and signals
//! its new credentials and candidates; the answerer restarts too, takes them by [`Agent::set_remote_credentials`] and
//! signals its own. Payload leaves on the old pair until the new session has one that works, so that nothing above notices;
//! the old session answers and is believed a while longer, since the peer may be slower. A shared socket's router has
//! two user names meanwhile ([`Agent::local_ufrags`]). An offer that comes to nothing is undone by
//! [`Agent::abandon_restart`]; one that nobody answers leaves the old session as it is, however long.
//!
//! While either session has a path that works the state is at least [`State::Connected`]; without one it is
//! [`State::Checking`]. A new session that fails fails the agent, even if the old path works: the peer has agreed to leave it.
//!
//! # RFC checklist
//!
//! - RFC 8445, Section 5.1: host, server-reflexive and relayed candidates, priorities, foundations; RFC 8656 for
//!   the latter, over UDP, TCP and TLS.
//! - Section 6.1: roles, pairs, pruning, states, pacing. One checklist with one component.
//! - Section 7.2 and 7.3: checks, peer-reflexive candidates, triggered checks, role conflicts.
//! - Section 8: regular nomination; a controlled agent follows any nomination, aggressive ones too, by priority, and that of a
//!   peer whose choice moves. draft-thatcher-ice-renomination: values that grow, and USE-CANDIDATE with them.
//! - Section 9, with RFC 8839, Section 4.4.1.1.1: restarts, begun by either side. The tie-breaker is kept.
//! - Section 2.5: lite agents, also two of them.
//! - RFC 7675: consent; RFC 8838 and RFC 8863: trickling and patience; RFC 8421: both IP versions.
//! - RFC 6544, TCP candidates: active, passive and simultaneous-open; host and server-reflexive ones.
//!
//! Deviations, with reasons: requests that do not authenticate get no error response, since any answer to a forger would
//! be a change that it caused (RFC 8489, Section 9.1.3 asks for 400 and 401). No pair is
//! frozen: with one component that would only delay. The first checks leave 5 ms apart, not 50 ms. A check is not sent again,
//! which RFC 8445, Section 14.3 permits after 500 ms at the earliest: another one of the same pair follows with a transaction
//! of its own, paced by Ta, and less and less often. Pairs that are not kept warm are not asked for consent, and are lost to
//! the session when it runs out.
//!
//! # Contract
//!
//! Time is an argument, and never goes back: the agent keeps the latest it has seen. Equal configuration, seed and inputs
//! give equal outputs. `poll_transmit` appends at most one datagram, `None` for lack of room loses nothing. After
//! `handle_timeout(t)` the next deadline is `None` or later than `t`. Unauthenticated datagrams change nothing but a
//! counter. Events are flags and bounded; the table of requests is bounded, and by [`Config`] the pairs and candidates
//! of each session, of which there are two at most. The seed is a secret: reused, it repeats passwords and transaction
//! ids, by which an off-path attacker could forge answers.

mod agent;
mod attempts;
mod base;
mod candidate;
mod check;
mod checklist;
mod config;
mod consent;
mod credentials;
mod event;
mod gather;
pub mod grammar;
mod handover;
mod interface;
mod mdns;
mod nomination;
mod pair;
mod path;
mod relay;
mod remote;
mod report;
mod restart;
mod role;
mod server;
mod session;
mod shared;
mod state;
mod stream;
mod stream_query;
mod timer;
mod transaction;

pub use agent::Agent;
pub use candidate::Kind;
pub use config::{CandidatePolicy, Config, StunStreamServer, TurnServer};
pub use credentials::Credentials;
pub use event::{
    CredentialsError, Discard, Event, FailureReason, GatheringState, InterfaceError, RemoteCredentialsError,
    ServerError, ServerFailure, State, Stats, StreamError, TransactionReport,
};
pub use grammar::Candidate;
pub use interface::InterfaceOptions;
pub use pair::{PairPhase, PairStats};
pub use path::{InterfaceId, PairId, Path, Received, SendingPath, SourceId, Transmit, Transport};
pub use report::FailureReport;
pub use role::Role;
pub use stream::{StreamId, StreamRequest};
