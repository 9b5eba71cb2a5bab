//! Keys outside the database (pepper, key-encryption key, audit-handle key), and the signing keys inside it.

mod file;
mod keyring;
mod named;
pub mod rotation;
mod seal;
mod signing;
mod standing;

pub use file::{KeyFile, KeyFileError, generate_key_file};
pub use keyring::{ArgumentSalt, CheckValue, Keyring, Stored};
pub use named::KeyKind;
pub use seal::{OpenError, Sealed};
pub(crate) use seal::{open_under, seal_under};
pub use signing::{Jwk, Jwt, SigningAlg, SigningError, SigningKey, SigningKeys, SigningState};
pub use standing::{KeyMismatch, KnownKey, Standing};
