//! Background work.

mod janitor;
