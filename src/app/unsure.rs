//! Refusing where this process cannot tell: 503 with `Retry-After`, in the form of whoever asks.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{App, routes::Guard};
use crate::{
    gateway,
    http::{oauth::OauthError, request_id::RequestId, trouble::Trouble},
};

/// What a route needs to refuse by.
#[derive(Clone)]
pub(super) struct Doubt {
    guard: Guard,
    patience: Duration,
}

impl Doubt {
    pub(super) fn of(app: &Arc<App>, guard: Guard) -> Self {
        Self { guard, patience: app.config.database.answer }
    }

    fn refusal(&self, id: Option<&RequestId>) -> Response {
        match (self.guard, id) {
            (Guard::Bearer | Guard::Preflight, _) => gateway::fault(),
            (Guard::Browser, Some(id)) => Trouble::fault(id).into_response(),
            _ => OauthError::fault().into_response(),
        }
    }
}

/// Refuses a request that is not answered in time: the database takes its connections, and then says nothing. What was
/// under way in a transaction is rolled back. A call waits for its upstream as long as that may take, and watches for
/// itself how long it waits for the database.
pub(super) async fn bound(State(doubt): State<Doubt>, request: Request, next: Next) -> Response {
    if doubt.guard == Guard::Bearer {
        return next.run(request).await;
    }
    let id = request.extensions().get::<RequestId>().cloned();
    match tokio::time::timeout(doubt.patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(seconds = doubt.patience.as_secs(), "a request was not answered in time");
            doubt.refusal(id.as_ref())
        }
    }
}
