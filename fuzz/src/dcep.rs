//! Arbitrary messages of an association's peer to data channels: nothing panics, channels stay bounded, and what
//! the channels answer comes to an end.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use duologue_sctp::dcep::{ChannelConfig, Channels, DtlsRole, Event};
use duologue_sctp::{Association, Config, Message, SendOptions, StreamId};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[derive(Debug, Arbitrary)]
enum Op {
    /// The peer sends any message.
    Send { stream: u8, ppid: u8, payload: Vec<u8>, unordered: bool },
    /// The peer opens a channel.
    Open { stream: u8, kind: u8, label: u8, protocol: u8 },
    Reset { stream: u8 },
    Create { negotiated: Option<u8> },
    Close { channel: u8 },
    Wait,
}

const MAX_CHANNELS: u32 = 20;

/// One input.
pub fn run(data: &[u8]) {
    static START: OnceLock<Instant> = OnceLock::new();
    #[allow(clippy::disallowed_methods)]
    let mut now = *START.get_or_init(Instant::now);
    let mut config = Config::default();
    config.max_channels = MAX_CHANNELS;
    let config = Arc::new(config);
    let mut peer = Association::new(config.clone(), [1; 32], now);
    let mut channels = Channels::new(config, [2; 32], now);
    channels.set_dtls_role(now, DtlsRole::Server);
    peer.connect(now);
    exchange(now, &mut peer, &mut channels);
    let mut known = Vec::new();
    let mut bytes = Unstructured::new(data);
    for _ in 0..100 {
        if bytes.is_empty() {
            break;
        }
        let Ok(op) = Op::arbitrary(&mut bytes) else { break };
        match op {
            Op::Send { stream, ppid, payload, unordered } => {
                let message = Message { stream: StreamId(stream.into()), ppid: 48 + u32::from(ppid % 12), payload: payload.into() };
                let _ = peer.send(now, message, SendOptions { unordered, ..SendOptions::default() });
            }
            Op::Open { stream, kind, label, protocol } => {
                let mut open = vec![3, kind, 1, 0, 0, 0, 0, 9, 0, label, 0, protocol];
                open.resize(open.len() + usize::from(label) + usize::from(protocol), b'x');
                let message = Message { stream: StreamId(stream.into()), ppid: 50, payload: Bytes::from(open) };
                let _ = peer.send(now, message, SendOptions::default());
            }
            Op::Reset { stream } => peer.reset_stream(now, StreamId(stream.into())),
            Op::Create { negotiated } => {
                let mut config = ChannelConfig::default();
                config.negotiated = negotiated.map(u16::from);
                known.extend(channels.create(now, config).ok());
            }
            Op::Close { channel } => {
                if let Some(id) = known.get(usize::from(channel) % known.len().max(1)) {
                    channels.close(now, *id);
                }
            }
            Op::Wait => now += Duration::from_millis(500),
        }
        peer.handle_timeout(now);
        channels.handle_timeout(now);
        exchange(now, &mut peer, &mut channels);
        while let Some(event) = channels.poll_event() {
            match event {
                Event::Incoming(id) => known.push(id),
                Event::Closed(id, _) => {
                    known.retain(|open| *open != id);
                    assert!(channels.channel(id).is_none());
                }
                _ => {}
            }
        }
        while peer.poll_event().is_some() || peer.recv().is_some() {}
        while channels.recv().is_some() {}
        assert!(channels.channels().count() <= MAX_CHANNELS as usize);
        assert_eq!(channels.stats().receive_buffer, 0);
    }
}

fn exchange(now: Instant, peer: &mut Association, channels: &mut Channels) {
    let mut out = Vec::new();
    for _ in 0..10_000 {
        out.clear();
        let from_peer = peer.poll_transmit(now, 1500, &mut out).is_some();
        if from_peer {
            let _ = channels.handle_packet(now, &out);
        }
        out.clear();
        let from_us = channels.poll_transmit(now, 1500, &mut out).is_some();
        if from_us {
            let _ = peer.handle_packet(now, &out);
        }
        if !from_peer && !from_us {
            return;
        }
    }
    unreachable!("the exchange does not end");
}
