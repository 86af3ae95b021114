//! Session descriptions and offer/answer negotiation for WebRTC, without IO.
