//! A sans-IO ICE agent: gathering, checks, nomination, consent.
