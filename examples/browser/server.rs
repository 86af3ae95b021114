//! The loop that owns the sockets and all peers.

use crate::Args;
use crate::media::host::{BATCH, FAREWELL, MTU, READS, random, sleep_until};
use crate::media::http::{Failure, Reply};
use crate::media::sockets::{Sockets, datagrams};
use crate::media::streams::{Streams, Told};
use crate::negotiation::{Manners, Negotiation, Wish};
use crate::network::Network;
use crate::peer::{Peer, StreamWish};
use crate::stats;
use duologue::ice::{CandidatePolicy, InterfaceOptions, Path, Transport};
use duologue::sdp::jsep::SdpType;
use duologue::{Config, Demux, Description, NtpTime, PeerConnection, TrackKind, TransceiverInit};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Peers that have ended are kept this many, so that `/state` still tells of them.
const MAX_ENDED: usize = 256;

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
    Stats {
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

pub(crate) struct Server {
    config: Arc<Config>,
    sockets: Sockets,
    /// Where all peers are.
    shared: Vec<SocketAddr>,
    streams: Streams,
    demux: Demux<u64>,
    peers: BTreeMap<u64, Peer>,
    next_id: u64,
    keylog: Option<File>,
    buffer: Vec<u8>,
    /// Where recordings go.
    recordings: Option<PathBuf>,
    /// When the program started, in seconds: recordings of different runs do not meet.
    started: u64,
}

impl Server {
    /// A socket on every interface address, loopback included.
    pub(crate) fn bind(args: &Args) -> io::Result<Self> {
        let sockets = Sockets::bind(args.udp_port)?;
        let mut streams = Streams::new(args.ca.as_deref())?;
        if let Some(port) = args.tcp_port {
            for address in sockets.addresses() {
                streams.listen(SocketAddr::new(address.ip(), port))?;
            }
        }
        Ok(Self {
            config: Arc::new(config(args)?),
            shared: sockets.addresses().collect(),
            sockets,
            streams,
            demux: Demux::new(random()?),
            peers: BTreeMap::new(),
            next_id: 1,
            keylog: args
                .keylog
                .as_ref()
                .map(|path| File::options().append(true).create(true).open(path))
                .transpose()?,
            buffer: Vec::with_capacity(64 << 10),
            recordings: args.recordings.clone(),
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs(),
        })
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.shared.iter().copied()
    }

    pub(crate) fn listening(&self) -> impl Iterator<Item = SocketAddr> {
        self.streams.listening()
    }

    /// Serves until Ctrl-C, then closes every peer.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) -> io::Result<()> {
        let mut datagram = vec![0; 2048];
        // One for all rounds: a new one would not hear of what came while another branch was served.
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        loop {
            let deadline = self.peers.values().filter_map(Peer::deadline).min();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Order { order, reply }) => self.answer(order, reply).await,
                    Some(Command::Listen { id, after, wait, reply }) => self.listen(id, after, wait, reply),
                    None => return Ok(()),
                },
                came = self.sockets.receive(&mut datagram) => {
                    let mut came = Some(came);
                    for _ in 0..READS {
                        let Some(one) = came else { break };
                        self.handle(one.path, datagram.get_mut(..one.len).unwrap_or_default()).await;
                        came = self.sockets.try_receive(&mut datagram);
                    }
                }
                told = self.streams.told() => self.handle_stream(told).await,
                () = sleep_until(deadline) => self.handle_timeouts().await,
                _ = &mut interrupted => {
                    self.close_all().await;
                    return Ok(());
                }
            }
        }
    }

    async fn handle(&mut self, path: Path, datagram: &mut [u8]) {
        let Some(id) = self.demux.route(path, datagram) else { return };
        self.hand_over(id, path, datagram).await;
    }

    async fn hand_over(&mut self, id: u64, path: Path, datagram: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let now = Instant::now();
        if peer.network.inwards.pass(now, path, datagram) {
            peer.receive(now, path, datagram);
            self.turn(id, now).await;
        }
    }

    /// Something has become of a stream.
    async fn handle_stream(&mut self, told: Told) {
        let now = Instant::now();
        let id = match told {
            Told::Datagram { peer, path, mut datagram } => {
                return self.hand_over(peer, path, &mut datagram).await;
            }
            Told::Accepted { number, path, mut first } => {
                // The first datagram on it is a check, which names the peer: it is asked whether it wants the stream.
                let named = self.demux.route(path, &first);
                let wanted = named.and_then(|id| Some((id, self.peers.get_mut(&id)?)));
                let accepted = wanted
                    .and_then(|(id, peer)| Some((id, peer.connection.stream_accepted(now, path).ok()?)));
                let Some((id, stream)) = accepted else { return self.streams.refuse(number) };
                self.streams.adopt(number, id, stream);
                return self.hand_over(id, path, &mut first).await;
            }
            Told::Opened { peer, .. } | Told::Failed { peer, .. } | Told::Closed { peer, .. } => peer,
        };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        match told {
            Told::Opened { id, local, .. } => peer.connection.stream_opened(now, id, local),
            Told::Failed { id, .. } => peer.connection.stream_failed(now, id),
            Told::Closed { id, .. } => peer.connection.stream_closed(now, id),
            Told::Accepted { .. } | Told::Datagram { .. } => {}
        }
        self.turn(id, now).await;
    }

    async fn handle_timeouts(&mut self) {
        let now = Instant::now();
        let due = |peer: &Peer| peer.deadline().is_some_and(|deadline| deadline <= now);
        let due: Vec<u64> = self.peers.iter().filter(|(_, peer)| due(peer)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            while let Some((path, mut datagram)) = peer.network.inwards.due(now) {
                peer.receive(now, path, &mut datagram);
            }
            while let Some((path, datagram)) = peer.network.outwards.due(now) {
                send_one(&self.sockets, &self.streams, &path, &datagram).await;
            }
            peer.connection.handle_timeout(now);
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
            for datagram in datagrams(&transmit, &self.buffer) {
                if peer.network.outwards.pass(now, transmit.path, datagram) {
                    send_one(&self.sockets, &self.streams, &transmit.path, datagram).await;
                }
            }
        }
        peer.work(now, id, self.keylog.as_mut());
        self.demux.update(id, &mut peer.connection);
        for wish in std::mem::take(&mut peer.wishes) {
            match wish {
                StreamWish::Open(wanted) => self.streams.open(id, wanted),
                StreamWish::Close(stream) => self.streams.close(id, stream),
            }
        }
        if peer.is_over() {
            self.demux.remove(id);
            self.streams.close_all(id);
            self.sockets.remove(&std::mem::take(&mut peer.sockets));
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

    /// Obeys and answers. A description goes out with all its candidates, which may be a while in coming.
    async fn answer(&mut self, order: Order, reply: Reply) {
        let kind = match order {
            Order::Offer { .. } => Some(SdpType::Answer),
            Order::OfferMe(_) => Some(SdpType::Offer),
            _ => None,
        };
        let result = self.obey(order).await;
        let id = result.as_ref().ok().and_then(|value| value.get("id")?.as_u64());
        let peer = id.and_then(|id| self.peers.get_mut(&id)).filter(|peer| !peer.gathered && !peer.is_over());
        match (kind, peer) {
            (Some(kind), Some(peer)) => peer.answer_when_gathered(kind, reply),
            _ => drop(reply.send(result)),
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
                let (folder, name) = (self.recordings.clone(), format!("{}-{id}", self.started));
                let done = self
                    .peer(id)
                    .and_then(|peer| peer.obey(now, wish, folder.as_ref(), &name).ok_or(Failure::UnknownId));
                (id, done.and_then(|done| done.map_err(Failure::Bad)).map(|()| json!({ "id": id })))
            }
            Order::State { id } => {
                let id = id.ok_or(Failure::UnknownId)?;
                (id, self.peer(id).map(|peer| peer.state()))
            }
            Order::Stats { id } => {
                let id = id.ok_or(Failure::UnknownId)?;
                (id, self.peer(id).map(|peer| stats::tell(now, peer)))
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
        // Two connections never share a socket towards a TURN server: it knows its clients by their addresses.
        let relays = self.config.ice.turn_servers.iter().any(|server| server.transport == Transport::Udp);
        let own = if relays { self.sockets.add_private().map_err(Failure::bad)? } else { Vec::new() };
        let addresses = if relays { own.clone() } else { self.shared.clone() };
        for address in addresses {
            connection.add_interface(now, address).map_err(Failure::bad)?;
        }
        for address in self.listening().collect::<Vec<_>>() {
            let options = InterfaceOptions::default();
            connection.add_listener(now, address, &options).map_err(Failure::bad)?;
        }
        let id = self.next_id;
        self.demux.insert(id, &mut connection).map_err(Failure::bad)?;
        self.next_id += 1;
        let network = Network::new(random().map_err(Failure::bad)?);
        let mut peer = Peer::new(connection, negotiation, network);
        peer.sockets = own;
        self.peers.insert(id, peer);
        Ok(id)
    }

    /// Forgets a peer whose first description was refused.
    fn remove_peer(&mut self, id: u64) {
        if let Some(peer) = self.peers.remove(&id) {
            self.sockets.remove(&peer.sockets);
        }
        self.streams.close_all(id);
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
    config.mtu = MTU;
    let ice = Arc::make_mut(&mut config.ice);
    ice.lite = args.lite;
    ice.tcp = args.tcp_port.is_some();
    ice.turn_servers.clone_from(&args.turn);
    if args.relay_only {
        ice.policy = CandidatePolicy::Relay;
    }
    Arc::make_mut(&mut config.dtls).key_log = args.keylog.is_some();
    Ok(config)
}

async fn send_one(sockets: &Sockets, streams: &Streams, path: &Path, datagram: &[u8]) {
    match path.transport {
        Transport::Udp => sockets.send_one(path, datagram).await,
        _ => streams.send(path, datagram),
    }
}
