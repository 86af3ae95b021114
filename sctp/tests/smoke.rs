#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failing test panics; a first instant")]
//! The thinnest path: two peers, no network between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_sctp::Config;
use duologue_sctp::dcep::{ChannelConfig, Channels, DtlsRole, Event, Kind};

fn exchange(now: Instant, a: &mut Channels, b: &mut Channels) -> usize {
    let mut packets = 0;
    loop {
        let mut out = Vec::new();
        let sent_a = a.poll_transmit(now, 1500, &mut out);
        if sent_a.is_some() {
            b.handle_packet(now, &out).unwrap();
        }
        out.clear();
        let sent_b = b.poll_transmit(now, 1500, &mut out);
        if sent_b.is_some() {
            a.handle_packet(now, &out).unwrap();
        }
        if sent_a.is_none() && sent_b.is_none() {
            return packets;
        }
        packets += 1;
    }
}

#[test]
fn two_peers_open_a_channel_and_exchange_messages() {
    let now = Instant::now();
    let config = Arc::new(Config::default());
    let mut a = Channels::new(config.clone(), [1; 32], now);
    let mut b = Channels::new(config, [2; 32], now);
    let mut chat = ChannelConfig::default();
    chat.label = "chat".to_owned();
    let channel = a.create(now, chat).unwrap();
    a.set_dtls_role(now, DtlsRole::Client);
    b.set_dtls_role(now, DtlsRole::Server);
    a.connect(now);
    b.connect(now);
    a.send(now, channel, Kind::Text, Bytes::from_static(b"early")).unwrap();
    exchange(now, &mut a, &mut b);
    assert_eq!(a.poll_event(), Some(Event::Established));
    assert_eq!(a.poll_event(), Some(Event::Opened(channel)));
    assert_eq!(b.poll_event(), Some(Event::Established));
    let Some(Event::Incoming(theirs)) = b.poll_event() else { panic!("no channel came") };
    assert_eq!(b.poll_event(), Some(Event::Readable));
    assert_eq!(b.channel(theirs).unwrap().config().label, "chat");
    assert_eq!(b.recv().unwrap().payload, "early");
    let large = Bytes::from(vec![7; 65_536]);
    b.send(now, theirs, Kind::Binary, large.clone()).unwrap();
    b.send(now, theirs, Kind::Text, Bytes::new()).unwrap();
    let mut now = now;
    let mut got = Vec::new();
    for _ in 0..100 {
        exchange(now, &mut a, &mut b);
        got.extend(std::iter::from_fn(|| a.recv()));
        now += Duration::from_millis(10);
        a.handle_timeout(now);
        b.handle_timeout(now);
    }
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].payload, large);
    assert_eq!((got[1].kind, got[1].payload.len()), (Kind::Text, 0));
    a.close(now, channel);
    exchange(now, &mut a, &mut b);
    assert!(
        std::iter::from_fn(|| a.poll_event()).any(|e| matches!(e, Event::Closed(id, _) if id == channel))
    );
    assert!(std::iter::from_fn(|| b.poll_event()).any(|e| matches!(e, Event::Closed(id, _) if id == theirs)));
    a.shutdown(now);
    exchange(now, &mut a, &mut b);
    assert!(matches!(a.poll_event(), Some(Event::Ended(_))));
    assert!(matches!(b.poll_event(), Some(Event::Ended(_))));
}
