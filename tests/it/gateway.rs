//! The data plane, over real HTTP, with an upstream that records everything it receives.

mod answers;
mod authentication;
mod cors;
mod crowd;
mod demo;
mod eras;
mod passthrough;
mod policy;
mod rude;
mod sessions;
mod store_away;
mod streams;
pub(crate) mod swap;
mod tls;
pub(crate) mod upstream;
mod whole;
pub(crate) mod world;
