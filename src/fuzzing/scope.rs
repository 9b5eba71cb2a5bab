//! `scope`.

use crate::policy::{Scope, ScopeSet};

/// A set of scopes reads as it is written, and fits into a header and an `error_description`.
pub(super) fn parameter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(scopes) = ScopeSet::parse(text) else { return };
    let written = scopes.to_string();
    assert_eq!(ScopeSet::parse(&written).as_ref(), Ok(&scopes), "read, written and read");
    assert!(written.len() <= text.len() && !written.contains(['"', '\\']), "not as it came");
    assert!(
        scopes.iter().all(|scope| scope.as_str().len() <= Scope::LONGEST && text.contains(scope.as_str())),
        "made up"
    );
    assert!(scopes.intersection(&scopes) == scopes && scopes.union(&ScopeSet::EMPTY) == scopes, "not itself");
}
