//! The authorization code flow as a client and a browser go through it: real HTTP, forms read from the pages.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Response, StatusCode, header::LOCATION};
use sallyport::{
    clients::{
        Client, Origin, Status,
        metadata::{AuthMethod, Metadata},
        redirect::{CustomSchemes, RedirectUri},
    },
    ids::ClientId,
    secret::{Entropy, Handle, HandleKind},
    store,
};
use serde_json::Value;

use super::app::{TestApp, TestTenant};

pub(crate) const CALLBACK: &str = "http://127.0.0.1:7777/callback";

/// A registered client and what only it knows.
#[derive(Clone, Debug)]
pub(crate) struct TestClient {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) redirect_uri: String,
}

/// What a client holds after a flow.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) scope: String,
    pub(crate) expires_in: i64,
}

impl Tokens {
    pub(crate) fn read(body: &Value) -> Self {
        assert_eq!(body["token_type"], "Bearer", "{body}");
        Self {
            access: body["access_token"].as_str().unwrap().to_owned(),
            refresh: body["refresh_token"].as_str().unwrap().to_owned(),
            scope: body["scope"].as_str().unwrap().to_owned(),
            expires_in: body["expires_in"].as_i64().unwrap(),
        }
    }
}

/// One browser at one tenant.
pub(crate) struct Flow<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) tenant: &'a TestTenant,
    pub(crate) http: reqwest::Client,
    pub(crate) verifier: String,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(app: &'a TestApp, tenant: &'a TestTenant) -> Self {
        Self { app, tenant, http: app.browser(), verifier: Entropy::system().text::<32>().unwrap() }
    }

    /// Adds a public client with a loopback redirect URI.
    pub(crate) async fn client(&self) -> TestClient {
        self.client_with(&[CALLBACK], false).await
    }

    pub(crate) async fn client_with(&self, redirect_uris: &[&str], confidential: bool) -> TestClient {
        let (app, entropy) = (&self.app.app, Entropy::system());
        let schemes = CustomSchemes::known_and(&[]);
        let uris = redirect_uris.iter().map(|uri| RedirectUri::register(uri, &schemes).unwrap()).collect();
        let method = if confidential { AuthMethod::ClientSecretBasic } else { AuthMethod::None };
        let secret = confidential.then(|| Handle::generate(HandleKind::ClientSecret, &entropy).unwrap());
        let client = Client {
            id: ClientId::new(&self.app.clock, &entropy).unwrap(),
            origin: Origin::Registered,
            metadata: Metadata { client_name: Some("Test client".to_owned()), ..Metadata::new(uris, method) },
            status: Status::Active,
            secret: secret.as_ref().map(|secret| app.keyring.store(self.tenant.id, secret)),
            registration: None,
            created_at: self.app.clock.now(),
            last_used_at: None,
        };
        let mut tx = app.store.tenant_tx(self.tenant.id).await.unwrap();
        store::clients::insert(&mut tx, &client).await.unwrap();
        tx.commit().await.unwrap();
        TestClient {
            id: client.id.to_string(),
            secret: secret.map(|secret| secret.expose().to_owned()),
            redirect_uri: redirect_uris[0].to_owned(),
        }
    }

    pub(crate) fn challenge(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.verifier.as_bytes());
        URL_SAFE_NO_PAD.encode(digest.as_ref())
    }

    /// The parameters of a good authorization request.
    pub(crate) fn parameters(&self, client: &TestClient) -> Vec<(&'static str, String)> {
        vec![
            ("response_type", "code".to_owned()),
            ("client_id", client.id.clone()),
            ("redirect_uri", client.redirect_uri.clone()),
            ("code_challenge", self.challenge()),
            ("code_challenge_method", "S256".to_owned()),
            ("resource", self.tenant.server.resource.clone()),
            ("state", "s t\u{e4}te&=".to_owned()),
        ]
    }

    pub(crate) async fn authorize(&self, parameters: &[(&'static str, String)]) -> Response {
        let url = reqwest::Url::parse_with_params(&format!("{}/authorize", self.tenant.issuer), parameters).unwrap();
        self.http.get(url).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(self.app.url(path)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.http.post(self.app.url(path)).header("origin", &self.app.base).form(form).send().await.unwrap()
    }

    /// Follows redirects within this server until a page comes.
    pub(crate) async fn page(&self, mut response: Response) -> (String, String) {
        for _ in 0..5 {
            if response.status() != StatusCode::SEE_OTHER {
                break;
            }
            response = self.get(&location(&response)).await;
        }
        assert_ne!(response.status(), StatusCode::SEE_OTHER, "too many redirects");
        let path = response.url().path().to_owned();
        (path, response.text().await.unwrap())
    }

    /// Logs in on a login page.
    pub(crate) async fn log_in(&self, html: &str) -> Response {
        let (csrf, interaction) = (hidden(html, "csrf"), hidden(html, "interaction"));
        let person = &self.tenant.person;
        let form = [
            ("csrf", csrf.as_str()),
            ("interaction", &interaction),
            ("username", &person.username),
            ("password", &person.password),
        ];
        self.post(&format!("/t/{}/login", self.tenant.slug), &form).await
    }

    /// From an authorization request to the consent page, by way of the login page if nobody is logged in.
    pub(crate) async fn consent_page(&self, parameters: &[(&'static str, String)]) -> String {
        let (path, html) = self.page(self.authorize(parameters).await).await;
        if !path.contains("/login") {
            return html;
        }
        self.page(self.log_in(&html).await).await.1
    }

    /// Answers a consent page. Boxes: those given.
    pub(crate) async fn decide(&self, html: &str, decision: &str, scopes: &[&str]) -> Response {
        let (csrf, interaction) = (hidden(html, "csrf"), hidden(html, "interaction"));
        let mut form = vec![("csrf", csrf.as_str()), ("interaction", interaction.as_str()), ("decision", decision)];
        form.extend(scopes.iter().map(|scope| ("scope", *scope)));
        self.post(&format!("/t/{}/consent", self.tenant.slug), &form).await
    }

    /// A code, after login and approval of both starter scopes.
    pub(crate) async fn code(&self, client: &TestClient) -> String {
        self.code_for(client, &["mcp:read", "mcp:write"]).await
    }

    pub(crate) async fn code_for(&self, client: &TestClient, scopes: &[&str]) -> String {
        let html = self.consent_page(&self.parameters(client)).await;
        let response = self.decide(&html, "approve", scopes).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        query(&location(&response), "code").expect("a code")
    }

    pub(crate) async fn token(&self, client: &TestClient, form: &[(&str, &str)]) -> Response {
        self.client_post("token", client, form).await
    }

    /// Posts as the client: with its secret in the header, or its id in the body.
    pub(crate) async fn client_post(&self, endpoint: &str, client: &TestClient, form: &[(&str, &str)]) -> Response {
        let request = self.app.http().post(format!("{}/{endpoint}", self.tenant.issuer));
        let mut form = form.to_vec();
        let request = match &client.secret {
            Some(secret) => request.basic_auth(&client.id, Some(secret)),
            None => {
                form.push(("client_id", &client.id));
                request
            }
        };
        request.form(&form).send().await.unwrap()
    }

    pub(crate) async fn redeem(&self, client: &TestClient, code: &str) -> Response {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", &self.verifier),
            ("redirect_uri", &client.redirect_uri),
            ("resource", &self.tenant.server.resource),
        ];
        self.token(client, &form).await
    }

    pub(crate) async fn refresh(&self, client: &TestClient, refresh_token: &str) -> Response {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// The whole flow.
    pub(crate) async fn tokens(&self, client: &TestClient) -> Tokens {
        let code = self.code(client).await;
        let response = self.redeem(client, &code).await;
        assert_eq!(response.status(), StatusCode::OK);
        Tokens::read(&response.json().await.unwrap())
    }

    /// Whether the token is accepted for the tenant's server: asked of the verifier that the gateway uses.
    pub(crate) async fn accepts(&self, access: &str) -> bool {
        let tenant = self.app.app.tenant(&self.tenant.slug).await.unwrap().unwrap();
        let server = tenant.server(&self.tenant.server.slug).unwrap();
        let handle = Handle::parse(HandleKind::AccessToken, access).unwrap();
        sallyport::token::verify(&self.app.app, &tenant, server, &handle).await.is_ok()
    }
}

/// `Location`, as it stands.
pub(crate) fn location(response: &Response) -> String {
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// A parameter of a URL's query, decoded.
pub(crate) fn query(url: &str, name: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).unwrap();
    let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let value = values.next();
    assert!(values.next().is_none(), "{name} comes twice");
    value
}

/// The value of a hidden input.
pub(crate) fn hidden(html: &str, name: &str) -> String {
    let at = html.find(&format!("name=\"{name}\"")).expect("the field is on the page");
    let rest = &html[at..];
    let rest = &rest[rest.find("value=\"").unwrap() + 7..];
    rest[..rest.find('"').unwrap()].to_owned()
}

/// The error members of an OAuth answer.
pub(crate) async fn oauth_error(response: Response) -> (StatusCode, String) {
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}
