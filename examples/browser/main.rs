//! A page that opens a data channel to this program, a second one that negotiates with it both ways, and the endpoint
//! behind them that any client can be pointed at.
//!
//! `cargo run --release --example browser`, then open the address that it prints. One thread serves HTTP and all peers;
//! the peers share one UDP socket per interface address, told apart by a `Demux`, and with `--tcp-port` one listener besides.
//! `--turn turn:192.0.2.1,user,password` gathers relayed candidates too.
//!
//! Over HTTP, with JSON, candidates inside the descriptions:
//! - `POST /offer` `{type, sdp}` gives `{type: "answer", sdp, id}`; `?id=ID` a further offer for that connection,
//!   `?negotiated=N` makes a channel "negotiated" with id N besides;
//! - `POST /offer-me` `{data?}` gives `{type: "offer", sdp, id}` with a channel "from-sut"; then `POST /answer?id=ID`;
//! - `POST /negotiate` `{polite?, automatic?, answers?}` gives `{id}`: a peer that negotiates both ways and trickles;
//!   `POST /do?id=ID` `{do, ...}` has it do something (the names are in `negotiation.rs`), also take what was signalled;
//!   `GET /events?id=ID&after=N&wait=true` gives `{next, entries}`: what it signals and tells from the Nth entry on;
//! - `GET /state?id=ID`; `POST /close?id=ID`.
//!
//! Every message is echoed on its channel; a channel whose label starts with "close-me" is closed after its first one.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

mod handling;
mod http;
#[path = "../media/mod.rs"]
#[allow(dead_code, reason = "each example uses a part of it")]
mod media;
mod negotiation;
mod network;
mod peer;
mod server;
mod stats;
mod turn;

use clap::Parser;
use duologue::ice::TurnServer;
use std::net::SocketAddr;
use tokio::sync::mpsc;

/// Serves a page that opens a peer connection to this program.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Where to serve HTTP.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The UDP port of all peers, on every interface address; 0 takes a free one for each.
    #[arg(long, default_value_t = 0)]
    udp_port: u16,
    /// Accepts TCP on this port of every interface address too, and opens it to candidates of the browser's; 0 takes a free
    /// one for each.
    #[arg(long)]
    tcp_port: Option<u16>,
    /// A TURN server as URI,USER,PASSWORD, and its address as IP:PORT if that is not to be looked up. May be repeated.
    #[arg(long, value_parser = turn::parse)]
    turn: Vec<TurnServer>,
    /// Relayed candidates alone.
    #[arg(long)]
    relay_only: bool,
    /// The certificates, as PEM, that TLS to TURN servers trusts; without it those that the system trusts.
    #[arg(long)]
    ca: Option<std::path::PathBuf>,
    /// Runs ICE as a lite agent.
    #[arg(long)]
    lite: bool,
    /// Appends the DTLS keys of every connection to this file, so that Wireshark decrypts a capture.
    #[arg(long)]
    keylog: Option<std::path::PathBuf>,
    /// Where recordings go that the page or a client asks for; without it there are none.
    #[arg(long)]
    recordings: Option<std::path::PathBuf>,
}

/// Commands that wait for the peers' loop; HTTP waits when there are more.
const COMMANDS: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let (commands, received) = mpsc::channel(COMMANDS);
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    let server = server::Server::bind(&args)?;
    println!("http://{}", listener.local_addr()?);
    for address in server.addresses() {
        println!("udp {address}");
    }
    for address in server.listening() {
        println!("tcp {address}");
    }
    tokio::select! {
        served = axum::serve(listener, http::router(commands)) => served?,
        ran = server.run(received) => ran?,
    }
    Ok(())
}
