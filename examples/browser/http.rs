//! HTTP: the page, and descriptions in and out as JSON.

use crate::negotiation::{Manners, Wish};
use crate::server::{Command, Failure, OfferMe, Order, Reply};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use duologue::sdp::jsep::SdpType;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A description as browsers serialise it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) sdp: String,
}

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
        .route("/", get(|| page("text/html; charset=utf-8", include_str!("page.html"))))
        .route("/negotiation", get(|| page("text/html; charset=utf-8", include_str!("negotiation.html"))))
        .route(
            "/negotiation.js",
            get(|| page("text/javascript; charset=utf-8", include_str!("negotiation.js"))),
        )
        .route("/negotiation.css", get(|| page("text/css; charset=utf-8", include_str!("negotiation.css"))))
        .route("/diff.js", get(|| page("text/javascript; charset=utf-8", include_str!("diff.js"))))
        .route("/page.css", get(|| page("text/css; charset=utf-8", include_str!("page.css"))))
        .route("/page.js", get(|| page("text/javascript; charset=utf-8", include_str!("page.js"))))
        .route(
            "/negotiator.js",
            get(|| page("text/javascript; charset=utf-8", include_str!("negotiator.js"))),
        )
        .route("/plot.js", get(|| page("text/javascript; charset=utf-8", include_str!("plot.js"))))
        .route("/shared.js", get(|| page("text/javascript; charset=utf-8", include_str!("shared.js"))))
        .route("/sha256.js", get(|| page("text/javascript; charset=utf-8", include_str!("sha256.js"))))
        .route("/offer", post(offer))
        .route("/offer-me", post(offer_me))
        .route("/answer", post(answer))
        .route("/negotiate", post(negotiate))
        .route("/do", post(wish))
        .route("/events", get(events))
        .route("/state", get(state))
        .route("/close", post(close))
        .with_state(commands)
}

async fn page(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
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

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::UnknownId => StatusCode::NOT_FOUND,
            Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(serde_json::json!({ "error": self.to_string() }))).into_response()
    }
}
