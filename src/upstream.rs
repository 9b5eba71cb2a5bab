//! Upstream MCP servers: dialers, credentials, forwarding.
//!
//! Two dialers, and they never meet. The one here is for *configured* upstreams. URLs that a client or an upstream names
//! (client ID metadata documents, `jwks_uri`, logos) need another, for public https addresses only; its place is
//! `upstream/untrusted.rs`.

mod address;
mod connect;
mod dial;
mod forward;
mod headers;
mod outgoing;
pub mod probe;
mod session;
mod swap;

#[cfg(test)]
mod tests;

pub use address::Closed;
pub use connect::{ConnectError, Resolve, SystemResolver};
pub use dial::{BadUpstream, DialSettings, Dialer, SendError, parse_url};
pub use forward::{Along, Answer, ForwardError, Upstreams};
pub use session::UpstreamSession;
pub use swap::{Caller, SwapError};
