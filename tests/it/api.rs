//! The admin API: who comes in, and what they do there.

mod changes;
mod document;
mod errors;
mod export;
mod providers;
mod rights;
mod schemathesis;
mod tenants;
mod tokens;
