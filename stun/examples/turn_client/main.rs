//! Checks a TURN server: makes two allocations on it, sends datagrams from one to the other and back, and prints the
//! relayed addresses, the round trip, and what was lost.
//!
//! `cargo run -p duologue-stun --example turn_client -- turn:turn.example.org --user alice:secret`, or `--secret TEXT` where
//! the server takes credentials of the REST kind. The URI says how the server is spoken to: `?transport=tcp` over TCP, `turns:`
//! over TLS. It ends with an error when anything is lost, refused or too late.
//!
//! It shows how [`duologue_stun::turn::Client`] is embedded: `side.rs` is the loop's body for one client, `link.rs` what
//! carries it, a socket with a thread that reads.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

mod check;
mod link;
mod side;
mod traffic;

use clap::{Parser, ValueEnum};
use duologue_stun::auth::Credentials;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::turn::{ClientConfig, ClientTransport, Families};
use duologue_stun::uri::{Host, Protocol, Uri};
use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Checks a TURN server with datagrams through two allocations.
#[derive(Parser)]
struct Options {
    /// The server: turn:HOST, turns:HOST, with :PORT and ?transport=udp or tcp where wanted.
    uri: Uri,
    /// A user, as NAME:PASSWORD.
    #[arg(long, value_parser = user, conflicts_with = "secret")]
    user: Option<(String, String)>,
    /// The secret that is shared with the server, for credentials of the REST kind.
    #[arg(long)]
    secret: Option<String>,
    /// The relayed addresses to ask for.
    #[arg(long, value_enum, default_value = "ipv4")]
    family: Family,
    /// How many datagrams are sent for each family, and echoed.
    #[arg(long, default_value_t = 250)]
    count: u32,
    /// The time between them, in milliseconds.
    #[arg(long, default_value_t = 20)]
    interval: u64,
    /// The length of each, in bytes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(16..=1_400))]
    size: u16,
    /// How much may be lost before that is an error, in percent.
    #[arg(long, default_value_t = 0.0)]
    allow_loss: f64,
    /// The longest time without an arrival before that is an error, in milliseconds.
    #[arg(long)]
    max_gap: Option<u64>,
    /// Sends without channels, by Send indications.
    #[arg(long)]
    no_channels: bool,
    /// The lifetime to ask for, in seconds.
    #[arg(long)]
    lifetime: Option<u32>,
    /// How often permissions and channels are asked for again, in seconds: no message tells when a server keeps them for less
    /// than the five minutes of RFC 8656.
    #[arg(long)]
    peer_refresh: Option<u64>,
    /// A PEM file of certificates to trust in place of the system's.
    #[arg(long)]
    ca: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Family {
    Ipv4,
    Ipv6,
    Both,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (host, protocol) = (&options.uri.host, options.uri.protocol());
    if !options.uri.scheme.is_turn() {
        return Err("the URI is that of a STUN server, which does not relay".into());
    }
    let tls = match protocol {
        Protocol::Udp | Protocol::Tcp => None,
        Protocol::Tls => Some(link::tls(options.ca.as_deref())?),
        Protocol::Dtls => return Err("DTLS to the server is not in this example".into()),
    };
    let server = look_up(host, options.uri.port())?;
    let name = host.to_string().trim_matches(['[', ']']).to_owned();
    let opener = link::Opener { protocol, tls, name };
    let check = check::Check::new(&opener, &options.config(server)?, server, options.plan())?;
    println!("{server} over {}", link::name(protocol));
    check.run()
}

fn user(text: &str) -> Result<(String, String), &'static str> {
    let (name, password) = text.split_once(':').ok_or("it is NAME:PASSWORD")?;
    Ok((name.to_owned(), password.to_owned()))
}

/// The first address of a host.
fn look_up(host: &Host, port: u16) -> Result<SocketAddr, Box<dyn Error>> {
    match host {
        Host::Ip(ip) => Ok(SocketAddr::new(*ip, port)),
        Host::Name(name) => {
            Ok((name.as_str(), port).to_socket_addrs()?.next().ok_or("the server's name has no address")?)
        }
    }
}

impl Options {
    fn config(&self, server: SocketAddr) -> Result<ClientConfig, Box<dyn Error>> {
        let mut config = ClientConfig::new(&RUST_CRYPTO, server);
        if !matches!(self.uri.protocol(), Protocol::Udp) {
            config.transport = ClientTransport::Stream;
        }
        if let Some((username, password)) = self.user.clone() {
            config.credentials = Some(Credentials::LongTerm { username, password });
        } else if let Some(secret) = &self.secret {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
            let (secret, ends) = (secret.as_bytes(), now + CREDENTIALS_LIFETIME);
            config.credentials =
                Some(Credentials::from_shared_secret(&RUST_CRYPTO, secret, ends, "turn_client"));
        }
        config.families = match self.family {
            Family::Ipv4 => Families::Ipv4,
            Family::Ipv6 => Families::Ipv6,
            Family::Both => Families::Both,
        };
        config.channels = !self.no_channels;
        config.lifetime = self.lifetime;
        if let Some(seconds) = self.peer_refresh {
            config.peer_refresh = Duration::from_secs(seconds);
        }
        Ok(config)
    }

    fn plan(&self) -> check::Plan {
        check::Plan {
            count: self.count,
            interval: Duration::from_millis(self.interval.max(1)),
            size: usize::from(self.size),
            allowed_loss: self.allow_loss,
            max_gap: self.max_gap.map(Duration::from_millis),
            families: match self.family {
                Family::Ipv4 | Family::Ipv6 => 1,
                Family::Both => 2,
            },
        }
    }
}

/// How long credentials of the REST kind are made to last, in seconds.
const CREDENTIALS_LIFETIME: u64 = 3_600;
