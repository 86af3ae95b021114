//! What a header with three extensions costs: read, and written.

#![expect(clippy::expect_used, reason = "a bench that fails here measures nothing")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duologue_rtp::extension::{AbsSendTime, AudioLevel, Ids, Kind, TransportSequence};
use duologue_rtp::packet::{self, Header, Packet};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc, Timestamp};

fn ids() -> Ids {
    let mut ids = Ids::new();
    ids.set(Kind::AudioLevel, 1);
    ids.set(Kind::AbsSendTime, 2);
    ids.set(Kind::TransportSequence, 3);
    ids
}

fn build(out: &mut Vec<u8>, ids: &Ids, number: u16) -> usize {
    let header = Header {
        marker: true,
        payload_type: PayloadType::from_low_bits(111),
        sequence_number: SequenceNumber(number),
        timestamp: Timestamp(960),
        ssrc: Ssrc(0x1234_5678),
    };
    packet::write(out, &header, &[], |extensions| {
        extensions.typed(ids, &AudioLevel { voice: true, below_overload: 30 });
        extensions.typed(ids, &AbsSendTime::from_ntp(0x1_8000_0000));
        extensions.typed(ids, &TransportSequence(number));
    })
}

fn header(c: &mut Criterion) {
    let ids = ids();
    let mut datagram = Vec::with_capacity(1500);
    assert_eq!(build(&mut datagram, &ids, 7), 28);
    datagram.resize(1200, 0);
    let mut group = c.benchmark_group("rtp header, three extensions");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |b| {
        b.iter(|| {
            let packet = Packet::parse(black_box(&datagram)).expect("it is a packet");
            let mut elements = 0;
            for (id, value) in packet.extensions() {
                elements += usize::from(ids.kind(id).is_some()) + value.len();
            }
            assert_eq!((elements, packet.payload().len()), (9, 1172));
            packet.header()
        });
    });
    group.bench_function("build", |b| {
        let mut out = Vec::with_capacity(1500);
        b.iter(|| {
            out.clear();
            assert_eq!(build(black_box(&mut out), &ids, black_box(7)), 28);
        });
    });
    group.finish();
}

criterion_group!(benches, header);
criterion_main!(benches);
