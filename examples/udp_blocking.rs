//! How to embed a peer connection in a blocking loop: one thread, one UDP socket per interface address.
//!
//! Offer and answer pass through files. In one terminal `cargo run --example udp_blocking -- offer`, in another, in the same
//! folder, `cargo run --example udp_blocking -- answer`. The answerer sends back what it hears; both end with the call.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

use duologue::ice::Path;
use duologue::sdp::jsep::SdpType;
use duologue::{Arrival, ChannelConfig, Config, Description, Event, Kind, NtpTime, Output, PeerConnection};
use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

const OFFER: &str = "duologue-offer.sdp";
const ANSWER: &str = "duologue-answer.sdp";

fn main() -> Result<(), Box<dyn Error>> {
    let offers = match std::env::args().nth(1).as_deref() {
        Some("offer") => true,
        Some("answer") => false,
        _ => return Err("usage: udp_blocking offer|answer".into()),
    };
    let now = Instant::now();
    let wall = SystemTime::now();
    let config = Config::generate(duologue::dtls::crypto::aws_lc_rs(), random()?, wall)?;
    let mut peer = PeerConnection::new(Arc::new(config), random()?, now, NtpTime::from(wall));
    let (arrivals, received) = mpsc::channel();
    let mut sockets = Vec::new();
    for interface in if_addrs::get_if_addrs()? {
        // Link-local IPv6 needs a scope, which candidates cannot carry.
        let Ok(socket) = UdpSocket::bind((interface.ip(), 0)) else { continue };
        peer.add_interface(now, socket.local_addr()?)?;
        listen(socket.try_clone()?, arrivals.clone())?;
        sockets.push(socket);
    }
    negotiate(&mut peer, now, offers)?;
    run(&mut peer, &sockets, &received, offers)
}

/// Passes offer and answer through files, with all candidates in them.
fn negotiate(peer: &mut PeerConnection, now: Instant, offers: bool) -> Result<(), Box<dyn Error>> {
    if offers {
        peer.create_data_channel(now, "chat", ChannelConfig::default())?;
        let offer = peer.create_offer()?;
        peer.set_local_description(now, &offer)?;
        write(OFFER, peer)?;
        let answer = Description::parse(SdpType::Answer, &wait_for(ANSWER)?)?;
        peer.set_remote_description(Instant::now(), &answer)?;
    } else {
        let offer = Description::parse(SdpType::Offer, &wait_for(OFFER)?)?;
        peer.set_remote_description(now, &offer)?;
        let answer = peer.create_answer()?;
        peer.set_local_description(now, &answer)?;
        write(ANSWER, peer)?;
    }
    Ok(())
}

/// The loop: do what the connection wants until it waits; then wait for a datagram or the deadline.
fn run(
    peer: &mut PeerConnection,
    sockets: &[UdpSocket],
    received: &mpsc::Receiver<(SocketAddr, SocketAddr, Vec<u8>)>,
    offers: bool,
) -> Result<(), Box<dyn Error>> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let deadline = match peer.poll_output(Instant::now(), NonZeroUsize::MIN, &mut buffer) {
            Output::Transmit(transmit) => {
                let Path { local, remote, .. } = transmit.path;
                if let Some(socket) = sockets.iter().find(|one| one.local_addr().is_ok_and(|at| at == local))
                {
                    // What the kernel refuses is lost, as on any network.
                    let _ = socket.send_to(&buffer, remote);
                }
                continue;
            }
            Output::Event(event) => {
                println!("{event:?}");
                if matches!(event, Event::Closed(_)) {
                    return Ok(());
                }
                talk(peer, &event, offers)?;
                continue;
            }
            Output::Wait(deadline) => deadline.ok_or("the connection waits for nothing")?,
        };
        if let Ok((local, remote, mut datagram)) =
            received.recv_timeout(deadline.duration_since(Instant::now()))
        {
            let now = Instant::now();
            // A refused datagram is counted in the connection's statistics.
            let _ = peer.handle_datagram(now, Arrival::new(Path::udp(local, remote), now), &mut datagram);
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
        println!("heard {:?}", String::from_utf8_lossy(&message.payload));
        if offers { peer.close(now) } else { peer.send(now, message.channel, message.kind, message.payload)? }
    }
    Ok(())
}

/// A thread that waits on one socket.
fn listen(
    socket: UdpSocket,
    arrivals: mpsc::Sender<(SocketAddr, SocketAddr, Vec<u8>)>,
) -> std::io::Result<()> {
    let local = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        loop {
            // An error is an earlier datagram's, refused by its receiver.
            let Ok((len, remote)) = socket.recv_from(&mut buffer) else { continue };
            let datagram = buffer.get(..len).unwrap_or_default().to_vec();
            if arrivals.send((local, remote, datagram)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn write(file: &str, peer: &PeerConnection) -> Result<(), Box<dyn Error>> {
    let description = peer.local_description().ok_or("no description is set")?;
    std::fs::write(format!("{file}.new"), description.to_string())?;
    Ok(std::fs::rename(format!("{file}.new"), file)?)
}

/// Takes a file once it is there.
fn wait_for(file: &str) -> std::io::Result<String> {
    loop {
        if let Ok(text) = std::fs::read_to_string(file) {
            std::fs::remove_file(file)?;
            return Ok(text);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
