//! CORS for OAuth endpoints: web applications are clients too, and nothing there rests on cookies.
//!
//! MCP endpoints have rules of their own, by tenant: see [`crate::gateway`]. Pages for people have none.

use std::time::Duration;

use http::{
    HeaderName, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower_http::cors::{Any, CorsLayer};

/// Any origin, without credentials. `Authorization` is named: a wildcard does not cover it. `MCP-Protocol-Version` is
/// named because the TypeScript SDK sends it with its discovery requests.
pub fn anybody() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("mcp-protocol-version")])
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}
