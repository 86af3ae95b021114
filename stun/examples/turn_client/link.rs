//! What carries a client's datagrams: a UDP socket, or a TCP stream with or without TLS on it. A thread reads; what it reads
//! goes to the loop, which owns all the rest.

use duologue_stun::framing::{Deframer, Framing};
use duologue_stun::uri::Protocol;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How links are opened.
pub(crate) struct Opener {
    pub(crate) protocol: Protocol,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// The server's name, which its certificate must have.
    pub(crate) name: String,
}

/// What a thread has read on a link; nothing when the stream has ended.
pub(crate) struct Input {
    pub(crate) link: usize,
    pub(crate) source: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) enum Link {
    Udp(UdpSocket),
    Tcp { stream: TcpStream, deframer: Deframer },
    Tls { stream: TcpStream, session: Box<ClientConnection>, deframer: Deframer },
}

/// The configuration of TLS: the certificates of a PEM file are trusted, or those that the system trusts.
pub(crate) fn tls(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

pub(crate) const fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "UDP",
        Protocol::Tcp => "TCP",
        Protocol::Tls => "TLS",
        Protocol::Dtls => "DTLS",
    }
}

impl Opener {
    /// Opens a link to a server, handshake of TLS included; what comes on it goes to `inputs` with the number `link`.
    pub(crate) fn open(
        &self,
        server: SocketAddr,
        link: usize,
        inputs: mpsc::SyncSender<Input>,
    ) -> Result<Link, Box<dyn Error>> {
        if matches!(self.protocol, Protocol::Udp) {
            let any =
                if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
            let reader = socket.try_clone()?;
            std::thread::spawn(move || receive(&reader, link, &inputs));
            return Ok(Link::Udp(socket));
        }
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let deframer = Deframer::new(Framing::Stun, LARGEST);
        let session = match &self.tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from(self.name.clone())?;
                let mut session = Box::new(ClientConnection::new(Arc::clone(config), name)?);
                stream.set_read_timeout(Some(PATIENCE))?;
                while session.is_handshaking() {
                    session.complete_io(&mut stream)?;
                }
                stream.set_read_timeout(None)?;
                Some(session)
            }
        };
        let reader = stream.try_clone()?;
        std::thread::spawn(move || read(reader, server, link, &inputs));
        Ok(match session {
            None => Link::Tcp { stream, deframer },
            Some(session) => Link::Tls { stream, session, deframer },
        })
    }
}

impl Link {
    /// Sends a datagram to the server.
    pub(crate) fn send(&mut self, server: SocketAddr, datagram: &[u8]) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Udp(socket) => {
                // What the kernel refuses is lost, as on any network.
                let _ = socket.send_to(datagram, server);
            }
            Self::Tcp { stream, .. } => stream.write_all(datagram)?,
            Self::Tls { stream, session, .. } => {
                session.writer().write_all(datagram)?;
                while session.wants_write() {
                    session.write_tls(stream)?;
                }
            }
        }
        Ok(())
    }

    /// Hands out the datagrams that are whole with the bytes read.
    pub(crate) fn datagrams(
        &mut self,
        bytes: &mut [u8],
        mut each: impl FnMut(&mut [u8]),
    ) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Udp(_) => each(bytes),
            Self::Tcp { .. } | Self::Tls { .. } if bytes.is_empty() => {
                return Err("the server has closed the stream".into());
            }
            Self::Tcp { deframer, .. } => deframe(deframer, bytes, &mut each)?,
            Self::Tls { stream, session, deframer } => {
                let mut encrypted = &*bytes;
                let mut plain = [0; 16_384];
                while !encrypted.is_empty() {
                    session.read_tls(&mut encrypted)?;
                    session.process_new_packets()?;
                    loop {
                        match session.reader().read(&mut plain) {
                            Ok(0) => return Err("the server has closed the session".into()),
                            Ok(len) => {
                                deframe(deframer, plain.get_mut(..len).unwrap_or_default(), &mut each)?;
                            }
                            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
                // An update of keys is answered.
                while session.wants_write() {
                    session.write_tls(stream)?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Link {
    /// Ends the thread that reads a stream.
    fn drop(&mut self) {
        match self {
            Self::Udp(_) => {}
            Self::Tcp { stream, .. } | Self::Tls { stream, .. } => {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn deframe(
    deframer: &mut Deframer,
    mut bytes: &mut [u8],
    each: &mut impl FnMut(&mut [u8]),
) -> Result<(), Box<dyn Error>> {
    while let Some(datagram) = deframer.read(&mut bytes)? {
        each(datagram);
    }
    Ok(())
}

fn receive(socket: &UdpSocket, link: usize, inputs: &mpsc::SyncSender<Input>) {
    let mut buffer = [0; LARGEST];
    loop {
        // An error is an earlier datagram's, refused by its receiver.
        let Ok((len, source)) = socket.recv_from(&mut buffer) else { continue };
        let bytes = buffer.get(..len).unwrap_or_default().to_vec();
        if inputs.send(Input { link, source, bytes }).is_err() {
            return;
        }
    }
}

fn read(mut stream: TcpStream, source: SocketAddr, link: usize, inputs: &mpsc::SyncSender<Input>) {
    let mut buffer = [0; 16_384];
    loop {
        let len = stream.read(&mut buffer).unwrap_or(0);
        let bytes = buffer.get(..len).unwrap_or_default().to_vec();
        if inputs.send(Input { link, source, bytes }).is_err() || len == 0 {
            return;
        }
    }
}

/// For a stream to open and to take what is written.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST: usize = 65_535;
