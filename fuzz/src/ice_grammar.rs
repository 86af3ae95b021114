//! Any text as a candidate: parsed or refused, and what was parsed prints to what parses the same.

use duologue_ice::{Candidate, Credentials};

/// Parses and prints.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(candidate) = text.parse::<Candidate>() {
        let printed = candidate.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&candidate), "{printed}");
        assert_eq!(candidate.value().parse().as_ref(), Ok(&candidate));
        let _ = (candidate.socket_address(), candidate.ufrag());
    }
    let (ufrag, pwd) = text.split_at(text.char_indices().nth(8).map_or(text.len(), |(at, _)| at));
    if let Ok(credentials) = Credentials::new(ufrag, pwd) {
        assert_eq!((credentials.ufrag(), credentials.pwd()), (ufrag, pwd));
    }
}
