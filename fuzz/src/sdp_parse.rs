//! Any text: what parses prints back to the same value.

use duologue_sdp::SessionDescription;

/// One input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(parsed) = text.parse::<SessionDescription>() {
        assert_eq!(parsed.to_string().parse().as_ref(), Ok(&parsed));
    }
}
