//! How to embed a peer connection in tokio: one UDP socket for all interface addresses, with segmentation offload, ECN and
//! destination addresses by `quinn-udp`.
//!
//! Offer and answer pass through a pipe, each one line of JSON:
//! `mkfifo pipe; cargo run --example udp_tokio -- answer < pipe | cargo run --example udp_tokio -- offer > pipe`.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

use duologue::ice::Path;
use duologue::{
    Arrival, ChannelConfig, Config, Description, Ecn, Event, Kind, NtpTime, Output, PeerConnection, Transmit,
};
use quinn_udp::{EcnCodepoint, RecvMeta, UdpSocketState};
use std::error::Error;
use std::io::{IoSliceMut, stdin};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokio::io::Interest;
use tokio::net::UdpSocket;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let offers = match std::env::args().nth(1).as_deref() {
        Some("offer") => true,
        Some("answer") => false,
        _ => return Err("usage: udp_tokio offer|answer".into()),
    };
    let (now, wall) = (Instant::now(), SystemTime::now());
    let config = Config::generate(duologue::dtls::crypto::aws_lc_rs(), random()?, wall)?;
    let mut peer = PeerConnection::new(Arc::new(config), random()?, now, NtpTime::from(wall));
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = socket.local_addr()?.port();
    for interface in if_addrs::get_if_addrs()?.iter().filter(|one| one.ip().is_ipv4()) {
        peer.add_interface(now, SocketAddr::new(interface.ip(), port))?;
    }
    negotiate(&mut peer, now, offers)?;
    run(&mut peer, &Socket { state: UdpSocketState::new((&socket).into())?, socket, port }, offers).await
}

/// Passes offer and answer through standard output and input, with all candidates in them.
fn negotiate(peer: &mut PeerConnection, now: Instant, offers: bool) -> Result<(), Box<dyn Error>> {
    if offers {
        peer.create_data_channel(now, "chat", ChannelConfig::default())?;
        let offer = peer.create_offer()?;
        peer.set_local_description(now, &offer)?;
        print(&offer, peer)?;
        let answer = read()?;
        peer.set_remote_description(Instant::now(), &answer)?;
    } else {
        let offer = read()?;
        peer.set_remote_description(now, &offer)?;
        let answer = peer.create_answer()?;
        peer.set_local_description(now, &answer)?;
        print(&answer, peer)?;
    }
    Ok(())
}

/// The loop: do what the connection wants until it waits; then wait for datagrams or the deadline.
async fn run(peer: &mut PeerConnection, socket: &Socket, offers: bool) -> Result<(), Box<dyn Error>> {
    let batch = NonZeroUsize::new(socket.state.max_gso_segments()).unwrap_or(NonZeroUsize::MIN);
    let mut buffer = Vec::with_capacity(1 << 16);
    let mut received = vec![0; 1 << 16];
    loop {
        buffer.clear();
        let deadline = match peer.poll_output(Instant::now(), batch, &mut buffer) {
            Output::Transmit(transmit) => {
                socket.send(&transmit, &buffer).await;
                continue;
            }
            Output::Event(event) => {
                eprintln!("{event:?}");
                if matches!(event, Event::Closed(_)) {
                    return Ok(());
                }
                talk(peer, &event, offers)?;
                continue;
            }
            Output::Wait(deadline) => deadline.ok_or("the connection waits for nothing")?,
        };
        tokio::select! {
            meta = socket.receive(&mut received) => {
                let (meta, now) = (meta?, Instant::now());
                let local = SocketAddr::new(meta.dst_ip.unwrap_or_else(|| Ipv4Addr::LOCALHOST.into()), socket.port);
                let mut arrival = Arrival::new(Path::udp(local, meta.addr), now);
                arrival.ecn = meta.ecn.map(ecn);
                // The kernel may hand over several datagrams of one sender at once.
                for datagram in received.get_mut(..meta.len).unwrap_or_default().chunks_mut(meta.stride.max(1)) {
                    // A refused datagram is counted in the connection's statistics.
                    let _ = peer.handle_datagram(now, arrival, datagram);
                }
            }
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
    }
}

/// The offerer greets, the answerer echoes, the offerer hangs up.
fn talk(peer: &mut PeerConnection, event: &Event, offers: bool) -> Result<(), Box<dyn Error>> {
    let now = Instant::now();
    if let Event::ChannelOpen(channel) = event {
        let payload = "Hello from the offerer".into();
        peer.send(now, *channel, Kind::Text, payload)?;
    }
    while let Some(message) = peer.recv() {
        eprintln!("heard {:?}", String::from_utf8_lossy(&message.payload));
        if offers { peer.close(now) } else { peer.send(now, message.channel, message.kind, message.payload)? }
    }
    Ok(())
}

struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    port: u16,
}

impl Socket {
    /// Sends a batch in one system call. What the kernel refuses is lost, as on any network.
    async fn send(&self, transmit: &Transmit, contents: &[u8]) {
        let transmit = quinn_udp::Transmit {
            destination: transmit.path.remote,
            ecn: transmit.ecn.map(codepoint),
            contents,
            segment_size: transmit.segment_size.map(NonZeroUsize::get),
            src_ip: Some(transmit.path.local.ip()),
        };
        let send = || self.state.try_send((&self.socket).into(), &transmit);
        let _ = self.socket.async_io(Interest::WRITABLE, send).await;
    }

    async fn receive(&self, buffer: &mut [u8]) -> std::io::Result<RecvMeta> {
        let mut meta = [RecvMeta::default()];
        let mut buffers = [IoSliceMut::new(buffer)];
        let receive = || self.state.recv((&self.socket).into(), &mut buffers, &mut meta);
        self.socket.async_io(Interest::READABLE, receive).await?;
        let [meta] = meta;
        Ok(meta)
    }
}

fn ecn(codepoint: EcnCodepoint) -> Ecn {
    match codepoint {
        EcnCodepoint::Ect0 => Ecn::Ect0,
        EcnCodepoint::Ect1 => Ecn::Ect1,
        EcnCodepoint::Ce => Ecn::Ce,
    }
}

fn codepoint(ecn: Ecn) -> EcnCodepoint {
    match ecn {
        Ecn::Ect0 => EcnCodepoint::Ect0,
        Ecn::Ect1 => EcnCodepoint::Ect1,
        Ecn::Ce => EcnCodepoint::Ce,
    }
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Prints our description, with its candidates, as one line.
fn print(description: &Description, peer: &PeerConnection) -> Result<(), Box<dyn Error>> {
    let sdp = peer.local_description().ok_or("no description is set")?.to_string();
    println!("{}", serde_json::json!({ "type": description.kind.name(), "sdp": sdp }));
    Ok(())
}

fn read() -> Result<Description, Box<dyn Error>> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let value: serde_json::Value = serde_json::from_str(&line)?;
    let field = |name: &str| value.get(name).and_then(|one| one.as_str()).ok_or_else(|| format!("no {name}"));
    let kind = field("type")?.parse().map_err(|()| "unknown type")?;
    Ok(Description::parse(kind, field("sdp")?)?)
}
