//! Background work.

mod janitor;
mod usage;
