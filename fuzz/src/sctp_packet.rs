//! Arbitrary bytes as packets: every view is read to its end, and an association takes them in each early state.

use duologue_sctp::packet::{self, Chunk, PacketWriter};
use duologue_sctp::{Association, Config};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// One input: chunks, to which a header and a checksum are added.
pub fn run(data: &[u8]) {
    let _ = packet::parse(data);
    let mut bytes = Vec::new();
    let tag = data.first().map_or(0, |byte| u32::from(byte & 1));
    write(&mut bytes, tag, data.get(1..).unwrap_or_default());
    read(&bytes);
    feed(&bytes);
}

/// A packet of these chunks; what follows the last whole chunk becomes a chunk of its own.
fn write(out: &mut Vec<u8>, verification_tag: u32, mut chunks: &[u8]) {
    let header = packet::Header { source_port: 5000, destination_port: 5000, verification_tag };
    let mut writer = PacketWriter::begin(out, header, 65_535);
    while let [kind, flags, len, rest @ ..] = chunks {
        let (value, after) = rest.split_at(usize::from(*len).min(rest.len()));
        writer.chunk(*kind, *flags, |out| out.extend_from_slice(value));
        chunks = after;
    }
    writer.finish();
}

/// Reads all views; the steps are bounded by the bytes.
fn read(bytes: &[u8]) {
    let Ok((_, chunks)) = packet::parse(bytes) else { return };
    let mut steps = 0;
    for chunk in chunks {
        steps += 1;
        match chunk.parse() {
            Some(Chunk::Init(init) | Chunk::InitAck(init)) => {
                init.read_parameters(|whole| assert!(whole.len() >= 4));
                steps += init.parameters.count();
            }
            Some(Chunk::Sack(sack)) => steps += sack.gaps().count() + sack.duplicates().count(),
            Some(Chunk::Abort { causes, .. } | Chunk::Error(causes)) => steps += causes.count(),
            Some(Chunk::Reconfig(reconfigs)) => steps += reconfigs.count(),
            Some(Chunk::ForwardTsn(forward)) => steps += forward.skipped().count(),
            Some(Chunk::Data(data)) => {
                let mut again = data.header().to_vec();
                again.extend_from_slice(data.payload);
                assert_eq!(again.get(4..), chunk.whole.get(4..));
            }
            _ => {}
        }
    }
    assert!(steps <= bytes.len() / 4 + 1);
}

/// An association that has not connected, and one that waits for an INIT ACK.
fn feed(bytes: &[u8]) {
    static START: OnceLock<Instant> = OnceLock::new();
    #[allow(clippy::disallowed_methods)]
    let now = *START.get_or_init(Instant::now);
    for connect in [false, true] {
        let mut association = Association::new(Arc::new(Config::default()), [7; 32], now);
        if connect {
            association.connect(now);
        }
        let _ = association.handle_packet(now, bytes);
        let mut out = Vec::new();
        let mut packets = 0;
        while association.poll_transmit(now, 1500, &mut out).is_some() {
            packets += 1;
        }
        assert!(packets <= 2);
        while association.poll_event().is_some() {}
        assert!(association.recv().is_none());
    }
}
