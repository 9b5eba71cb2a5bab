//! The Model Context Protocol on the wire: eras, envelopes, headers, errors. Pure: no I/O.
//!
//! One POST body becomes one [`Call`], once. What policy judges is what was parsed, and the bytes that were parsed are
//! the bytes that go on: no second parser sees a different message. Two eras share one address:
//!
//! - *modern* (2026-07-28): every request carries its version and capabilities in `_meta`, mirrored in headers;
//! - *legacy* (2025-11-25 and older): `initialize` opens a session, GET opens a stream, DELETE ends it.
//!
//! JSON-RPC batches existed in 2025-03-26 only and no known client sends them. They are refused in both eras, with an
//! error that says so: one HTTP request is one decision and one audit record.

mod call;
mod envelope;
mod headers;
pub(crate) mod json;
mod method;
mod parse;
mod reject;
mod target;

#[cfg(test)]
mod tests;

pub use call::{Call, Id, Message};
pub use headers::{
    LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, last_event_id,
    session_id,
};
pub use method::Method;
pub use parse::{end_session, open_stream, parse};
pub use reject::{Reject, code};
pub use target::Target;

/// The revision whose requests carry their metadata themselves.
pub const MODERN_VERSION: &str = "2026-07-28";

/// What a request without a version header and without modern `_meta` speaks (2025-11-25 transports, "Protocol
/// Version Header").
pub const ASSUMED_VERSION: &str = "2025-03-26";

/// The revisions with an `initialize` handshake, newest first. 2024-11-05 belongs to another transport, yet upstreams
/// do negotiate it over this one, and the client then names it in its header.
pub const LEGACY_VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// Which of the two shapes of the protocol a message or a server uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2026-07-28: metadata in each request, no session.
    Modern,
    /// 2025-11-25 and older: an `initialize` handshake and, mostly, a session.
    Legacy,
}

/// What one message may cost, and which methods an operator added.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest body, in bytes.
    pub body: usize,
    /// The deepest nesting of arrays and objects. More than [`Limits::DEEPEST`] counts as that.
    pub depth: usize,
    /// Methods outside the core protocol that the operator lets through, in either era, by exact name.
    pub extensions: Vec<String>,
}

impl Limits {
    /// The deepest nesting that can be allowed; the JSON parser's own limit is just above it.
    pub const DEEPEST: usize = 120;
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 4 * 1024 * 1024, depth: 64, extensions: Vec::new() }
    }
}
