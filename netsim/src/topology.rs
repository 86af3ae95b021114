//! Who is where: hosts' interfaces, the realms they stand in, and what lies between realms.

use crate::firewall::{Firewall, Transport};
use crate::link::LinkState;
use crate::mapping::Nat;
use crate::node::Addresses;
use std::net::IpAddr;
use std::time::Instant;

/// A host: the node of the same index in the slice given to [`crate::Network::step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub(crate) usize);

impl HostId {
    /// The host's place in the slice of nodes.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// One of a host's attachments to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub(crate) usize);

/// A space of addresses: the internet, or what lies behind a NAT or a firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Realm(usize);

impl Realm {
    /// The public internet.
    pub const INTERNET: Self = Self(0);
}

/// Which ways of an interface have died without its host being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outage {
    /// None: all works.
    #[default]
    None,
    /// What the host sends is lost.
    Outbound,
    /// What is sent to the host is lost.
    Inbound,
    /// Both.
    Both,
}

impl Outage {
    pub(crate) const fn stops_outbound(self) -> bool {
        matches!(self, Self::Outbound | Self::Both)
    }

    pub(crate) const fn stops_inbound(self) -> bool {
        matches!(self, Self::Inbound | Self::Both)
    }
}

#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) host: HostId,
    pub(crate) ip: IpAddr,
    pub(crate) realm: Realm,
    pub(crate) up: LinkState,
    pub(crate) down: LinkState,
    pub(crate) outage: Outage,
    /// Whether the host has it: one that was removed sends and receives nothing.
    pub(crate) present: bool,
}

/// What stands between an inner realm and the realm around it.
#[derive(Debug)]
pub(crate) enum Gateway {
    Nat(Nat),
    Firewall(Firewall),
}

/// Where a packet's way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// At this interface.
    Interface(InterfaceId),
    /// At a NAT or a firewall that does not let it through.
    Refused,
    /// Nobody has the address.
    Nowhere,
    /// In the middle of the internet, on its way to somewhere there or behind a gateway.
    Across,
}

/// The next step of a packet's way.
enum Hop {
    Interface(InterfaceId),
    /// Into the realm of this number.
    Inwards(Realm),
}

/// All that packets can meet.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    interfaces: Vec<Interface>,
    /// The gateway of realm `n + 1` at index `n`, with the realm outside it.
    gateways: Vec<(Realm, Gateway)>,
}

impl Topology {
    pub(crate) fn add_interface(&mut self, interface: Interface) -> InterfaceId {
        self.interfaces.push(interface);
        InterfaceId(self.interfaces.len() - 1)
    }

    pub(crate) fn add_gateway(&mut self, outside: Realm, gateway: Gateway) -> Realm {
        self.gateways.push((outside, gateway));
        Realm(self.gateways.len())
    }

    pub(crate) fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.get(id.0)
    }

    pub(crate) fn interface_mut(&mut self, id: InterfaceId) -> Option<&mut Interface> {
        self.interfaces.get_mut(id.0)
    }

    /// The interface that a host sends from with this source.
    pub(crate) fn source(&mut self, host: HostId, ip: IpAddr) -> Option<&mut Interface> {
        self.interfaces.iter_mut().find(|one| one.present && one.host == host && one.ip == ip)
    }

    /// The interface by which a host has an address itself.
    pub(crate) fn interface_of(&self, host: HostId, ip: IpAddr) -> Option<InterfaceId> {
        let is_own = |one: &Interface| one.present && one.host == host && one.ip == ip;
        self.interfaces.iter().position(is_own).map(InterfaceId)
    }

    pub(crate) fn gateway_mut(&mut self, inner: Realm) -> Option<&mut Gateway> {
        Some(&mut self.gateways.get_mut(inner.0.checked_sub(1)?)?.1)
    }

    /// Takes a packet from `realm` to where it is going, and translates its addresses on the way. `middle` is called
    /// where it stops going outwards; if that is on the internet and it says so, the packet stays there for now.
    pub(crate) fn route(
        &mut self,
        now: Instant,
        transport: Transport,
        addresses: &mut Addresses,
        mut realm: Realm,
        middle: impl FnOnce(Addresses) -> bool,
    ) -> Destination {
        let mut middle = Some(middle);
        // A packet crosses each gateway at most once outwards and once inwards.
        for _ in 0..=2 * self.gateways.len() {
            let hop = self.find(realm, addresses.destination.ip());
            if let Some(middle) = hop.as_ref().and_then(|_| middle.take())
                && middle(*addresses)
                && realm == Realm::INTERNET
            {
                return Destination::Across;
            }
            match hop {
                Some(Hop::Interface(interface)) => return Destination::Interface(interface),
                Some(Hop::Inwards(inner)) => {
                    if !self.enter(now, transport, addresses, inner) {
                        return Destination::Refused;
                    }
                    realm = inner;
                }
                None => match self.leave(now, transport, addresses, realm) {
                    Ok(outside) => realm = outside,
                    Err(end) => return end,
                },
            }
        }
        Destination::Nowhere
    }

    /// Where an address is, as seen in `realm`.
    fn find(&self, realm: Realm, ip: IpAddr) -> Option<Hop> {
        let here = |one: &Interface| one.present && one.realm == realm && one.ip == ip;
        if let Some(index) = self.interfaces.iter().position(here) {
            return Some(Hop::Interface(InterfaceId(index)));
        }
        let index = self.gateways.iter().enumerate().position(|(index, (outside, gateway))| {
            *outside == realm
                && match gateway {
                    Gateway::Nat(nat) => nat.public == ip,
                    Gateway::Firewall(_) => self.find(Realm(index + 1), ip).is_some(),
                }
        })?;
        Some(Hop::Inwards(Realm(index + 1)))
    }

    fn enter(&mut self, now: Instant, transport: Transport, addresses: &mut Addresses, inner: Realm) -> bool {
        let Addresses { source, destination } = *addresses;
        match self.gateway_mut(inner) {
            Some(Gateway::Nat(nat)) => match nat.inbound(now, transport, source, destination.port()) {
                Some(inside) => addresses.destination = inside,
                None => return false,
            },
            Some(Gateway::Firewall(firewall)) => {
                return firewall.inbound(now, transport, source, destination);
            }
            None => return false,
        }
        true
    }

    fn leave(
        &mut self,
        now: Instant,
        transport: Transport,
        addresses: &mut Addresses,
        realm: Realm,
    ) -> Result<Realm, Destination> {
        let Addresses { source, destination } = *addresses;
        let index = realm.0.checked_sub(1).ok_or(Destination::Nowhere)?;
        let (outside, gateway) = self.gateways.get_mut(index).ok_or(Destination::Nowhere)?;
        match gateway {
            Gateway::Nat(nat) => {
                if destination.ip() == nat.public && !nat.config.hairpinning {
                    return Err(Destination::Refused);
                }
                let public = nat.outbound(now, transport, source, destination);
                addresses.source = public.ok_or(Destination::Nowhere)?;
            }
            Gateway::Firewall(firewall) => {
                if !firewall.outbound(now, transport, source, destination) {
                    return Err(Destination::Refused);
                }
            }
        }
        Ok(*outside)
    }
}
