//! The console: who comes in, and what they do there.

mod authorization;
mod clients;
mod grants;
mod lists;
