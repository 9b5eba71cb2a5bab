//! The operations listener: whether this process is up, whether it can serve, and its numbers.
//!
//! It is for the operator's network only and asks nobody who they are.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, response::IntoResponse, response::Response, routing::get};
use futures_util::future::join_all;
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::metrics::Metrics;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that must hold before requests may come here.
pub struct Check {
    name: &'static str,
    run: Box<dyn Fn() -> CheckFuture + Send + Sync>,
}

type CheckFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

impl Check {
    /// A check by its name in the answer. What it fails with is shown to the operator.
    pub fn new<F, Fut, E>(name: &'static str, run: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let run = move || -> CheckFuture {
            let check = run();
            Box::pin(async move { check.await.map_err(|error| error.to_string()) })
        };
        Self { name, run: Box::new(run) }
    }

    async fn outcome(&self) -> Result<(), String> {
        let late = |_| format!("no answer within {} seconds", PATIENCE.as_secs());
        tokio::time::timeout(PATIENCE, (self.run)()).await.map_err(late)?
    }
}

#[derive(Clone)]
struct Operations {
    metrics: Arc<Metrics>,
    checks: Arc<[Check]>,
    node: Arc<dyn Fn() -> Value + Send + Sync>,
}

/// `/healthz`, `/readyz` and `/metrics`. `node` is what `/readyz` says of this process whether it can serve or not.
pub fn router(metrics: Arc<Metrics>, checks: Vec<Check>, node: impl Fn() -> Value + Send + Sync + 'static) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
        .with_state(Operations { metrics, checks: checks.into(), node: Arc::new(node) })
}

async fn ready(State(operations): State<Operations>) -> Response {
    let outcomes = join_all(operations.checks.iter().map(Check::outcome)).await;
    let ready = outcomes.iter().all(Result::is_ok);
    let mut checks = Map::new();
    for (check, outcome) in operations.checks.iter().zip(outcomes) {
        checks.insert(check.name.to_owned(), outcome.map_or_else(Value::from, |()| Value::from("ok")));
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "checks": checks, "node": (operations.node)() }))).into_response()
}

async fn numbers(State(operations): State<Operations>) -> Response {
    match operations.metrics.encode() {
        Ok(text) => {
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
