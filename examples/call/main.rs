//! Two peer connections in one process call each other across a simulated network, on virtual time.
//!
//! `cargo run --release --example call -- --help` lists what the network can be made of. The same seed prints the same
//! timeline, byte for byte.
#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "the peers are hosts 0 and 1, and numbers are of their flags' ranges"
)]

mod network;
mod script;
mod timeline;

use clap::Parser;
use duologue_netsim::NatKind;
use std::path::PathBuf;
use std::process::ExitCode;

/// Two peer connections in one process negotiate, connect across a simulated network (both behind NATs), open data
/// channels, exchange messages, move 16 MiB and close, all in virtual time.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Seed of everything random: the network, keys, credentials.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Datagrams lost each way, in percent.
    #[arg(long, default_value_t = 1.0, value_parser = percent)]
    loss: f64,
    /// Round trip between the two peers, in milliseconds.
    #[arg(long, default_value_t = 50)]
    rtt: u64,
    /// Rate of each peer's uplink, in Mbit/s.
    #[arg(long, default_value_t = 100.0, value_parser = rate)]
    rate: f64,
    /// Alice's NAT: full-cone, address-restricted, port-restricted or symmetric.
    #[arg(long, default_value = "port-restricted")]
    nat_a: NatKind,
    /// Bob's NAT.
    #[arg(long, default_value = "address-restricted")]
    nat_b: NatKind,
    /// Writes the datagrams here, as Wireshark reads them.
    #[arg(long)]
    pcap: Option<PathBuf>,
    /// Writes the DTLS keys here, so that Wireshark decrypts them.
    #[arg(long)]
    keylog: Option<PathBuf>,
}

fn percent(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number is needed")?;
    if (0.0..=100.0).contains(&value) { Ok(value) } else { Err("0 to 100 are possible".into()) }
}

fn rate(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number is needed")?;
    if (0.001..=100_000.0).contains(&value) { Ok(value) } else { Err("0.001 to 100000 are possible".into()) }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut call = match script::Call::new(&args) {
        Ok(call) => call,
        Err(error) => return fail(&format!("the call cannot be set up: {error}")),
    };
    let outcome = call.run();
    if let Err(error) = call.write_files(&args) {
        return fail(&format!("a file cannot be written: {error}"));
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&format!("the call failed: {failure}")),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}
