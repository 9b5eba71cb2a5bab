//! Fuzz target of what servers answer: see [`crate::fuzzing`].

use super::challenge;

/// `WWW-Authenticate` as any server may send it: what the grammar takes, has no parameter twice.
pub fn www_authenticate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lenient = challenge::lenient(text);
    assert!(lenient.scheme.len() <= text.len(), "longer than it was");
    for challenge in challenge::strict(text).unwrap_or_default() {
        assert!(!challenge.scheme.is_empty(), "a challenge without a scheme");
        for name in ["scope", "error", "resource_metadata"] {
            assert!(challenge.get(name).is_none_or(|value| value.len() <= text.len()), "longer than it was");
        }
    }
}
