//! Keys outside the database (pepper, key-encryption key, audit-handle key), and the signing keys inside it.

mod file;
mod keyring;
mod signing;

pub use file::{KeyFileError, generate_key_file};
pub use keyring::{CheckValue, KeyKind, Keyring, OpenError, Sealed, Stored};
pub(crate) use keyring::{open_under, seal_under};
pub use signing::{Jwk, Jwt, SigningAlg, SigningError, SigningKey, SigningKeys};
