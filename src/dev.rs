//! `sallyport dev`: private Postgres, demo upstream, first-run tour.

pub mod postgres;
