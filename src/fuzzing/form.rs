//! Forms and query strings.

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use url::form_urlencoded;

use crate::http::form::{Form, MAX_BYTES, MAX_PARAMETERS};

/// What is taken is within the limits, and everybody else reads it the same way.
pub(super) fn body(data: &[u8]) {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    let Ok(form) = Form::parse(&headers, data) else { return };
    assert!(data.len() <= MAX_BYTES, "too large");
    let pairs: Vec<_> = form_urlencoded::parse(data).collect();
    assert!(pairs.len() <= MAX_PARAMETERS, "too many");
    // Reading one name costs all of them.
    for (name, _) in pairs.iter().take(16) {
        let theirs = pairs.iter().filter(|(other, value)| other == name && !value.is_empty()).map(|(_, value)| value);
        assert!(form.all(name).eq(theirs), "read in two ways");
        assert!(!name.contains('\0') && form.all(name).all(|value| !value.contains('\0')), "a NUL");
    }
}
