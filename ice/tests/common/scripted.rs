//! A peer whose every message a test writes by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_ice::{
    Agent, Candidate, Config, Credentials, Discard, Path, Received, Role, grammar::CandidateKind,
};
use duologue_netsim::Network;
use duologue_stun::crypto::{HmacProvider, RUST_CRYPTO};
use duologue_stun::{AttributeType, Class, ErrorCode, Message, Method, TransactionId, Writer};

pub(crate) const UFRAG: &str = "peer";
pub(crate) const PWD: &str = "peerpeerpeerpeerpeerpeer";

/// An agent at 192.0.2.1:5000 and the one who plays its peer.
pub(crate) struct Scripted {
    pub(crate) agent: Agent,
    pub(crate) now: Instant,
    pub(crate) local: SocketAddr,
    ids: u64,
}

/// What an incoming check carries beside what all do.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) id: TransactionId,
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) use_candidate: bool,
    pub(crate) extra: &'static [(u16, &'static [u8])],
}

/// One message of the agent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl Sent {
    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    pub(crate) fn has(&self, attribute: AttributeType) -> bool {
        self.message().value(attribute).is_some()
    }

    pub(crate) fn is_request(&self) -> bool {
        self.message().class() == Class::Request
    }
}

impl Scripted {
    pub(crate) fn new(role: Role) -> Self {
        Self::with(role, Config::default())
    }

    pub(crate) fn with(role: Role, config: Config) -> Self {
        let now = Network::new(0).now();
        let local: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let mut agent = Agent::new(Arc::new(config), [9; 32], now);
        agent.set_role(now, role);
        agent.add_interface(now, local).unwrap();
        Self { agent, now, local, ids: 0 }
    }

    /// Credentials known, no candidate.
    pub(crate) fn described(role: Role) -> Self {
        let mut scripted = Self::new(role);
        scripted.describe();
        scripted
    }

    pub(crate) fn describe(&mut self) {
        self.agent.set_remote_credentials(self.now, Credentials::new(UFRAG, PWD).unwrap()).unwrap();
    }

    pub(crate) fn add_candidate(&mut self, address: &str, priority: u32) {
        let candidate = Candidate::udp("1", priority, address.parse().unwrap(), CandidateKind::Host);
        self.agent.add_remote_candidate(self.now, &candidate);
    }

    pub(crate) fn ask(&mut self) -> Ask {
        self.ids += 1;
        let mut id = [0xab; 12];
        id[..8].copy_from_slice(&self.ids.to_be_bytes());
        let role = self.agent.role().opposite();
        Ask { id: TransactionId(id), role, tie_breaker: 77, use_candidate: false, extra: &[] }
    }

    pub(crate) fn write(&self, ask: Ask) -> Vec<u8> {
        self.write_as(ask, self.agent.local_credentials())
    }

    /// A check made with these credentials as the agent's.
    pub(crate) fn write_as(&self, ask: Ask, credentials: &Credentials) -> Vec<u8> {
        let mut out = vec![];
        let mut writer = Writer::new(&mut out, Class::Request, Method::BINDING, ask.id)
            .username(credentials.ufrag().as_bytes(), UFRAG.as_bytes())
            .priority(1_000_000);
        writer = match ask.role {
            Role::Controlling => writer.ice_controlling(ask.tie_breaker),
            Role::Controlled => writer.ice_controlled(ask.tie_breaker),
        };
        if ask.use_candidate {
            writer = writer.use_candidate();
        }
        for (attribute, value) in ask.extra {
            writer = writer.attribute(AttributeType(*attribute), value);
        }
        let key = RUST_CRYPTO.key(credentials.pwd().as_bytes());
        writer.integrity(&*key).fingerprint().finish().unwrap();
        out
    }

    /// Hands the agent a datagram from `from`.
    pub(crate) fn receive(&mut self, from: &str, bytes: &[u8]) -> Result<(), Discard> {
        let mut bytes = bytes.to_vec();
        let path = Path::udp(self.local, from.parse().unwrap());
        match self.agent.handle_datagram(self.now, path, &mut bytes)? {
            Received::Consumed => Ok(()),
            Received::Payload { .. } => panic!("a payload"),
        }
    }

    pub(crate) fn receive_check(&mut self, from: &str, ask: Ask) -> Result<(), Discard> {
        let bytes = self.write(ask);
        self.receive(from, &bytes)
    }

    /// The peer checks and nominates.
    pub(crate) fn receive_nomination(&mut self, from: &str) -> Result<(), Discard> {
        let ask = Ask { use_candidate: true, ..self.ask() };
        self.receive_check(from, ask)
    }

    /// All that the agent sends now.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        let mut all = vec![];
        loop {
            let mut bytes = vec![];
            let Some(transmit) = self.agent.poll_transmit(self.now, 1500, &mut bytes) else { return all };
            all.push(Sent { to: transmit.path.remote, bytes });
        }
    }

    /// All that the agent sends from now until then.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Sent> {
        let end = self.now + time;
        let mut all = self.sent();
        while let Some(next) = self.agent.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.agent.handle_timeout(self.now);
            all.extend(self.sent());
        }
        self.now = end;
        all
    }

    /// Lets time pass until the agent sends something.
    pub(crate) fn next_sent(&mut self) -> Sent {
        loop {
            if let Some(sent) = self.sent().into_iter().next() {
                return sent;
            }
            self.now = self.now.max(self.agent.poll_timeout().unwrap());
            self.agent.handle_timeout(self.now);
        }
    }

    /// The peer's good answer to a request of the agent.
    pub(crate) fn success(&self, request: &Sent) -> Vec<u8> {
        let mut out = vec![];
        Writer::new(&mut out, Class::Success, Method::BINDING, request.message().transaction_id())
            .xor_mapped_address(self.local)
            .integrity(&*RUST_CRYPTO.key(PWD.as_bytes()))
            .fingerprint()
            .finish()
            .unwrap();
        out
    }

    /// The peer's bad answer.
    pub(crate) fn error(&self, request: &Sent, code: ErrorCode) -> Vec<u8> {
        let mut out = vec![];
        Writer::new(&mut out, Class::Error, Method::BINDING, request.message().transaction_id())
            .error_code(code)
            .integrity(&*RUST_CRYPTO.key(PWD.as_bytes()))
            .fingerprint()
            .finish()
            .unwrap();
        out
    }

    /// Answers the agent's requests from one of its other interfaces to one address, for a while.
    pub(crate) fn answer_on(&mut self, local: SocketAddr, time: Duration, from: &str) {
        let first = std::mem::replace(&mut self.local, local);
        self.answer(time, &[from]);
        self.local = first;
    }

    /// Answers every request that the agent sends to the addresses given, for a while.
    pub(crate) fn answer(&mut self, time: Duration, who: &[&str]) -> Vec<Sent> {
        let end = self.now + time;
        let mut all = vec![];
        loop {
            let sent = self.sent();
            let mut answered = false;
            for request in sent.iter().filter(|sent| sent.is_request()) {
                if let Some(from) = who.iter().find(|from| from.parse() == Ok(request.to)) {
                    let answer = self.success(request);
                    self.receive(from, &answer).unwrap();
                    answered = true;
                }
            }
            all.extend(sent);
            if answered {
                continue;
            }
            match self.agent.poll_timeout().filter(|next| *next <= end) {
                Some(next) => {
                    self.now = self.now.max(next);
                    self.agent.handle_timeout(self.now);
                }
                None => break,
            }
        }
        self.now = end;
        all
    }
}
