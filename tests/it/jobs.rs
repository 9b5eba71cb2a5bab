//! Background work.

mod janitor;
pub(crate) mod usage;
