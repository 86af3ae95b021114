//! What tells two states of a world apart: all that their peers hold, whatever random names and counted numbers it has.

use crate::world::World;
use duologue_sdp::SessionDescription;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The key of a world's state.
pub(crate) fn key(world: &World) -> (u64, u64) {
    let mut text = String::new();
    let mut names = Names::default();
    let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
    1u8.hash(&mut hashers[1]);
    for (who, peer) in world.peers.iter().enumerate() {
        text.clear();
        write!(text, "{:?}", peer.negotiator).unwrap();
        // Before it stands what never changes and what is counted; the descriptions created last are set or forgotten.
        let state = text.find(", state: ").expect("the state");
        let created = text.find(", offer: ").expect("the offer created last");
        let rest = text.find(", data_requested: ").expect("what follows");
        names.hash(who, &text[state..created], &mut hashers);
        names.hash(who, &text[rest..], &mut hashers);
        text.clear();
        write!(text, "{:?}", peer.application()).unwrap();
        names.hash(who, &text, &mut hashers);
        for message in &peer.outbox {
            text.clear();
            write!(text, "{:?} {:?}", message.kind, message.text.parse::<SessionDescription>()).unwrap();
            names.hash(who, &text, &mut hashers);
        }
    }
    (hashers[0].finish(), hashers[1].finish())
}

/// Random names and transceivers' identifications, by first appearance.
#[derive(Default)]
struct Names(BTreeMap<(Option<usize>, String), usize>);

impl Names {
    fn number(&mut self, who: Option<usize>, name: &str) -> usize {
        let next = self.0.len();
        *self.0.entry((who, name.to_owned())).or_insert(next)
    }

    fn hash(&mut self, who: usize, text: &str, hashers: &mut [DefaultHasher; 2]) {
        let mut rest = text;
        let mut put = |part: &str| hashers.iter_mut().for_each(|hasher| part.hash(hasher));
        while let Some(at) = rest.find(['"', '(']) {
            let (before, after) = rest.split_at(at);
            put(before);
            let quoted = after.starts_with('"');
            let end = after[1..]
                .find(if quoted { ['"', '"'] } else { ['(', ')'] })
                .map_or(after.len(), |end| end + 1);
            let name = &after[1..end];
            if before.ends_with("version: ") {
            } else if quoted && is_random(name) {
                put(&self.number(None, name).to_string());
            } else if !quoted && before.ends_with("TransceiverId") {
                put(&self.number(Some(who), name).to_string());
            } else {
                put(name);
            }
            let closes = quoted || after[end..].starts_with(')');
            rest = &after[(end + usize::from(closes)).min(after.len())..];
        }
        put(rest);
    }
}

/// Names drawn by a negotiator have 8 or 16 characters; the first credentials are fixed here.
fn is_random(name: &str) -> bool {
    matches!(name.len(), 8 | 16) && name != "bobufrag"
}
