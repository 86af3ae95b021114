//! What a connectivity check costs: built, and parsed and verified, beside bare HMAC.

#![expect(clippy::expect_used, reason = "a bench that fails here measures nothing")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duologue_stun::crypto::{HmacProvider, RUST_CRYPTO};
use duologue_stun::{Class, Message, Method, TransactionId, Writer};

fn write(out: &mut Vec<u8>, key: &dyn duologue_stun::crypto::HmacKey) -> usize {
    Writer::new(out, Class::Request, Method::BINDING, TransactionId([7; 12]))
        .username(b"h6vYevtj", b"evtjh6vY")
        .priority(0x6e00_01ff)
        .ice_controlling(0x932f_f9b1_5126_3b36)
        .use_candidate()
        .integrity(key)
        .fingerprint()
        .finish()
        .expect("the message is short")
}

fn check(c: &mut Criterion) {
    let key = RUST_CRYPTO.key(b"VOkJxbRl1RmTxUk/WvJxBtab");
    let mut datagram = Vec::new();
    let len = write(&mut datagram, &*key);
    assert_eq!((len, datagram.len()), (100, 100));
    let mut group = c.benchmark_group("stun check");
    group.throughput(Throughput::Elements(1));
    group.bench_function("hmac alone", |b| {
        let (header, body) = datagram.split_at(20);
        let (body, _) = body.split_at(48);
        b.iter(|| key.sign(black_box(header), black_box(body)));
    });
    group.bench_function("parse and verify", |b| {
        b.iter(|| {
            let message = Message::parse(black_box(&datagram)).expect("it is a message");
            message.verify_fingerprint().expect("it has a fingerprint");
            message.verify_integrity(&*key).expect("it is authentic");
            let mut attributes = 0;
            for raw in message.attributes() {
                attributes += usize::from(raw.decode().is_ok());
            }
            assert_eq!(attributes, 6);
            message.transaction_id()
        });
    });
    group.bench_function("build", |b| {
        let mut out = Vec::with_capacity(1500);
        b.iter(|| {
            out.clear();
            assert_eq!(write(black_box(&mut out), &*key), 100);
        });
    });
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
