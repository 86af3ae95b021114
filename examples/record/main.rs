//! Records what a browser sends: video into IVF, Opus into Ogg, PCMU into WAV, which `ffmpeg` and players read.
//!
//! `cargo run --release --example record`, then open the address that it prints. Each stream becomes a file in the folder
//! `recordings` (`--folder`), begun with its first key frame and completed when the page stops or goes away, or at Ctrl-C.
//!
//! Over HTTP, with JSON, candidates inside the descriptions: `POST /offer` `{type, sdp}` gives `{type: "answer", sdp, id}`,
//! `GET /state?id=ID` the files, `POST /close?id=ID` completes them.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

#[path = "../media/mod.rs"]
#[allow(dead_code, reason = "each example uses a part of it")]
mod media;

use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use duologue::rtp::stream::JitterConfig;
use duologue::{Event, PeerConnection, TrackKind, capabilities, codec_of};
use media::host::{self, App, Host};
use media::http::{self, Description, Failure, Reply, Which};
use media::recorder::Format;
use media::recordings::Recordings;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Serves a page whose camera and microphone this program records.
#[derive(Debug, Parser)]
struct Args {
    /// Where to serve HTTP.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The UDP port of all peers, on every interface address; 0 takes a free one for each.
    #[arg(long, default_value_t = 0)]
    udp_port: u16,
    /// Where the files go.
    #[arg(long, default_value = "recordings")]
    folder: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let (orders, received) = mpsc::channel(http::ORDERS);
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    let host = Host::bind(args.udp_port)?;
    std::fs::create_dir_all(&args.folder).map_err(|error| format!("{}: {error}", args.folder.display()))?;
    println!("http://{}", listener.local_addr()?);
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut tape = Tape { folder: args.folder, started, calls: BTreeMap::new() };
    tokio::select! {
        served = axum::serve(listener, router(orders)) => served?,
        ran = host::run(host, &mut tape, received) => ran?,
    }
    for call in tape.calls.into_values() {
        call.end();
    }
    Ok(())
}

enum Order {
    Offer { sdp: String },
    State { id: u64 },
    Close { id: u64 },
}

/// The calls that are recorded, and those that were, to be asked about.
struct Tape {
    folder: PathBuf,
    /// When the program started, in seconds: files of different runs do not meet.
    started: u64,
    calls: BTreeMap<u64, Call>,
}

struct Call {
    recordings: Recordings,
    over: bool,
    error: Option<String>,
}

impl Call {
    /// Completes the files, whether or not there was an error before.
    fn end(mut self) {
        self.complete();
        println!("{}", self.recordings.state());
    }

    fn complete(&mut self) {
        self.over = true;
        if let Err(error) = self.recordings.finish() {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &std::io::Error) {
        eprintln!("recording: {error}");
        self.error.get_or_insert_with(|| error.to_string());
        self.over = true;
    }
}

impl App for Tape {
    type Order = Order;

    fn obey(&mut self, now: Instant, host: &mut Host, order: Order, reply: Reply) {
        let done = match order {
            Order::Offer { sdp } => self.begin(now, host, &sdp),
            Order::State { id } => self.state(id),
            Order::Close { id } => {
                self.take_frames(now, host, id);
                host.peer(id).into_iter().for_each(|peer| peer.close(now));
                self.calls.get_mut(&id).into_iter().for_each(Call::complete);
                self.state(id)
            }
        };
        // Who has gone away meanwhile does not hear of it.
        let _ = reply.send(done);
    }

    fn handle(&mut self, now: Instant, host: &mut Host, id: u64, event: Event) {
        match event {
            Event::ConnectionStateChange(state) => println!("{id}: {}", state.name()),
            // What comes first may be in the middle of a picture's history.
            Event::Receiver { receiver, .. } => {
                host.peer(id).into_iter().for_each(|peer| peer.request_key_frame(now, receiver));
            }
            Event::FramesReadable => self.take_frames(now, host, id),
            Event::Closed(_) => {
                self.take_frames(now, host, id);
                self.calls.get_mut(&id).into_iter().for_each(Call::complete);
            }
            _ => {}
        }
    }
}

impl Tape {
    fn begin(&mut self, now: Instant, host: &mut Host, sdp: &str) -> Result<Value, Failure> {
        let (id, answer) = host.answer(now, sdp, |peer| {
            receive_frames(peer);
            take_what_goes_into_files(peer)
        })?;
        let name = format!("{}-{id}", self.started);
        let recordings = Recordings::new(self.folder.clone(), name);
        self.calls.insert(id, Call { recordings, over: false, error: None });
        Ok(answer)
    }

    fn state(&self, id: u64) -> Result<Value, Failure> {
        let call = self.calls.get(&id).ok_or(Failure::UnknownId)?;
        Ok(json!({ "files": call.recordings.state(), "over": call.over, "error": call.error }))
    }

    fn take_frames(&mut self, now: Instant, host: &mut Host, id: u64) {
        let (Some(peer), Some(call)) = (host.peer(id), self.calls.get_mut(&id)) else { return };
        while let Some(frame) = peer.recv_frame() {
            if call.over {
                continue;
            }
            if let Err(error) = call.recordings.write(now, peer, &frame) {
                call.fail(&error);
            }
        }
    }
}

/// Leaves the codecs of sound out that no file takes.
fn take_what_goes_into_files(peer: &mut PeerConnection) -> Result<(), Failure> {
    let able = capabilities::audio().codecs.into_iter().map(|able| able.codec);
    let chosen: Vec<_> = able.filter(|codec| codec_of(codec).and_then(Format::of).is_some()).collect();
    let sound = peer.transceivers().filter(|one| one.kind() == TrackKind::Audio);
    let transceivers: Vec<_> = sound.map(duologue::Transceiver::id).collect();
    for transceiver in transceivers {
        peer.set_codec_preferences(transceiver, &chosen).map_err(Failure::bad)?;
    }
    Ok(())
}

/// Has every transceiver put frames together.
fn receive_frames(peer: &mut PeerConnection) {
    let transceivers: Vec<_> = peer.transceivers().map(duologue::Transceiver::id).collect();
    for transceiver in transceivers {
        peer.set_frames(transceiver, Some(JitterConfig::default()));
    }
}

type Orders = mpsc::Sender<(Order, Reply)>;

fn router(orders: Orders) -> Router {
    Router::new()
        .route("/", get(|| async { http::page(include_str!("record.html")) }))
        .route("/record.js", get(|| async { http::script(include_str!("record.js")) }))
        .route("/offer", post(offer))
        .route("/state", get(state))
        .route("/close", post(close))
        .with_state(orders)
        .merge(http::shared())
}

async fn offer(State(orders): State<Orders>, Json(offer): Json<Description>) -> Response {
    http::ask(orders, Order::Offer { sdp: offer.sdp }).await
}

async fn state(State(orders): State<Orders>, Query(which): Query<Which>) -> Response {
    http::ask(orders, Order::State { id: which.id }).await
}

async fn close(State(orders): State<Orders>, Query(which): Query<Which>) -> Response {
    http::ask(orders, Order::Close { id: which.id }).await
}
