//! The loop that owns the sockets and all peers.

use crate::Args;
use crate::negotiation::{Manners, Negotiation, Wish};
use crate::peer::Peer;
use duologue::ice::Path;
use duologue::sdp::jsep::SdpType;
use duologue::{
    Arrival, Config, Demux, Description, NtpTime, PeerConnection, TrackKind, TransceiverInit, Transmit,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

/// Peers that have ended are kept this many, so that `/state` still tells of them.
const MAX_ENDED: usize = 256;
/// The most datagrams written for a peer before the next gets its turn.
const BATCH: NonZeroUsize = NonZeroUsize::new(32).unwrap();
/// The most datagrams read before deadlines and commands get their turn.
const READS: usize = 64;
/// How long Ctrl-C waits for the last datagrams to leave.
const FAREWELL: Duration = Duration::from_millis(100);

/// Where the answer to HTTP goes.
pub(crate) type Reply = oneshot::Sender<Result<Value, Failure>>;

/// What comes from HTTP.
pub(crate) enum Command {
    /// Something to be done now.
    Order { order: Order, reply: Reply },
    /// What a peer that negotiates has said from its entry `after` on, now or once there is something.
    Listen { id: Option<u64>, after: usize, wait: bool, reply: Reply },
}

/// What HTTP can ask for.
pub(crate) enum Order {
    Offer {
        id: Option<u64>,
        negotiated: Option<u16>,
        sdp: String,
    },
    OfferMe(OfferMe),
    Answer {
        id: Option<u64>,
        kind: SdpType,
        sdp: String,
    },
    /// A peer that negotiates both ways.
    Negotiate(Manners),
    Do {
        id: Option<u64>,
        wish: Wish,
    },
    State {
        id: Option<u64>,
    },
    Close {
        id: Option<u64>,
    },
}

/// What an offer shall contain. Without any wish it is data.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OfferMe {
    #[serde(default)]
    pub(crate) audio: bool,
    #[serde(default)]
    pub(crate) video: bool,
    pub(crate) data: Option<bool>,
}

/// Why an order was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Bad(String),
    #[error("no connection has this id")]
    UnknownId,
    #[error("the server has stopped")]
    Stopped,
}

impl Failure {
    fn bad(error: impl ToString) -> Self {
        Self::Bad(error.to_string())
    }
}

pub(crate) struct Server {
    config: Arc<Config>,
    sockets: Vec<(SocketAddr, UdpSocket)>,
    demux: Demux<u64>,
    peers: BTreeMap<u64, Peer>,
    next_id: u64,
    keylog: Option<File>,
    buffer: Vec<u8>,
}

impl Server {
    /// A socket on every interface address, loopback included.
    pub(crate) fn bind(args: &Args) -> io::Result<Self> {
        let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()?.iter().map(|one| one.ip()).collect();
        // A link-local IPv6 address is of use only with its scope, which candidates cannot carry.
        addresses.retain(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        addresses.sort_unstable();
        addresses.dedup();
        let mut sockets = Vec::new();
        for ip in addresses {
            let socket = std::net::UdpSocket::bind((ip, args.udp_port))?;
            socket.set_nonblocking(true)?;
            let reference = socket2::SockRef::from(&socket);
            // Bursts of a bulk transfer fit; the kernel may grant less.
            let _ = reference.set_recv_buffer_size(4 << 20);
            let _ = reference.set_send_buffer_size(4 << 20);
            sockets.push((socket.local_addr()?, UdpSocket::from_std(socket)?));
        }
        Ok(Self {
            config: Arc::new(config(args)?),
            sockets,
            demux: Demux::new(random()?),
            peers: BTreeMap::new(),
            next_id: 1,
            keylog: args
                .keylog
                .as_ref()
                .map(|path| File::options().append(true).create(true).open(path))
                .transpose()?,
            buffer: Vec::with_capacity(64 << 10),
        })
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address)
    }

    /// Serves until Ctrl-C, then closes every peer.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) -> io::Result<()> {
        let mut datagram = vec![0; 2048];
        loop {
            let deadline = self.peers.values().filter_map(|peer| peer.connection.poll_timeout()).min();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Order { order, reply }) => drop(reply.send(self.obey(order).await)),
                    Some(Command::Listen { id, after, wait, reply }) => self.listen(id, after, wait, reply),
                    None => return Ok(()),
                },
                received = receive(&self.sockets, &mut datagram) => {
                    let (index, len, from) = received;
                    self.handle(index, from, datagram.get_mut(..len).unwrap_or_default()).await;
                    self.read_more(&mut datagram).await;
                }
                () = sleep_until(deadline) => self.handle_timeouts().await,
                _ = tokio::signal::ctrl_c() => {
                    self.close_all().await;
                    return Ok(());
                }
            }
        }
    }

    /// Reads what is there already, without waiting.
    async fn read_more(&mut self, datagram: &mut [u8]) {
        for _ in 0..READS {
            let ready = self
                .sockets
                .iter()
                .enumerate()
                .find_map(|(index, (_, socket))| Some((index, socket.try_recv_from(datagram).ok()?)));
            let Some((index, (len, from))) = ready else { return };
            self.handle(index, from, datagram.get_mut(..len).unwrap_or_default()).await;
        }
    }

    async fn handle(&mut self, socket: usize, from: SocketAddr, datagram: &mut [u8]) {
        let Some((local, _)) = self.sockets.get(socket) else { return };
        let path = Path::udp(*local, from);
        let Some(id) = self.demux.route(path, datagram) else { return };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let now = Instant::now();
        // What a datagram was refused for is counted in the connection's statistics.
        let _ = peer.connection.handle_datagram(now, Arrival::new(path, now), datagram);
        self.turn(id, now).await;
    }

    async fn handle_timeouts(&mut self) {
        let now = Instant::now();
        let due = |peer: &Peer| peer.connection.poll_timeout().is_some_and(|deadline| deadline <= now);
        let due: Vec<u64> = self.peers.iter().filter(|(_, peer)| due(peer)).map(|(id, _)| *id).collect();
        for id in due {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.connection.handle_timeout(now);
            }
            self.turn(id, now).await;
        }
    }

    /// Lets one peer say and send what it has.
    async fn turn(&mut self, id: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        loop {
            peer.work(now, id, self.keylog.as_mut());
            self.buffer.clear();
            let Some(transmit) = peer.connection.poll_transmit(now, BATCH, &mut self.buffer) else { break };
            send(&self.sockets, &transmit, &self.buffer).await;
        }
        peer.work(now, id, self.keylog.as_mut());
        self.demux.update(id, &mut peer.connection);
        if peer.is_over() {
            self.demux.remove(id);
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let ended = |peer: &Peer| peer.is_over();
        if self.peers.values().filter(|peer| ended(peer)).count() > MAX_ENDED {
            let oldest = self.peers.iter().find(|(_, peer)| ended(peer)).map(|(id, _)| *id);
            oldest.map(|id| self.peers.remove(&id));
        }
    }

    fn listen(&mut self, id: Option<u64>, after: usize, wait: bool, reply: Reply) {
        let peer = id.and_then(|id| self.peers.get_mut(&id));
        match peer.and_then(|peer| peer.negotiation.as_mut()) {
            Some(negotiation) => negotiation.listen(after, wait, reply),
            None => drop(reply.send(Err(Failure::UnknownId))),
        }
    }

    async fn obey(&mut self, order: Order) -> Result<Value, Failure> {
        let now = Instant::now();
        let (id, result) = match order {
            Order::Offer { id: Some(id), negotiated, sdp } => {
                (id, self.answer_offer(now, id, negotiated, &sdp))
            }
            Order::Offer { id: None, negotiated, sdp } => {
                let id = self.add_peer(now, None)?;
                let answer = self.answer_offer(now, id, negotiated, &sdp);
                (id, answer.inspect_err(|_| self.remove_peer(id)))
            }
            Order::OfferMe(wanted) => {
                let id = self.add_peer(now, None)?;
                let offer = self.offer(now, id, &wanted);
                (id, offer.inspect_err(|_| self.remove_peer(id)))
            }
            Order::Answer { id, kind, sdp } => {
                let id = id.ok_or(Failure::UnknownId)?;
                (id, self.take_answer(now, id, kind, &sdp))
            }
            Order::Negotiate(manners) => {
                let id = self.add_peer(now, Some(Negotiation::new(manners)))?;
                (id, Ok(json!({ "id": id })))
            }
            Order::Do { id, wish } => {
                let id = id.ok_or(Failure::UnknownId)?;
                let done = self.peer(id).and_then(|peer| peer.obey(now, wish).ok_or(Failure::UnknownId));
                (id, done.and_then(|done| done.map_err(Failure::Bad)).map(|()| json!({ "id": id })))
            }
            Order::State { id } => {
                let id = id.ok_or(Failure::UnknownId)?;
                (id, self.peer(id).map(|peer| peer.state()))
            }
            Order::Close { id } => {
                let id = id.ok_or(Failure::UnknownId)?;
                (id, self.peer(id).map(|peer| peer.connection.close(now)).map(|()| json!({ "id": id })))
            }
        };
        self.turn(id, now).await;
        result
    }

    fn peer(&mut self, id: u64) -> Result<&mut Peer, Failure> {
        self.peers.get_mut(&id).ok_or(Failure::UnknownId)
    }

    fn add_peer(&mut self, now: Instant, negotiation: Option<Negotiation>) -> Result<u64, Failure> {
        let seed = random().map_err(Failure::bad)?;
        let mut connection =
            PeerConnection::new(Arc::clone(&self.config), seed, now, NtpTime::from(SystemTime::now()));
        for address in self.addresses().collect::<Vec<_>>() {
            connection.add_interface(now, address).map_err(Failure::bad)?;
        }
        let id = self.next_id;
        self.demux.insert(id, &mut connection).map_err(Failure::bad)?;
        self.next_id += 1;
        self.peers.insert(id, Peer::new(connection, negotiation));
        Ok(id)
    }

    /// Forgets a peer whose first description was refused.
    fn remove_peer(&mut self, id: u64) {
        self.peers.remove(&id);
        self.demux.remove(id);
    }

    fn answer_offer(
        &mut self,
        now: Instant,
        id: u64,
        negotiated: Option<u16>,
        sdp: &str,
    ) -> Result<Value, Failure> {
        let peer = self.peer(id)?;
        let offer = Description::parse(SdpType::Offer, sdp).map_err(Failure::bad)?;
        peer.connection.set_remote_description(now, &offer).map_err(Failure::bad)?;
        if let Some(stream) = negotiated {
            peer.open_negotiated(now, stream).map_err(Failure::bad)?;
        }
        let answer = peer.connection.create_answer().map_err(Failure::bad)?;
        peer.connection.set_local_description(now, &answer).map_err(Failure::bad)?;
        Ok(peer.description(id, SdpType::Answer))
    }

    fn offer(&mut self, now: Instant, id: u64, wanted: &OfferMe) -> Result<Value, Failure> {
        let peer = self.peer(id)?;
        for (kind, wanted) in [(TrackKind::Audio, wanted.audio), (TrackKind::Video, wanted.video)] {
            if wanted {
                peer.connection.add_transceiver(kind, TransceiverInit::default()).map_err(Failure::bad)?;
            }
        }
        if wanted.data.unwrap_or(true) {
            peer.open_channel(now, "from-sut").map_err(Failure::bad)?;
        }
        let offer = peer.connection.create_offer().map_err(Failure::bad)?;
        peer.connection.set_local_description(now, &offer).map_err(Failure::bad)?;
        Ok(peer.description(id, SdpType::Offer))
    }

    fn take_answer(&mut self, now: Instant, id: u64, kind: SdpType, sdp: &str) -> Result<Value, Failure> {
        let peer = self.peer(id)?;
        let answer = Description::parse(kind, sdp).map_err(Failure::bad)?;
        peer.connection.set_remote_description(now, &answer).map_err(Failure::bad)?;
        Ok(json!({ "id": id }))
    }

    async fn close_all(&mut self) {
        let now = Instant::now();
        for id in self.peers.keys().copied().collect::<Vec<_>>() {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.connection.close(now);
            }
            self.turn(id, now).await;
        }
        tokio::time::sleep(FAREWELL).await;
    }
}

/// The defaults with a fresh certificate, shared by all connections.
fn config(args: &Args) -> io::Result<Config> {
    let provider = duologue::dtls::crypto::aws_lc_rs();
    let mut config = Config::generate(provider, random()?, SystemTime::now()).map_err(io::Error::other)?;
    Arc::make_mut(&mut config.ice).lite = args.lite;
    Arc::make_mut(&mut config.dtls).key_log = args.keylog.is_some();
    Ok(config)
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Waits for a datagram on any socket.
async fn receive(sockets: &[(SocketAddr, UdpSocket)], datagram: &mut [u8]) -> (usize, usize, SocketAddr) {
    poll_fn(|context| {
        for (index, (_, socket)) in sockets.iter().enumerate() {
            let mut buffer = ReadBuf::new(datagram);
            // An error here is an earlier datagram's, refused by its receiver: the next read may do.
            while let Poll::Ready(result) = socket.poll_recv_from(context, &mut buffer) {
                if let Ok(from) = result {
                    return Poll::Ready((index, buffer.filled().len(), from));
                }
            }
        }
        Poll::Pending
    })
    .await
}

/// Sends a batch, datagram by datagram.
async fn send(sockets: &[(SocketAddr, UdpSocket)], transmit: &Transmit, bytes: &[u8]) {
    let Some((_, socket)) = sockets.iter().find(|(address, _)| *address == transmit.path.local) else {
        return;
    };
    let size = transmit.segment_size.map_or(bytes.len(), NonZeroUsize::get).max(1);
    for datagram in bytes.chunks(size) {
        // What the kernel refuses is lost, as on any network.
        let _ = socket.send_to(datagram, transmit.path.remote).await;
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
