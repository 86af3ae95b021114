//! Candidates that hide their address behind a multicast DNS name (draft-ietf-mmusic-mdns-ice-candidates; RFC 6762): who
//! is on the same network can resolve it, and the embedder does so.

use std::net::IpAddr;
use std::time::Instant;

use crate::agent::Agent;
use crate::event::Event;
use crate::grammar::{Candidate, CandidateAddress};
use crate::remote::Accepted;
use crate::session::Session;
use crate::shared::Shared;

impl Agent {
    /// The address behind a name that [`Event::ResolveName`] asked for. A name with several addresses is to be ignored
    /// (Section 3.2.1 of the draft), as one with none.
    pub fn name_resolved(&mut self, now: Instant, name: &str, address: IpAddr) {
        let now = self.advance(now);
        if self.is_over() {
            return;
        }
        let Self { shared, session, .. } = self;
        let named = |candidate: &mut Candidate| is_named(candidate, name);
        let candidates: Vec<_> = session.unresolved.extract_if(.., named).collect();
        for mut candidate in candidates {
            candidate.address = CandidateAddress::Ip(address);
            match session.accept_remote(shared, &candidate) {
                Accepted::New => session.start_checking(shared, now),
                Accepted::Known => {}
                Accepted::Ignored => shared.stats.candidates_ignored += 1,
            }
        }
        self.settle(now);
    }
}

impl Session {
    /// Keeps a candidate until its name is resolved, and asks for that once.
    pub(crate) fn ask_for_name(
        &mut self,
        shared: &mut Shared,
        name: &str,
        candidate: &Candidate,
    ) -> Accepted {
        if self.unresolved.contains(candidate) {
            return Accepted::Known;
        }
        if self.unresolved.len() >= usize::from(shared.config.max_remote_candidates) {
            return Accepted::Ignored;
        }
        if !self.unresolved.iter().any(|other| is_named(other, name)) {
            shared.notices.push_back(Event::ResolveName(name.to_owned()));
        }
        self.unresolved.push(candidate.clone());
        Accepted::New
    }
}

fn is_named(candidate: &Candidate, name: &str) -> bool {
    matches!(&candidate.address, CandidateAddress::Mdns(other) if other.eq_ignore_ascii_case(name))
}
