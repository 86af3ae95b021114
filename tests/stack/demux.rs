//! A thousand connections on one socket: each datagram reaches its owner, also when addresses change.
use crate::support::{ALICE, BOB, config, seed};
use duologue::ice::Path;
use duologue::stun::{Class, Method, TransactionId, Writer};
use duologue::{Arrival, ChannelConfig, Demux, InsertError, Kind, NtpTime, PeerConnection};
use duologue_netsim::{Addresses, Link, Network, Node, Realm};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: usize = 1_000;
const SERVER: &str = "192.0.2.9:3000";
const CLIENT_IP: &str = "198.51.100.7";

/// One end of a connection, and what it has heard.
struct End {
    connection: PeerConnection,
    heard: Vec<Vec<u8>>,
    deadline: Option<Instant>,
}

impl End {
    fn new(connection: PeerConnection) -> Self {
        Self { connection, heard: Vec::new(), deadline: None }
    }

    fn settle(&mut self) {
        while self.connection.poll_event().is_some() {}
        while let Some(message) = self.connection.recv() {
            self.heard.push(message.payload.to_vec());
        }
        self.deadline = self.connection.poll_timeout();
    }

    fn say(&mut self, now: Instant, what: &str) {
        let (id, _) = self.connection.data_channels().next().unwrap();
        self.connection.send(now, id, Kind::Binary, what.to_owned().into()).unwrap();
    }
}

/// Many ends at one host: all clients, whose ports a NAT of their own decides, or all connections of the server.
struct Crowd {
    ends: Vec<End>,
    ready: Vec<usize>,
    place: Place,
}

enum Place {
    /// Client `n` has the port `ports[n]` outside.
    Clients {
        ports: Vec<u16>,
        owners: HashMap<u16, usize>,
    },
    Server {
        demux: Demux<usize>,
        unrouted: usize,
    },
}

fn inside(client: usize) -> SocketAddr {
    SocketAddr::new(CLIENT_IP.parse().unwrap(), 10_000 + u16::try_from(client).unwrap())
}

impl Crowd {
    fn touch(&mut self, index: usize) {
        self.ends[index].settle();
        if let Place::Server { demux, .. } = &mut self.place {
            demux.update(index, &mut self.ends[index].connection);
        }
        self.ready.push(index);
    }

    fn set_ports(&mut self, change: impl Fn(usize, u16) -> u16) {
        let Place::Clients { ports, owners } = &mut self.place else { panic!("clients have ports") };
        owners.clear();
        for (client, port) in ports.iter_mut().enumerate() {
            *port = change(client, *port);
            owners.insert(*port, client);
        }
    }
}

impl Node for Crowd {
    fn handle_timeout(&mut self, now: Instant) {
        for index in 0..self.ends.len() {
            if self.ends[index].deadline.is_some_and(|deadline| deadline <= now) {
                self.ends[index].connection.handle_timeout(now);
                self.touch(index);
            }
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        let mut path = Path::udp(addresses.destination, addresses.source);
        let owner = match &mut self.place {
            Place::Clients { owners, .. } => owners.get(&addresses.destination.port()).copied(),
            Place::Server { demux, unrouted } => {
                let owner = demux.route(path, datagram);
                *unrouted += usize::from(owner.is_none());
                owner
            }
        };
        let Some(owner) = owner else { return };
        if matches!(self.place, Place::Clients { .. }) {
            path.local = inside(owner);
        }
        let _ = self.ends[owner].connection.handle_datagram(now, Arrival::new(path, now), datagram);
        self.touch(owner);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        while let Some(&index) = self.ready.last() {
            if let Some(transmit) = self.ends[index].connection.poll_transmit(now, NonZeroUsize::MIN, out) {
                let mut source = transmit.path.local;
                if let Place::Clients { ports, .. } = &self.place {
                    source.set_port(ports[index]);
                }
                return Some(Addresses { source, destination: transmit.path.remote });
            }
            self.ready.pop();
            let before = self.ready.len();
            self.touch(index);
            self.ready.truncate(before);
        }
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.ends.iter().filter_map(|end| end.deadline).min()
    }
}

/// A client and the server's connection to it, which have exchanged descriptions.
fn negotiated(now: Instant, number: usize) -> [PeerConnection; 2] {
    let number_seed = u64::try_from(number).unwrap();
    let mut client = PeerConnection::new(Arc::new(config(ALICE)), seed(number_seed, ALICE), now, NtpTime(0));
    let mut server = PeerConnection::new(Arc::new(config(BOB)), seed(number_seed, BOB), now, NtpTime(0));
    client.add_interface(now, inside(number)).unwrap();
    server.add_interface(now, SERVER.parse().unwrap()).unwrap();
    client.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    let offer = client.create_offer().unwrap();
    client.set_local_description(now, &offer).unwrap();
    server.set_remote_description(now, &offer).unwrap();
    let answer = server.create_answer().unwrap();
    server.set_local_description(now, &answer).unwrap();
    let mut answer = answer;
    answer.sdp = server.local_description().unwrap();
    client.set_remote_description(now, &answer).unwrap();
    [client, server]
}

struct World {
    network: Network,
    crowds: [Crowd; 2],
}

impl World {
    fn new() -> Self {
        let mut network = Network::new(1);
        let link = Link { delay: Duration::from_millis(10), ..Link::default() };
        for ip in [CLIENT_IP.parse().unwrap(), SERVER.parse::<SocketAddr>().unwrap().ip()] {
            let host = network.add_host();
            network.add_interface(host, ip, Realm::INTERNET, link.clone(), Link::default());
        }
        let now = network.now();
        let mut demux = Demux::new([3; 32]);
        let (mut clients, mut servers) = (Vec::new(), Vec::new());
        for number in 0..CLIENTS {
            let [client, mut server] = negotiated(now, number);
            demux.insert(number, &mut server).unwrap();
            clients.push(End::new(client));
            servers.push(End::new(server));
        }
        let ports: Vec<_> = (0..CLIENTS).map(|number| inside(number).port()).collect();
        let owners = ports.iter().enumerate().map(|(client, port)| (*port, client)).collect();
        let crowd = |ends, place| Crowd { ends, ready: (0..CLIENTS).collect(), place };
        let clients = crowd(clients, Place::Clients { ports, owners });
        let servers = crowd(servers, Place::Server { demux, unrouted: 0 });
        Self { network, crowds: [clients, servers] }
    }

    fn wait(&mut self, seconds: u64) {
        let limit = self.network.now() + Duration::from_secs(seconds);
        self.network.run_to(&mut self.crowds, limit);
    }

    /// Each client says its number; each of the server's connections hears its own client's, and answers.
    fn talk(&mut self, patience: u64) {
        let now = self.network.now();
        for [from, to] in [[0, 1], [1, 0]] {
            for number in 0..CLIENTS {
                self.crowds[to].ends[number].heard.clear();
                self.crowds[from].ends[number].say(now, &number.to_string());
                self.crowds[from].touch(number);
            }
        }
        self.wait(patience);
        for crowd in &self.crowds {
            for (number, end) in crowd.ends.iter().enumerate() {
                assert_eq!(end.heard, [number.to_string().into_bytes()], "connection {number}");
            }
        }
    }

    fn unrouted(&self) -> usize {
        match &self.crowds[1].place {
            Place::Server { unrouted, .. } => *unrouted,
            Place::Clients { .. } => panic!("not the server"),
        }
    }
}

#[test]
fn each_datagram_reaches_its_owner_also_after_rebindings_and_an_exchange_of_addresses() {
    let mut world = World::new();
    world.wait(5);
    assert_eq!(world.unrouted(), 0);
    world.talk(5);
    // Every NAT binding changes.
    world.crowds[0].set_ports(|_, port| port + 20_000);
    world.talk(60);
    assert!(world.unrouted() > 0, "what came from new addresses ahead of a check was nobody's");
    // Two clients take each other's address.
    let [first, second] = [inside(0).port() + 20_000, inside(1).port() + 20_000];
    world.crowds[0].set_ports(|client, port| match client {
        0 => second,
        1 => first,
        _ => port,
    });
    world.talk(60);
    world.talk(5);
}

#[test]
fn during_an_ice_restart_checks_with_either_user_name_reach_their_connection() {
    let mut world = World::new();
    world.wait(5);
    let now = world.network.now();
    let users = |world: &World| -> Vec<Vec<String>> {
        let servers = world.crowds[1].ends.iter();
        servers.map(|end| end.connection.local_ice_ufrags().map(str::to_owned).collect()).collect()
    };
    let before = users(&world);
    let [clients, servers] = &mut world.crowds;
    for number in 0..CLIENTS {
        let (client, server) = (&mut clients.ends[number].connection, &mut servers.ends[number].connection);
        client.restart_ice();
        let offer = client.set_implicit_local_description(now).unwrap();
        server.set_remote_description(now, &offer).unwrap();
        let answer = server.set_implicit_local_description(now).unwrap();
        client.set_remote_description(now, &answer).unwrap();
        clients.touch(number);
        servers.touch(number);
    }
    let during = users(&world);
    let path = Path::udp(SERVER.parse().unwrap(), "203.0.113.99:9".parse().unwrap());
    let routed = |world: &World, user: &str| match &world.crowds[1].place {
        Place::Server { demux, .. } => demux.route(path, &check_for(user)),
        Place::Clients { .. } => panic!("not the server"),
    };
    for number in 0..CLIENTS {
        assert_eq!((during[number].len(), &during[number][1]), (2, &before[number][0]));
        assert!(during[number].iter().all(|user| routed(&world, user) == Some(number)));
    }
    world.talk(5);
    world.wait(90);
    world.talk(5);
    let after = users(&world);
    for number in 0..CLIENTS {
        assert_eq!(after[number], during[number][..1]);
        assert_eq!(routed(&world, &after[number][0]), Some(number));
        assert_eq!(routed(&world, &before[number][0]), None, "the old user name is nobody's");
    }
}

/// A connectivity check for this user, from a stranger.
fn check_for(user: &str) -> Vec<u8> {
    let mut datagram = Vec::new();
    let writer = Writer::new(&mut datagram, Class::Request, Method::BINDING, TransactionId([1; 12]));
    writer.username(user.as_bytes(), b"stranger").finish().unwrap();
    datagram
}

#[test]
fn a_user_name_or_key_that_is_taken_is_refused_and_free_again_after_removal() {
    let now = Network::new(1).now();
    let [_, mut one] = negotiated(now, 0);
    let [_, mut same] = negotiated(now, 0);
    let [_, mut other] = negotiated(now, 1);
    let mut demux = Demux::new([0; 32]);
    demux.insert("one", &mut one).unwrap();
    assert_eq!(demux.insert("same", &mut same), Err(InsertError::UserTaken));
    assert_eq!(demux.insert("one", &mut other), Err(InsertError::KeyTaken));
    demux.remove("one");
    assert!(demux.is_empty());
    demux.insert("same", &mut same).unwrap();
}
