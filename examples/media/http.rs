//! HTTP of the examples: pages, and orders to the peers' loop with answers in JSON.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Orders that wait for the peers' loop; HTTP waits when there are more.
pub(crate) const ORDERS: usize = 64;

/// Where the answer to an order goes.
pub(crate) type Reply = oneshot::Sender<Result<Value, Failure>>;

/// A description as browsers serialise it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) sdp: String,
}

/// Which peer is meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    pub(crate) id: u64,
}

/// Why an order was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Bad(String),
    #[error("no connection has this id")]
    UnknownId,
    #[error("the server has stopped")]
    Stopped,
}

impl Failure {
    pub(crate) fn bad(error: impl ToString) -> Self {
        Self::Bad(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::UnknownId => StatusCode::NOT_FOUND,
            Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

pub(crate) fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

pub(crate) fn page(text: &'static str) -> Response {
    file("text/html; charset=utf-8", text)
}

pub(crate) fn script(text: &'static str) -> Response {
    file("text/javascript; charset=utf-8", text)
}

pub(crate) fn style(text: &'static str) -> Response {
    file("text/css; charset=utf-8", text)
}

/// The style and scripts that all pages share.
pub(crate) fn shared() -> Router {
    Router::new()
        .route("/page.css", get(|| async { style(include_str!("../browser/page.css")) }))
        .route("/media.css", get(|| async { style(include_str!("media.css")) }))
        .route("/shared.js", get(|| async { script(include_str!("../browser/shared.js")) }))
        .route("/plot.js", get(|| async { script(include_str!("../browser/plot.js")) }))
        .route("/call.js", get(|| async { script(include_str!("call.js")) }))
}

/// Gives an order to the peers' loop and answers with what comes of it.
pub(crate) async fn ask<O>(orders: mpsc::Sender<(O, Reply)>, order: O) -> Response {
    let (reply, replied) = oneshot::channel();
    if orders.send((order, reply)).await.is_err() {
        return Failure::Stopped.into_response();
    }
    match replied.await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(failure)) => failure.into_response(),
        Err(_) => Failure::Stopped.into_response(),
    }
}
