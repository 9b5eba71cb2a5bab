//! Which web pages may call (`Origin`, CORS).
//!
//! Pages of other origins are refused before anything else, unless the tenant lists them: a page must not get to use
//! whatever the browser of its visitor can reach.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
    },
};

use crate::mcp::MCP_PARAM_PREFIX;

const EXPOSED: HeaderValue = HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version");
const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE");
/// What a page may send. The wildcard would not cover `Authorization`.
const ACCEPTED: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, mcp-method, \
                        mcp-name, last-event-id, traceparent, tracestate";

/// The request comes from a page that may not call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ForeignOrigin;

/// Judges `Origin`. Requests without one come from programs, not from pages.
pub(super) fn check_origin(
    headers: &HeaderMap,
    own: &str,
    allowed: &[String],
) -> Result<Option<HeaderValue>, ForeignOrigin> {
    let mut values = headers.get_all(ORIGIN).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let known = value == own || allowed.iter().any(|origin| value == origin.as_str());
    if known && values.next().is_none() { Ok(Some(value.clone())) } else { Err(ForeignOrigin) }
}

/// Answers a preflight of an allowed page.
pub(super) fn preflight(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let out = response.headers_mut();
    out.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    if let Ok(accepted) = HeaderValue::try_from(accepted(headers)) {
        out.insert(ACCESS_CONTROL_ALLOW_HEADERS, accepted);
    }
    out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// The fixed headers, and those that mirror arguments: their names are the tools' own, so they are echoed.
fn accepted(headers: &HeaderMap) -> String {
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mirrored = asked
        .split(',')
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        .filter(|name| name.as_str().starts_with(MCP_PARAM_PREFIX));
    mirrored.fold(ACCEPTED.to_owned(), |list, name| format!("{list}, {name}"))
}

/// Lets the page of `origin` read the answer.
pub(super) fn expose(response: &mut Response, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, HeaderValue::from_static(value));
        }
        map
    }

    const OWN: &str = "https://gw.example";

    #[test]
    fn only_listed_origins_may_call() {
        let allowed = ["https://inspector.example".to_owned()];
        let judge = |values: &[&'static str]| {
            let pairs: Vec<_> = values.iter().map(|value| (ORIGIN, *value)).collect();
            check_origin(&headers(&pairs), OWN, &allowed).map(|origin| origin.is_some())
        };
        assert_eq!(judge(&[]), Ok(false));
        assert_eq!(judge(&[OWN]), Ok(true));
        assert_eq!(judge(&["https://inspector.example"]), Ok(true));
        for bad in [
            "null",
            "",
            "*",
            "https://gw.example/",
            "http://gw.example",
            "https://gw.example.evil.example",
            "https://GW.example",
        ] {
            assert_eq!(judge(&[bad]), Err(ForeignOrigin), "{bad}");
        }
        assert_eq!(judge(&[OWN, OWN]), Err(ForeignOrigin));
        assert_eq!(judge(&[OWN, "https://evil.example"]), Err(ForeignOrigin));
    }

    #[test]
    fn a_preflight_echoes_mirrored_arguments_only() {
        let asked = headers(&[(ACCESS_CONTROL_REQUEST_HEADERS, "authorization, Mcp-Param-Region, x-evil, cookie")]);
        let response = preflight(&asked);
        let accepted = response.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert!(accepted.starts_with("authorization, ") && accepted.ends_with(", mcp-param-region"));
        assert!(!accepted.contains("evil") && !accepted.contains("cookie"));
    }
}
