//! `sallyport dev`: private Postgres, demo upstream, first-run tour.

mod connect;
pub mod demo;
mod error;
mod files;
mod keys;
mod people;
pub mod postgres;
mod ready;
mod run;
mod seed;
mod story;
mod tour;

pub use error::DevError;
pub use run::{Options, run};
pub use story::Story;

/// The database of a development installation.
pub const DATABASE: &str = "sallyport";
