//! What is the software.

mod approval;
mod assertion;
mod authentication;
mod dialer;
mod management;
mod metadata_document;
mod outside_issuer;
mod quota;
pub(crate) mod real;
mod registration;
mod rules;
mod statement;
mod strict;
mod suspend;

use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::app::{TestApp, TestTenant};

/// What a public client on a person's computer registers.
fn public() -> Value {
    json!({
        "client_name": "Editor",
        "redirect_uris": ["http://localhost/callback", "cursor://anysphere.cursor-mcp/oauth/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    })
}

/// What a client on a server registers.
fn confidential() -> Value {
    json!({
        "client_name": "Hosted",
        "redirect_uris": ["https://hosted.example/callback"],
        "token_endpoint_auth_method": "client_secret_basic",
    })
}

/// An answer: status, headers and JSON (null where there is no body).
struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Value,
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        Self { status, headers, body }
    }

    /// Status and error code.
    fn error(&self) -> (u16, &str) {
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers["content-type"], "application/json");
        assert!(self.body["error_description"].is_string(), "{}", self.body);
        (self.status.as_u16(), self.body["error"].as_str().unwrap())
    }

    fn text(&self, member: &str) -> &str {
        self.body[member].as_str().expect(member)
    }
}

async fn register(app: &TestApp, tenant: &TestTenant, body: &Value) -> Answer {
    Answer::of(app.browser().post(format!("{}/register", tenant.issuer)).json(body)).await
}

/// Registers what must be accepted.
async fn registered(app: &TestApp, tenant: &TestTenant, body: &Value) -> Answer {
    let answer = register(app, tenant, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer
}

/// The bodies of the tenant's audit events of one kind. Those of one moment are in no order.
async fn events(app: &TestApp, tenant: &TestTenant, kind: &str) -> Vec<Value> {
    let events = app.app.store.audit_recent(tenant.id, 1000).await.unwrap();
    events.into_iter().rev().filter(|event| event.kind == kind).map(|event| event.body).collect()
}

/// Replaces the tenant's settings, as an administrator does.
async fn settings(app: &TestApp, tenant: &TestTenant, settings: Value) {
    app.settings(tenant, settings).await;
}
