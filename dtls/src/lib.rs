//! A sans-IO DTLS connection for WebRTC.
