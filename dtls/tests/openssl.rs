//! OpenSSL as client and as server, over real sockets and in real time.
//!
//! Behind the feature `interop`, as it needs the system's `openssl`; a missing one fails the tests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests; here alone, time is real"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use duologue_dtls::crypto::{self, Provider};
use duologue_dtls::{
    CipherSuite, ClosedBy, Config, Connected, Connection, Event, Failure, Fingerprint, FingerprintHash,
    Identity, NamedGroup, Role, SrtpProfile, Validity,
};

#[test]
fn every_suite_and_group_works_with_openssl_as_server() {
    each_suite_and_group(Role::Client);
}

#[test]
fn every_suite_and_group_works_with_openssl_as_client() {
    each_suite_and_group(Role::Server);
}

fn each_suite_and_group(role: Role) {
    for suite in CipherSuite::ALL {
        for group in NamedGroup::ALL {
            for provider in [crypto::aws_lc_rs(), crypto::rust_crypto()] {
                let mut case = Case::new(role, provider);
                (case.suite, case.group) = (suite, group);
                let (connected, _) = case.run().unwrap();
                assert_eq!((connected.cipher_suite, connected.group), (suite, group));
                assert_eq!(connected.srtp_profile, Some(SrtpProfile::Aes128CmHmacSha1_80));
            }
        }
    }
}

#[test]
fn the_handshake_survives_the_loss_of_each_datagram_with_openssl_as_server() {
    lose_each_datagram(Role::Client);
}

#[test]
fn the_handshake_survives_the_loss_of_each_datagram_with_openssl_as_client() {
    lose_each_datagram(Role::Server);
}

fn lose_each_datagram(role: Role) {
    let mut without_loss = Case::new(role, crypto::aws_lc_rs());
    without_loss.mtu = 512;
    let (_, datagrams) = without_loss.run().unwrap();
    assert!(datagrams > 4);
    let threads: Vec<_> = (0..datagrams)
        .map(|lost| {
            thread::spawn(move || {
                let mut case = Case::new(role, crypto::aws_lc_rs());
                // Small datagrams, so that each flight has several.
                (case.mtu, case.lost) = (512, vec![lost]);
                case.run().unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn the_handshake_survives_heavy_loss() {
    let threads: Vec<_> = [Role::Client, Role::Server]
        .into_iter()
        .map(|role| {
            thread::spawn(move || {
                let mut case = Case::new(role, crypto::aws_lc_rs());
                (case.mtu, case.lost) = (512, vec![0, 2, 5, 6, 9, 11]);
                case.run().unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn the_cookie_exchange_works_with_openssl_as_server() {
    let mut case = Case::new(Role::Client, crypto::aws_lc_rs());
    case.arguments = vec!["-listen".into()];
    case.run().unwrap();
}

#[test]
fn the_cookie_exchange_works_with_openssl_as_client() {
    let mut case = Case::new(Role::Server, crypto::aws_lc_rs());
    case.cookie_exchange = true;
    case.run().unwrap();
}

#[test]
fn openssl_with_another_certificate_than_announced_is_refused() {
    for role in [Role::Client, Role::Server] {
        let mut case = Case::new(role, crypto::aws_lc_rs());
        case.wrong_fingerprint = true;
        assert_eq!(case.run().unwrap_err(), Failure::WrongCertificate);
    }
}

/// One connection with OpenSSL.
struct Case {
    role: Role,
    provider: &'static dyn Provider,
    suite: CipherSuite,
    group: NamedGroup,
    mtu: usize,
    /// Which datagrams are lost, counted over both directions.
    lost: Vec<usize>,
    cookie_exchange: bool,
    wrong_fingerprint: bool,
    arguments: Vec<String>,
}

impl Case {
    fn new(role: Role, provider: &'static dyn Provider) -> Self {
        Self {
            role,
            provider,
            suite: CipherSuite::EcdheEcdsaAes128GcmSha256,
            group: NamedGroup::X25519,
            mtu: 1200,
            lost: Vec::new(),
            cookie_exchange: false,
            wrong_fingerprint: false,
            arguments: Vec::new(),
        }
    }

    /// Connects, compares exported keys, exchanges data both ways and closes; also says how many datagrams it took to
    /// connect.
    fn run(&self) -> Result<(Connected, usize), Failure> {
        let files = Files::new();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut openssl = OpenSsl::start(self, &files, socket.local_addr().unwrap());
        let peer = openssl.address;
        let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(4_000_000_000) };
        let identity = Arc::new(Identity::generate(self.provider, [1; 32], validity).unwrap());
        let mut config = Config::new(self.provider, identity);
        config.cipher_suites = vec![self.suite];
        config.groups = vec![self.group];
        config.srtp_profiles = vec![SrtpProfile::Aes128CmHmacSha1_80];
        config.mtu = self.mtu;
        config.cookie_exchange = self.cookie_exchange;
        config.handshake_timeout = Duration::from_secs(20);
        let now = Instant::now();
        let fingerprint = if self.wrong_fingerprint {
            config.identity.fingerprint(self.provider, &FingerprintHash::Sha256)
        } else {
            files.fingerprint.clone()
        };
        let seed = [u8::try_from(std::process::id() & 0xff).unwrap(); 32];
        let connection = Connection::new(Arc::new(config), self.role, vec![fingerprint], seed, now);
        let mut driver = Driver {
            connection,
            socket,
            peer,
            lost: self.lost.clone(),
            seen: 0,
            received: Vec::new(),
            ended: None,
        };

        let connected = loop {
            match driver.step() {
                Some(Event::Connected(connected)) => break connected,
                Some(Event::Failed(failure)) => return Err(failure),
                Some(event) => panic!("{event:?}"),
                None => {}
            }
        };
        let datagrams = driver.seen;
        assert!(self.lost.iter().all(|lost| *lost < datagrams), "fewer datagrams than should be lost");

        let mut exported = [0; 32];
        driver.connection.export_keying_material("EXTRACTOR-dtls_srtp", None, &mut exported).unwrap();
        let hex: String = exported.iter().map(|byte| format!("{byte:02X}")).collect();
        openssl.stdin.write_all(b"from openssl\n").unwrap();
        let mut sent = None;
        driver.run_until("data and keys", |driver| {
            // Data that overtakes a lost last flight is lost with it, so it is sent again.
            if sent.is_none_or(|sent: Instant| sent.elapsed() > Duration::from_millis(300)) {
                let mut datagram = Vec::new();
                driver.connection.send(b"from us\n", &mut datagram).unwrap();
                driver.socket.send_to(&datagram, driver.peer).unwrap();
                sent = Some(Instant::now());
            }
            let output = openssl.output();
            driver.received == b"from openssl\n" && output.contains("from us\n") && output.contains(&hex)
        });
        driver.connection.close(Instant::now());
        driver.run_until("the end", |driver| driver.ended.is_some());
        assert_eq!(driver.ended, Some(Event::Closed(ClosedBy::Us)));
        let started = Instant::now();
        while !openssl.output().contains(openssl.farewell) {
            assert!(started.elapsed() < Duration::from_secs(5), "openssl saw no close: {}", openssl.output());
            thread::sleep(Duration::from_millis(5));
        }
        Ok((connected, datagrams))
    }
}

/// A small blocking loop around a connection.
struct Driver {
    connection: Connection,
    socket: UdpSocket,
    peer: SocketAddr,
    lost: Vec<usize>,
    seen: usize,
    received: Vec<u8>,
    ended: Option<Event>,
}

impl Driver {
    fn step(&mut self) -> Option<Event> {
        let mut datagram = Vec::new();
        while self.connection.poll_transmit(Instant::now(), 1500, &mut datagram).is_some() {
            if !self.loses() {
                self.socket.send_to(&datagram, self.peer).unwrap();
            }
            datagram.clear();
        }
        if let Some(event) = self.connection.poll_event() {
            return Some(event);
        }
        let longest = Duration::from_millis(10);
        let wait = self.connection.poll_timeout().map_or(longest, |deadline| {
            deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_micros(1), longest)
        });
        self.socket.set_read_timeout(Some(wait)).unwrap();
        let mut buffer = [0; 2048];
        if let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            self.peer = from;
            if !self.loses()
                && let Ok(plaintext) = self.connection.handle_datagram(Instant::now(), &mut buffer[..len])
            {
                plaintext.for_each(|data| self.received.extend_from_slice(data));
            }
        }
        while let Some(early) = self.connection.recv() {
            self.received.extend_from_slice(&early);
        }
        self.connection.handle_timeout(Instant::now());
        None
    }

    fn loses(&mut self) -> bool {
        self.seen += 1;
        self.lost.contains(&(self.seen - 1))
    }

    fn run_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < Duration::from_secs(10), "waiting for {what}: {:?}", self.connection);
            if let Some(event) = self.step() {
                self.ended = Some(event);
            }
        }
    }
}

/// A folder with a key and a certificate of OpenSSL's making.
struct Files {
    folder: PathBuf,
    fingerprint: Fingerprint,
}

impl Files {
    fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("duologue-dtls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let status = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "1", "-subj", "/CN=peer", "-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(&folder)
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        let output = Command::new("openssl")
            .args(["x509", "-in", "certificate.pem", "-noout", "-fingerprint", "-sha256"])
            .current_dir(&folder)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, hex) = text.trim().split_once('=').unwrap();
        Self { folder, fingerprint: format!("sha-256 {hex}").parse().unwrap() }
    }

    fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running `openssl s_server` or `s_client`.
struct OpenSsl {
    child: Child,
    stdin: ChildStdin,
    output: Arc<Mutex<Vec<u8>>>,
    /// Where it listens, or for a client where nothing is known yet.
    address: SocketAddr,
    /// What it prints at the peer's close_notify.
    farewell: &'static str,
}

impl OpenSsl {
    fn start(case: &Case, files: &Files, ours: SocketAddr) -> Self {
        let cipher = match case.suite {
            CipherSuite::EcdheEcdsaAes128GcmSha256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
            CipherSuite::EcdheEcdsaAes256GcmSha384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
            _ => "ECDHE-ECDSA-CHACHA20-POLY1305",
        };
        let group = match case.group {
            NamedGroup::X25519 => "X25519:P-256",
            _ => "P-256",
        };
        let (address, role, farewell) = match case.role {
            Role::Client => {
                // A port that is free a moment before openssl takes it.
                let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
                (address, vec!["s_server".to_owned(), "-accept".to_owned(), address.to_string()], "DONE")
            }
            Role::Server => {
                (ours, vec!["s_client".to_owned(), "-connect".to_owned(), ours.to_string()], "closed")
            }
        };
        let mut command = Command::new("openssl");
        command.args(role).args(["-dtls1_2", "-cert", "certificate.pem", "-key", "key.pem"]);
        command.args(["-cipher", cipher, "-groups", group, "-use_srtp", "SRTP_AES128_CM_SHA1_80"]);
        command.args(["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "32"]);
        command.args(["-mtu", &case.mtu.to_string()]);
        if case.role == Role::Client {
            command.args(["-Verify", "1", "-naccept", "1"]);
        }
        command.args(&case.arguments).current_dir(files.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        collect(stdout, &output);
        collect(stderr, &output);
        let stdin = child.stdin.take().unwrap();
        let started = Self { child, stdin, output, address, farewell };
        let since = Instant::now();
        while case.role == Role::Client && !started.output().contains("ACCEPT") {
            assert!(
                since.elapsed() < Duration::from_secs(5),
                "openssl does not listen: {}",
                started.output()
            );
            thread::sleep(Duration::from_millis(1));
        }
        started
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            println!("openssl: {}", self.output());
        }
    }
}

fn collect(mut from: impl Read + Send + 'static, to: &Arc<Mutex<Vec<u8>>>) {
    let to = Arc::clone(to);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            to.lock().unwrap().extend_from_slice(&buffer[..len]);
        }
    });
}
