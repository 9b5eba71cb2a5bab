//! An authorization server and an MCP server in one, sound but for one fault that the test chooses.

mod server;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use futures_util::stream;
use http::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What each secret of it begins with, long enough for a search.
const SECRET: &str = "Q7xk29fjWm3LzP0dVb";

/// The fake, served until it is dropped.
pub(super) struct Fake {
    pub(super) base: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    base: String,
    fault: &'static str,
    state: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    number: u32,
    alive: BTreeSet<String>,
    secrets: Vec<String>,
    asked: u32,
}

impl Fake {
    /// A server with this fault; none is without.
    pub(super) async fn start(fault: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { base: base.clone(), fault, state: Mutex::default() });
        let app = router(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base, shared, serving }
    }

    pub(super) fn mcp(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// Every token, code and secret that it gave out.
    pub(super) fn secrets(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().secrets.clone()
    }

    /// What is still good.
    pub(super) fn alive(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().alive.iter().cloned().collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

fn plain(status: u16, kind: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(body.into()).unwrap()
}

fn document(status: u16, body: &Value) -> Response {
    plain(status, "application/json", body.to_string())
}

fn set(body: &mut Value, name: &str, value: Value) {
    body.as_object_mut().unwrap().insert(name.to_owned(), value);
}

fn remove(body: &mut Value, name: &str) {
    body.as_object_mut().unwrap().remove(name);
}

async fn answer(
    State(fake): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match (method, uri.path()) {
        (Method::POST, "/mcp") => fake.mcp(&headers, &body),
        (Method::GET, "/.well-known/oauth-protected-resource/mcp") => fake.resource(),
        (Method::GET, "/.well-known/oauth-authorization-server/as") => match fake.fault {
            "slow" => std::future::pending().await,
            _ => fake.first_metadata(),
        },
        (Method::GET, "/.well-known/openid-configuration/as") if fake.fault != "as-404" => {
            document(200, &fake.metadata())
        }
        (Method::POST, "/as/register") => fake.register(&body),
        (Method::DELETE, "/as/register/me") => plain(204, "text/plain", ""),
        (Method::GET, "/as/authorize") => fake.authorize(&uri),
        (Method::POST, "/as/device") => fake.device(),
        (Method::POST, "/as/token") => fake.token(&body),
        (Method::POST, "/as/revoke") => fake.revoke(&body),
        _ => plain(404, "text/plain", "no"),
    }
}

impl Shared {
    fn is(&self, fault: &str) -> bool {
        self.fault == fault
    }

    fn issuer(&self) -> String {
        match self.fault {
            "issuer-slash" => format!("{}/as/", self.base),
            "issuer-other" => format!("{}/other", self.base),
            "issuer-elsewhere" => "https://as.example/as".to_owned(),
            _ => format!("{}/as", self.base),
        }
    }

    fn secret(&self, kind: &str) -> String {
        let mut state = self.state.lock().unwrap();
        state.number += 1;
        let secret = format!("{kind}-{SECRET}-{}", state.number);
        state.secrets.push(secret.clone());
        state.alive.insert(secret.clone());
        secret
    }

    fn resource(&self) -> Response {
        let mut body = json!({
            "resource": format!("{}/mcp", self.base),
            "authorization_servers": [format!("{}/as", self.base)],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["read"],
        });
        match self.fault {
            "no-prm" => return plain(404, "text/plain", "no"),
            "endless" => {
                let chunk = Bytes::from_static(&[b' '; 65536]);
                let forever = stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone()));
                return plain(200, "application/json", Body::from_stream(forever));
            }
            "resource-slash" => set(&mut body, "resource", format!("{}/mcp/", self.base).into()),
            "resource-elsewhere" => set(&mut body, "resource", "https://other.example/mcp".into()),
            "resource-beside" => set(&mut body, "resource", format!("{}/other", self.base).into()),
            "resource-above" => set(&mut body, "resource", self.base.clone().into()),
            "resource-missing" => remove(&mut body, "resource"),
            "no-issuers" => set(&mut body, "authorization_servers", json!([])),
            "offline" => set(&mut body, "scopes_supported", json!(["read", "offline_access"])),
            "bearer-method" => set(&mut body, "bearer_methods_supported", json!(["query"])),
            _ => {}
        }
        document(200, &body)
    }

    fn first_metadata(&self) -> Response {
        match self.fault {
            "as-404" => plain(404, "text/plain", "no"),
            "as-500" => plain(500, "text/plain", "broken"),
            "as-html" => plain(200, "text/html", "<!doctype html><p>Welcome"),
            "as-not-json" => plain(200, "application/json", "{"),
            "as-content-type" => plain(200, "text/plain", self.metadata().to_string()),
            "as-redirect" => Response::builder()
                .status(302)
                .header(header::LOCATION, format!("{}/.well-known/openid-configuration/as", self.base))
                .body(Body::empty())
                .unwrap(),
            _ => document(200, &self.metadata()),
        }
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}/as/{path}", self.base);
        let mut body = json!({
            "issuer": self.issuer(),
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "registration_endpoint": at("register"),
            "revocation_endpoint": at("revoke"),
            "device_authorization_endpoint": at("device"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": true,
        });
        match self.fault {
            "no-s256" => remove(&mut body, "code_challenge_methods_supported"),
            "plain-only" => set(&mut body, "code_challenge_methods_supported", json!(["plain"])),
            "no-code-type" => set(&mut body, "response_types_supported", json!(["token"])),
            "no-code-grant" => set(&mut body, "grant_types_supported", json!(["refresh_token"])),
            "no-none" => set(&mut body, "token_endpoint_auth_methods_supported", json!(["client_secret_post"])),
            "as-null" => set(&mut body, "jwks_uri", Value::Null),
            "no-registration" => remove(&mut body, "registration_endpoint"),
            "no-revocation" => remove(&mut body, "revocation_endpoint"),
            "no-token-endpoint" => remove(&mut body, "token_endpoint"),
            "http-endpoint" => set(&mut body, "token_endpoint", "http://as.example/token".into()),
            "script-endpoint" => set(&mut body, "authorization_endpoint", "javascript:alert(1)".into()),
            "iss-unannounced" => remove(&mut body, "authorization_response_iss_parameter_supported"),
            _ => {}
        }
        body
    }

    fn register(&self, body: &[u8]) -> Response {
        let wishes: Map<String, Value> = serde_json::from_slice(body).unwrap();
        let mut body = Value::Object(wishes);
        set(&mut body, "client_id", "client-1".into());
        set(&mut body, "registration_client_uri", format!("{}/as/register/me", self.base).into());
        set(&mut body, "registration_access_token", self.secret("rat").into());
        if self.is("no-none") || self.is("dcr-no-expiry") {
            set(&mut body, "client_secret", self.secret("cs").into());
            set(&mut body, "client_secret_expires_at", json!(0));
        }
        match self.fault {
            "dcr-refuses" => {
                let body = json!({"error": "invalid_redirect_uri", "error_description": "not here"});
                return document(400, &body);
            }
            "dcr-closed" => return document(401, &json!({"error": "invalid_token"})),
            "dcr-200" => return document(200, &body),
            "dcr-no-id" => remove(&mut body, "client_id"),
            "dcr-no-redirects" => remove(&mut body, "redirect_uris"),
            "dcr-no-expiry" => {
                remove(&mut body, "client_secret_expires_at");
                set(&mut body, "token_endpoint_auth_method", "client_secret_post".into());
            }
            "dcr-grants" => set(&mut body, "grant_types", json!(["authorization_code"])),
            "no-deregistration" => remove(&mut body, "registration_client_uri"),
            _ => {}
        }
        document(201, &body)
    }

    fn authorize(&self, uri: &Uri) -> Response {
        let asked: Map<String, Value> = url_pairs(uri.query().unwrap());
        let text = |name: &str| asked[name].as_str().unwrap();
        assert_eq!((text("code_challenge_method"), text("response_type")), ("S256", "code"));
        assert!(text("resource").starts_with(&self.base) && !text("state").is_empty());
        let mut url = reqwest::Url::parse(text("redirect_uri")).unwrap();
        let mut add = |name: &str, value: &str| {
            url.query_pairs_mut().append_pair(name, value);
        };
        match self.fault {
            "login-error" => {
                add("error", "invalid_scope");
                add("error_description", "no such scope \u{1b}[31m");
            }
            "no-code" => {}
            "two-codes" => {
                add("code", &self.secret("code"));
                add("code", &self.secret("code"));
            }
            _ => add("code", &self.secret("code")),
        }
        match self.fault {
            "state-missing" => {}
            "state-differs" => add("state", "another"),
            _ => add("state", text("state")),
        }
        match self.fault {
            "iss-missing" => {}
            "iss-slash" => add("iss", &format!("{}/", self.issuer())),
            "iss-wrong" => add("iss", "https://evil.example"),
            _ => add("iss", &self.issuer()),
        }
        Response::builder().status(303).header(header::LOCATION, url.as_str()).body(Body::empty()).unwrap()
    }

    fn device(&self) -> Response {
        let mut body = json!({
            "device_code": self.secret("dc"),
            "user_code": "WXYZ-1234",
            "verification_uri": format!("{}/activate", self.base),
            "expires_in": 60,
            "interval": 1,
        });
        match self.fault {
            "device-no-code" => remove(&mut body, "user_code"),
            "device-expires-text" => set(&mut body, "expires_in", "60".into()),
            "device-refuses" => return document(400, &json!({"error": "unauthorized_client"})),
            _ => {}
        }
        document(200, &body)
    }

    fn token(&self, body: &[u8]) -> Response {
        let form = url_pairs(std::str::from_utf8(body).unwrap());
        let text = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
        let grant = text("grant_type");
        let error = |error: &str| document(400, &json!({"error": error}));
        let presented = match grant {
            "authorization_code" => text("code"),
            "refresh_token" => text("refresh_token"),
            _ => {
                let mut state = self.state.lock().unwrap();
                state.asked += 1;
                match (self.fault, state.asked) {
                    ("device-denied", _) => return error("access_denied"),
                    (_, 1) => return error("authorization_pending"),
                    _ => text("device_code"),
                }
            }
        };
        if self.is("echo") {
            let body = json!({"error": "invalid_grant", "error_description": format!("bad code {presented}")});
            return document(400, &body);
        }
        if !self.state.lock().unwrap().alive.contains(presented)
            || (grant == "refresh_token" && self.is("refresh-refused"))
        {
            return error("invalid_grant");
        }
        if !self.is("not-rotated") || grant != "refresh_token" {
            self.state.lock().unwrap().alive.remove(presented);
        }
        self.issued(grant, presented)
    }

    fn issued(&self, grant: &str, presented: &str) -> Response {
        let refresh =
            if self.is("not-rotated") && grant == "refresh_token" { presented.to_owned() } else { self.secret("rt") };
        let mut body = json!({
            "access_token": self.secret("at"),
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token": refresh,
            "scope": "read",
        });
        match self.fault {
            "token-html" => return plain(200, "text/html", "<p>hello"),
            "no-access-token" => remove(&mut body, "access_token"),
            "token-type-mac" => set(&mut body, "token_type", "mac".into()),
            "token-type-dpop" => set(&mut body, "token_type", "DPoP".into()),
            "token-type-lower" => set(&mut body, "token_type", "bearer".into()),
            "token-type-missing" => remove(&mut body, "token_type"),
            "expires-text" => set(&mut body, "expires_in", "300".into()),
            "no-expires" => remove(&mut body, "expires_in"),
            "no-refresh" => remove(&mut body, "refresh_token"),
            "scope-cut" => set(&mut body, "scope", "other".into()),
            _ => {}
        }
        let mut response = document(200, &body);
        if !self.is("no-store") {
            response.headers_mut().insert(header::CACHE_CONTROL, "no-store".parse().unwrap());
        }
        response
    }

    fn revoke(&self, body: &[u8]) -> Response {
        let form = url_pairs(std::str::from_utf8(body).unwrap());
        match self.fault {
            "revocation-refused" => return document(400, &json!({"error": "unsupported_token_type"})),
            "alive" => {}
            _ => drop(self.state.lock().unwrap().alive.remove(form["token"].as_str().unwrap())),
        }
        plain(200, "text/plain", "")
    }
}

fn url_pairs(text: &str) -> Map<String, Value> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}
