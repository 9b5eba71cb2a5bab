//! What people type from one screen into another.

use crate::authorize::device::UserCode;

/// What is taken is shown as eight letters and a dash, and is the same when it is typed like that.
pub(super) fn entered(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(code) = UserCode::parse(text) else { return };
    let shown = code.show();
    assert!(shown.len() == 9 && shown.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'), "{shown:?}");
    assert!(UserCode::parse(&shown).is_ok_and(|again| again.show() == shown), "read, written and read");
}
