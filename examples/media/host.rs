//! Many peers on shared sockets and one thread: the loop of a server, around what the server does.

use super::http::{Failure, Reply};
use super::sockets::Sockets;
use duologue::ice::Path;
use duologue::sdp::jsep::SdpType;
use duologue::{Arrival, Config, Demux, Description, Event, NtpTime, PeerConnection, Received, RtpPacket};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;

/// The most datagrams written for a peer before the next gets its turn.
pub(crate) const BATCH: NonZeroUsize = NonZeroUsize::new(32).unwrap();
/// The most datagrams read before deadlines and orders get their turn.
pub(crate) const READS: usize = 64;
/// The largest UDP payload: what every IPv6 path carries (1,280 bytes with both headers). Browsers keep to 1,200 bytes, but a
/// forwarded packet has header extensions of our own, which may be longer than the browser's.
pub(crate) const MTU: usize = 1232;
/// How long Ctrl-C waits for the last datagrams to leave.
pub(crate) const FAREWELL: Duration = Duration::from_millis(100);

/// What a server does with its peers. Each is called by its number.
pub(crate) trait App {
    /// What HTTP can ask for.
    type Order;

    fn obey(&mut self, now: Instant, host: &mut Host, order: Self::Order, reply: Reply);

    /// A peer has told something. Once it has told that it is closed, it is gone.
    fn handle(&mut self, now: Instant, host: &mut Host, id: u64, event: Event);

    /// A peer has sent a packet, where packets are handed through.
    fn forward(&mut self, _now: Instant, _host: &mut Host, _id: u64, _packet: &RtpPacket<'_>) {}

    /// When to call [`tick`](Self::tick).
    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn tick(&mut self, _now: Instant, _host: &mut Host) {}
}

/// The sockets and the peers.
pub(crate) struct Host {
    config: Arc<Config>,
    sockets: Sockets,
    demux: Demux<u64>,
    peers: BTreeMap<u64, PeerConnection>,
    /// Peers that may have something to tell or to send.
    touched: BTreeSet<u64>,
    next_id: u64,
}

impl Host {
    /// Sockets on every interface address, and a fresh certificate for all peers.
    pub(crate) fn bind(port: u16) -> io::Result<Self> {
        let provider = duologue::dtls::crypto::aws_lc_rs();
        let mut config =
            Config::generate(provider, random()?, SystemTime::now()).map_err(io::Error::other)?;
        config.mtu = MTU;
        Ok(Self {
            config: Arc::new(config),
            sockets: Sockets::bind(port)?,
            demux: Demux::new(random()?),
            peers: BTreeMap::new(),
            touched: BTreeSet::new(),
            next_id: 1,
        })
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.addresses()
    }

    /// Makes a peer; its number is never used again.
    pub(crate) fn open(&mut self, now: Instant) -> Result<u64, Failure> {
        let seed = random().map_err(Failure::bad)?;
        let ntp = NtpTime::from(SystemTime::now());
        let mut connection = PeerConnection::new(Arc::clone(&self.config), seed, now, ntp);
        for address in self.sockets.addresses() {
            connection.add_interface(now, address).map_err(Failure::bad)?;
        }
        let id = self.next_id;
        self.demux.insert(id, &mut connection).map_err(Failure::bad)?;
        self.next_id += 1;
        self.peers.insert(id, connection);
        Ok(id)
    }

    /// A peer, to do something with; afterwards it is asked what it has to tell and to send.
    pub(crate) fn peer(&mut self, id: u64) -> Option<&mut PeerConnection> {
        let peer = self.peers.get_mut(&id)?;
        self.touched.insert(id);
        Some(peer)
    }

    pub(crate) fn ids(&self) -> Vec<u64> {
        self.peers.keys().copied().collect()
    }

    /// Takes a new peer's offer and answers it, with candidates. `prepare` says what this side does.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        offer: &str,
        prepare: impl FnOnce(&mut PeerConnection) -> Result<(), Failure>,
    ) -> Result<(u64, Value), Failure> {
        let offer = Description::parse(SdpType::Offer, offer).map_err(Failure::bad)?;
        let id = self.open(now)?;
        let answered = self.peer(id).ok_or(Failure::UnknownId).and_then(|peer| {
            peer.set_remote_description(now, &offer).map_err(Failure::bad)?;
            prepare(peer)?;
            let answer = peer.create_answer().map_err(Failure::bad)?;
            peer.set_local_description(now, &answer).map_err(Failure::bad)?;
            Ok(peer.local_description().map(|sdp| sdp.to_string()))
        });
        match answered {
            Ok(sdp) => Ok((id, json!({ "type": SdpType::Answer.name(), "sdp": sdp, "id": id }))),
            Err(failure) => {
                self.forget(id);
                Err(failure)
            }
        }
    }

    fn forget(&mut self, id: u64) {
        self.peers.remove(&id);
        self.touched.remove(&id);
        self.demux.remove(id);
    }

    fn deadline(&self) -> Option<Instant> {
        self.peers.values().filter_map(PeerConnection::poll_timeout).min()
    }

    fn handle_timeouts(&mut self, now: Instant) {
        for (id, peer) in &mut self.peers {
            if peer.poll_timeout().is_some_and(|deadline| deadline <= now) {
                peer.handle_timeout(now);
                self.touched.insert(*id);
            }
        }
    }

    /// Gives a datagram to the peer that it is for, and what comes of it to the app.
    fn receive(&mut self, app: &mut impl App, path: Path, datagram: &mut [u8]) {
        let Some(id) = self.demux.route(path, datagram) else { return };
        let now = Instant::now();
        let Some(peer) = self.peer(id) else { return };
        // What a datagram was refused for is counted in the connection's statistics.
        if let Ok(Received::Rtp(packet)) = peer.handle_datagram(now, Arrival::new(path, now), datagram) {
            app.forward(now, self, id, &packet);
        }
    }

    /// Lets every peer tell and send what it has.
    async fn drain(&mut self, app: &mut impl App, buffer: &mut Vec<u8>) {
        while let Some(id) = self.touched.pop_first() {
            let now = Instant::now();
            let mut closed = self.tell(now, app, id);
            loop {
                buffer.clear();
                let Some(peer) = self.peers.get_mut(&id) else { break };
                let Some(transmit) = peer.poll_transmit(now, BATCH, buffer) else { break };
                self.sockets.send(&transmit, buffer).await;
            }
            closed |= self.tell(now, app, id);
            if let Some(peer) = self.peers.get_mut(&id) {
                self.demux.update(id, peer);
            }
            if closed {
                self.forget(id);
            }
        }
    }

    /// Hands a peer's events to the app. Returns whether the peer is closed.
    fn tell(&mut self, now: Instant, app: &mut impl App, id: u64) -> bool {
        let mut closed = false;
        while let Some(event) = self.peers.get_mut(&id).and_then(PeerConnection::poll_event) {
            closed |= matches!(event, Event::Closed(_));
            app.handle(now, self, id, event);
        }
        closed
    }
}

/// Serves until Ctrl-C, then closes every peer.
pub(crate) async fn run<A: App>(
    mut host: Host,
    app: &mut A,
    mut orders: mpsc::Receiver<(A::Order, Reply)>,
) -> io::Result<()> {
    let mut datagram = vec![0; 2048];
    let mut buffer = Vec::with_capacity(64 << 10);
    // One for all rounds: a new one would not hear of what came while another branch was served.
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        let deadline = host.deadline().into_iter().chain(app.deadline()).min();
        tokio::select! {
            order = orders.recv() => match order {
                Some((order, reply)) => app.obey(Instant::now(), &mut host, order, reply),
                None => return Ok(()),
            },
            came = host.sockets.receive(&mut datagram) => {
                let mut came = Some(came);
                for _ in 0..READS {
                    let Some(one) = came else { break };
                    let bytes = datagram.get_mut(..one.len).unwrap_or_default();
                    host.receive(app, one.path, bytes);
                    came = host.sockets.try_receive(&mut datagram);
                }
            }
            () = sleep_until(deadline) => {
                let now = Instant::now();
                host.handle_timeouts(now);
                if app.deadline().is_some_and(|deadline| deadline <= now) {
                    app.tick(now, &mut host);
                }
            }
            _ = &mut interrupted => {
                for id in host.ids() {
                    host.peer(id).into_iter().for_each(|peer| peer.close(Instant::now()));
                }
                host.drain(app, &mut buffer).await;
                tokio::time::sleep(FAREWELL).await;
                return Ok(());
            }
        }
        host.drain(app, &mut buffer).await;
    }
}

pub(crate) fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
