//! The demo's tools. Each says by its annotations whether it reads, changes or destroys, so that policy has something to tell apart.
//!
//! Schemas show whole numbers as `i64`: JSON Schema validators do not know schemars' unsigned formats, and some complain.

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, Json, RoleServer,
    handler::server::{
        common::{AsRequestContext, FromContextPart},
        wrapper::Parameters,
    },
    model::ProgressNotificationParam,
    service::RequestContext,
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};
use tokio_util::sync::CancellationToken;

use super::{jwt::Claims, notebook::Note, server::Demo};

/// Who calls, as the verified token says.
pub(super) struct Caller {
    pub(super) claims: Arc<Claims>,
    header_names: Vec<String>,
}

impl<C: AsRequestContext> FromContextPart<C> for Caller {
    fn from_context_part(context: &mut C) -> Result<Self, ErrorData> {
        Self::of(context.as_request_context())
    }
}

impl Caller {
    /// The caller of this very request: in a session, every request brings a token of its own.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        let parts = context.extensions.get::<http::request::Parts>();
        let claims = parts.and_then(|parts| parts.extensions.get::<Arc<Claims>>());
        let (Some(parts), Some(claims)) = (parts, claims) else {
            return Err(ErrorData::internal_error("the request came past the token check", None));
        };
        let mut header_names: Vec<_> = parts.headers.keys().map(ToString::to_string).collect();
        header_names.sort();
        Ok(Self { claims: Arc::clone(claims), header_names })
    }
}

#[derive(Serialize, JsonSchema)]
struct WhoAmI {
    /// The claims of the JWT that came with this call, verified.
    claims: Claims,
    /// The names of all headers of this request. The only credential is `authorization`, and it held that JWT.
    request_headers: Vec<String>,
    /// The MCP revision that this call speaks.
    protocol_version: Option<String>,
    /// What this means.
    note: &'static str,
}

#[derive(Deserialize, JsonSchema)]
struct ConvertTime {
    /// A moment as in RFC 3339, such as 2026-07-28T09:30:00+02:00. Left out: now.
    time: Option<String>,
    /// The wanted distance from UTC, such as +09:00 or -03:30. Left out: +00:00.
    utc_offset: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct ConvertedTime {
    /// The moment at the wanted distance from UTC (RFC 3339).
    local: String,
    /// The moment in UTC (RFC 3339).
    utc: String,
    /// The day of the week at the wanted distance from UTC.
    weekday: String,
    /// Seconds since 1970.
    unix_seconds: i64,
}

#[derive(Deserialize, JsonSchema)]
struct NoteText {
    /// What to write down: 1 to 1000 characters.
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct NoteList {
    /// The notes, oldest first.
    notes: Vec<Note>,
}

#[derive(Serialize, JsonSchema)]
struct Cleared {
    /// How many notes are gone.
    #[schemars(with = "i64")]
    deleted: usize,
}

#[derive(Deserialize, JsonSchema)]
struct SlowCount {
    /// How far to count: 1 to 30.
    #[schemars(with = "i64", range(min = 1, max = 30))]
    to: u32,
    /// How long to wait before each number, in milliseconds: 10 to 2000. Left out: 300.
    #[schemars(with = "Option<i64>", range(min = 10, max = 2000))]
    delay_ms: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct Counted {
    /// The last number.
    #[schemars(with = "i64")]
    counted_to: u32,
}

#[tool_router(vis = "pub(super)")]
impl Demo {
    #[tool(
        title = "Who am I",
        description = "Tell who this server thinks is calling: the verified claims of the token that Sallyport made for this call, \
                       and the names of the request's headers. Use it to see that the client's own token does not get here.",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false)
    )]
    fn whoami(&self, caller: Caller, context: RequestContext<RoleServer>) -> Json<WhoAmI> {
        Json(WhoAmI {
            claims: Claims::clone(&caller.claims),
            request_headers: caller.header_names,
            protocol_version: context.protocol_version().map(|version| version.to_string()),
            note: "This server got a short-lived JWT made for it alone. The token that the client holds stayed at Sallyport.",
        })
    }

    #[tool(
        title = "Convert time",
        description = "Tell what a moment, or now, is at another distance from UTC, with its weekday. Knows offsets, not city names.",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false)
    )]
    fn convert_time(&self, Parameters(asked): Parameters<ConvertTime>) -> Result<Json<ConvertedTime>, String> {
        let moment = asked.time.as_deref().map_or_else(|| Ok(self.clock.now()), parse_time)?;
        let offset = asked.utc_offset.as_deref().map_or(Ok(UtcOffset::UTC), parse_offset)?;
        converted(moment, offset).ok_or_else(|| "That moment is outside the years 0 to 9999.".to_owned()).map(Json)
    }

    #[tool(
        title = "Add a note",
        description = "Write a note into your own notebook on this server. Notes stay until note_clear or until the demo ends.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    fn note_add(&self, caller: Caller, Parameters(note): Parameters<NoteText>) -> Result<Json<Note>, String> {
        let kept = self.notebooks.add(&caller.claims.sub, &note.text, self.clock.now());
        kept.map(Json).map_err(|error| error.to_string())
    }

    #[tool(
        title = "List notes",
        description = "List the notes in your own notebook, oldest first.",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false)
    )]
    fn note_list(&self, caller: Caller) -> Json<NoteList> {
        Json(NoteList { notes: self.notebooks.list(&caller.claims.sub) })
    }

    #[tool(
        title = "Delete all notes",
        description = "Delete every note in your own notebook. They cannot be brought back.",
        annotations(read_only_hint = false, destructive_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn note_clear(&self, caller: Caller) -> Json<Cleared> {
        Json(Cleared { deleted: self.notebooks.clear(&caller.claims.sub) })
    }

    #[tool(
        title = "Count slowly",
        description = "Count from 1 to a number, with a pause before each. Sends a progress notification for each number if the call \
                       has a progress token, and stops when the call is cancelled. Use it to watch streaming, cancelling and revoking.",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false)
    )]
    async fn slow_count(
        &self,
        Parameters(asked): Parameters<SlowCount>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Counted>, String> {
        let delay = asked.delay_ms.unwrap_or(300);
        if !(1..=30).contains(&asked.to) || !(10..=2000).contains(&delay) {
            return Err("Count to 1 to 30, with 10 to 2000 milliseconds before each number.".to_owned());
        }
        let progress = context.meta.get_progress_token();
        for number in 1..=asked.to {
            if !pause(Duration::from_millis(delay), &context.ct).await {
                return Err(format!("Cancelled before {number}."));
            }
            if let Some(token) = progress.clone() {
                let news = ProgressNotificationParam::new(token, f64::from(number))
                    .with_total(f64::from(asked.to))
                    .with_message(format!("{number} of {}", asked.to));
                if context.peer.notify_progress(news).await.is_err() {
                    return Err(format!("Nobody listens any more at {number}."));
                }
            }
        }
        Ok(Json(Counted { counted_to: asked.to }))
    }
}

/// Waits, and says whether the wait came to its end; it does not when the call is cancelled or its caller gone.
async fn pause(delay: Duration, cancelled: &CancellationToken) -> bool {
    cancelled.run_until_cancelled(tokio::time::sleep(delay)).await.is_some()
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        "time is not RFC 3339. Write it like 2026-07-28T09:30:00+02:00, or leave it out for now.".to_owned()
    })
}

fn parse_offset(text: &str) -> Result<UtcOffset, String> {
    UtcOffset::parse(text, format_description!("[offset_hour sign:mandatory]:[offset_minute]"))
        .map_err(|_| "utc_offset is not an offset. Write it like +09:00 or -03:30, or leave it out for UTC.".to_owned())
}

fn converted(moment: OffsetDateTime, offset: UtcOffset) -> Option<ConvertedTime> {
    let local = moment.checked_to_offset(offset)?;
    Some(ConvertedTime {
        local: local.format(&Rfc3339).ok()?,
        utc: moment.checked_to_offset(UtcOffset::UTC)?.format(&Rfc3339).ok()?,
        weekday: local.weekday().to_string(),
        unix_seconds: moment.unix_timestamp(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pause_ends_at_once_when_cancelled() {
        let cancelled = CancellationToken::new();
        assert!(pause(Duration::from_millis(1), &cancelled).await);
        let long = Duration::from_secs(3600);
        let cancel = async { cancelled.cancel() };
        let (ended, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(10), pause(long, &cancelled)), cancel);
        assert_eq!(ended, Ok(false));
    }
}
