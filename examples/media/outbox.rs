//! What a peer has to say over HTTP, kept until it is asked for.

use super::http::Reply;
use serde_json::{Value, json};

/// Entries that nobody has asked for are kept this many.
const MAX_ENTRIES: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The entries, before which `taken` others are gone.
    entries: Vec<Value>,
    taken: usize,
    /// Who waits for the next entries.
    listener: Option<Reply>,
}

impl Outbox {
    /// Answers with the entries from `after` on, at once or as soon as there is one. Those before are not asked for again.
    pub(crate) fn listen(&mut self, after: usize, wait: bool, reply: Reply) {
        let known = after.saturating_sub(self.taken).min(self.entries.len());
        self.entries.drain(..known);
        self.taken += known;
        if wait && self.entries.is_empty() {
            self.listener = Some(reply);
        } else {
            self.tell(reply);
        }
    }

    pub(crate) fn push(&mut self, entry: Value) {
        self.entries.push(entry);
        if self.entries.len() > MAX_ENTRIES {
            self.entries.remove(0);
            self.taken += 1;
        }
        if let Some(reply) = self.listener.take() {
            self.tell(reply);
        }
    }

    fn tell(&self, reply: Reply) {
        let next = self.taken + self.entries.len();
        // Who has gone away meanwhile asks again.
        let _ = reply.send(Ok(json!({ "next": next, "entries": self.entries })));
    }
}

/// Nothing is left unanswered.
impl Drop for Outbox {
    fn drop(&mut self) {
        if let Some(reply) = self.listener.take() {
            self.tell(reply);
        }
    }
}
