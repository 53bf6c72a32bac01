//! What a worker answers over HTTP: `/metrics`, `/livez`, `/readyz`, `/status`. Read-only.
//!
//! Liveness asks no dependency, so that a cluster that is away restarts no worker. A worker that owns no split is
//! ready: it stands by.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use velostream_core::{Code, Disposition, Error, Result};

use crate::run::View;

/// OpenMetrics 1.0, which `export_prometheus` writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A bound address that nobody answers at yet.
#[derive(Debug)]
pub(crate) struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl Endpoint {
    /// Binds `listen`.
    ///
    /// # Errors
    /// `Reject` where the address cannot be bound.
    pub(crate) async fn bind(listen: SocketAddr) -> Result<Self> {
        let refused = |e: std::io::Error| {
            let message = format!("http.listen: {listen} cannot be bound");
            Error::new(Code::Config, Disposition::Reject, message)
                .with_remedy("Choose another address or port in `http: { listen: .. }`.")
                .with_source(e)
        };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// The bound address: its port is known also where the job asks for any.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the worker ends.
    pub(crate) async fn serve(self, view: View) {
        let ended = view.clone().ended();
        if let Err(error) = axum::serve(self.listener, router(view)).with_graceful_shutdown(ended).await {
            tracing::warn!(%error, "the HTTP listener ended");
        }
    }
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

/// 200 or 503; with `?verbose` one line per lane, as the health endpoints of Kubernetes.
async fn readyz(State(view): State<View>, RawQuery(query): RawQuery) -> Response {
    let health = view.health_check();
    let code = if health.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part == "verbose"));
    let text = match (verbose, health.healthy) {
        (true, _) => health.to_string(),
        (false, true) => "ok\n".to_owned(),
        (false, false) => "not ready: no assignment, or recovering\n".to_owned(),
    };
    (code, text).into_response()
}

async fn status(State(view): State<View>) -> Response {
    Json(view.status()).into_response()
}
