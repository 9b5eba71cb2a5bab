//! Authorization responses: back to the client, with `iss` in every one (RFC 9207).

use axum::response::Response;
use http::StatusCode;
use url::form_urlencoded::Serializer;

use crate::{
    clients::redirect::{RedirectKind, RedirectUri},
    http::{
        pages::{InterstitialPage, SafeHref},
        trouble::Trouble,
        visit::Visit,
    },
    secret::Handle,
    tenants::Tenant,
};

/// What the client is told.
pub(super) enum Answer<'a> {
    Code(&'a Handle),
    Error { code: &'static str, description: &'a str },
}

/// The redirect URI with the answer in its query; the URI's own bytes stay as they are.
pub(super) fn address(tenant: &Tenant, redirect_uri: &str, state: Option<&str>, answer: &Answer<'_>) -> String {
    let mut query = Serializer::new(String::new());
    match answer {
        Answer::Code(code) => query.append_pair("code", code.expose()),
        Answer::Error { code, description } => {
            query.append_pair("error", code).append_pair("error_description", description)
        }
    };
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", &tenant.issuer);
    let separator = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{separator}{}", query.finish())
}

/// Sends the browser back: 303 to web addresses, a page with a link for a program's own scheme.
pub(super) fn send(
    visit: &Visit,
    client_name: &str,
    redirect: &RedirectUri,
    state: Option<&str>,
    answer: &Answer<'_>,
) -> Result<Response, Trouble> {
    let address = address(&visit.tenant, redirect.as_str(), state, answer);
    if redirect.kind() != RedirectKind::App {
        return visit.see_other(&address);
    }
    let page = InterstitialPage {
        client_name: client_name.to_owned(),
        href: SafeHref::new(address).map_err(|error| visit.fault(error))?,
        host_or_scheme: redirect.host_for_people().to_owned(),
        approved: matches!(answer, Answer::Code(_)),
    };
    Ok(visit.page(StatusCode::OK, page))
}
