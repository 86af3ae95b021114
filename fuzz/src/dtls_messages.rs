//! Every parser of DTLS on arbitrary bytes: no panic, and what is parsed lies within the input.

use duologue_dtls::handshake::{Body, Fragment, HandshakeType};
use duologue_dtls::{Alert, Fingerprint, RECORD_HEADER_LEN, RecordHeader, certificate_key};

/// Parses `data` as each thing that a peer sends.
pub fn run(data: &[u8]) {
    if let Ok(header) = RecordHeader::parse(data) {
        assert!(usize::from(header.length) + RECORD_HEADER_LEN <= data.len());
        assert_eq!(header.to_bytes(), data[..RECORD_HEADER_LEN]);
    }
    let mut rest = data;
    while let Ok((fragment, behind)) = Fragment::parse(rest) {
        assert!(fragment.end() <= fragment.length);
        assert!(behind.len() < rest.len(), "each fragment takes bytes");
        let mut written = Vec::new();
        fragment.write(&mut written);
        assert_eq!(written, rest[..rest.len() - behind.len()]);
        rest = behind;
    }
    for kind in 0..=25 {
        if let Ok(Body::ClientHello(hello)) = Body::parse(HandshakeType(kind), data) {
            let extensions = hello.extensions.iter().map(|(_, data)| data.len() + 4).sum::<usize>();
            assert!(extensions <= data.len());
        }
    }
    if let Ok(alert) = Alert::parse(data) {
        assert!(!alert.description.name().is_empty());
    }
    if let Ok(key) = certificate_key(data) {
        assert!(data.windows(key.len()).any(|window| window == key));
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(fingerprint) = text.parse::<Fingerprint>()
    {
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }
}
