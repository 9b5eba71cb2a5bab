//! The device flow as a device and a browser go through it (RFC 8628).

use reqwest::{Response, StatusCode};
use sallyport::{clients::metadata::GrantType, ids::ClientId, store};
use serde_json::Value;

use super::flow::{Flow, TestClient, Tokens, hidden};

pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a device was told.
#[derive(Clone, Debug)]
pub(crate) struct TestDevice {
    pub(crate) code: String,
    pub(crate) user_code: String,
    pub(crate) complete: String,
}

impl TestDevice {
    pub(crate) fn read(body: &Value) -> Self {
        let text = |member: &str| body[member].as_str().unwrap_or_else(|| panic!("{member}: {body}")).to_owned();
        Self { code: text("device_code"), user_code: text("user_code"), complete: text("verification_uri_complete") }
    }
}

impl Flow<'_> {
    /// Adds a public client with the device grant and a loopback redirect URI.
    pub(crate) async fn device_client(&self) -> TestClient {
        let client = self.client().await;
        self.give_device_grant(&client).await;
        client
    }

    /// Registers a client for the device grant, too.
    pub(crate) async fn give_device_grant(&self, client: &TestClient) {
        let mut tx = self.app.app.store.tenant_tx(self.tenant.id).await.unwrap();
        let id = ClientId::parse(&client.id).unwrap();
        let mut known = store::clients::find(&mut tx, &id).await.unwrap().unwrap();
        known.metadata.grant_types.push(GrantType::DeviceCode);
        store::clients::update(&mut tx, &known).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Asks for codes.
    pub(crate) async fn device_request(&self, client: &TestClient, form: &[(&str, &str)]) -> Response {
        self.client_post("device_authorization", client, form).await
    }

    /// Codes for the tenant's server.
    pub(crate) async fn device(&self, client: &TestClient) -> TestDevice {
        self.device_with(client, &[]).await
    }

    pub(crate) async fn device_with(&self, client: &TestClient, more: &[(&str, &str)]) -> TestDevice {
        let mut form = vec![("resource", self.tenant.server.resource.as_str())];
        form.extend(more);
        let response = self.device_request(client, &form).await;
        assert_eq!(response.status(), StatusCode::OK);
        TestDevice::read(&response.json().await.unwrap())
    }

    /// Polls once.
    pub(crate) async fn poll(&self, client: &TestClient, device: &TestDevice) -> Response {
        self.token(client, &[("grant_type", GRANT), ("device_code", &device.code)]).await
    }

    pub(crate) fn device_path(&self) -> String {
        format!("/t/{}/device", self.tenant.slug)
    }

    /// The page behind an address of the device flow, after a login where there has to be one.
    pub(crate) async fn device_page(&self, path: &str) -> String {
        let (path, html) = self.page(self.get(path).await).await;
        if !path.ends_with("/login") {
            return html;
        }
        let (csrf, user_code, person) = (hidden(&html, "csrf"), hidden(&html, "user_code"), &self.tenant.person);
        let form = [
            ("csrf", csrf.as_str()),
            ("user_code", &user_code),
            ("username", &person.username),
            ("password", &person.password),
        ];
        self.page(self.post(&format!("/t/{}/login", self.tenant.slug), &form).await).await.1
    }

    /// Types a code.
    pub(crate) async fn enter(&self, code: &str) -> Response {
        let csrf = hidden(&self.device_page(&self.device_path()).await, "csrf");
        self.post(&self.device_path(), &[("csrf", &csrf), ("user_code", code)]).await
    }

    /// The page that asks about a device.
    pub(crate) async fn ask(&self, device: &TestDevice) -> String {
        self.page(self.enter(&device.user_code).await).await.1
    }

    /// Answers the page that asks.
    pub(crate) async fn answer(&self, html: &str, decision: &str, scopes: &[&str]) -> Response {
        let [csrf, user_code, seen] = ["csrf", "user_code", "seen"].map(|name| hidden(html, name));
        let mut form =
            vec![("csrf", csrf.as_str()), ("user_code", &user_code), ("seen", &seen), ("decision", decision)];
        form.extend(scopes.iter().map(|scope| ("scope", *scope)));
        self.post(&format!("{}/decision", self.device_path()), &form).await
    }

    /// Allows a device both starter scopes.
    pub(crate) async fn allow(&self, device: &TestDevice) {
        let answer = self.answer(&self.ask(device).await, "approve", &["mcp:read", "mcp:write"]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    }

    /// The whole flow.
    pub(crate) async fn device_tokens(&self, client: &TestClient) -> Tokens {
        let device = self.device(client).await;
        self.allow(&device).await;
        let response = self.poll(client, &device).await;
        assert_eq!(response.status(), StatusCode::OK);
        Tokens::read(&response.json().await.unwrap())
    }
}
