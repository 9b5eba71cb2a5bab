//! The way back to a page of the console, or of one's account, after a login: its path, with a keyed hash, so that nobody else can say where a login
//! leads.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use axum::response::{IntoResponse, Response};
use http::Method;

use crate::{http::visit::Visit, ids::TenantId, keys::Keyring, secret::same};

const LABEL: &str = "return to";
/// The longest path that is kept; from a longer one people come back to the overview.
const LONGEST: usize = 600;

/// What stands for a path of the console in addresses and forms: letters, digits, `-`, `_` and a `.`.
pub fn seal(keyring: &Keyring, tenant: TenantId, path: &str) -> Option<String> {
    (path.len() <= LONGEST).then(|| {
        let hash = keyring.keyed(LABEL, &[tenant.0.as_bytes(), path.as_bytes()]);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(path), URL_SAFE_NO_PAD.encode(hash))
    })
}

/// The path that it stands for, if it was sealed here for this tenant.
pub fn open(keyring: &Keyring, tenant: TenantId, text: &str) -> Option<String> {
    let (path, hash) = text.split_once('.')?;
    let path = String::from_utf8(URL_SAFE_NO_PAD.decode(path).ok()?).ok()?;
    let hash = URL_SAFE_NO_PAD.decode(hash).ok()?;
    let genuine = keyring.keyed_by_any(LABEL, &[tenant.0.as_bytes(), path.as_bytes()]);
    genuine.iter().any(|genuine| same(&hash, genuine)).then_some(path)
}

/// To the login, and back; `name`: `to`, or `again` for whoever is logged in already. What was posted is not kept: the person sees
/// the question again.
pub(crate) fn to_login(visit: &Visit, method: &Method, path: &str, name: &str) -> Response {
    let to = if *method == Method::GET || *method == Method::HEAD {
        path
    } else {
        // Each POST has a page of the same path.
        path.split('?').next().unwrap_or_default()
    };
    let sealed = seal(&visit.app.keyring, visit.tenant.id, to);
    let query = sealed.map(|sealed| format!("?{name}={sealed}")).unwrap_or_default();
    match visit.see_other(&format!("{}{query}", visit.path("login"))) {
        Ok(response) => response,
        Err(trouble) => trouble.into_response(),
    }
}
