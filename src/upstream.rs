//! Upstream MCP servers: dialers, credentials, forwarding.
//!
//! Two dialers, and they never meet: [`Dialer`] for *configured* upstreams, and [`Untrusted`] for what a client or an upstream
//! names (client ID metadata documents, `jwks_uri`), for public https addresses only.

mod address;
mod connect;
mod dial;
mod forward;
mod headers;
mod outgoing;
pub mod probe;
mod session;
mod swap;
mod untrusted;

#[cfg(test)]
mod tests;

pub use address::Closed;
pub use connect::{ConnectError, Resolve, SystemResolver};
pub use dial::{BadUpstream, DialSettings, Dialer, SendError, parse_url};
pub use forward::{Along, Answer, ForwardError, Upstreams};
pub use session::UpstreamSession;
pub use swap::{Caller, SwapError};
pub use untrusted::{Asker, FetchError, Fetched, Untrusted, UntrustedSettings};
