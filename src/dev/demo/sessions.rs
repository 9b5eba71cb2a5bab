//! Whose a session is. A session id is no credential: it works only together with a token of the one who opened it
//! (MCP 2025-11-25, security best practices, "Session hijacking").

use http::HeaderMap;
use quick_cache::sync::Cache;

use super::jwt::Claims;

/// Sessions remembered. The owner of a forgotten one gets 404 and initializes again, as MCP asks of clients.
const MOST: usize = 1024;

const SESSION: &str = "mcp-session-id";
const LAST_EVENT: &str = "last-event-id";
const VERSION: &str = "mcp-protocol-version";
/// The first revision without sessions. Revisions are dates and sort as text.
const FIRST_MODERN: &str = "2026-07-28";

#[derive(Clone, PartialEq, Eq)]
struct Owner {
    sub: String,
    client_id: String,
}

impl Owner {
    fn of(claims: &Claims) -> Self {
        Self { sub: claims.sub.clone(), client_id: claims.client_id.clone() }
    }
}

/// The owners of the open sessions.
pub(super) struct Sessions(Cache<String, Owner>);

impl Sessions {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// Whether a request with these headers may go on. Requests that name no session may.
    pub(super) fn admits(&self, headers: &HeaderMap, claims: &Claims) -> bool {
        match session_id(headers) {
            None => !headers.contains_key(SESSION),
            Some(id) => self.0.get(id).is_some_and(|owner| owner == Owner::of(claims)),
        }
    }

    /// Remembers the session that an answer opened, if it opened one.
    pub(super) fn remember(&self, answer: &HeaderMap, claims: &Claims) {
        if let Some(id) = session_id(answer) {
            self.0.insert(id.to_owned(), Owner::of(claims));
        }
    }
}

/// Modern requests have no session: what they say of one is ignored, and here taken away before anything can read it.
pub(super) fn strip_from_modern(headers: &mut HeaderMap) {
    let modern = headers.get(VERSION).is_some_and(|version| version.as_bytes() >= FIRST_MODERN.as_bytes());
    if modern {
        headers.remove(SESSION);
        headers.remove(LAST_EVENT);
    }
}

/// The one readable session id, if there is one.
fn session_id(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(SESSION).iter();
    match (all.next(), all.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}
