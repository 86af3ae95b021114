//! The connection's statistics as JSON, under the W3C's names.

use crate::peer::Peer;
use serde_json::{Value, json};
use std::time::Instant;

pub(crate) fn tell(now: Instant, peer: &Peer) -> Value {
    let _ = now;
    let stats = peer.connection.stats();
    json!({
        "transport": {
            "bytesSent": stats.bytes_sent,
            "bytesReceived": stats.bytes_received,
        },
        "network": {
            "inwards": { "passed": peer.network.inwards.passed, "lost": peer.network.inwards.lost },
            "outwards": { "passed": peer.network.outwards.passed, "lost": peer.network.outwards.lost },
        },
    })
}
