//! Key sets of clients.

use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::clients::jwks::{ALGORITHMS, ClientKeys};

/// A set that is taken stays as it is when it is stored, and has no key that is nobody's business.
pub(super) fn document(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(keys) = ClientKeys::read(&value) else { return };
    let stored = keys.canonical();
    let again = serde_json::from_str::<Value>(&stored).ok().and_then(|value| ClientKeys::read(&value).ok());
    assert_eq!(again.as_ref(), Some(&keys), "read, written and read");
    assert!(!stored.contains("\"d\":"), "a private key");
    let usable = ALGORITHMS.iter().map(|algorithm| keys.candidates(*algorithm, None).count()).sum::<usize>();
    assert!(usable > 0, "of no use");
    assert_eq!(keys.candidates(Algorithm::HS256, None).count(), 0, "a public key as a shared secret");
}
