//! A media server: rooms in which browsers see and hear each other, over one UDP port and one thread.
//!
//! `cargo run --release --example sfu`, then open the address that it prints in several windows; `?room=NAME` is another
//! room. Each browser has one connection, on which it sends its camera in three sizes and gets what the others send. Packets
//! are forwarded as they come: which size somebody gets follows from how large they show the picture, and changes at a key
//! frame. This side makes all offers, so that nobody has to give way when people come and go.
//!
//! Over HTTP, with JSON, candidates inside the descriptions: `POST /join` `{room}` gives `{id}`; `GET
//! /events?id=ID&after=N&wait=true` gives `{next, entries}`, of which some are offers; `POST /answer?id=ID` `{type, sdp}`;
//! `POST /show?id=ID` `{ID: pixels, ...}` tells how high others' pictures are shown; `GET /state?id=ID`; `POST /close?id=ID`.
#![expect(clippy::disallowed_methods, reason = "the embedder is who reads the clock")]

mod layers;
#[path = "../media/mod.rs"]
#[allow(dead_code, reason = "each example uses a part of it")]
mod media;
mod room;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use duologue::{ConnectionState, Event, RtpPacket};
use media::host::{self, App, Host};
use media::http::{self, Description, Failure, Reply, Which};
use room::Rooms;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Serves a page that joins a room of browsers which see each other.
#[derive(Debug, Parser)]
struct Args {
    /// Where to serve HTTP.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The UDP port of all peers, on every interface address; 0 takes a free one for each.
    #[arg(long, default_value_t = 0)]
    udp_port: u16,
}

/// How often layers are chosen anew, besides when something changes.
const CHOOSE_EVERY: Duration = Duration::from_millis(500);
/// How long a question for events is left open.
const WAIT: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let (orders, received) = mpsc::channel(http::ORDERS);
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    let host = Host::bind(args.udp_port)?;
    println!("http://{}", listener.local_addr()?);
    let mut server = Server { rooms: Rooms::default(), next: Instant::now() };
    tokio::select! {
        served = axum::serve(listener, router(orders)) => served?,
        ran = host::run(host, &mut server, received) => ran?,
    }
    Ok(())
}

enum Order {
    Join { room: String },
    Listen { id: u64, after: usize, wait: bool },
    Answer { id: u64, answer: Description },
    Show { id: u64, heights: BTreeMap<u64, u16> },
    State { id: u64 },
    Close { id: u64 },
}

struct Server {
    rooms: Rooms,
    /// When layers are chosen anew.
    next: Instant,
}

impl App for Server {
    type Order = Order;

    fn obey(&mut self, now: Instant, host: &mut Host, order: Order, reply: Reply) {
        let done = match order {
            Order::Join { room } => self.rooms.join(now, host, room).map(|id| json!({ "id": id })),
            Order::Listen { id, after, wait } => match self.rooms.members.get_mut(&id) {
                Some(member) => return member.outbox.listen(after, wait, reply),
                None => Err(Failure::UnknownId),
            },
            Order::Answer { id, answer } => self.rooms.answer(now, host, id, &answer),
            Order::Show { id, heights } => {
                self.rooms.show(now, host, id, &heights);
                Ok(json!({ "id": id }))
            }
            Order::State { id } => self.rooms.state(id),
            Order::Close { id } => {
                self.rooms.leave(host, id);
                host.peer(id).into_iter().for_each(|peer| peer.close(now));
                Ok(json!({ "id": id }))
            }
        };
        // Who has gone away meanwhile does not hear of it.
        let _ = reply.send(done);
    }

    fn handle(&mut self, now: Instant, host: &mut Host, id: u64, event: Event) {
        match event {
            Event::NegotiationNeeded => self.rooms.offer(now, host, id),
            Event::ConnectionStateChange(state) => {
                println!("{id}: {}", state.name());
                // Nobody waits for who is not heard of any more.
                if state == ConnectionState::Failed {
                    self.rooms.leave(host, id);
                    host.peer(id).into_iter().for_each(|peer| peer.close(now));
                }
            }
            Event::ReceiverEnded { receiver, .. } => self.rooms.receiver_ended(id, receiver),
            Event::KeyFrameRequest { transceiver, .. } => {
                self.rooms.key_frame_asked(now, host, id, transceiver);
            }
            Event::Closed(_) => self.rooms.leave(host, id),
            _ => {}
        }
    }

    fn forward(&mut self, now: Instant, host: &mut Host, id: u64, packet: &RtpPacket<'_>) {
        self.rooms.forward(now, host, id, packet);
    }

    fn deadline(&self) -> Option<Instant> {
        (!self.rooms.members.is_empty()).then_some(self.next)
    }

    fn tick(&mut self, now: Instant, host: &mut Host) {
        self.next = now + CHOOSE_EVERY;
        self.rooms.choose(now, host);
    }
}

type Orders = mpsc::Sender<(Order, Reply)>;

fn router(orders: Orders) -> Router {
    Router::new()
        .route("/", get(|| async { http::page(include_str!("sfu.html")) }))
        .route("/sfu.js", get(|| async { http::script(include_str!("sfu.js")) }))
        .route("/sfu.css", get(|| async { http::style(include_str!("sfu.css")) }))
        .route("/join", post(join))
        .route("/events", get(events))
        .route("/answer", post(answer))
        .route("/show", post(show))
        .route("/state", get(state))
        .route("/close", post(close))
        .with_state(orders)
        .merge(http::shared())
}

#[derive(Debug, Deserialize)]
struct Join {
    room: String,
}

#[derive(Debug, Deserialize)]
struct Listen {
    id: u64,
    #[serde(default)]
    after: usize,
    #[serde(default)]
    wait: bool,
}

async fn join(State(orders): State<Orders>, Json(join): Json<Join>) -> Response {
    http::ask(orders, Order::Join { room: join.room }).await
}

async fn events(State(orders): State<Orders>, Query(listen): Query<Listen>) -> Response {
    let Listen { id, after, wait } = listen;
    let asked = http::ask(orders, Order::Listen { id, after, wait });
    let none = || Json(json!({ "next": after, "entries": [] })).into_response();
    tokio::time::timeout(WAIT, asked).await.unwrap_or_else(|_| none())
}

async fn answer(
    State(orders): State<Orders>,
    Query(which): Query<Which>,
    Json(answer): Json<Description>,
) -> Response {
    http::ask(orders, Order::Answer { id: which.id, answer }).await
}

async fn show(
    State(orders): State<Orders>,
    Query(which): Query<Which>,
    Json(heights): Json<BTreeMap<u64, u16>>,
) -> Response {
    http::ask(orders, Order::Show { id: which.id, heights }).await
}

async fn state(State(orders): State<Orders>, Query(which): Query<Which>) -> Response {
    http::ask(orders, Order::State { id: which.id }).await
}

async fn close(State(orders): State<Orders>, Query(which): Query<Which>) -> Response {
    http::ask(orders, Order::Close { id: which.id }).await
}
