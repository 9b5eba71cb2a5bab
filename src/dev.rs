//! `sallyport dev`: private Postgres, demo upstream, first-run tour.

pub mod demo;
pub mod postgres;

/// The database of a development installation.
pub const DATABASE: &str = "sallyport";
