//! `sallyport dev`: private Postgres, demo upstream, first-run tour.

pub mod demo;
pub mod postgres;
