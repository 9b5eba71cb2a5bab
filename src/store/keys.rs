//! What the database knows of keys outside it, and the signing keys inside it.

mod holders;
mod known;
mod retire;
mod sealed;
mod signing;
mod values;

pub use holders::{Holders, Process, holders, lacking, report};
pub use known::{KeyCheckError, introduce, known, put_in_use, take_turn};
pub use retire::{Ended, end_under_pepper, fence, mark_retired};
pub use sealed::{SealedIn, store_value_anew, values_elsewhere};
pub use signing::*;
pub use values::{KeyValues, values};
