//! Any bytes as a STUN message: parsed or refused, and what was parsed is written again the same.

use duologue_stun::{Attribute, Header, Message, Writer};

/// Parses, reads everything, and writes what was read.
pub fn run(data: &[u8]) {
    let parsed = Message::parse(data);
    if Header::parse(data).is_err() {
        assert!(parsed.is_err());
    }
    let Ok(message) = parsed else { return };
    let _ = (
        message.verify_fingerprint(),
        message.username_local(),
        message.mapped_address(),
        message.error_code(),
    );
    let mut count = 0;
    let mut out = b"before".to_vec();
    let mut writer = Writer::new(&mut out, message.class(), message.method(), message.transaction_id());
    for raw in message.attributes() {
        count += 1;
        assert!(count <= data.len() / 4);
        if let Ok(Attribute::XorMappedAddress(address)) = raw.decode() {
            let mut other = Vec::new();
            let id = message.transaction_id();
            let _ = Writer::new(&mut other, message.class(), message.method(), id)
                .xor_mapped_address(address)
                .finish();
            assert_eq!(
                Message::parse(&other).ok().and_then(|message| message.mapped_address()),
                Some(address)
            );
        }
        writer = writer.attribute(raw.attribute, raw.value);
    }
    assert!(message.unknown_attributes().count() <= count);
    let Ok(len) = writer.finish() else { return };
    assert!(len <= data.len(), "writing adds nothing");
    let Some(written) = out.strip_prefix(b"before") else { panic!("what stood before is gone") };
    let Ok(again) = Message::parse(written) else { panic!("what was written does not parse") };
    let same = message.attributes().map(|raw| (raw.attribute, raw.value));
    assert!(again.attributes().map(|raw| (raw.attribute, raw.value)).eq(same));
}
