//! Proof that a login was shown the request of a code, so that it is answered by that login and by no other, and so that an
//! answer is no way to guess codes. Nothing is stored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::UserCode;
use crate::{
    http::{form::Form, visit::Visit},
    people::Session,
    secret::same,
};

const LABEL: &str = "device page";

/// The parameter that carries it.
pub(super) const SEEN: &str = "seen";

/// For the address and the form of the page.
pub(super) fn token(visit: &Visit, session: &Session, code: &UserCode) -> String {
    URL_SAFE_NO_PAD.encode(visit.app.keyring.keyed(LABEL, &parts(visit, session, code)))
}

/// Whether an address or a form has it for this login and this code.
pub(super) fn is_in(form: &Form, visit: &Visit, session: &Session, code: &UserCode) -> bool {
    let given = form.one(SEEN).ok().flatten().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let genuine = visit.app.keyring.keyed_by_any(LABEL, &parts(visit, session, code));
    given.is_some_and(|given| genuine.iter().any(|genuine| same(&given, genuine)))
}

fn parts<'a>(visit: &'a Visit, session: &'a Session, code: &'a UserCode) -> [&'a [u8]; 3] {
    [visit.tenant.id.0.as_bytes(), session.id.0.as_bytes(), code.letters()]
}
