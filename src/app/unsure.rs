//! Refusing where this process cannot tell: 503 with `Retry-After`, in the form of whoever asks.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{App, routes::Guard};
use crate::{
    api,
    clock::Clock,
    gateway,
    http::{oauth::OauthError, request_id::RequestId, trouble::Trouble},
};

/// What a route needs to refuse by.
#[derive(Clone)]
pub(super) struct Doubt {
    guard: Guard,
    clock: Clock,
    patience: Duration,
}

impl Doubt {
    pub(super) fn of(app: &Arc<App>, guard: Guard) -> Self {
        Self { guard, clock: app.clock.clone(), patience: app.config.database.answer }
    }

    /// Whether what this route answers depends on the time.
    fn goes_by_time(&self) -> bool {
        !matches!(self.guard, Guard::Public | Guard::Preflight)
    }

    fn refusal(&self, id: Option<&RequestId>) -> Response {
        match (self.guard, id) {
            (Guard::Bearer | Guard::Preflight, _) => gateway::fault(),
            (Guard::Api(..), Some(id)) => api::fault(id),
            (Guard::Browser | Guard::Console(..), Some(id)) => Trouble::fault(id).into_response(),
            _ => OauthError::fault().into_response(),
        }
    }
}

/// Refuses a request that would be decided by a clock that cannot be believed, and one that is not answered in time: the
/// database takes its connections, and then says nothing. What was under way in a transaction is rolled back. A call waits
/// for its upstream as long as that may take, and watches for itself how long it waits for the database.
pub(super) async fn refuse(State(doubt): State<Doubt>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    if doubt.goes_by_time() && doubt.clock.is_odd() {
        tracing::error!("a request was refused, since the clock cannot be believed");
        return doubt.refusal(id.as_ref());
    }
    if doubt.guard == Guard::Bearer {
        return next.run(request).await;
    }
    match tokio::time::timeout(doubt.patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(seconds = doubt.patience.as_secs(), "a request was not answered in time");
            doubt.refusal(id.as_ref())
        }
    }
}
