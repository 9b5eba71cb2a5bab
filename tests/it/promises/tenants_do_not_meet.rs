//! Everything that one tenant gave out, at every route of another.

use reqwest::{Method, RequestBuilder, StatusCode};
use sallyport::app::routes::{self, Guard};
use serde_json::{Value, json};

use crate::harness::{
    app::{TestApp, TestTenant},
    browser::{Page, TestBrowser},
    flow::{Flow, TestClient, Tokens, hidden, location, oauth_error, query},
};

const CALLBACK: &str = "https://a.example/cb";

/// What a tenant gave out to one client and one browser.
struct Loot {
    client: TestClient,
    registration: String,
    code: String,
    tokens: Tokens,
    session: String,
    browser: String,
    csrf: String,
    interaction: String,
    verifier: String,
}

impl Loot {
    async fn of(app: &TestApp, tenant: &TestTenant) -> Self {
        let mut flow = Flow::new(app, tenant);
        let browser = TestBrowser::new(app);
        let login = browser.get(&format!("/t/{}/login", tenant.slug)).await;
        let fields = [("username", "ada"), ("password", &tenant.person.password), ("csrf", &login.hidden("csrf"))];
        let entered = browser.post(&format!("/t/{}/login", tenant.slug), &fields).await;
        let own = |page: &Page, place: &str| {
            page.cookie(&format!("__Host-sp-{place}-{}", tenant.slug)).expect("a cookie").to_owned()
        };
        let (browser_cookie, session) = (own(&login, "b"), own(&entered, "t"));
        flow.http = browser.http;

        let (client, registration) = register(app, tenant).await;
        let mut parameters = flow.parameters(&client);
        parameters.push(("prompt", "consent".to_owned()));
        let mut codes = Vec::new();
        for _ in 0..2 {
            let html = flow.consent_page(&parameters).await;
            let sent = flow.decide(&html, "approve", &["mcp:read"]).await;
            codes.push(query(&location(&sent), "code").unwrap());
        }
        let tokens = Tokens::read(&flow.redeem(&client, &codes.remove(0)).await.json().await.unwrap());
        let html = flow.consent_page(&parameters).await;
        Self {
            registration,
            code: codes.remove(0),
            tokens,
            session,
            browser: browser_cookie,
            csrf: hidden(&html, "csrf"),
            interaction: hidden(&html, "interaction"),
            verifier: flow.verifier,
            client,
        }
    }

    /// All of it in one request, wherever it could be looked for.
    fn present(&self, request: RequestBuilder, method: &Method, guard: Guard) -> RequestBuilder {
        let (session, browser) = (&self.session, &self.browser);
        let cookies = ["acme", "other"]
            .map(|slug| format!("__Host-sp-t-{slug}={session}; __Host-sp-b-{slug}={browser}"))
            .join("; ");
        let secret = self.client.secret.as_deref().unwrap();
        let form = [
            ("client_id", self.client.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("interaction", &self.interaction),
            ("csrf", &self.csrf),
            ("decision", "approve"),
            ("scope", "mcp:read"),
            ("grant_type", "authorization_code"),
            ("code", &self.code),
            ("code_verifier", &self.verifier),
            ("token", &self.tokens.refresh),
            ("username", "ada"),
            ("password", "the password of ada"),
        ];
        let request = request.header("cookie", cookies);
        let request = match guard {
            Guard::Client => request.basic_auth(&self.client.id, Some(secret)),
            Guard::RegistrationToken => request.bearer_auth(&self.registration),
            _ => request.bearer_auth(&self.tokens.access),
        };
        match *method {
            Method::POST => request.form(&form),
            Method::PUT => request.json(&json!({ "client_id": self.client.id, "redirect_uris": [CALLBACK] })),
            _ => request,
        }
    }
}

async fn register(app: &TestApp, tenant: &TestTenant) -> (TestClient, String) {
    let body = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic" });
    let url = format!("{}/register", tenant.issuer);
    let answer: Value = app.browser().post(url).json(&body).send().await.unwrap().json().await.unwrap();
    let text = |member: &str| answer[member].as_str().unwrap().to_owned();
    let client =
        TestClient { id: text("client_id"), secret: Some(text("client_secret")), redirect_uri: CALLBACK.to_owned() };
    (client, text("registration_access_token"))
}

#[tokio::test]
async fn nothing_of_one_tenant_opens_anything_at_another() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let loot = Loot::of(&app, &acme).await;
    for route in routes::public() {
        let path = route.path.replace("{tenant}", "other").replace("{server}", "demo");
        let path = path.replace("{client_id}", &loot.client.id);
        let query = [("client_id", &loot.client.id), ("interaction", &loot.interaction)];
        let url = reqwest::Url::parse_with_params(&app.url(&path), query).unwrap();
        let request = app.browser().request(route.method.clone(), url).header("origin", &app.base);
        let answer = loot.present(request, &route.method, route.guard).send().await.unwrap();
        let (status, at) = (answer.status().as_u16(), format!("{} {}", route.method, route.path));
        match (route.guard, route.path) {
            // What is for everybody, and what says that nobody is logged in.
            (Guard::Public | Guard::Preflight, _) => continue,
            (Guard::Registration, _) => assert_eq!(status, 400, "{at}: a form is no registration"),
            (Guard::Client | Guard::RegistrationToken | Guard::Bearer, _) => assert_eq!(status, 401, "{at}"),
            (Guard::Browser, "/t/{tenant}/account") => assert_eq!(location(&answer), "/t/other/login"),
            (Guard::Browser, "/t/{tenant}/logout") if route.method == Method::GET => {
                assert!(answer.text().await.unwrap().contains("You are logged out"));
                continue;
            }
            (Guard::Browser, _) => assert!([400, 403].contains(&status), "{at}: {status}"),
        }
        let body = answer.text().await.unwrap();
        assert!(!body.contains("sp_"), "{at}: {body}");
    }

    // A client of the other tenant that got hold of the handles.
    let flow = Flow::new(&app, &other);
    let client = flow.client_with(&[CALLBACK], true).await;
    let own = Flow { verifier: loot.verifier.clone(), ..flow };
    let form = [("grant_type", "authorization_code"), ("code", &*loot.code), ("code_verifier", &loot.verifier)];
    assert_eq!(oauth_error(own.token(&client, &form).await).await.1, "invalid_grant");
    assert_eq!(oauth_error(own.refresh(&client, &loot.tokens.refresh).await).await.1, "invalid_grant");
    for token in [&loot.tokens.access, &loot.tokens.refresh] {
        assert_eq!(own.client_post("revoke", &client, &[("token", token)]).await.status(), StatusCode::OK);
    }

    for table in ["family", "access_grant", "access_token", "refresh_token", "session", "interaction", "consent"] {
        let count = format!("select count(*) from {table} where tenant = $1");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(other.id.0).fetch_one(&app.db.owner).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    let flow = Flow { verifier: loot.verifier.clone(), ..Flow::new(&app, &acme) };
    assert!(flow.accepts(&loot.tokens.access).await);
    assert_eq!(flow.redeem(&loot.client, &loot.code).await.status(), StatusCode::OK, "untouched");
    assert_eq!(flow.refresh(&loot.client, &loot.tokens.refresh).await.status(), StatusCode::OK);
}
