//! The one integration-test binary. Its modules mirror `src/`.

// Clippy's switches for tests reach only test functions, not what they share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails should panic where it fails"
)]

mod api;
mod app;
mod apply;
mod audit;
mod authorize;
mod browser;
mod cli;
mod clients;
mod cluster;
mod config;
mod console;
mod deliver;
mod deploy;
mod dev;
mod docs;
mod gateway;
mod harness;
mod http;
mod jobs;
mod keys;
mod people;
mod promises;
mod store;
mod token;
mod trial;
