//! The data plane: authenticate, parse, decide, swap, forward, stream.
//!
//! The order of checks is fixed: `Host` (at the edge), `Origin`, size, token, message, headers against body, version, method, scope,
//! policy, session. So a stranger learns nothing but that a token is needed, and a forged session is looked at only
//! after a good token.

mod answer;
mod bearer;
mod challenge;
mod cors;
mod ending;
mod events;
mod exchange;
mod flow;
mod front;
mod refusal;
mod session;
mod until;
mod whole;
mod witness;

pub use bearer::{Bearer, NoBearer};
pub use front::mcp;
pub use refusal::fault;
