//! Sallyport: an OAuth 2.1 authorization server and a gateway for the Model Context Protocol, in one binary.
//!
//! One request, as types. Each arrow is a module below, and each type can only be made by the one before it:
//!
//! ```text
//! http request
//!   → gateway::Bearer      the presented token; no Debug, no Clone
//!   → token::Verified      handle + family + grant + resource: not revoked, not expired, right audience
//!   → mcp::Call            era, method, name, id; parsed once, and these bytes go on
//!   → policy::Permit       private constructor: only policy::decide makes one
//!   → upstream::Swapped    permit + a JWT for that one upstream; the client's token is not in it
//!   → Outcome              streamed back; the upstream's 401, 403 and WWW-Authenticate never pass
//!   → audit::Event         what happened, in a row
//! ```
//!
//! Dependencies point downwards: `policy` and `mcp` are pure, and only `store` knows SQL.

pub mod access;
pub mod api;
pub mod app;
pub mod apply;
pub mod audit;
pub mod authorize;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod console;
pub mod deliver;
pub mod dev;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gateway;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod keys;
pub mod mcp;
pub mod people;
pub mod policy;
pub mod secret;
pub mod store;
pub mod tenants;
pub mod token;
pub mod trial;
pub mod upstream;
