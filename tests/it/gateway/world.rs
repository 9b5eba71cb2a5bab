//! An application with one tenant, one server whose upstream records, and tokens for it.

use reqwest::{RequestBuilder, Response};
use sallyport::{
    clients::{Client, Origin, Status},
    config::Config,
    ids::{ClientId, FamilyId, GrantId},
    secret::{Handle, HandleKind},
    store::{
        clients,
        grants::{self, NewFamily},
        handles,
    },
    token::revoke::{self, Reason},
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use time::Duration;

use super::upstream::Upstream;
use crate::harness::app::{TestApp, TestServer, TestTenant};

pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: &str = "2025-11-25";
pub(crate) const BOTH: [&str; 2] = ["mcp:read", "mcp:write"];

pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) tenant: TestTenant,
    pub(crate) server: TestServer,
    pub(crate) upstream: Upstream,
    pub(crate) http: reqwest::Client,
}

/// An access token, and the family it belongs to.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) family: FamilyId,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::around(TestApp::start_with(change).await).await
    }

    /// A tenant with a server, in an application that has none of this name.
    pub(crate) async fn around(app: TestApp) -> Self {
        let tenant = app.tenant("acme").await;
        let upstream = Upstream::start().await;
        let server = app.server(tenant.id, "acme", "tools", &upstream.url).await;
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(std::time::Duration::from_secs(30)).build().unwrap();
        Self { app, tenant, server, upstream, http }
    }

    /// A world whose server speaks `auto`, `modern` or `legacy`.
    pub(crate) async fn of_era(era: &str) -> Self {
        let world = Self::start().await;
        world.change(&format!("update server set era = '{era}'")).await;
        world
    }

    /// Changes rows before anything has been read.
    pub(crate) async fn change(&self, statement: &str) {
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&self.app.db.owner).await.unwrap();
    }

    /// A token of a new family of `ada`.
    pub(crate) async fn token(&self, scopes: &[&str]) -> Token {
        self.token_for(&self.tenant, &self.server, scopes).await
    }

    pub(crate) async fn token_for(&self, tenant: &TestTenant, server: &TestServer, scopes: &[&str]) -> Token {
        let (app, now) = (&self.app.app, self.app.clock.now());
        let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        let client = ClientId::new(&self.app.clock, &app.entropy).unwrap();
        let grant = GrantId::new(&self.app.clock, &app.entropy).unwrap();
        let family = FamilyId::new(&self.app.clock, &app.entropy).unwrap();
        let mut tx = app.store.tenant_tx(tenant.id).await.unwrap();
        clients::insert(&mut tx, &public_client(&client, now)).await.unwrap();
        let grant = grants::widen(&mut tx, grant, tenant.person.id, &client, server.id, &scopes, now).await.unwrap();
        let new = NewFamily {
            id: family,
            grant: grant.id,
            redirect_uri: None,
            auth_time: Some(now),
            expires_at: now + Duration::days(30),
        };
        grants::insert_family(&mut tx, new, now).await.unwrap();
        tx.commit().await.unwrap();
        let text = self.token_of(tenant, family, &scopes).await;
        Token { text, family }
    }

    /// Another token of a family, as after a refresh. Lives for an hour.
    pub(crate) async fn token_of(&self, tenant: &TestTenant, family: FamilyId, scopes: &[String]) -> String {
        let (app, now) = (&self.app.app, self.app.clock.now());
        let handle = Handle::generate(HandleKind::AccessToken, &app.entropy).unwrap();
        let stored = app.keyring.store(tenant.id, &handle);
        let mut tx = app.store.tenant_tx(tenant.id).await.unwrap();
        handles::insert_access_token(&mut tx, &stored, family, scopes, now, now + Duration::hours(1)).await.unwrap();
        tx.commit().await.unwrap();
        handle.expose().to_owned()
    }

    /// Ends a family, and returns when no call of it is accepted any more.
    pub(crate) async fn revoke(&self, family: FamilyId) {
        let app = &self.app.app;
        let mut tx = app.store.tenant_tx(self.tenant.id).await.unwrap();
        let ticket = revoke::family(&mut tx, &self.app.recorder(), family, Reason::PersonRevoked).await.unwrap();
        tx.commit().await.unwrap();
        app.node.settle(ticket).await.unwrap();
    }

    /// A POST to the server with what every message needs, and no token yet.
    pub(crate) fn post(&self, body: &Value) -> RequestBuilder {
        self.http.post(&self.server.resource).header("accept", "application/json, text/event-stream").json(body)
    }

    /// A modern request.
    pub(crate) fn modern(&self, token: &Token, method: &str, params: Value) -> RequestBuilder {
        let name = params.get("name").or_else(|| params.get("uri")).cloned();
        let request = self.post(&modern_body(method, params)).bearer_auth(&token.text);
        let request = request.header("mcp-protocol-version", MODERN).header("mcp-method", method);
        match name.as_ref().and_then(Value::as_str) {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    /// A modern call of the tool `echo`.
    pub(crate) fn call(&self, token: &Token) -> RequestBuilder {
        self.modern(token, "tools/call", json!({"name": "echo", "arguments": {}}))
    }

    /// A legacy request.
    pub(crate) fn legacy(&self, token: &Token, method: &str, params: Value) -> RequestBuilder {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post(&body).bearer_auth(&token.text).header("mcp-protocol-version", LEGACY)
    }

    /// A legacy `initialize`.
    pub(crate) fn initialize(&self, token: &Token) -> RequestBuilder {
        let params =
            json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        self.post(&body).bearer_auth(&token.text)
    }

    /// Opens a legacy session that the upstream calls `name`; gives the client's name for it.
    pub(crate) async fn session(&self, token: &Token, name: &str) -> String {
        let result = json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": LEGACY}});
        self.upstream.reply(super::upstream::Reply::json(200, &result).with("mcp-session-id", name));
        let response = self.initialize(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
    }

    /// A legacy GET.
    pub(crate) fn open_stream(&self, token: &Token) -> RequestBuilder {
        let request = self.http.get(&self.server.resource).bearer_auth(&token.text);
        request.header("accept", "text/event-stream").header("mcp-protocol-version", LEGACY)
    }
}

/// The body of a modern request.
pub(crate) fn modern_body(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// Status, error code and message of an answer.
pub(crate) async fn error(response: Response) -> (u16, i64, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"]["code"].as_i64().unwrap(), body["error"]["message"].as_str().unwrap().to_owned())
}

fn public_client(id: &ClientId, now: time::OffsetDateTime) -> Client {
    let metadata = json!({
        "redirect_uris": ["http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    Client {
        id: id.clone(),
        origin: Origin::Configured,
        metadata: serde_json::from_value(metadata).unwrap(),
        status: Status::Active,
        secret: None,
        registration: None,
        created_at: now,
        last_used_at: None,
    }
}
