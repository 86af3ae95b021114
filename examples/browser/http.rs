//! HTTP: the page, and descriptions in and out as JSON.

use crate::media::http::{self, Description, Failure, Reply, page, script, style};
use crate::negotiation::{Manners, Wish};
use crate::server::{Command, OfferMe, Order};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use duologue::sdp::jsep::SdpType;
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    id: Option<u64>,
    negotiated: Option<u16>,
    #[serde(default)]
    after: usize,
    #[serde(default)]
    wait: bool,
}

/// How long a question for events is left open.
const WAIT: Duration = Duration::from_secs(20);

type Commands = mpsc::Sender<Command>;

/// The routes; what they ask for goes to the peers' loop.
pub(crate) fn router(commands: Commands) -> Router {
    Router::new()
        .route("/", get(|| async { page(include_str!("page.html")) }))
        .route("/page.js", get(|| async { script(include_str!("page.js")) }))
        .route("/sha256.js", get(|| async { script(include_str!("sha256.js")) }))
        .route("/negotiation", get(|| async { page(include_str!("negotiation.html")) }))
        .route("/negotiation.js", get(|| async { script(include_str!("negotiation.js")) }))
        .route("/negotiation.css", get(|| async { style(include_str!("negotiation.css")) }))
        .route("/negotiator.js", get(|| async { script(include_str!("negotiator.js")) }))
        .route("/diff.js", get(|| async { script(include_str!("diff.js")) }))
        .route("/media", get(|| async { page(include_str!("media.html")) }))
        .route("/media.js", get(|| async { script(include_str!("media.js")) }))
        .route("/offer", post(offer))
        .route("/offer-me", post(offer_me))
        .route("/answer", post(answer))
        .route("/negotiate", post(negotiate))
        .route("/do", post(wish))
        .route("/events", get(events))
        .route("/state", get(state))
        .route("/stats", get(stats))
        .route("/close", post(close))
        .with_state(commands)
        .merge(http::shared())
}

async fn offer(
    State(commands): State<Commands>,
    Query(parameters): Query<Parameters>,
    Json(description): Json<Description>,
) -> Response {
    if description.kind != SdpType::Offer.name() {
        return Failure::Bad("the type must be \"offer\"".into()).into_response();
    }
    let Parameters { id, negotiated, .. } = parameters;
    ask(commands, Order::Offer { id, negotiated, sdp: description.sdp }).await
}

async fn offer_me(State(commands): State<Commands>, body: Option<Json<OfferMe>>) -> Response {
    let wanted = body.map(|Json(wanted)| wanted).unwrap_or_default();
    ask(commands, Order::OfferMe(wanted)).await
}

async fn answer(
    State(commands): State<Commands>,
    Query(parameters): Query<Parameters>,
    Json(description): Json<Description>,
) -> Response {
    let Ok(kind) = description.kind.parse() else {
        return Failure::Bad("the type must be \"answer\" or \"pranswer\"".into()).into_response();
    };
    ask(commands, Order::Answer { id: parameters.id, kind, sdp: description.sdp }).await
}

async fn negotiate(State(commands): State<Commands>, Json(manners): Json<Manners>) -> Response {
    ask(commands, Order::Negotiate(manners)).await
}

async fn wish(
    State(commands): State<Commands>,
    Query(parameters): Query<Parameters>,
    Json(wish): Json<Wish>,
) -> Response {
    ask(commands, Order::Do { id: parameters.id, wish }).await
}

async fn events(State(commands): State<Commands>, Query(parameters): Query<Parameters>) -> Response {
    let Parameters { id, after, wait, .. } = parameters;
    let asked = post_command(commands, |reply| Command::Listen { id, after, wait, reply });
    let none = || Json(serde_json::json!({ "next": after, "entries": [] })).into_response();
    tokio::time::timeout(WAIT, asked).await.unwrap_or_else(|_| none())
}

async fn state(State(commands): State<Commands>, Query(parameters): Query<Parameters>) -> Response {
    ask(commands, Order::State { id: parameters.id }).await
}

async fn stats(State(commands): State<Commands>, Query(parameters): Query<Parameters>) -> Response {
    ask(commands, Order::Stats { id: parameters.id }).await
}

async fn close(State(commands): State<Commands>, Query(parameters): Query<Parameters>) -> Response {
    ask(commands, Order::Close { id: parameters.id }).await
}

/// Gives an order to the peers' loop and answers with what comes of it.
async fn ask(commands: Commands, order: Order) -> Response {
    post_command(commands, |reply| Command::Order { order, reply }).await
}

async fn post_command(commands: Commands, command: impl FnOnce(Reply) -> Command) -> Response {
    let (reply, replied) = oneshot::channel();
    if commands.send(command(reply)).await.is_err() {
        return Failure::Stopped.into_response();
    }
    match replied.await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(failure)) => failure.into_response(),
        Err(_) => Failure::Stopped.into_response(),
    }
}
