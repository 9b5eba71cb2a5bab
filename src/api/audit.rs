//! The audit log.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    body::{Check, Findings, Params},
    caller::{Caller, answer},
    list::{Asked, Items},
    problem::Problem,
};
use crate::{
    ids::EventId,
    store::{
        audit::EventRow,
        audit_search::{self, Wanted},
    },
};

/// The longest beginning of a kind.
const KIND: usize = 60;

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListEvents {
    /// Only what contains this text: an id, the name of a tool, a request id.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Only kinds that begin so: `call.`, `admin.changed`.
    #[param(pattern = "^[a-z_.]{1,60}$")]
    kind: Option<String>,
    /// The `next` of the part before.
    after: Option<Uuid>,
    /// Events at most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

impl Asked for ListEvents {
    fn q(&self) -> Option<&str> {
        self.q.as_deref()
    }

    fn after(&self) -> Option<&str> {
        None
    }

    fn limit(&self) -> Option<u16> {
        self.limit
    }
}

impl Check for ListEvents {
    fn check(&self, findings: &mut Findings) {
        self.check_part(findings);
        let sign = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.';
        if !self.kind.as_deref().is_none_or(|kind| (1..=KIND).contains(&kind.len()) && kind.bytes().all(sign)) {
            findings.add("kind", "must be the beginning of a kind of events, such as call.");
        }
    }
}

/// An event, as `docs/audit-events.md` describes each kind.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEvent {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    kind: String,
    /// Of the kind's shape.
    version: i16,
    /// The request that caused it.
    request_id: Option<String>,
    /// The rest. Names of people and long values are beside it, as commitments.
    #[schema(value_type = Object)]
    body: serde_json::Value,
}

/// An event, and where it is in the log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEventDetails {
    #[serde(flatten)]
    event: AuditEvent,
    /// Its place in the log; null until it is put there, within seconds.
    place: Option<LogPlace>,
}

/// A place in a log.
#[derive(Serialize, ToSchema)]
struct LogPlace {
    /// Grows when the log begins anew.
    epoch: i32,
    index: i64,
}

impl From<EventRow> for AuditEvent {
    fn from(row: EventRow) -> Self {
        let EventRow { id, at, kind, version, request_id, body } = row;
        Self { id: id.0, at, kind, version, request_id, body }
    }
}

/// Looks for events, the newest first. Each look goes through 5,000 of them: a part may be empty and still have a `next`.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/audit", tag = "audit", params(ListEvents),
    responses((status = OK, description = "What this look found.", body = Items<AuditEvent>)))]
pub(super) async fn list_events(caller: Caller, Params(asked): Params<ListEvents>) -> Result<Response, Problem> {
    let part = asked.part();
    let wanted = Wanted {
        // The only sign of a kind that means something in a pattern.
        kind: asked.kind.as_ref().map(|kind| format!("{}%", kind.replace('_', "\\_"))),
        text: part.like,
        before: asked.after.map(EventId),
        limit: part.size,
    };
    let mut tx = caller.tx().await?;
    let found = audit_search::look(&mut tx, &wanted).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    let events = found.events.into_iter().map(AuditEvent::from).collect();
    Ok(answer(StatusCode::OK, Items::with(events, found.rest.map(|rest| rest.to_string()))))
}

/// Shows an event.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/audit/{id}", tag = "audit",
    responses((status = OK, description = "The event.", body = AuditEventDetails)))]
pub(super) async fn show_event(caller: Caller) -> Result<Response, Problem> {
    let id = EventId(caller.uuid("event")?);
    let mut tx = caller.tx().await?;
    let event = audit_search::one(&mut tx, id).await.map_err(|error| caller.fault(error))?;
    let event = event.ok_or_else(|| caller.nothing("event"))?;
    let place = audit_search::place(&mut tx, id).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    let place = place.map(|(epoch, index)| LogPlace { epoch, index });
    Ok(answer(StatusCode::OK, AuditEventDetails { event: event.into(), place }))
}
