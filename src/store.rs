//! Postgres through sqlx, one file an aggregate. Nothing else knows SQL.

pub mod provision;
