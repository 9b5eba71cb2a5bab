//! Addresses that lead nowhere: an empty 404 for programs, which try many, and a page for people.

use axum::{
    extract::Request,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, Method, StatusCode, header::ACCEPT};

use super::{
    request_id::RequestId,
    trouble::{Trouble, Words},
};
use crate::ids::Slug;

/// Answers what has no route.
pub async fn nowhere(id: RequestId, request: Request) -> Response {
    let is_look = [Method::GET, Method::HEAD].contains(request.method());
    if !is_look || !wants_page(request.headers()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match meant(request.uri().path()) {
        Some(page) => Redirect::to(&page).into_response(),
        None => page(&id),
    }
}

/// Browsers ask for pages, and programs for JSON or for anything.
fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// What people leave out or add when they shorten an address: `/t/acme`, `/console/t/acme/`.
fn meant(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["t", slug] => Slug::parse(slug).ok().map(|slug| format!("/t/{slug}/account")),
        ["console", "t", slug] => Slug::parse(slug).ok().map(|slug| format!("/console/t/{slug}")),
        _ => None,
    }
}

fn page(id: &RequestId) -> Response {
    let words = Words {
        title: "There is nothing here",
        what: "This address leads nowhere.",
        why: "Sallyport guards the servers that programs use for people. Each place here has an address of its own.",
        now: "Check the address for a typing error, or ask whoever gave it to you.",
    };
    Trouble::new(StatusCode::NOT_FOUND, &words, id).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_addresses_lead_on_and_never_away() {
        for (path, page) in [
            ("/t/acme", Some("/t/acme/account")),
            ("/t/acme/", Some("/t/acme/account")),
            ("/console/t/acme/", Some("/console/t/acme")),
            ("/", None),
            ("/t", None),
            ("/t/ACME", None),
            ("//evil.example/t/acme", None),
            ("/t/..", None),
            ("/t/acme/nothing", None),
        ] {
            assert_eq!(meant(path).as_deref(), page, "{path}");
        }
    }
}
