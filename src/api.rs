//! The admin API: what the console does, as JSON for programs, under `/api/admin/v1`.
//!
//! ```text
//! request → Caller        whose token it is, that its person's roles and its rights go so far, now
//!         → Params, Body  strict: what the document does not name is refused
//!         → the functions that the console calls
//!         → JSON, or a problem (RFC 9457)
//! ```
//!
//! The document that describes it is made from these handlers: `docs/openapi.json` is what it was at the last commit.

mod audit;
mod body;
mod caller;
mod checkpoints;
mod clients;
mod document;
mod grants;
mod keys;
mod list;
mod people;
mod precondition;
mod problem;
mod providers;
mod rights;
mod routes;
mod servers;
mod settings;
mod tenants;
pub mod token;

pub use document::document;
pub use rights::{BadRight, Rights};
pub use routes::routes;

pub(crate) use problem::fault;
