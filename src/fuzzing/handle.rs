//! Handles, and what takes them out of texts.

use crate::secret::{Handle, HandleKind, holds_handle, without_handles};

/// A handle is what was written; a text without handles has none.
pub(super) fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [HandleKind::AccessToken, HandleKind::RefreshToken, HandleKind::Code, HandleKind::ClientSecret] {
        if let Ok(handle) = Handle::parse(kind, text) {
            assert!(handle.expose() == text && text.starts_with(kind.prefix()), "not what was written");
            assert!(holds_handle(data), "a handle that is not seen");
        }
    }
    let without = without_handles(text);
    assert!(!holds_handle(without.as_bytes()), "a handle was left");
    assert_eq!(without == text, !holds_handle(data), "taken out or not");
}
