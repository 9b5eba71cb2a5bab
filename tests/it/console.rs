//! The console: who comes in, and what they do there.

pub(crate) mod audit;
mod authorization;
pub(crate) mod clients;
mod first;
mod grants;
mod lists;
mod overview;
mod people;
mod providers;
mod servers;
mod settings;
mod tenants;
mod tokens;
