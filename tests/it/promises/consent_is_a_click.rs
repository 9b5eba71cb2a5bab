//! Consent is a click: no program gets a code that a person has not just allowed it, unless it has proved that it is the one
//! that was allowed before.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{CALLBACK, Flow, TestClient, hidden, location, query},
};

const BOTH: [&str; 2] = ["mcp:read", "mcp:write"];
const WEB: &str = "https://notes.example/callback";
const CUSTOM: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

/// What a browser ends at that follows an authorization request and clicks on nothing.
enum End {
    /// A page that asks.
    Asked(String),
    /// Back at the client, or a link that leads there.
    Sent(String),
    /// An error page, or the login.
    Other(StatusCode, String),
}

/// Follows a request of these parameters within the server.
async fn follow(flow: &Flow<'_>, parameters: &[(&'static str, String)]) -> End {
    end_of(flow, flow.authorize(parameters).await).await
}

async fn end_of(flow: &Flow<'_>, mut response: Response) -> End {
    while response.status() == StatusCode::SEE_OTHER {
        let to = location(&response);
        if !to.starts_with("/t/") {
            return End::Sent(to);
        }
        response = flow.get(&to).await;
    }
    let (status, html) = (response.status(), response.text().await.unwrap());
    if html.contains("name=\"decision\"") {
        return End::Asked(html);
    }
    match html.split_once(&format!("href=\"{}", CUSTOM.split_once(':').unwrap().0)) {
        Some((_, link)) => End::Sent(format!("cursor{}", link[..link.find('"').unwrap()].replace("&#38;", "&"))),
        None => End::Other(status, html),
    }
}

impl End {
    fn asked(self) -> String {
        match self {
            Self::Asked(html) => html,
            Self::Sent(to) => panic!("sent to {to} without a click"),
            Self::Other(status, html) => panic!("{status} {html}"),
        }
    }

    fn code(self) -> Option<String> {
        match self {
            Self::Sent(to) => query(&to, "code"),
            Self::Asked(_) | Self::Other(..) => None,
        }
    }
}

fn with(parameters: &[(&'static str, String)], name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    let mut changed = parameters.to_vec();
    changed.retain(|(key, _)| *key != name);
    changed.push((name, value.to_owned()));
    changed
}

async fn codes(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from auth_code").fetch_one(&app.db.owner).await.unwrap()
}

async fn click(flow: &Flow<'_>, html: &str, scopes: &[&str]) -> String {
    end_of(flow, flow.decide(html, "approve", scopes).await).await.code().expect("a code")
}

/// Another program on the person's computer knows the client's id, as everybody does, and opens the person's browser.
#[tokio::test]
async fn a_local_program_gets_no_code_without_a_click() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    for uris in [&[CALLBACK][..], &[CUSTOM], &["https://localhost/callback"], &["https://127.0.0.1:8443/callback"]] {
        for confidential in [false, true] {
            let client = flow.client_with(uris, confidential).await;
            let parameters = flow.parameters(&client);
            let html = flow.consent_page(&parameters).await;
            assert!(!html.contains("You allowed this before"));
            click(&flow, &html, &BOTH).await;
            let before = codes(&app).await;

            let again = follow(&flow, &parameters).await.asked();
            assert!(again.contains("You allowed this before, and nothing has changed."), "one click: {again}");
            assert!(again.contains("This is a program on this computer"));
            for (name, value) in [("scope", "mcp:read"), ("prompt", "consent"), ("prompt", "select_account none-of-it")]
            {
                let end = follow(&flow, &with(&parameters, name, value)).await;
                assert_eq!(end.code(), None, "{name}={value}");
            }
            if uris == [CALLBACK] {
                let other_port = with(&parameters, "redirect_uri", &CALLBACK.replace("7777", "7778"));
                follow(&flow, &other_port).await.asked();
            }
            assert_eq!(codes(&app).await, before);
            click(&flow, &again, &BOTH).await;
        }
    }
}

/// `prompt=none` is an error, for every client and whatever was allowed; and so is a decision in the address of the page.
#[tokio::test]
async fn no_word_of_the_client_stands_for_a_click() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    for (uri, confidential) in [(CALLBACK, false), (CUSTOM, false), (WEB, false), (WEB, true)] {
        let client = flow.client_with(&[uri], confidential).await;
        let parameters = flow.parameters(&client);
        click(&flow, &flow.consent_page(&parameters).await, &BOTH).await;
        let before = codes(&app).await;
        for prompt in ["none", "none consent", "login none"] {
            let End::Sent(to) = follow(&flow, &with(&parameters, "prompt", prompt)).await else { panic!("{prompt}") };
            assert!(to.starts_with(uri), "{to}");
            assert_eq!(query(&to, "error").as_deref(), Some("consent_required"), "{prompt}");
            assert_eq!(query(&to, "code"), None);
        }
        let html = follow(&flow, &with(&parameters, "prompt", "consent")).await.asked();
        let (csrf, interaction) = (hidden(&html, "csrf"), hidden(&html, "interaction"));
        let decided = [("interaction", &*interaction), ("csrf", &csrf), ("decision", "approve"), ("scope", "mcp:read")];
        let url = reqwest::Url::parse_with_params(&app.url("/t/acme/consent"), decided).unwrap();
        let end = end_of(&flow, flow.http.get(url).send().await.unwrap()).await;
        assert!(matches!(end, End::Asked(_)), "{uri}: a GET decides nothing");
        assert_eq!(codes(&app).await, before);
    }
}

/// The program itself, without the person's browser.
#[tokio::test]
async fn without_the_persons_browser_there_is_only_a_login() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let person = Flow::new(&app, &tenant);
    let client = person.client().await;
    person.code(&client).await;
    let html = follow(&person, &person.parameters(&client)).await.asked();

    let program = Flow::new(&app, &tenant);
    match follow(&program, &program.parameters(&client)).await {
        End::Other(StatusCode::OK, html) => assert!(html.contains("type=\"password\"")),
        _ => panic!("not the login"),
    }
    // It has seen the page over the person's shoulder.
    for decision in ["approve", "deny"] {
        assert_eq!(program.decide(&html, decision, &BOTH).await.status(), StatusCode::FORBIDDEN);
    }
    click(&person, &html, &BOTH).await;
}

/// Interaction and form belong to the browser that they were made for, even if the same person sits in front of another.
#[tokio::test]
async fn a_page_is_answered_by_its_own_browser_and_form() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (flow, thief) = (Flow::new(&app, &tenant), Flow::new(&app, &tenant));
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let own = thief.consent_page(&thief.parameters(&client)).await;
    let account = hidden(&flow.get("/t/acme/account").await.text().await.unwrap(), "csrf");
    let (csrf, interaction) = (hidden(&html, "csrf"), hidden(&html, "interaction"));
    let answer = async |flow: &Flow<'_>, csrf: &str, interaction: &str| {
        let form = [("csrf", csrf), ("interaction", interaction), ("decision", "approve"), ("scope", "mcp:read")];
        flow.post("/t/acme/consent", &form).await.status()
    };
    let before = codes(&app).await;
    let thiefs = hidden(&own, "csrf");
    assert_eq!(answer(&thief, &csrf, &interaction).await, StatusCode::FORBIDDEN, "another browser's form");
    assert_eq!(answer(&thief, &thiefs, &interaction).await, StatusCode::BAD_REQUEST, "another browser's interaction");
    assert_eq!(answer(&flow, &thiefs, &interaction).await, StatusCode::FORBIDDEN, "a form of the thief's");
    assert_eq!(answer(&flow, &account, &interaction).await, StatusCode::FORBIDDEN, "a form for something else");
    assert_eq!(answer(&flow, "", &interaction).await, StatusCode::FORBIDDEN);
    assert_eq!(answer(&flow, &csrf, &hidden(&own, "interaction")).await, StatusCode::BAD_REQUEST);
    assert_eq!(answer(&flow, &csrf, "sp_in_nothing").await, StatusCode::BAD_REQUEST);
    for origin in ["https://evil.example", "http://127.0.0.1:1", "null"] {
        let form = [("csrf", &*csrf), ("interaction", &interaction), ("decision", "approve"), ("scope", "mcp:read")];
        let forged = flow.http.post(app.url("/t/acme/consent")).header("origin", origin).form(&form);
        assert_eq!(forged.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(codes(&app).await, before);
    assert_eq!(answer(&flow, &csrf, &interaction).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_answer_is_given_once_and_in_time() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    for (first, second) in [("approve", "approve"), ("approve", "deny"), ("deny", "approve")] {
        let html = flow.consent_page(&flow.parameters(&client)).await;
        assert_eq!(flow.decide(&html, first, &BOTH).await.status(), StatusCode::SEE_OTHER);
        let before = codes(&app).await;
        let replayed = flow.decide(&html, second, &BOTH).await;
        assert_eq!(replayed.status(), StatusCode::BAD_REQUEST, "{first}, {second}");
        assert!(replayed.headers().get("location").is_none());
        assert_eq!(codes(&app).await, before);
    }
    let late = flow.consent_page(&flow.parameters(&client)).await;
    assert_eq!(flow.decide(&late, "maybe", &BOTH).await.status(), StatusCode::BAD_REQUEST);
    let before = codes(&app).await;
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(flow.decide(&late, "approve", &BOTH).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(codes(&app).await, before);
}

/// A client that registered itself, and what it may change itself by.
struct Owner {
    client: TestClient,
    registration: Value,
}

impl Owner {
    async fn register(app: &TestApp, tenant: &TestTenant, registration: Value) -> Self {
        let request = app.http().post(format!("{}/register", tenant.issuer)).json(&registration);
        let registration: Value = request.send().await.unwrap().json().await.unwrap();
        let text = |member: &str| registration[member].as_str().map(str::to_owned);
        let redirect_uri = registration["redirect_uris"][0].as_str().unwrap().to_owned();
        let client = TestClient { id: text("client_id").unwrap(), secret: text("client_secret"), redirect_uri };
        Self { client, registration }
    }

    /// RFC 7592 §2.2: replaces one member.
    async fn change(&mut self, app: &TestApp, member: &str, value: Value) {
        let mut body = self.registration.clone();
        body[member] = value;
        let members = body.as_object_mut().unwrap();
        members.retain(|name, _| !name.starts_with("registration_") && !name.starts_with("client_secret"));
        members.remove("client_id_issued_at");
        let text = |member: &str| self.registration[member].as_str().unwrap();
        let request = app.http().request(Method::PUT, text("registration_client_uri"));
        let request = request.bearer_auth(text("registration_access_token")).json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        let changed: Value = answer.json().await.unwrap();
        for (name, value) in changed.as_object().unwrap() {
            self.registration[name] = value.clone();
        }
        self.client.redirect_uri = self.registration["redirect_uris"][0].as_str().unwrap().to_owned();
    }
}

fn notes() -> Value {
    json!({
        "client_name": "Notes", "redirect_uris": [WEB], "token_endpoint_auth_method": "client_secret_basic",
        "client_uri": "https://notes.example/",
    })
}

/// What a client may change, and a word of the page that says so.
fn changes() -> [(&'static str, Value, &'static str); 6] {
    let changed = "Changed since you last allowed it";
    [
        (
            "redirect_uris",
            json!(["https://thief.example/callback"]),
            "The addresses it can send you back to have changed",
        ),
        ("redirect_uris", json!([WEB, "https://thief.example/callback"]), "have changed"),
        ("client_name", json!("Trusted Bank"), "it called itself \u{201c}Notes\u{201d}"),
        ("client_uri", json!("https://bank.example/"), changed),
        ("logo_uri", json!("https://bank.example/logo.png"), changed),
        ("token_endpoint_auth_method", json!("none"), changed),
    ]
}

/// The person allowed another client, as it were: one with other addresses, another name or other keys.
#[tokio::test]
async fn a_client_that_changes_after_consent_is_asked_about_again() {
    let app = TestApp::start_with(|config| config.registration.burst = 1000).await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    for (member, value, word) in changes() {
        let mut owner = Owner::register(&app, &tenant, notes()).await;
        let tokens = flow.tokens(&owner.client).await;
        let old = flow.parameters(&owner.client);
        assert!(follow(&flow, &old).await.code().is_some(), "nothing has changed yet");
        let before = codes(&app).await;

        // Under way when the change comes.
        let waiting = location(&flow.authorize(&old).await);
        let kept = owner.registration[member].clone();
        owner.change(&app, member, value).await;
        assert_eq!(end_of(&flow, flow.get(&waiting).await).await.code(), None, "{member}");
        let page = follow(&flow, &flow.parameters(&owner.client)).await.asked();
        assert!(page.contains(word) && !page.contains("You allowed this before"), "{member}: {page}");
        assert_eq!(follow(&flow, &old).await.code(), None, "{member}: nor does the old address");

        // What was once taken for another client does not come back with its old words.
        if !kept.is_null() {
            owner.change(&app, member, kept).await;
            follow(&flow, &old).await.asked();
        }
        assert_eq!(codes(&app).await, before);
        assert!(flow.accepts(&tokens.access).await, "what it holds goes on");
    }
}

/// The same on the person's own computer, where a client that changed loses the short page.
#[tokio::test]
async fn a_local_client_that_changes_after_consent_gets_the_long_page() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let registration =
        json!({ "client_name": "Notes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let mut owner = Owner::register(&app, &tenant, registration).await;
    flow.code(&owner.client).await;
    owner.change(&app, "redirect_uris", json!(["http://127.0.0.1:7777/elsewhere"])).await;
    let page = follow(&flow, &flow.parameters(&owner.client)).await.asked();
    assert!(page.contains("have changed") && !page.contains("You allowed this before"), "{page}");
}

/// A client that has proved itself, with the address that was there at consent: it skips what is covered, and nothing else.
#[tokio::test]
async fn a_client_that_proved_itself_skips_what_is_covered_and_nothing_else() {
    let app = TestApp::start().await;
    let mut tenant = app.tenant("acme").await;
    let second = app.server(tenant.id, "acme", "second", "http://127.0.0.1:9/second").await;
    let lifetime = app.app.config.tokens.family;
    let flow = Flow::new(&app, &tenant);
    let other = "https://notes.example/other";
    let client = flow.client_with(&[WEB, other, CALLBACK], true).await;
    let parameters = flow.parameters(&client);
    let html = flow.consent_page(&with(&parameters, "scope", "mcp:read")).await;
    click(&flow, &html, &["mcp:read"]).await;

    let covered = with(&parameters, "scope", "mcp:read");
    assert!(follow(&flow, &covered).await.code().is_some());
    let uncovered = [
        ("wider", parameters.clone()),
        ("another server", with(&covered, "resource", &second.resource)),
        ("another address", with(&covered, "redirect_uri", other)),
        ("an address on this computer", with(&covered, "redirect_uri", CALLBACK)),
        ("the client wants the page", with(&covered, "prompt", "consent")),
    ];
    let before = codes(&app).await;
    for (what, parameters) in uncovered {
        let page = follow(&flow, &parameters).await.asked();
        let covers = what == "the client wants the page";
        assert_eq!(page.contains("You allowed this before"), covers, "{what}");
    }
    assert_eq!(codes(&app).await, before);
    assert!(follow(&flow, &covered).await.code().is_some(), "and still what is covered");
    app.clock.advance(lifetime);
    let late = flow.consent_page(&covered).await;
    assert!(late.contains("name=\"decision\""), "a consent lasts as long as its page said");
    click(&flow, &late, &["mcp:read"]).await;

    tenant.person = app.person(tenant.id, "grace").await;
    let hers = Flow::new(&app, &tenant);
    let page = hers.consent_page(&with(&hers.parameters(&client), "scope", "mcp:read")).await;
    assert!(page.contains("name=\"decision\"") && !page.contains("You allowed this before"), "{page}");
}

/// A client that registers a page of the web and a place on the computer in one call: what is allowed there counts for
/// nothing here.
#[tokio::test]
async fn a_consent_for_one_address_says_nothing_of_another() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB, CUSTOM, CALLBACK], false).await;
    flow.code(&client).await;
    assert!(follow(&flow, &flow.parameters(&client)).await.code().is_some(), "https, and unchanged");
    for local in [CUSTOM, CALLBACK] {
        let page = follow(&flow, &with(&flow.parameters(&client), "redirect_uri", local)).await.asked();
        assert!(!page.contains("You allowed this before"), "{local}");
        click(&flow, &page, &BOTH).await;
        let page = follow(&flow, &with(&flow.parameters(&client), "redirect_uri", local)).await.asked();
        assert!(page.contains("You allowed this before"), "{local}");
    }
}
