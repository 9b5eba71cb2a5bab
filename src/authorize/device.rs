//! Devices without a browser (RFC 8628): a program in a terminal shows a code, and a person types it here.
//!
//! The person logs in first, then gives the code, and only then is asked: who, for what, from where. The page asks to compare
//! the code with what the device shows, since a code can come from somebody else: `verification_uri_complete` fills the field
//! and nothing more. Tries with wrong codes are counted by person and address. What was shown to one login is answered by no
//! other: the form carries a keyed hash of session and code. A code belongs to nobody before it is decided, so a person who
//! is logged in under the wrong name can switch; whoever decides first decides.

mod decide;
mod find;
mod page;
pub mod request;
pub mod routes;
mod seen;
mod throttle;
mod trouble;
mod user_code;

pub use user_code::{NoUserCode, UserCode};

/// The parameter that carries a user code (RFC 8628 §3.3.1).
pub const USER_CODE: &str = "user_code";

/// Its value where the person is on the way to the page, and the code may not be known yet. Nothing in it needs escaping.
pub fn errand(code: Option<&UserCode>) -> String {
    code.map_or_else(|| "none".to_owned(), UserCode::show)
}
