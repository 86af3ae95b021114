//! A STUN and TURN server on std sockets: one thread that owns the machine, one for each socket that reads.
//!
//! `cargo run --example turn_server -- 192.0.2.1:3478 --user alice:secret`, with as many addresses and users as wanted; each
//! address is served over UDP and TCP. `--secret TEXT` takes users of the REST kind, `--realm NAME` names the realm,
//! `--lifetime` and `--nonce-lifetime` bound how long allocations and nonces last, `--rfc5766-channels` takes the channel
//! numbers of older clients, such as coturn's, and `--allow ADDRESS/BITS` allows peers that are refused otherwise, such as
//! 127.0.0.0/8 for a test on one machine. The relayed addresses are on the address that the client speaks to; of the other
//! family on the first one of that.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

use clap::Parser;
use duologue::stun::AddressFamily;
use duologue::stun::crypto::RUST_CRYPTO;
use duologue::stun::framing::{Deframer, Framing};
use duologue::stun::server::{
    Event, HEADROOM, Path, Prefix, Received, Relay, RelayConfig, RelayId, Request, TAILROOM, Transport,
};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

/// What the reading threads tell the one that owns the machine.
enum Input {
    Client(Path, Vec<u8>),
    Peer(RelayId, SocketAddr, Vec<u8>, usize),
    Opened(Path, TcpStream),
    Closed(Path),
}

struct Server {
    relay: Relay,
    addresses: Vec<SocketAddr>,
    udp: BTreeMap<SocketAddr, UdpSocket>,
    streams: BTreeMap<Path, TcpStream>,
    /// Those to be closed: what a client does not read in time is not kept.
    slow: BTreeSet<Path>,
    /// Each with the flag that ends its thread.
    relayed: BTreeMap<RelayId, (UdpSocket, Arc<AtomicBool>)>,
    inputs: mpsc::SyncSender<Input>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (config, addresses) = (options.config(), options.addresses);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let unix_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let relay = Relay::new(Arc::new(config), seed, Instant::now(), unix_time);
    // Bounded: what comes faster than it is relayed waits in the kernel, which drops it.
    let (inputs, received) = mpsc::sync_channel(1_024);
    let mut udp = BTreeMap::new();
    for address in &addresses {
        let socket = UdpSocket::bind(address)?;
        listen(socket.try_clone()?, *address, inputs.clone());
        udp.insert(*address, socket);
        accept(TcpListener::bind(address)?, *address, inputs.clone());
        println!("listening on {address}, UDP and TCP");
    }
    let (streams, slow, relayed) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    let mut server = Server { relay, addresses, udp, streams, slow, relayed, inputs };
    loop {
        let deadline = server.relay.poll_timeout();
        let wait = deadline.map_or(Duration::from_secs(60), |at| at.duration_since(Instant::now()));
        if let Ok(input) = received.recv_timeout(wait) {
            server.handle(Instant::now(), input);
        }
        server.relay.handle_timeout(Instant::now());
        server.drain();
    }
}

impl Server {
    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            // What is of no use is counted in the machine's statistics.
            Input::Client(path, mut datagram) => {
                if let Ok(Received::ToPeer(data)) = self.relay.handle_datagram(now, path, &mut datagram)
                    && let Some((socket, _)) = self.relayed.get(&data.relay)
                {
                    // What the kernel refuses is lost, as on any network.
                    let _ = socket.send_to(data.payload, data.peer);
                }
            }
            Input::Peer(id, peer, mut buffer, len) => {
                if let Ok(data) =
                    self.relay.handle_relayed(now, id, peer, &mut buffer, HEADROOM..HEADROOM + len)
                {
                    let path = data.path;
                    if !write(&self.udp, &mut self.streams, path, data.message) {
                        self.slow.insert(path);
                    }
                }
            }
            Input::Opened(path, stream) => {
                self.streams.insert(path, stream);
            }
            Input::Closed(path) => {
                self.streams.remove(&path);
                self.relay.stream_closed(now, path);
            }
        }
    }

    /// Does what the machine wants until it waits.
    fn drain(&mut self) {
        let mut out = Vec::new();
        loop {
            out.clear();
            let now = Instant::now();
            if let Some(request) = self.relay.poll_request() {
                self.serve(now, request);
            } else if let Some(transmit) = self.relay.poll_transmit(now, 65_535, &mut out) {
                if !write(&self.udp, &mut self.streams, transmit.path, &out) {
                    self.slow.insert(transmit.path);
                }
            } else if let Some(event) = self.relay.poll_event() {
                print(&event);
            } else if let Some(path) = self.slow.pop_first() {
                if let Some(stream) = self.streams.remove(&path) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                self.relay.stream_closed(now, path);
            } else {
                return;
            }
        }
    }

    fn serve(&mut self, now: Instant, request: Request) {
        match request {
            Request::OpenRelay { id, family, port, local } => match self.open(id, family, port, local) {
                Some(address) => self.relay.relay_opened(now, id, address),
                None => self.relay.relay_failed(now, id),
            },
            Request::CloseRelay { id } => {
                if let Some((_, open)) = self.relayed.remove(&id) {
                    open.store(false, Ordering::Relaxed);
                }
            }
            other => println!("not done: {other:?}"),
        }
    }

    fn open(
        &mut self,
        id: RelayId,
        family: AddressFamily,
        port: u16,
        local: SocketAddr,
    ) -> Option<SocketAddr> {
        let mut addresses = std::iter::once(&local).chain(&self.addresses);
        let ip = addresses.find(|address| AddressFamily::of(**address) == family)?.ip();
        let socket = UdpSocket::bind((ip, port)).ok()?;
        // So that the thread sees that the socket is to be closed.
        socket.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        let address = socket.local_addr().ok()?;
        let (reader, open, inputs) =
            (socket.try_clone().ok()?, Arc::new(AtomicBool::new(true)), self.inputs.clone());
        self.relayed.insert(id, (socket, Arc::clone(&open)));
        std::thread::spawn(move || {
            let mut buffer = vec![0; HEADROOM + 65_535 + TAILROOM];
            while open.load(Ordering::Relaxed) {
                let room = buffer.get_mut(HEADROOM..HEADROOM + 65_535).unwrap_or_default();
                let Ok((len, peer)) = reader.recv_from(room) else { continue };
                let datagram = buffer.get(..HEADROOM + len + TAILROOM).unwrap_or_default().to_vec();
                if inputs.send(Input::Peer(id, peer, datagram, len)).is_err() {
                    return;
                }
            }
        });
        Some(address)
    }
}

fn print(event: &Event) {
    match event {
        Event::Allocated { path, username, relayed, additional } => {
            let name = String::from_utf8_lossy(username);
            let second = additional.map(|address| format!(" and {address}")).unwrap_or_default();
            println!("{} ({:?}) has {relayed}{second}, user {name:?}", path.remote, path.transport);
        }
        Event::Released { path, reason, bytes_to_peers, bytes_to_client } => {
            let bytes = format!("{bytes_to_peers} bytes to peers, {bytes_to_client} to it");
            println!("{} ({:?}) has gone: {reason:?}; {bytes}", path.remote, path.transport);
        }
        other => println!("{other:?}"),
    }
}

/// Writes a message to a client; `false` when its stream does not take it whole.
fn write(
    udp: &BTreeMap<SocketAddr, UdpSocket>,
    streams: &mut BTreeMap<Path, TcpStream>,
    path: Path,
    message: &[u8],
) -> bool {
    match path.transport {
        Transport::Datagram => {
            if let Some(socket) = udp.get(&path.local) {
                let _ = socket.send_to(message, path.remote);
            }
            true
        }
        Transport::Stream => streams.get_mut(&path).is_none_or(|stream| stream.write_all(message).is_ok()),
    }
}

/// A thread that waits for datagrams of clients.
fn listen(socket: UdpSocket, local: SocketAddr, inputs: mpsc::SyncSender<Input>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 65_535];
        loop {
            // An error is an earlier datagram's, refused by its receiver.
            let Ok((len, remote)) = socket.recv_from(&mut buffer) else { continue };
            let path = Path { local, remote, transport: Transport::Datagram };
            let datagram = buffer.get(..len).unwrap_or_default().to_vec();
            if inputs.send(Input::Client(path, datagram)).is_err() {
                return;
            }
        }
    });
}

/// A thread that waits for streams, and one more for each of them.
fn accept(listener: TcpListener, local: SocketAddr, inputs: mpsc::SyncSender<Input>) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (Ok(remote), Ok(writer)) = (stream.peer_addr(), stream.try_clone()) else { continue };
            let path = Path { local, remote, transport: Transport::Stream };
            let inputs = inputs.clone();
            let _ = writer.set_nodelay(true);
            let _ = writer.set_write_timeout(Some(Duration::from_millis(200)));
            std::thread::spawn(move || {
                if inputs.send(Input::Opened(path, writer)).is_ok() {
                    read(stream, path, &inputs);
                    let _ = inputs.send(Input::Closed(path));
                }
            });
        }
    });
}

/// Reads a stream until it ends, fails or is silent for an hour.
fn read(mut stream: TcpStream, path: Path, inputs: &mpsc::SyncSender<Input>) {
    let mut deframer = Deframer::new(Framing::Stun, 65_535);
    let mut buffer = [0; 16_384];
    if stream.set_read_timeout(Some(Duration::from_secs(3_600))).is_err() {
        return;
    }
    loop {
        let Ok(len @ 1..) = stream.read(&mut buffer) else { return };
        let mut bytes = buffer.get_mut(..len).unwrap_or_default();
        loop {
            match deframer.read(&mut bytes) {
                Ok(Some(datagram)) => {
                    if inputs.send(Input::Client(path, datagram.to_vec())).is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// A STUN and TURN server.
#[derive(Parser)]
struct Options {
    /// Where to serve, over UDP and TCP: ADDRESS:PORT, as many as wanted.
    #[arg(required = true)]
    addresses: Vec<SocketAddr>,
    /// A user, as NAME:PASSWORD.
    #[arg(long = "user", value_parser = user)]
    users: Vec<(String, String)>,
    /// A secret that users of the REST kind are made with.
    #[arg(long = "secret")]
    secrets: Vec<String>,
    /// The realm's name.
    #[arg(long, default_value = "duologue")]
    realm: String,
    /// The longest lifetime of an allocation that is not refreshed, in seconds.
    #[arg(long, default_value_t = 3_600)]
    lifetime: u32,
    /// How long a nonce is taken, in seconds.
    #[arg(long, default_value_t = 3_600)]
    nonce_lifetime: u64,
    /// Takes the channel numbers of older clients, such as coturn's.
    #[arg(long)]
    rfc5766_channels: bool,
    /// Allows peers that are refused otherwise, as ADDRESS/BITS: 127.0.0.0/8 for a test on one machine.
    #[arg(long = "allow", value_parser = range)]
    allowed: Vec<Prefix>,
}

fn user(text: &str) -> Result<(String, String), &'static str> {
    let (name, password) = text.split_once(':').ok_or("it is NAME:PASSWORD")?;
    Ok((name.to_owned(), password.to_owned()))
}

fn range(text: &str) -> Result<Prefix, Box<dyn Error + Send + Sync>> {
    let (base, len) = text.split_once('/').ok_or("it is ADDRESS/BITS")?;
    Ok(Prefix::new(base.parse::<IpAddr>()?, len.parse()?).ok_or("there is no such range")?)
}

impl Options {
    fn config(&self) -> RelayConfig {
        let mut config = RelayConfig::new(&RUST_CRYPTO, &self.realm);
        config.users.extend(self.users.iter().cloned());
        config.shared_secrets.extend(self.secrets.iter().map(|secret| secret.clone().into_bytes()));
        config.peers.allowed.extend(self.allowed.iter().copied());
        config.max_lifetime = self.lifetime;
        config.default_lifetime = config.default_lifetime.min(self.lifetime);
        config.nonce_lifetime = Duration::from_secs(self.nonce_lifetime);
        if self.rfc5766_channels {
            config.highest_channel = 0x7fff;
        }
        config.ipv4 = self.addresses.iter().any(SocketAddr::is_ipv4);
        config.ipv6 = self.addresses.iter().any(SocketAddr::is_ipv6);
        config
    }
}
