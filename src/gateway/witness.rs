//! The audit event of one call.
//!
//! One event a call, when its outcome is known. The intent, durable before the call is forwarded, will be written in
//! [`Witness::new`].

use std::sync::Arc;

use futures_util::FutureExt as _;
use time::OffsetDateTime;

use crate::{
    app::App,
    audit::{Event, Outcome, Recorder},
    cluster::Verified,
    ids::TenantId,
    mcp::{Call, Era, Message},
    secret,
    store::StoreError,
};

/// Sees to it that a call leaves an event, even if the client goes away meanwhile.
pub(super) struct Witness {
    app: Arc<App>,
    verified: Arc<Verified>,
    recorder: Recorder,
    began: OffsetDateTime,
    /// What was called. Taken once the event is left.
    seen: Option<Seen>,
}

struct Seen {
    era: &'static str,
    method: String,
    name: Option<String>,
    arguments: String,
}

impl Witness {
    /// Begins to watch a call.
    pub(super) fn new(app: &Arc<App>, verified: &Arc<Verified>, call: &Call, request_id: Option<String>) -> Self {
        let method = match (call.method(), call.message()) {
            (Some(method), _) => method.as_str(),
            (None, Message::OpenStream) => "GET",
            (None, Message::EndSession) => "DELETE",
            (None, _) => "response",
        };
        Self {
            app: app.clone(),
            verified: verified.clone(),
            recorder: app.recorder(request_id),
            began: app.clock.now(),
            seen: Some(Seen {
                era: match call.era() {
                    Era::Modern => "modern",
                    Era::Legacy => "legacy",
                },
                method: method.to_owned(),
                name: call.name().map(str::to_owned),
                arguments: secret::hex(call.args_digest()),
            }),
        }
    }

    /// Leaves the event. Waits while the queue of events is full: no answer without evidence.
    pub(super) async fn end(mut self, outcome: Outcome, status: u16) -> Result<(), StoreError> {
        let Some(statement) = self.statement(outcome, status) else { return Ok(()) };
        // Nearly always there is room.
        if let Some(done) = statement.leave().now_or_never() {
            return done;
        }
        // The client may go away while we wait; its event must not.
        let waiting = tokio::spawn(async move { statement.leave().await });
        waiting.await.unwrap_or_else(|_| Err(StoreError::corrupt("the recording of an event was stopped")))
    }

    fn statement(&mut self, outcome: Outcome, status: u16) -> Option<Statement> {
        let Seen { era, method, name, arguments } = self.seen.take()?;
        let verified = &self.verified;
        let took = self.app.clock.now() - self.began;
        let event = Event::Call {
            family: verified.family,
            client: verified.client.clone(),
            subject: verified.subject.clone(),
            server: verified.server,
            era,
            method,
            name,
            arguments,
            outcome,
            status,
            millis: u64::try_from(took.whole_milliseconds()).unwrap_or(0),
        };
        Some(Statement { app: self.app.clone(), tenant: verified.tenant, recorder: self.recorder.clone(), event })
    }
}

/// An event, ready to be left.
struct Statement {
    app: Arc<App>,
    tenant: TenantId,
    recorder: Recorder,
    event: Event,
}

impl Statement {
    async fn leave(&self) -> Result<(), StoreError> {
        self.app.calls.record(self.tenant, &self.recorder, &self.event).await
    }
}

/// The client went away before there was an answer: 499, as servers have come to call it.
impl Drop for Witness {
    fn drop(&mut self) {
        let Some(statement) = self.statement(Outcome::Cut, 499) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = statement.leave().await {
                    tracing::error!(%error, "the event of a call that was cut is lost");
                }
            });
        }
    }
}
