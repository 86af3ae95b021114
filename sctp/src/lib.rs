//! A sans-IO SCTP association with data channels for WebRTC.
