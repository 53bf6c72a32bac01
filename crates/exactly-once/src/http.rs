//! What a worker answers over HTTP: `/metrics`, `/livez`, `/readyz`, `/status`. Read-only.
//!
//! Liveness asks no dependency, so that a cluster that is away restarts no worker. A worker that owns no split is
//! ready: it stands by.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use velostream_core::{Code, Disposition, Error, Result};

use crate::run::View;

/// OpenMetrics 1.0, which `export_prometheus` writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Binds `listen` and answers in the background until the runtime ends. Returns the bound address.
///
/// # Errors
/// `Reject` where the address cannot be bound.
pub async fn serve(listen: SocketAddr, view: View) -> Result<SocketAddr> {
    let refused = |e: std::io::Error| {
        let message = format!("http.listen: {listen} cannot be bound");
        Error::new(Code::Config, Disposition::Reject, message)
            .with_remedy("Choose another address or port in `http: { listen: .. }`.")
            .with_source(e)
    };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(view)).await {
            tracing::warn!(%error, "the HTTP listener ended");
        }
    });
    Ok(bound)
}

fn router(view: View) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .with_state(view)
}

async fn metrics(State(view): State<View>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], view.metrics().export_prometheus()).into_response()
}

async fn readyz(State(view): State<View>) -> Response {
    if view.is_ready() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: no assignment, or recovering\n").into_response()
    }
}

async fn status(State(view): State<View>) -> Response {
    Json(view.status()).into_response()
}
