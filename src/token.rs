//! Grants, families and handles: minting, verification, revocation.

mod anew;
mod code;
mod credentials;
mod device;
mod engine;
mod error;
pub mod introspect;
pub mod kill_switch;
mod mint;
pub mod outside;
mod refresh;
mod request;
mod retry_box;
pub mod revoke;
pub mod routes;
mod verdict;
mod verify;

pub use anew::StoreAnew;
pub use engine::{AuthorizeParameters, AuthorizeRefusal, Authorized, authorize, optional_challenge, scopes_to_ask_for};
pub use error::TokenError;
pub use mint::{Mint, TokenResponse};
pub use verify::{VerifyError, verify};

pub use crate::cluster::Verified;
