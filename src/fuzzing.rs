//! What the fuzz targets of `fuzz/` run: each reads bytes as a stranger sends them, and asserts what must hold of whatever
//! comes out. Only there with the feature `fuzzing`, and in unit tests, which run all of it over the committed corpus.

mod apply;
mod audit;
mod bearer;
mod cookies;
mod form;
mod forwarded;
mod handle;
mod host;
mod jwks;
mod mcp;
mod outside;
mod redirect;
mod registration;
mod resource;
mod scope;
#[cfg(test)]
mod tests;
mod user_code;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use crate::{
    clients::{
        authenticate::fuzz::{assertion, basic, client_authentication},
        document::fuzz as client_document,
        statement::fuzz as software_statement,
    },
    people::passkey::fuzz::fuzz as passkey,
    trial::fuzz::www_authenticate,
};

/// A target.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets` and of its corpus. In the order of names.
pub const TARGETS: [(&str, Target); 26] = [
    ("apply", apply::file),
    ("assertion", assertion),
    ("audit_entry", audit::entry),
    ("audit_manifest", audit::manifest),
    ("audit_proof", audit::proof),
    ("basic", basic),
    ("bearer", bearer::header),
    ("client_authentication", client_authentication),
    ("client_document", client_document),
    ("cookies", cookies::header),
    ("form", form::body),
    ("forwarded", forwarded::headers),
    ("handle", handle::text),
    ("host", host::request),
    ("jwks", jwks::document),
    ("mcp", mcp::post),
    ("outside_token", outside::token),
    ("passkey", passkey),
    ("redirect_match", redirect::matching),
    ("redirect_register", redirect::register),
    ("registration", registration::body),
    ("resource", resource::parameter),
    ("scope", scope::parameter),
    ("software_statement", software_statement),
    ("user_code", user_code::entered),
    ("www_authenticate", www_authenticate),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// The first line, and what follows it. Inputs of several parts are lines, so that corpora are texts.
pub(crate) fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// `name: value` lines up to an empty one, and what follows it. What no server would take as a header is left out.
fn headers(mut data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    while !data.is_empty() {
        let (head, rest) = line(data);
        data = rest;
        if head.is_empty() {
            break;
        }
        let mut halves = head.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(halves.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, data)
}
