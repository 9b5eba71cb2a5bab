//! The console: pages on which administrators look after a tenant, and auditors read.
//!
//! ```text
//! request → Desk        who it is, and that a rule of `access` lets them through
//!         → Wanted      of a list: what part of it
//!         → store       rows
//!         → ListPage, SheetPage, AskPage: a few shapes for all pages
//! ```
//!
//! A change asks first (`GET`), is done by the functions that commands call (`POST`), and says afterwards what it did.

mod attention;
mod audit;
pub mod back;
mod clients;
mod deed;
mod desk;
mod frame;
mod grants;
mod keys;
mod list;
mod overview;
mod people;
mod providers;
mod routes;
mod servers;
mod settings;
mod tenants;
mod tokens;
mod usage;

pub use desk::{Asked, Desk};
pub use routes::routes;

pub(crate) use desk::FRESH;
