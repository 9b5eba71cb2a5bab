//! Which headers cross the gateway. Two lists of what passes; everything else stays behind.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};

use crate::{
    mcp::{MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, MCP_PROTOCOL_VERSION},
    secret::holds_handle,
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The id of a request, in answers, logs, audit, and at the upstream.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const AGENT: HeaderValue = HeaderValue::from_static(concat!("sallyport/", env!("CARGO_PKG_VERSION")));

const REQUEST: [HeaderName; 7] =
    [CONTENT_TYPE, ACCEPT, MCP_PROTOCOL_VERSION, MCP_METHOD, MCP_NAME, TRACEPARENT, TRACESTATE];

const ANSWER: [HeaderName; 4] = [CONTENT_TYPE, ALLOW, RETRY_AFTER, MCP_PROTOCOL_VERSION];

/// The headers of a client's request that an upstream gets. Session and event ids are not among them: they are set
/// anew, from what the gateway opened.
pub(super) fn to_upstream(from_client: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(16);
    for (name, value) in from_client {
        let listed = REQUEST.contains(name) || name.as_str().starts_with(MCP_PARAM_PREFIX);
        // A client may put its token anywhere. In a header it has nothing to look for beyond this gateway.
        if listed && !holds_handle(value.as_bytes()) {
            out.append(name, value.clone());
        }
    }
    out.insert(USER_AGENT, AGENT);
    // What comes back is read here, so it must not be compressed.
    out.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    out
}

/// The headers of an upstream's answer that a client gets.
pub(super) fn to_client(from_upstream: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(8);
    for name in &ANSWER {
        if let Some(value) = from_upstream.get(name) {
            out.insert(name, value.clone());
        }
    }
    out
}

/// Puts the upstream's own credential on a request; it never appears in logs of headers.
pub(super) fn authorize(headers: &mut HeaderMap, credential: &HeaderValue) {
    headers.insert(AUTHORIZATION, credential.clone());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(names: &[&str]) -> HeaderMap {
        names.iter().map(|name| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("canary"))).collect()
    }

    #[test]
    fn an_upstream_gets_what_the_protocol_needs() {
        let names = [
            "content-type",
            "accept",
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-param-region",
            "traceparent",
        ];
        let out = to_upstream(&map(&names));
        assert!(names.iter().all(|name| out.contains_key(*name)));
    }

    #[test]
    fn identity_of_the_client_stays_behind() {
        let names = [
            "authorization",
            "proxy-authorization",
            "dpop",
            "cookie",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-user",
            "x-real-ip",
            "host",
            "origin",
            "referer",
            "mcp-session-id",
            "last-event-id",
            "x-request-id",
            "connection",
            "upgrade",
            "te",
            "x-user",
            "remote-user",
            "via",
            "range",
            "sec-fetch-site",
            "expect",
            "baggage",
        ];
        let out = to_upstream(&map(&names));
        assert!(out.values().all(|value| value != "canary"), "{out:?}");
    }

    #[test]
    fn no_header_takes_a_token_along() {
        let token = "Bearer sp_at_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj";
        let mut all = HeaderMap::new();
        for name in REQUEST.into_iter().chain([HeaderName::from_static("mcp-param-region")]) {
            all.insert(name, HeaderValue::from_static(token));
        }
        assert!(to_upstream(&all).values().all(|value| !holds_handle(value.as_bytes())));
    }

    #[test]
    fn a_client_gets_no_challenge_cookie_or_redirect() {
        let names = [
            "www-authenticate",
            "proxy-authenticate",
            "set-cookie",
            "location",
            "refresh",
            "server",
            "alt-svc",
            "link",
            "strict-transport-security",
            "access-control-allow-origin",
            "mcp-session-id",
            "content-encoding",
            "trailer",
            "transfer-encoding",
            "connection",
            "clear-site-data",
        ];
        assert!(to_client(&map(&names)).is_empty());
    }

    proptest! {
        #[test]
        fn unknown_headers_never_cross(name in "x-[a-z-]{1,20}") {
            prop_assert!(!to_upstream(&map(&[&name])).contains_key(name.as_str()));
            prop_assert!(to_client(&map(&[&name])).is_empty());
        }
    }
}
