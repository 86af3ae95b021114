//! Local addresses that come and go, and the bases on them.

use std::net::SocketAddr;
use std::time::Instant;

use duologue_stun::canonical;

use crate::agent::{Agent, without_scope};
use crate::base::{Base, BaseKind};
use crate::candidate::{TcpKind, is_usable};
use crate::event::InterfaceError;
use crate::gather::Interface;
use crate::path::{BaseId, InterfaceId};

/// What an agent is told of an interface beside its address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InterfaceOptions {
    /// A multicast DNS name that is told in place of the address (draft-ietf-mmusic-mdns-ice-candidates); the embedder answers
    /// for it on the local network. It ends in `.local`. Default `None`: the address is told.
    pub mdns_name: Option<String>,
    /// A number that is told for the network, equal for addresses on one network; 0 tells none. Default 0.
    pub network: u16,
    /// What the network costs, as libwebrtc tells it: 0 Ethernet, 10 Wi-Fi, 50 unknown, up to 999, mobile data; of paths that
    /// work, a cheaper one is taken. Default 0.
    pub cost: u16,
}

impl Agent {
    /// Adds an address to send from, of which no more is known: see [`Self::add_interface_with`].
    ///
    /// # Errors
    /// The address is there already or cannot be used, there are too many, or the agent has been closed.
    pub fn add_interface(
        &mut self,
        now: Instant,
        address: SocketAddr,
    ) -> Result<InterfaceId, InterfaceError> {
        self.add_interface_with(now, address, InterfaceOptions::default())
    }

    /// Adds an address to send from: a host candidate, and the base of server-reflexive ones. Loopback is an address like
    /// others, paired with loopback alone.
    ///
    /// # Errors
    /// As of [`Self::add_interface`].
    pub fn add_interface_with(
        &mut self,
        now: Instant,
        address: SocketAddr,
        options: InterfaceOptions,
    ) -> Result<InterfaceId, InterfaceError> {
        let now = self.advance(now);
        let interfaces = self.shared.interfaces.iter().map(|interface| interface.address);
        let address = self.vacant(address, interfaces)?;
        let (interface, preference) = self.shared.next_interface_id(address.ip());
        let host = self.shared.next_base_id();
        let known = (preference, options.clone());
        self.shared.interfaces.push(Interface::new(interface, address, host, known, &self.shared.config));
        let kind = BaseKind::Host;
        let base = Base { id: host, interface, kind, address, preference, related: None, options };
        if self.shared.config.tcp {
            // RFC 6544, Section 4.5: the port of an active candidate is told as 9.
            let address = SocketAddr::new(address.ip(), 9);
            let (kind, options) = (BaseKind::Tcp(TcpKind::Active), base.options.clone());
            let id = self.shared.next_base_id();
            self.add_base(Base { id, interface, kind, address, preference, related: None, options });
        }
        self.add_base(base);
        self.shared.add_relays(interface);
        self.settle(now);
        Ok(interface)
    }

    /// Adds an address at which the embedder accepts streams: a passive TCP candidate
    /// ([RFC 6544](https://www.rfc-editor.org/rfc/rfc6544)), and with [`crate::Config::simultaneous_open`] one that connects
    /// from there too. [`Agent::remove_interface`] takes it away.
    ///
    /// # Errors
    /// As of [`Agent::add_interface`].
    pub fn add_listener(
        &mut self,
        now: Instant,
        address: SocketAddr,
        options: &InterfaceOptions,
    ) -> Result<InterfaceId, InterfaceError> {
        let now = self.advance(now);
        let is_listener = |base: &&Base| base.kind == BaseKind::Tcp(TcpKind::Passive);
        let listeners = self.shared.bases.iter().filter(is_listener).map(|base| base.address);
        let address = self.vacant(address, listeners)?;
        let (interface, preference) = self.shared.next_interface_id(address.ip());
        let both = self.shared.config.simultaneous_open.then_some(TcpKind::SimultaneousOpen);
        for kind in [TcpKind::Passive].into_iter().chain(both) {
            let id = self.shared.next_base_id();
            let (kind, options) = (BaseKind::Tcp(kind), options.clone());
            self.add_base(Base { id, interface, kind, address, preference, related: None, options });
        }
        self.shared.ask_by_streams(interface);
        self.settle(now);
        Ok(interface)
    }

    /// An address in its canonical form, if it can stand beside those that there are.
    fn vacant(
        &self,
        address: SocketAddr,
        present: impl Iterator<Item = SocketAddr> + Clone,
    ) -> Result<SocketAddr, InterfaceError> {
        let address = canonical(address);
        if self.is_closed() {
            return Err(InterfaceError::Closed);
        }
        if !is_usable(address) {
            return Err(InterfaceError::Unusable(address));
        }
        if present.clone().any(|other| without_scope(other) == without_scope(address)) {
            return Err(InterfaceError::Duplicate(address));
        }
        if present.count() >= usize::from(self.shared.config.max_interfaces) {
            return Err(InterfaceError::Limit);
        }
        Ok(address)
    }

    /// Takes an address away: its candidates, its pairs and what is in flight on them. Unknown ids do nothing.
    pub fn remove_interface(&mut self, now: Instant, id: InterfaceId) {
        let now = self.advance(now);
        if self.is_closed() {
            return;
        }
        self.remove_relays(now, id);
        self.shared.end_queries(Some(id));
        self.shared.interfaces.retain(|interface| interface.id != id);
        while let Some(base) = self.shared.bases.iter().find(|base| base.interface == id) {
            self.remove_base(now, base.id);
        }
        self.settle(now);
    }

    pub(crate) fn add_base(&mut self, base: Base) {
        let id = base.id;
        self.shared.bases.push(base);
        self.each_session(|session, shared| session.add_base(shared, id));
    }

    /// Takes a base away with its candidates, its pairs and what is in flight on them.
    pub(crate) fn remove_base(&mut self, now: Instant, id: BaseId) {
        self.shared.bases.retain(|base| base.id != id);
        self.shared.close_streams_where(|source| source.base == id);
        self.shared.requests.remove_where(|request| request.to.base == id);
        let is_over = self.is_over();
        self.each_session(|session, shared| session.remove_base(shared, now, id, is_over));
    }
}
