//! What an embedder does for streams: ICE-TCP, and TURN over TCP and TLS.
//!
//! 1. A connection asks by `Event::OpenStream`; [`Streams::open`] connects from the address asked for, with TLS where that is
//!    asked for, and [`Told::Opened`] or [`Told::Failed`] is what `stream_opened` or `stream_failed` is called with.
//! 2. Every stream has a `Deframer` of the kind asked for. Each of its datagrams then goes the way of one from a socket.
//! 3. What a connection sends is framed already. It waits in a queue of the stream's; when that is full a whole datagram is
//!    lost, as on any network, and never a part of one: that would be the end of the framing.
//! 4. One listener serves all peers, so an accepted stream is nobody's at first. Its first datagram has to come soon and
//!    be a check, whose USERNAME names the peer: `Demux::route` finds it, `stream_accepted` of that peer says whether it wants
//!    the stream, and then the datagram is handed over. [`Told::Accepted`] carries it; [`Streams::adopt`] or
//!    [`Streams::refuse`] follows.
//! 5. `Event::CloseStream` is obeyed by [`Streams::close`], which lets what is queued leave first. A stream that ends by
//!    itself is [`Told::Closed`], for `stream_closed`.

use duologue::ice::{Path, StreamId, StreamRequest, Transport};
use duologue::stun::framing::{Deframer, Framing};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How long a stream may take to be open, TLS included, or to bring its first datagram.
const PATIENCE: Duration = Duration::from_secs(10);
/// Accepted streams that have not brought a datagram; further ones are closed at once.
const MAX_STRANGERS: usize = 64;
/// Datagrams that wait for a stream to take them.
const MAX_QUEUED: usize = 256;
/// Datagrams that wait for the loop; meanwhile streams are not read, and their senders feel it.
const MAX_TOLD: usize = 256;
/// The longest datagram on a stream.
const MAX_LEN: usize = 4096;
/// The most bytes read at once.
const READ: usize = 16 << 10;

/// What has become of a stream.
#[derive(Debug)]
pub(crate) enum Told {
    /// It was asked for by this peer and is open, from this address.
    Opened { peer: u64, id: StreamId, local: SocketAddr },
    /// It was asked for and cannot be opened.
    Failed { peer: u64, id: StreamId },
    /// A peer's stream is at its end.
    Closed { peer: u64, id: StreamId },
    /// It was accepted, and this is the first datagram on it. Say whose it is by its number.
    Accepted { number: u64, path: Path, first: Vec<u8> },
    /// A datagram of a peer's stream.
    Datagram { peer: u64, path: Path, datagram: Vec<u8> },
}

/// What the tasks of streams have to say.
enum News {
    Opened { number: u64, local: SocketAddr },
    Accepted { path: Path, first: Vec<u8>, sender: mpsc::Sender<Vec<u8>>, number: oneshot::Sender<u64> },
    Datagram { number: u64, datagram: Vec<u8> },
    Ended { number: u64 },
}

/// All streams of all peers.
pub(crate) struct Streams {
    news: mpsc::Receiver<News>,
    tell: mpsc::Sender<News>,
    tls: TlsConnector,
    next: u64,
    streams: BTreeMap<u64, Stream>,
    /// Those that are open, by their ends.
    paths: HashMap<Path, u64>,
    listening: Vec<SocketAddr>,
}

struct Stream {
    /// Whose it is; nobody's while the loop has not said so.
    owner: Option<(u64, StreamId)>,
    path: Path,
    is_open: bool,
    /// What leaves on it. Dropping it closes the stream once the queue is empty.
    sender: mpsc::Sender<Vec<u8>>,
}

impl Streams {
    /// None yet. TLS servers are held against the certificates in the file, or against those that the system trusts.
    pub(crate) fn new(trusted: Option<&FilePath>) -> io::Result<Self> {
        let (tell, news) = mpsc::channel(MAX_TOLD);
        Ok(Self {
            news,
            tell,
            tls: connector(trusted)?,
            next: 0,
            streams: BTreeMap::new(),
            paths: HashMap::new(),
            listening: Vec::new(),
        })
    }

    /// Accepts streams at an address from now on; port 0 takes a free one.
    pub(crate) fn listen(&mut self, address: SocketAddr) -> io::Result<()> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        self.listening.push(address);
        tokio::spawn(accept(listener, address, self.tell.clone()));
        Ok(())
    }

    /// Where streams are accepted: what `add_listener` is called with.
    pub(crate) fn listening(&self) -> impl Iterator<Item = SocketAddr> {
        self.listening.iter().copied()
    }

    /// Opens a stream that a peer has asked for.
    pub(crate) fn open(&mut self, peer: u64, wanted: StreamRequest) {
        let (sender, queue) = mpsc::channel(MAX_QUEUED);
        let path = Path { local: wanted.local, remote: wanted.remote, transport: wanted.transport };
        let number = self.insert(Stream { owner: Some((peer, wanted.id)), path, is_open: false, sender });
        let (tls, tell) = (self.tls.clone(), self.tell.clone());
        tokio::spawn(async move {
            // Why it failed is told to nobody; the peer's ICE agent goes another way.
            let _ = connect(number, wanted, &tls, queue, &tell).await;
            let _ = tell.send(News::Ended { number }).await;
        });
    }

    /// An accepted stream is this peer's, which calls it so.
    pub(crate) fn adopt(&mut self, number: u64, peer: u64, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&number) {
            stream.owner = Some((peer, id));
        }
    }

    /// An accepted stream is of no use to anybody.
    pub(crate) fn refuse(&mut self, number: u64) {
        self.remove(number);
    }

    /// A peer has no use for a stream any more.
    pub(crate) fn close(&mut self, peer: u64, id: StreamId) {
        let found = self.streams.iter().find(|(_, stream)| stream.owner == Some((peer, id)));
        if let Some((number, _)) = found {
            self.remove(*number);
        }
    }

    /// A peer is gone, and its streams with it.
    pub(crate) fn close_all(&mut self, peer: u64) {
        let of = |stream: &Stream| stream.owner.is_some_and(|(owner, _)| owner == peer);
        let numbers: Vec<u64> =
            self.streams.iter().filter(|(_, one)| of(one)).map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| drop(self.remove(number)));
    }

    /// Queues a datagram, framed as it is. It is lost when there is no such stream or when too many wait.
    pub(crate) fn send(&self, path: &Path, datagram: &[u8]) {
        let stream = self.paths.get(path).and_then(|number| self.streams.get(number));
        if let Some(stream) = stream {
            let _ = stream.sender.try_send(datagram.to_vec());
        }
    }

    /// Waits for something that the peers have to know.
    pub(crate) async fn told(&mut self) -> Told {
        loop {
            // Never empty for good: one sender is ours.
            let Some(news) = self.news.recv().await else { std::future::pending().await };
            if let Some(told) = self.take(news) {
                return told;
            }
        }
    }

    fn take(&mut self, news: News) -> Option<Told> {
        match news {
            News::Opened { number, local } => {
                let stream = self.streams.get_mut(&number)?;
                stream.path.local = local;
                stream.is_open = true;
                self.paths.insert(stream.path, number);
                let (peer, id) = stream.owner?;
                Some(Told::Opened { peer, id, local })
            }
            News::Accepted { path, first, sender, number } => {
                let given = self.insert(Stream { owner: None, path, is_open: true, sender });
                self.paths.insert(path, given);
                let _ = number.send(given);
                Some(Told::Accepted { number: given, path, first })
            }
            News::Datagram { number, datagram } => {
                let stream = self.streams.get(&number)?;
                let (peer, _) = stream.owner?;
                Some(Told::Datagram { peer, path: stream.path, datagram })
            }
            News::Ended { number } => {
                let stream = self.remove(number)?;
                let (peer, id) = stream.owner?;
                Some(if stream.is_open { Told::Closed { peer, id } } else { Told::Failed { peer, id } })
            }
        }
    }

    fn insert(&mut self, stream: Stream) -> u64 {
        self.next += 1;
        self.streams.insert(self.next, stream);
        self.next
    }

    fn remove(&mut self, number: u64) -> Option<Stream> {
        let stream = self.streams.remove(&number)?;
        if self.paths.get(&stream.path) == Some(&number) {
            self.paths.remove(&stream.path);
        }
        Some(stream)
    }
}

fn connector(trusted: Option<&FilePath>) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    match trusted {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
                roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
            }
        }
        None => {
            // A machine that trusts nobody can do without TLS.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Opens a stream and carries datagrams until its end.
async fn connect(
    number: u64,
    wanted: StreamRequest,
    tls: &TlsConnector,
    queue: mpsc::Receiver<Vec<u8>>,
    tell: &mpsc::Sender<News>,
) -> io::Result<()> {
    let socket = if wanted.remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(wanted.local)?;
    let stream = timeout(PATIENCE, socket.connect(wanted.remote)).await??;
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let deframer = Deframer::new(wanted.framing, MAX_LEN);
    if wanted.transport != Transport::Tls {
        let _ = tell.send(News::Opened { number, local }).await;
        return carry(number, stream, deframer, queue, tell).await;
    }
    let name = match wanted.server_name {
        Some(name) => ServerName::try_from(name).map_err(io::Error::other)?,
        None => ServerName::from(wanted.remote.ip()),
    };
    let stream = timeout(PATIENCE, tls.connect(name, stream)).await?.inspect_err(|error| {
        eprintln!("TLS to {}: {error}", wanted.remote);
    })?;
    let _ = tell.send(News::Opened { number, local }).await;
    carry(number, stream, deframer, queue, tell).await
}

/// Accepts streams for as long as the program runs.
async fn accept(listener: TcpListener, local: SocketAddr, tell: mpsc::Sender<News>) {
    let strangers = Arc::new(Semaphore::new(MAX_STRANGERS));
    loop {
        let Ok((stream, remote)) = listener.accept().await else {
            // Out of descriptors, most likely: others are to be closed first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&strangers).try_acquire_owned() else { continue };
        let (tell, path) = (tell.clone(), Path { local, remote, transport: Transport::Tcp });
        tokio::spawn(async move {
            let mut stream = stream;
            let _ = stream.set_nodelay(true);
            let mut deframer = Deframer::new(Framing::Rfc4571, MAX_LEN);
            let greeted = timeout(PATIENCE, greet(&mut stream, &mut deframer)).await;
            drop(permit);
            let Ok(Ok((first, mut rest))) = greeted else { return };
            let (sender, queue) = mpsc::channel(MAX_QUEUED);
            let (number, given) = oneshot::channel();
            let _ = tell.send(News::Accepted { path, first, sender, number }).await;
            let Ok(number) = given.await else { return };
            if deliver(number, &mut rest, &mut deframer, &tell).await.is_ok() {
                let _ = carry(number, stream, deframer, queue, &tell).await;
            }
            let _ = tell.send(News::Ended { number }).await;
        });
    }
}

/// The first datagram of an accepted stream, and what was read behind it.
async fn greet(stream: &mut TcpStream, deframer: &mut Deframer) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = vec![0; READ];
    loop {
        let read = stream.read(&mut bytes).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut input = bytes.get_mut(..read).unwrap_or_default();
        let first = deframer.read(&mut input).map_err(io::Error::other)?.map(|datagram| datagram.to_vec());
        if let Some(first) = first {
            return Ok((first, input.to_vec()));
        }
    }
}

/// Carries datagrams both ways until the stream ends, or until nobody sends on it any more and the queue is empty.
async fn carry<S: AsyncRead + AsyncWrite>(
    number: u64,
    stream: S,
    mut deframer: Deframer,
    mut queue: mpsc::Receiver<Vec<u8>>,
    tell: &mpsc::Sender<News>,
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = async {
        let mut bytes = vec![0; READ];
        loop {
            let read = reader.read(&mut bytes).await?;
            if read == 0 {
                return Ok(());
            }
            deliver(number, bytes.get_mut(..read).unwrap_or_default(), &mut deframer, tell).await?;
        }
    };
    let writing = async {
        while let Some(datagram) = queue.recv().await {
            writer.write_all(&datagram).await?;
            while let Ok(datagram) = queue.try_recv() {
                writer.write_all(&datagram).await?;
            }
            writer.flush().await?;
        }
        writer.shutdown().await
    };
    tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    }
}

/// Makes datagrams of bytes that have come.
async fn deliver(
    number: u64,
    mut bytes: &mut [u8],
    deframer: &mut Deframer,
    tell: &mpsc::Sender<News>,
) -> io::Result<()> {
    while let Some(datagram) = deframer.read(&mut bytes).map_err(io::Error::other)? {
        let news = News::Datagram { number, datagram: datagram.to_vec() };
        tell.send(news).await.map_err(io::Error::other)?;
    }
    Ok(())
}
