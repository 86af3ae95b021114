//! The server through its public API, on virtual time.
#![cfg(all(feature = "rust-crypto", feature = "server"))]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod accounts;
mod allocation;
mod relaying;
#[expect(unreachable_pub, reason = "shared with other tests")]
mod world;

use std::net::SocketAddr;
use std::time::Duration;

use duologue_stun::{Attribute, AttributeType, ChannelNumber, Message, Writer};
use world::address;

const MINUTE: Duration = Duration::from_secs(60);

fn peer() -> SocketAddr {
    address("203.0.113.77:5000")
}

fn channel(number: u16) -> ChannelNumber {
    ChannelNumber::new(number).unwrap()
}

fn lifetime(answer: &[u8]) -> u32 {
    match Message::parse(answer).unwrap().attribute(AttributeType::LIFETIME) {
        Ok(Some(Attribute::Lifetime(seconds))) => seconds,
        other => panic!("{other:?}"),
    }
}

fn udp(writer: Writer<'_>) -> Writer<'_> {
    writer.requested_transport(17)
}
