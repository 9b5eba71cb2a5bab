//! What a refusal looks like to whoever asked.

use http::{HeaderMap, header};
use sallyport::app::routes::Guard;
use serde_json::Value;

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.text().await.unwrap_or_default() }
    }

    /// 503, when to come back, and nothing that makes anybody give up what they hold.
    pub(super) fn assert_refused(&self, guard: Guard, what: &str) {
        let Self { status, headers, body } = self;
        assert_eq!(*status, 503, "{what}: {body}");
        let retry: u32 =
            headers.get(header::RETRY_AFTER).unwrap_or_else(|| panic!("{what}")).to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&retry), "{what}");
        for header in [header::WWW_AUTHENTICATE, header::SET_COOKIE, header::LOCATION] {
            assert!(!headers.contains_key(&header), "{what}: {header}");
        }
        let lies = ["invalid_client", "invalid_grant", "invalid_token", "unauthorized_client", "invalid_request"];
        assert!(lies.iter().all(|lie| !body.contains(lie)), "{what}: {body}");
        let kind = headers[header::CONTENT_TYPE].to_str().unwrap();
        match guard {
            Guard::Browser | Guard::Console(..) => {
                assert!(kind.starts_with("text/html"), "{what}: {kind}");
                assert!(body.contains("Something here does not work"), "{what}: {body}");
                assert!(body.contains(headers["x-request-id"].to_str().unwrap()), "{what}: {body}");
            }
            Guard::Api(..) => {
                let problem: Value = serde_json::from_str(body).unwrap();
                assert_eq!((kind, &problem["status"]), ("application/problem+json", &503.into()), "{what}");
                assert_eq!(problem["request_id"], headers["x-request-id"].to_str().unwrap(), "{what}");
                assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{what}");
            }
            Guard::Bearer | Guard::Preflight => {
                let error: Value = serde_json::from_str(body).unwrap();
                assert_eq!((kind, &error["jsonrpc"]), ("application/json", &"2.0".into()), "{what}");
                assert_eq!(error["error"]["code"], 1008, "{what}: {body}");
                let message = error["error"]["message"].as_str().unwrap();
                assert!(message.contains("othing was executed") || message.contains("not executed"), "{what}: {body}");
            }
            Guard::Public
            | Guard::Client
            | Guard::Server
            | Guard::Provider
            | Guard::Registration
            | Guard::RegistrationToken => {
                let error: Value = serde_json::from_str(body).unwrap();
                assert_eq!((kind, &error["error"]), ("application/json", &"temporarily_unavailable".into()), "{what}");
                assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{what}");
            }
        }
    }
}
