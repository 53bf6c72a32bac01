//! Between the SDK and the network: requests are seen, lost, or answered in the service's place.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// What is done to one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// No connection comes about.
    Refuse,
    /// It is lost on its way.
    LoseRequest,
    /// It is carried out, the reply is lost.
    LoseReply,
    /// It is not carried out, this is the answer: status and body.
    Answer(u16, String),
}

impl Fault {
    /// An error as the service gives it.
    pub(crate) fn error(code: &str, message: &str) -> Self {
        let body =
            format!("{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{code}\",\"message\":\"{message}\"}}");
        Self::Answer(400, body)
    }
}

/// A client whose requests can be tampered with.
#[derive(Debug, Clone)]
pub(crate) struct Seam {
    inner: SharedHttpClient,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    plan: VecDeque<(&'static str, Fault)>,
    always: Vec<(&'static str, Fault)>,
    seen: BTreeSet<String>,
}

impl Seam {
    pub(crate) fn new() -> Self {
        Self { inner: aws_smithy_http_client::Builder::new().build_http(), state: Arc::default() }
    }

    /// Does this to the next request of an operation.
    pub(crate) fn next(&self, operation: &'static str, fault: Fault) {
        self.state().plan.push_back((operation, fault));
    }

    /// Does this to every request of an operation.
    pub(crate) fn always(&self, operation: &'static str, fault: Fault) {
        self.state().always.push((operation, fault));
    }

    /// The operations that were called.
    pub(crate) fn seen(&self) -> BTreeSet<String> {
        self.state().seen.clone()
    }

    /// Faults that nothing met.
    pub(crate) fn left(&self) -> usize {
        self.state().plan.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, operation: &str) -> Option<Fault> {
        let mut state = self.state();
        state.seen.insert(operation.to_owned());
        if let Some(at) = state.plan.iter().position(|(planned, _)| *planned == operation) {
            return state.plan.remove(at).map(|(_, fault)| fault);
        }
        state.always.iter().find(|(always, _)| *always == operation).map(|(_, fault)| fault.clone())
    }
}

impl HttpClient for Seam {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Tampering { inner, seam: self.clone() })
    }
}

#[derive(Debug)]
struct Tampering {
    inner: SharedHttpConnector,
    seam: Seam,
}

impl HttpConnector for Tampering {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let fault = self.seam.fault(target.rsplit('.').next().unwrap_or_default());
        let failed = |kind| ConnectorError::io(io::Error::from(kind).into());
        match fault {
            None => self.inner.call(request),
            Some(Fault::Refuse) => HttpConnectorFuture::ready(Err(failed(io::ErrorKind::ConnectionRefused))),
            Some(Fault::LoseRequest) => {
                HttpConnectorFuture::ready(Err(failed(io::ErrorKind::ConnectionReset)))
            }
            Some(Fault::LoseReply) => {
                let answer = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    answer.await?;
                    Err(failed(io::ErrorKind::ConnectionReset))
                })
            }
            Some(Fault::Answer(status, body)) => {
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body.into())))
            }
        }
    }
}
