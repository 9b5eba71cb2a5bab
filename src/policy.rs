//! What a call may do. Pure: no I/O.
//!
//! A server declares scopes, and a catalogue says which tool, prompt or resource needs which of them. [`decide()`] weighs
//! one parsed call against the scopes in effect and gives a [`Permit`], which nothing else can make, or a [`Denial`].
//! Scopes are flat: none implies another, so `mcp:write` alone does not read. What the catalogue does not know needs
//! the fallback scope: a tool that an upstream adds overnight is not covered by an old read-only consent.

mod catalogue;
mod decide;
mod model;
mod scope;
mod uri;

#[cfg(test)]
mod tests;

pub use catalogue::{CatalogueItem, ItemKind};
pub use decide::{Denial, Held, Permit, decide};
pub use model::{BadPolicy, Effect, PolicySpec, ScopeDef, ServerPolicy};
pub use scope::{BadScope, Scope, ScopeSet};
