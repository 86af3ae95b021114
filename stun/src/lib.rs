//! STUN messages and transactions for WebRTC, without IO.
