//! Prints the table of CPU time; `--bin heap` prints what idle connections hold, `--bin fanout` one row.

use duologue_peers::{call, dtls, fanout, rtp, sctp, sdp, srtp, stun, table};

fn main() {
    table::head();
    sctp::bulk();
    sctp::small();
    dtls::handshake();
    dtls::record();
    stun::check();
    stun::build();
    sdp::parse();
    rtp::parse();
    rtp::build();
    srtp::protect();
    srtp::unprotect();
    call::connect();
    call::bulk();
    fanout::forward();
}
