//! Codes, access tokens, refresh tokens: keyed hashes only.

mod access;
mod codes;
mod family;
mod issue;
mod refresh;

pub use access::*;
pub use codes::*;
pub use family::*;
pub use issue::*;
pub use refresh::*;

/// Bytes as the driver binds them.
fn arrays(hashes: &[[u8; 32]]) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.to_vec()).collect()
}
