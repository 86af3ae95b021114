//! Many connections on one socket: which one a datagram belongs to.

use crate::peer_connection::PeerConnection;
use duologue_ice::Path;
use duologue_stun::{Class, Header, Message, TransactionId};
use siphasher::sip::SipHasher13;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use thiserror::Error;

/// The most paths kept for one connection; the oldest gives way.
const MAX_PATHS: usize = 128;
/// The most requests in flight kept for one connection; the oldest gives way.
const MAX_TRANSACTIONS: usize = 512;

/// Routes the datagrams of a shared socket in constant time:
/// - a Binding request by the local half of its `USERNAME`, whatever its path;
/// - a STUN response by the transaction id of a request in flight, or, of a TURN server, by its path;
/// - anything else by a path that authenticated STUN has taught.
///
/// The newest authenticated owner takes a path. `Demux` knows the connections by keys and owns none of them.
/// Call [`update`](Self::update) after each of a connection's turns.
#[derive(Debug)]
pub struct Demux<K> {
    users: HashMap<Box<[u8]>, K, Keyed>,
    transactions: HashMap<TransactionId, K, Keyed>,
    paths: HashMap<Path, K, Keyed>,
    owned: HashMap<K, Owned, Keyed>,
}

/// What leads to one connection.
#[derive(Debug)]
struct Owned {
    users: Vec<Box<[u8]>>,
    transactions: VecDeque<TransactionId>,
    paths: VecDeque<Path>,
}

/// A connection cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InsertError {
    /// Another connection has this ICE user name fragment.
    #[error("another connection has this ICE user name fragment")]
    UserTaken,
    /// The key is in use.
    #[error("the key is in use")]
    KeyTaken,
}

/// What a connection reports of the datagrams that are its own ([`PeerConnection::poll_route`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// A response with this id is the connection's.
    TransactionOpened(TransactionId),
    /// A response with this id is nobody's any more.
    TransactionClosed(TransactionId),
    /// The ids reported so far are void; those in flight follow.
    TransactionsReset,
    /// The user names of checks for the connection are others
    /// ([`local_ice_ufrags`](PeerConnection::local_ice_ufrags)).
    UsersChanged,
    /// Authenticated STUN has come on this path, or a TURN server is at its other end.
    Path(Path),
}

impl<K: Copy + Eq + Hash> Demux<K> {
    /// An empty router. The seed keys its hash maps, since peers choose what they are looked up by.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let keyed = Keyed::new(&seed);
        Self {
            users: HashMap::with_hasher(keyed),
            transactions: HashMap::with_hasher(keyed),
            paths: HashMap::with_hasher(keyed),
            owned: HashMap::with_hasher(keyed),
        }
    }

    /// Adds a connection under `key`.
    pub fn insert(&mut self, key: K, connection: &mut PeerConnection) -> Result<(), InsertError> {
        if connection.local_ice_ufrags().any(|user| self.users.contains_key(user.as_bytes())) {
            return Err(InsertError::UserTaken);
        }
        if self.owned.contains_key(&key) {
            return Err(InsertError::KeyTaken);
        }
        let owned = Owned { users: Vec::new(), transactions: VecDeque::new(), paths: VecDeque::new() };
        self.owned.insert(key, owned);
        self.learn_users(key, connection);
        self.update(key, connection);
        Ok(())
    }

    /// Forgets a connection and all that led to it.
    pub fn remove(&mut self, key: K) {
        let Some(owned) = self.owned.remove(&key) else { return };
        for user in owned.users {
            self.forget_user(key, &user);
        }
        for id in owned.transactions {
            self.forget_transaction(key, id);
        }
        for path in owned.paths {
            self.forget_path(key, path);
        }
    }

    /// Takes in what a connection has learnt since the last call.
    pub fn update(&mut self, key: K, connection: &mut PeerConnection) {
        while let Some(route) = connection.poll_route() {
            match route {
                Route::UsersChanged => self.learn_users(key, connection),
                route => self.learn(key, route),
            }
        }
    }

    /// The connection that a datagram belongs to; `None` when it is nobody's.
    #[must_use]
    pub fn route(&self, path: Path, datagram: &[u8]) -> Option<K> {
        let path = path.canonical();
        // RFC 7983, Section 7: STUN begins with 0 to 3.
        if !matches!(datagram.first(), Some(0..=3)) {
            return self.paths.get(&path).copied();
        }
        let header = Header::parse(datagram).ok()?;
        match header.class {
            Class::Request => {
                let message = Message::parse(datagram).ok()?;
                self.users.get(message.username_local()?).copied()
            }
            // The answers of a TURN server go where its path leads.
            Class::Success | Class::Error => {
                let by_id = self.transactions.get(&header.transaction_id);
                by_id.or_else(|| self.paths.get(&path)).copied()
            }
            Class::Indication => self.paths.get(&path).copied(),
        }
    }

    /// How many connections are routed to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.owned.len()
    }

    /// Whether no connection is routed to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    /// During an ICE restart a connection has two user names. One that another connection has stays its own.
    fn learn_users(&mut self, key: K, connection: &PeerConnection) {
        let Some(owned) = self.owned.get_mut(&key) else { return };
        let users = connection.local_ice_ufrags().map(|user| Box::from(user.as_bytes())).collect();
        let before = std::mem::replace(&mut owned.users, users);
        for user in &owned.users {
            self.users.entry(user.clone()).or_insert(key);
        }
        let gone: Vec<_> = before.into_iter().filter(|user| !owned.users.contains(user)).collect();
        for user in gone {
            self.forget_user(key, &user);
        }
    }

    fn forget_user(&mut self, key: K, user: &[u8]) {
        if self.users.get(user) == Some(&key) {
            self.users.remove(user);
        }
    }

    fn learn(&mut self, key: K, route: Route) {
        let Some(owned) = self.owned.get_mut(&key) else { return };
        match route {
            Route::TransactionOpened(id) => {
                owned.transactions.push_back(id);
                let oldest = (owned.transactions.len() > MAX_TRANSACTIONS)
                    .then(|| owned.transactions.pop_front())
                    .flatten();
                self.transactions.insert(id, key);
                if let Some(oldest) = oldest {
                    self.forget_transaction(key, oldest);
                }
            }
            Route::TransactionClosed(id) => {
                owned.transactions.retain(|one| *one != id);
                self.forget_transaction(key, id);
            }
            Route::TransactionsReset => {
                for id in std::mem::take(&mut owned.transactions) {
                    self.forget_transaction(key, id);
                }
            }
            // Told with the connection at hand.
            Route::UsersChanged => {}
            Route::Path(path) => {
                let path = path.canonical();
                owned.paths.retain(|one| *one != path);
                owned.paths.push_back(path);
                let oldest = (owned.paths.len() > MAX_PATHS).then(|| owned.paths.pop_front()).flatten();
                self.paths.insert(path, key);
                if let Some(oldest) = oldest {
                    self.forget_path(key, oldest);
                }
            }
        }
    }

    fn forget_transaction(&mut self, key: K, id: TransactionId) {
        if self.transactions.get(&id) == Some(&key) {
            self.transactions.remove(&id);
        }
    }

    /// Forgets a path unless another connection has taken it.
    fn forget_path(&mut self, key: K, path: Path) {
        if self.paths.get(&path) == Some(&key) {
            self.paths.remove(&path);
        }
    }
}

/// SipHash keyed from the seed.
#[derive(Debug, Clone, Copy)]
struct Keyed(u64, u64);

impl Keyed {
    fn new(seed: &[u8; 32]) -> Self {
        let [a, b, ..] = seed.as_chunks::<8>().0 else { return Self(0, 0) };
        Self(u64::from_le_bytes(*a), u64::from_le_bytes(*b))
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}
