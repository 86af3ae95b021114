//! The UDP sockets of a server: one on every interface address.

use duologue::Transmit;
use duologue::ice::Path;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::task::Poll;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// A datagram that has come: its length and its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    pub(crate) len: usize,
    pub(crate) path: Path,
}

pub(crate) struct Sockets(Vec<(SocketAddr, UdpSocket)>);

impl Sockets {
    /// A socket on every interface address, loopback included; port 0 takes a free one for each.
    pub(crate) fn bind(port: u16) -> io::Result<Self> {
        let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()?.iter().map(|one| one.ip()).collect();
        // A link-local IPv6 address is of use only with its scope, which candidates cannot carry.
        addresses.retain(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        addresses.sort_unstable();
        addresses.dedup();
        let mut sockets = Self(Vec::new());
        sockets.add(addresses, port)?;
        Ok(sockets)
    }

    /// Further sockets at the same addresses, each on a free port; gives their addresses. Peers that use a TURN server over UDP
    /// need their own: to the server the two ends of a datagram are the client.
    pub(crate) fn add_private(&mut self) -> io::Result<Vec<SocketAddr>> {
        let mut ips: Vec<IpAddr> = self.addresses().map(|address| address.ip()).collect();
        ips.sort_unstable();
        ips.dedup();
        let before = self.0.len();
        self.add(ips, 0)?;
        Ok(self.addresses().skip(before).collect())
    }

    /// Closes sockets.
    pub(crate) fn remove(&mut self, addresses: &[SocketAddr]) {
        self.0.retain(|(address, _)| !addresses.contains(address));
    }

    fn add(&mut self, addresses: Vec<IpAddr>, port: u16) -> io::Result<()> {
        for ip in addresses {
            let socket = std::net::UdpSocket::bind((ip, port))?;
            socket.set_nonblocking(true)?;
            let reference = socket2::SockRef::from(&socket);
            // Bursts of a bulk transfer fit; the kernel may grant less.
            let _ = reference.set_recv_buffer_size(4 << 20);
            let _ = reference.set_send_buffer_size(4 << 20);
            self.0.push((socket.local_addr()?, UdpSocket::from_std(socket)?));
        }
        Ok(())
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|(address, _)| *address)
    }

    /// Waits for a datagram on any socket.
    pub(crate) async fn receive(&self, datagram: &mut [u8]) -> Came {
        poll_fn(|context| {
            for (to, socket) in &self.0 {
                let mut buffer = ReadBuf::new(datagram);
                // An error here is an earlier datagram's, refused by its receiver: the next read may do.
                while let Poll::Ready(result) = socket.poll_recv_from(context, &mut buffer) {
                    if let Ok(from) = result {
                        return Poll::Ready(Came { len: buffer.filled().len(), path: Path::udp(*to, from) });
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    /// A datagram that is there already, if there is one.
    pub(crate) fn try_receive(&self, datagram: &mut [u8]) -> Option<Came> {
        self.0.iter().find_map(|(to, socket)| {
            let (len, from) = socket.try_recv_from(datagram).ok()?;
            Some(Came { len, path: Path::udp(*to, from) })
        })
    }

    /// Sends a batch, datagram by datagram.
    pub(crate) async fn send(&self, transmit: &Transmit, bytes: &[u8]) {
        for datagram in datagrams(transmit, bytes) {
            self.send_one(&transmit.path, datagram).await;
        }
    }

    pub(crate) async fn send_one(&self, path: &Path, datagram: &[u8]) {
        let socket = self.0.iter().find(|(address, _)| *address == path.local);
        if let Some((_, socket)) = socket {
            // What the kernel refuses is lost, as on any network.
            let _ = socket.send_to(datagram, path.remote).await;
        }
    }
}

/// The datagrams of a batch.
pub(crate) fn datagrams<'b>(transmit: &Transmit, bytes: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let size = transmit.segment_size.map_or(bytes.len(), NonZeroUsize::get).max(1);
    bytes.chunks(size)
}
