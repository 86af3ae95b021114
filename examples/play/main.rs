//! Sends a moving test card with a clock and a tone to every browser that opens its page, or files.
//!
//! `cargo run --release --example play [FILE.ivf] [FILE.ogg]`, then open the address that it prints. Files are sent as they
//! are, from their beginning for each viewer, over and over; the `record` example makes such. Browsers decode what is made for
//! calls: AV1 of ffmpeg's needs `-usage realtime -lag-in-frames 0`, H.264 no B-frames.
//!
//! Over HTTP, with JSON, candidates inside the descriptions: `POST /offer` `{type, sdp}`, which asks to receive, gives
//! `{type: "answer", sdp, id}`; `GET /state?id=ID`; `POST /close?id=ID`.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

mod card;
mod encoder;
mod file;
mod live;
#[path = "../media/mod.rs"]
#[allow(dead_code, reason = "each example uses a part of it")]
mod media;
mod viewer;

use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use duologue::Event;
use file::Files;
use live::Live;
use media::host::{self, App, Host};
use media::http::{self, Description, Failure, Reply, Which};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;
use tokio::sync::mpsc;
use viewer::Viewer;

/// Serves a page that shows what this program sends: a test card, or files.
#[derive(Debug, Parser)]
struct Args {
    /// Where to serve HTTP.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The UDP port of all peers, on every interface address; 0 takes a free one for each.
    #[arg(long, default_value_t = 0)]
    udp_port: u16,
    /// An IVF file for the picture, an Ogg file with Opus for the sound; without any, a test card with a tone.
    files: Vec<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let (orders, received) = mpsc::channel(http::ORDERS);
    let files = Files::open(&args.files)?;
    let live = args.files.is_empty().then(|| Live::new(Instant::now())).transpose()?;
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    let host = Host::bind(args.udp_port)?;
    println!("http://{}", listener.local_addr()?);
    let mut station = Station { files, live, viewers: BTreeMap::new() };
    tokio::select! {
        served = axum::serve(listener, router(orders)) => served?,
        ran = host::run(host, &mut station, received) => ran?,
    }
    Ok(())
}

enum Order {
    Offer { sdp: String },
    State { id: u64 },
    Close { id: u64 },
}

/// What is sent, and to whom.
struct Station {
    files: Files,
    /// The test card, when there are no files.
    live: Option<Live>,
    viewers: BTreeMap<u64, Viewer>,
}

impl App for Station {
    type Order = Order;

    fn obey(&mut self, now: Instant, host: &mut Host, order: Order, reply: Reply) {
        let done = match order {
            Order::Offer { sdp } => self.begin(now, host, &sdp),
            Order::State { id } => self.viewers.get(&id).map(Viewer::state).ok_or(Failure::UnknownId),
            Order::Close { id } => {
                host.peer(id).into_iter().for_each(|peer| peer.close(now));
                Ok(json!({ "id": id }))
            }
        };
        // Who has gone away meanwhile does not hear of it.
        let _ = reply.send(done);
    }

    fn handle(&mut self, now: Instant, _host: &mut Host, id: u64, event: Event) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        match event {
            Event::ConnectionStateChange(state) => {
                println!("{id}: {}", state.name());
                viewer.set_connected(now, state == duologue::ConnectionState::Connected);
                if let (Some(live), true) = (&mut self.live, viewer.is_connected()) {
                    live.ask_key_frame();
                }
            }
            Event::KeyFrameRequest { .. } => match &mut self.live {
                Some(live) => live.ask_key_frame(),
                None => viewer.go_back(now),
            },
            Event::Closed(_) => drop(self.viewers.remove(&id)),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let live = self.live.as_ref().filter(|_| self.viewers.values().any(Viewer::is_connected));
        live.map(Live::deadline).into_iter().chain(self.viewers.values().filter_map(Viewer::deadline)).min()
    }

    fn tick(&mut self, now: Instant, host: &mut Host) {
        if let Some(live) = &mut self.live {
            while let Some(frame) = live.take(now) {
                for (id, viewer) in &mut self.viewers {
                    host.peer(*id).into_iter().for_each(|peer| viewer.send(now, peer, &frame));
                }
            }
        }
        for (id, viewer) in &mut self.viewers {
            while let Some(frame) = viewer.next_of_file(now) {
                host.peer(*id).into_iter().for_each(|peer| viewer.send(now, peer, &frame));
            }
        }
    }
}

impl Station {
    fn begin(&mut self, now: Instant, host: &mut Host, sdp: &str) -> Result<Value, Failure> {
        let formats = match &self.live {
            Some(_) => Live::FORMATS.to_vec(),
            None => self.files.formats(),
        };
        let player = self.live.is_none().then(|| self.files.player()).transpose().map_err(Failure::bad)?;
        let (id, answer) = host.answer(now, sdp, |peer| viewer::prepare(peer, &formats))?;
        let viewer = host.peer(id).map(|peer| Viewer::new(peer, &formats, player));
        self.viewers.extend(viewer.map(|viewer| (id, viewer)));
        Ok(answer)
    }
}

type Orders = mpsc::Sender<(Order, Reply)>;

fn router(orders: Orders) -> Router {
    Router::new()
        .route("/", get(|| async { http::page(include_str!("play.html")) }))
        .route("/play.js", get(|| async { http::script(include_str!("play.js")) }))
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
