//! Each way in which a stranger is refused is counted, under a name of its own, and as nothing else.

use reqwest::{Client, RequestBuilder, StatusCode, Url};
use sallyport::secret::{Entropy, Handle, HandleKind};
use serde_json::json;

use super::{refusals_of, tally};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{CALLBACK, Flow, TestClient, hidden},
};

fn noise(kind: HandleKind) -> String {
    Handle::generate(kind, &Entropy::system()).unwrap().expose().to_owned()
}

/// Somebody who tries everything once.
struct Stranger<'a> {
    app: &'a TestApp,
    tenant: &'a TestTenant,
    http: Client,
}

impl Stranger<'_> {
    fn post(&self, page: &str, form: &[(&str, &str)]) -> RequestBuilder {
        self.http.post(format!("{}/{page}", self.tenant.issuer)).form(form)
    }

    fn call(&self) -> RequestBuilder {
        self.http.post(&self.tenant.server.resource)
    }

    async fn is(&self, status: u16, request: RequestBuilder) {
        let response = request.send().await.unwrap();
        let (answered, url) = (response.status(), response.url().clone());
        let text = response.text().await.unwrap();
        assert_eq!(answered, StatusCode::from_u16(status).unwrap(), "{url}: {text}");
    }

    async fn calls(&self, elsewhere: &str) {
        self.is(401, self.call()).await;
        self.is(400, self.call().header("authorization", "Bearer")).await;
        self.is(401, self.call().bearer_auth("eyJ.eyJ.sig")).await;
        self.is(401, self.call().bearer_auth(noise(HandleKind::AccessToken))).await;
        let second = self.http.post(format!("{}/mcp/second", self.tenant.issuer));
        self.is(401, second.bearer_auth(elsewhere)).await;
        self.is(403, self.call().header("origin", "https://evil.example")).await;
        self.is(404, self.http.post(format!("{}/mcp/nothing", self.tenant.issuer))).await;
    }

    async fn tokens(&self, public: &TestClient, secret: &TestClient, foreign: &str) {
        let verifier = "v".repeat(43);
        let redeem = |client: &str, code: &str| {
            let form = [
                ("grant_type", "authorization_code"),
                ("client_id", client),
                ("code", code),
                ("code_verifier", &verifier),
            ];
            self.post("token", &form)
        };
        self.is(401, redeem("nobody", &noise(HandleKind::Code))).await;
        self.is(401, redeem(&secret.id, &noise(HandleKind::Code))).await;
        self.is(400, redeem(&public.id, &noise(HandleKind::Code))).await;
        self.is(400, redeem(&public.id, "nonsense")).await;
        let id = ("client_id", public.id.as_str());
        let refresh = noise(HandleKind::RefreshToken);
        self.is(400, self.post("token", &[("grant_type", "refresh_token"), ("refresh_token", &refresh), id])).await;
        self.is(400, self.post("token", &[("grant_type", "password"), id])).await;
        self.is(400, self.post("token", &[("grant_type", "refresh_token"), id])).await;
        self.is(401, self.post("revoke", &[("token", &refresh), ("client_id", "nobody")])).await;
        self.is(400, self.post("revoke", &[("token", foreign), id])).await;
        // Says nothing, whatever the token is, and counts for nothing.
        self.is(200, self.post("revoke", &[("token", &refresh), id])).await;
    }

    async fn registrations(&self) {
        let register = || self.http.post(format!("{}/register", self.tenant.issuer));
        self.is(400, register().json(&json!({ "redirect_uris": ["http://evil.example/cb"] }))).await;
        self.is(401, self.http.get(format!("{}/register/c", self.tenant.issuer))).await;
        let token = noise(HandleKind::RegistrationToken);
        self.is(401, self.http.get(format!("{}/register/c", self.tenant.issuer)).bearer_auth(token)).await;
        // The limit is two at once.
        self.is(201, register().json(&json!({ "redirect_uris": ["https://a.example/cb"] }))).await;
        self.is(429, register().json(&json!({ "redirect_uris": ["https://a.example/cb"] }))).await;
    }

    async fn pages(&self, client: &TestClient) {
        let page = |page: &str| self.http.get(format!("{}/{page}", self.tenant.issuer));
        let authorize = |id: &str, uri: &str, more: &[(&str, &str)]| {
            let parameters = [&[("client_id", id), ("redirect_uri", uri)], more].concat();
            let url = format!("{}/authorize", self.tenant.issuer);
            self.http.get(Url::parse_with_params(&url, parameters).unwrap())
        };
        self.is(400, page("authorize")).await;
        self.is(400, authorize("nobody", CALLBACK, &[])).await;
        self.is(400, authorize(&client.id, "https://evil.example/cb", &[])).await;
        self.is(400, authorize(&client.id, CALLBACK, &[("resource", "https://evil.example/")])).await;
        self.is(400, page("consent")).await;
        let interaction = noise(HandleKind::Interaction);
        self.is(400, page(&format!("login?interaction={interaction}"))).await;

        let session = format!("__Host-sp-t-acme={}", noise(HandleKind::Session));
        self.is(303, page("account").header("cookie", session)).await;
        self.is(303, page("account").header("cookie", "__Host-sp-t-acme=nonsense")).await;

        let html = page("login").send().await.unwrap().text().await.unwrap();
        let csrf = hidden(&html, "csrf");
        let form = [("csrf", csrf.as_str()), ("username", "eve"), ("password", "wrong password")];
        let own = |request: RequestBuilder| request.header("origin", &self.app.base);
        self.is(403, self.post("login", &form).header("origin", "https://evil.example")).await;
        self.is(403, own(self.post("login", &[("csrf", "AAAA")]))).await;
        self.is(403, own(Stranger { http: self.app.browser(), ..*self }.post("login", &form))).await;
        // The limit is one.
        self.is(403, own(self.post("login", &form))).await;
        self.is(429, own(self.post("login", &form))).await;
    }
}

#[tokio::test]
async fn each_refusal_is_counted_under_its_name() {
    let app = TestApp::start_with(|config| {
        config.registration.burst = 2;
        config.registration.per_minute = 1;
        config.login.throttle.per_account = 1;
    })
    .await;
    let acme = app.tenant("acme").await;
    let flow = Flow::new(&app, &acme);
    let (public, secret, other) = (flow.client().await, flow.client_with(&[CALLBACK], true).await, flow.client().await);
    let tokens = flow.tokens(&other).await;
    app.server(acme.id, "acme", "second", "http://127.0.0.1:9/mcp").await;
    assert!(refusals_of(&app, acme.id).await.is_empty(), "what is good is not counted");

    let stranger = Stranger { app: &app, tenant: &acme, http: app.browser() };
    stranger.calls(&tokens.access).await;
    stranger.tokens(&public, &secret, &tokens.refresh).await;
    stranger.registrations().await;
    stranger.pages(&public).await;

    let counted = tally(&refusals_of(&app, acme.id).await);
    let expected = [
        ("authorization.refused interaction", 2),
        ("authorization.refused invalid_request", 1),
        ("authorization.refused invalid_target", 1),
        ("authorization.refused redirect_uri", 1),
        ("authorization.refused unknown_client", 1),
        ("bearer.refused absent", 1),
        ("bearer.refused foreign", 1),
        ("bearer.refused malformed", 1),
        ("bearer.refused resource", 1),
        ("bearer.refused unknown", 1),
        ("client.refused", 3),
        ("form.refused cookie", 1),
        ("form.refused origin", 1),
        ("form.refused token", 1),
        ("login.failed", 1),
        ("login.failed throttled", 1),
        ("registration.refused limited", 1),
        ("registration.refused metadata", 1),
        ("registration.refused no_token", 1),
        ("registration.refused token", 1),
        ("request.refused foreign_origin", 1),
        ("request.refused unknown_server", 1),
        ("session.refused", 2),
        ("token.refused authorization_code unknown", 2),
        ("token.refused other unsupported_grant_type", 1),
        ("token.refused refresh_token invalid_request", 1),
        ("token.refused refresh_token unknown", 1),
        ("token.refused revocation invalid_grant", 1),
    ];
    assert_eq!(counted, expected.map(|(what, count)| (what.to_owned(), count)).into());
}
