//! One client with its link: the body of a loop around the machine.

use crate::link::{Input, Link, Opener};
use duologue_stun::turn::{
    Client, ClientConfig, Event, HEADROOM, Received, Relayed, SendError, Stats, TAILROOM,
};
use std::collections::BTreeSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Instant;

pub(crate) struct Side {
    client: Client,
    link: Link,
    name: &'static str,
    began: Instant,
    buffer: Vec<u8>,
    /// The server's requests to speak to another are followed with it.
    inputs: mpsc::SyncSender<Input>,
    /// The link's number; that of another side's link is never the same.
    number: usize,
    pub(crate) permitted: BTreeSet<SocketAddr>,
    pub(crate) closed: bool,
}

impl Side {
    pub(crate) fn new(
        opener: &Opener,
        config: ClientConfig,
        server: SocketAddr,
        number: usize,
        inputs: mpsc::SyncSender<Input>,
    ) -> Result<Self, Box<dyn Error>> {
        let link = opener.open(server, number, inputs.clone())?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let began = Instant::now();
        Ok(Self {
            client: Client::new(Arc::new(config), seed, began),
            link,
            name: if number == 0 { "first" } else { "second" },
            began,
            buffer: Vec::new(),
            inputs,
            number,
            permitted: BTreeSet::new(),
            closed: false,
        })
    }

    pub(crate) const fn relayed(&self) -> Option<Relayed> {
        self.client.relayed()
    }

    pub(crate) const fn stats(&self) -> Stats {
        self.client.stats()
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn permit(&mut self, now: Instant, peer: SocketAddr) -> Result<(), Box<dyn Error>> {
        Ok(self.client.permit(now, peer)?)
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.client.close(now);
    }

    /// Lets the client do what is due, sends what it wants sent, and looks at what it tells.
    pub(crate) fn drain(&mut self, now: Instant, opener: &Opener) -> Result<(), Box<dyn Error>> {
        self.client.handle_timeout(now);
        loop {
            self.buffer.clear();
            if self.client.poll_transmit(now, 65_535, &mut self.buffer).is_some() {
                self.link.send(self.client.server(), &self.buffer)?;
            } else if let Some(event) = self.client.poll_event() {
                self.handle(event, opener)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Hands out what peers have sent.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        input: Input,
        mut each: impl FnMut(SocketAddr, &mut [u8]),
    ) -> Result<(), Box<dyn Error>> {
        let (client, mut bytes) = (&mut self.client, input.bytes);
        if input.source != client.server() {
            return Ok(());
        }
        self.link.datagrams(&mut bytes, |datagram| {
            // What is of no use is counted in the client's statistics.
            if let Ok(Received::Data { peer, payload }) = client.handle_datagram(now, datagram) {
                each(peer, payload);
            }
        })
    }

    /// Sends a payload to a peer.
    pub(crate) fn send(
        &mut self,
        peer: SocketAddr,
        len: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<(), Box<dyn Error>> {
        self.buffer.clear();
        self.buffer.resize(HEADROOM + len + TAILROOM, 0);
        let payload = HEADROOM..HEADROOM + len;
        write(self.buffer.get_mut(payload.clone()).unwrap_or_default());
        match self.client.seal(peer, &mut self.buffer, payload) {
            Ok(framed) => {
                let framed = self.buffer.get(framed).unwrap_or_default();
                self.link.send(self.client.server(), framed)
            }
            // It counts as lost.
            Err(SendError::NotAllocated) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn handle(&mut self, event: Event, opener: &Opener) -> Result<(), Box<dyn Error>> {
        let (at, name) = (self.began.elapsed().as_secs_f64() * 1e3, self.name);
        match event {
            Event::Allocated(relayed) => {
                let addresses: Vec<String> =
                    [relayed.ipv4, relayed.ipv6].iter().flatten().map(ToString::to_string).collect();
                let mapped = relayed.mapped.map(|mapped| format!(", which is seen as {mapped}"));
                let (addresses, mapped) = (addresses.join(" and "), mapped.unwrap_or_default());
                println!("{at:.1} ms: the {name} allocation is {addresses}{mapped}");
            }
            Event::Permitted(peer) => {
                println!("{at:.1} ms: the {name} one may send to {peer}");
                self.permitted.insert(peer);
            }
            Event::FamilyRefused(_, code) => {
                return Err(format!("the {name} allocation lacks a family: {}", code.get()).into());
            }
            Event::PermissionRefused(peer, reason) => {
                return Err(format!("the {name} allocation may not send to {peer}: {reason}").into());
            }
            Event::Relocated(_) => return Err(format!("the server has lost the {name} allocation").into()),
            Event::TokenWanted(_) => return Err("the server wants a token of a third party".into()),
            Event::Redirected { server, .. } => {
                println!("{at:.1} ms: the {name} one is sent on to {server}");
                self.link = opener.open(server, self.number, self.inputs.clone())?;
                self.client.stream_opened(Instant::now());
            }
            Event::Icmp { peer, kind, code, .. } => {
                println!("{at:.1} ms: ICMP {kind}, {code} about what the {name} one has sent to {peer}");
            }
            Event::Closed => self.closed = true,
            Event::Failed(reason) => return Err(format!("the {name} allocation: {reason}").into()),
            other => println!("{at:.1} ms: {name}: {other:?}"),
        }
        Ok(())
    }
}
