//! Client ID Metadata Documents: clients that are known by the address of what describes them.

mod strangers;

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use sallyport::store;
use serde_json::{Value, json};

use super::{
    assertion::{Key, TYPE},
    events, settings,
};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{CALLBACK, Flow, TestClient, Tokens, oauth_error},
    publisher::{Page, Publisher},
};

const PATH: &str = "/client.json";

struct World {
    publisher: Publisher,
    app: TestApp,
    tenant: TestTenant,
}

impl World {
    async fn start() -> Self {
        let publisher = Publisher::start();
        let app = TestApp::start_with(|config| publisher.allow(config)).await;
        let tenant = app.tenant("acme").await;
        Self { publisher, app, tenant }
    }

    fn flow(&self) -> Flow<'_> {
        Flow::new(&self.app, &self.tenant)
    }

    /// A client as its document describes it.
    fn client(&self, members: &Value) -> TestClient {
        let id = self.publisher.client(PATH, members);
        TestClient { id, secret: None, redirect_uri: CALLBACK.to_owned() }
    }

    /// Status and text of the page that an authorization request leads to.
    async fn page(&self, flow: &Flow<'_>, client: &TestClient) -> (StatusCode, String) {
        let response = flow.authorize(&flow.parameters(client)).await;
        let status = response.status();
        if status == StatusCode::SEE_OTHER {
            return (status, flow.page(response).await.1);
        }
        assert!(response.headers().get("location").is_none(), "nothing leaves this server");
        (status, response.text().await.unwrap())
    }

    /// What is said to the person instead of a login.
    async fn refused(&self, says: &str) {
        let client = TestClient { id: self.publisher.url(PATH), secret: None, redirect_uri: CALLBACK.to_owned() };
        let (status, html) = self.page(&self.flow(), &client).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let text = html.replace("&#39;", "'").replace("&#34;", "\"");
        assert!(text.contains(says), "{says}: {html}");
    }

    async fn put(&self, change: impl FnOnce(&mut Value)) {
        let mut document = json!({
            "client_id": self.publisher.url(PATH), "client_name": "App", "redirect_uris": [CALLBACK],
        });
        change(&mut document);
        self.publisher.put(PATH, Page::Json(document));
    }

    async fn rows(&self) -> i64 {
        let rows = "select count(*) from client where origin = 'document'";
        sqlx::query_scalar(rows).fetch_one(&self.app.db.owner).await.unwrap()
    }
}

#[tokio::test]
async fn a_client_that_nobody_registered_gets_tokens_and_renews_and_ends_them() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let flow = world.flow();
    let tokens = flow.tokens(&client).await;
    assert!(flow.accepts(&tokens.access).await);
    let renewed = Tokens::read(&flow.refresh(&client, &tokens.refresh).await.json().await.unwrap());
    assert_eq!(flow.client_post("revoke", &client, &[("token", &renewed.refresh)]).await.status(), 200);
    assert!(!flow.accepts(&renewed.access).await);
    assert_eq!(world.publisher.hits(PATH), 1, "read once, for all of it");
    let [read] = events(&world.app, &world.tenant, "client.document_read").await.try_into().unwrap();
    assert_eq!((&read["client"], &read["auth_method"]), (&json!(client.id), &json!("none")));
    assert_eq!(read["digest"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn the_page_shows_who_answers_for_the_client() {
    let world = World::start().await;
    let client = world.client(&json!({ "client_name": "<b>Bank</b>" }));
    let flow = world.flow();
    let html = flow.consent_page(&flow.parameters(&client)).await;
    assert!(html.contains("<bdi>127.0.0.1</bdi></strong> answers for this application"), "{html}");
    assert!(!html.contains("<b>Bank") && !html.contains("Nobody has checked it"), "{html}");
    assert!(html.contains("This is a program on this computer"), "its answer goes to a loopback address");
}

/// Claude Code's document lists a loopback address without a port, and the client comes with one.
#[tokio::test]
async fn a_loopback_address_without_a_port_takes_any() {
    let world = World::start().await;
    let listed = ["http://localhost/callback", "http://127.0.0.1/callback", "http://[::1]/callback"];
    let mut client = world.client(&json!({ "redirect_uris": listed }));
    for (redirect, good) in [
        ("http://localhost:3118/callback", true),
        ("http://127.0.0.1:51234/callback", true),
        ("http://[::1]:8080/callback", true),
        ("http://localhost/callback", true),
        ("http://localhost:3118/other", false),
        ("http://127.0.0.2:3118/callback", false),
        ("https://localhost:3118/callback", false),
        ("http://localhost.evil.example:3118/callback", false),
    ] {
        client.redirect_uri = redirect.to_owned();
        let flow = world.flow();
        let (status, _) = world.page(&flow, &client).await;
        assert_eq!(status == StatusCode::SEE_OTHER, good, "{redirect}");
    }
    assert_eq!(world.publisher.hits(PATH), 1);
}

#[tokio::test]
async fn what_describes_no_client_is_a_page_and_leaves_nothing_behind() {
    let world = World::start().await;
    let (app, host) = (&world.app, "at 127.0.0.1");
    world.refused("could not be read: the answer is not 200").await;
    world.put(|document| document["client_id"] = json!("https://other.example/client.json")).await;
    world.refused("its client_id is not the address of the document").await;
    world.put(|document| document["client_secret"] = json!("s")).await;
    world.refused("it holds a secret").await;
    world.put(|document| document["redirect_uris"] = json!([])).await;
    world.refused("redirect_uris must hold").await;
    world.put(|document| document["redirect_uris"] = json!(["http://evil.example/cb"])).await;
    world.refused(host).await;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    world.publisher.put(PATH, Page::Raw(200, vec![("content-type", "application/json".to_owned())], deep.into()));
    world.refused("nested too deeply").await;
    let twice = format!("{{\"client_id\":\"{0}\",\"client_id\":\"{0}\"}}", world.publisher.url(PATH));
    world.publisher.put(PATH, Page::Raw(200, vec![("content-type", "application/json".to_owned())], twice.into()));
    world.refused("names a member twice").await;
    world.publisher.put(PATH, Page::Endless);
    world.refused("too large").await;
    assert_eq!(world.rows().await, 0);
    assert_eq!(events(app, &world.tenant, "client.document_read").await, Vec::<Value>::new());
    world.put(|_| {}).await;
    let flow = world.flow();
    let client = TestClient { id: world.publisher.url(PATH), secret: None, redirect_uri: CALLBACK.to_owned() };
    assert_eq!(world.page(&flow, &client).await.0, StatusCode::SEE_OTHER, "no error was kept");
}

#[tokio::test]
async fn a_document_is_read_again_when_it_is_not_fresh() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let flow = world.flow();
    flow.tokens(&client).await;
    world.app.clock.advance(Duration::from_secs(3599));
    world.page(&flow, &client).await;
    assert_eq!(world.publisher.hits(PATH), 1);
    world.app.clock.advance(Duration::from_secs(2));
    world.page(&flow, &client).await;
    assert_eq!(world.publisher.hits(PATH), 2);
    assert_eq!(events(&world.app, &world.tenant, "client.document_read").await.len(), 1, "it says nothing new");

    // Away: nobody new comes in, and nobody who is in is thrown out.
    let tokens = flow.tokens(&client).await;
    world.publisher.put(PATH, Page::Raw(503, Vec::new(), bytes::Bytes::new()));
    world.app.clock.advance(Duration::from_secs(3601));
    world.refused("could not be read").await;
    let renewed = flow.refresh(&client, &tokens.refresh).await;
    assert_eq!(renewed.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_document_that_changes_voids_consents_and_what_it_takes_away_is_gone() {
    let world = World::start().await;
    let secure = "https://app.example/callback";
    let mut client = world.client(&json!({ "redirect_uris": [secure, CALLBACK] }));
    client.redirect_uri = secure.to_owned();
    let flow = world.flow();
    let tokens = flow.tokens(&client).await;
    // An https redirect that is unchanged: the page is skipped.
    let (_, location) = {
        let response = flow.authorize(&flow.parameters(&client)).await;
        let login = crate::harness::flow::location(&response);
        let response = flow.get(&login).await;
        let consent = flow.get(&crate::harness::flow::location(&response)).await;
        (consent.status(), crate::harness::flow::location(&consent))
    };
    assert!(location.starts_with(secure), "{location}");

    world.app.clock.advance(Duration::from_secs(3601));
    world.client(&json!({ "redirect_uris": [secure], "client_name": "Another name" }));
    let html = flow.consent_page(&flow.parameters(&client)).await;
    assert!(html.contains("Changed since you last allowed it"), "{html}");
    let events = events(&world.app, &world.tenant, "client.document_read").await;
    assert!(events.iter().any(|event| event["consents_voided"] == 1), "{events:?}");
    assert_eq!(flow.refresh(&client, &tokens.refresh).await.status(), StatusCode::OK, "what is out goes on");
    client.redirect_uri = CALLBACK.to_owned();
    assert_eq!(world.page(&flow, &client).await.0, StatusCode::BAD_REQUEST, "an address that is not listed any more");
}

#[tokio::test]
async fn a_tenant_says_whose_documents_it_takes() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let advertised = async || {
        let url = world.app.url("/.well-known/oauth-authorization-server/t/acme");
        let document: Value = world.app.http().get(url).send().await.unwrap().json().await.unwrap();
        document.get("client_id_metadata_document_supported").cloned()
    };
    for (rule, good, flag) in [
        (json!("off"), false, None),
        (json!(["claude.ai"]), false, Some(json!(true))),
        (json!(["127.0.0.1"]), true, Some(json!(true))),
        (json!("open"), true, Some(json!(true))),
    ] {
        settings(&world.app, &world.tenant, json!({ "metadata_documents": rule })).await;
        let (status, html) = world.page(&world.flow(), &client).await;
        assert_eq!(status == StatusCode::SEE_OTHER, good, "{rule} {html}");
        assert_eq!(advertised().await, flag, "{rule}");
    }
    assert_eq!(world.publisher.hits(PATH), 1, "nothing is fetched that is not allowed");
}

#[tokio::test]
async fn a_suspended_client_stays_so_whatever_its_document_says() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let flow = world.flow();
    let tokens = flow.tokens(&client).await;
    let id = sallyport::ids::ClientId::parse(&client.id).unwrap();
    let mut tx = world.app.app.store.tenant_tx(world.tenant.id).await.unwrap();
    let mut known = store::clients::find(&mut tx, &id).await.unwrap().unwrap();
    known.status = sallyport::clients::Status::Disabled;
    store::clients::update(&mut tx, &known).await.unwrap();
    let entry = sallyport::cluster::Entry::Client(id);
    let ticket = sallyport::cluster::take(&mut tx, &entry, world.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    world.app.app.node.settle(ticket).await.unwrap();
    assert!(!flow.accepts(&tokens.access).await);
    world.app.clock.advance(Duration::from_secs(4000));
    world.client(&json!({ "client_name": "Somebody else" }));
    let (status, html) = world.page(&flow, &client).await;
    assert!(status != StatusCode::SEE_OTHER && html.contains("suspended"), "{html}");
    assert_eq!(world.publisher.hits(PATH), 1);
}

/// Whoever removed it meant it; what was only unused comes back with the first who brings it.
#[tokio::test]
async fn a_client_that_somebody_removed_does_not_come_back() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let remove = async |expired: bool| {
        let sql = "update client set status = 'removed' where origin = 'document'";
        sqlx::query(sql).execute(&world.app.db.owner).await.unwrap();
        let sql = "update client_document set expired = $1";
        sqlx::query(sql).bind(expired).execute(&world.app.db.owner).await.unwrap();
    };
    assert_eq!(world.page(&world.flow(), &client).await.0, StatusCode::SEE_OTHER);
    remove(true).await;
    assert_eq!(world.page(&world.flow(), &client).await.0, StatusCode::SEE_OTHER);
    remove(false).await;
    let (status, html) = world.page(&world.flow(), &client).await;
    assert!(status != StatusCode::SEE_OTHER && html.contains("removed"), "{html}");
    world.app.clock.advance(Duration::from_secs(4000));
    assert_eq!(world.page(&world.flow(), &client).await.0, status, "whatever its document says");
}

/// Many people, one client, at the same time: one row, one event.
#[tokio::test]
async fn many_who_come_with_a_new_client_at_once_find_one() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let flows: Vec<Flow<'_>> = (0..12).map(|_| world.flow()).collect();
    let pages = join_all(flows.iter().map(|flow| world.page(flow, &client))).await;
    assert!(pages.iter().all(|(status, _)| *status == StatusCode::SEE_OTHER));
    assert_eq!(world.rows().await, 1);
    assert_eq!(events(&world.app, &world.tenant, "client.document_read").await.len(), 1);
}

#[tokio::test]
async fn a_client_signs_with_keys_that_it_publishes() {
    let world = World::start().await;
    let (key, next) = (Key::new(jsonwebtoken::Algorithm::ES256), Key::new(jsonwebtoken::Algorithm::EdDSA));
    let publish = |kid: &str, key: &Key| {
        let mut public = key.public();
        public["kid"] = json!(kid);
        world.publisher.put("/jwks.json", Page::Json(json!({ "keys": [public] })));
    };
    publish("1", &key);
    let jwks_uri = world.publisher.url("/jwks.json");
    let methods = json!(["none", "private_key_jwt"]);
    let client = world.client(&json!({ "token_endpoint_auth_methods_supported": methods, "jwks_uri": jwks_uri }));
    let flow = world.flow();
    let redeem = async |key: &Key, kid: &str| {
        let code = flow.code(&client).await;
        let now = world.app.clock.unix();
        let jti = sallyport::secret::Entropy::system().text::<16>().unwrap();
        let claims = json!({ "iss": client.id, "sub": client.id, "aud": world.tenant.issuer, "exp": now + 60, "jti": jti.as_str() });
        let mut header = jsonwebtoken::Header::new(key.algorithm);
        header.kid = Some(kid.to_owned());
        let assertion = key.sign(&header, &claims);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", flow.verifier.as_str()),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        world.app.http().post(format!("{}/token", world.tenant.issuer)).form(&form).send().await.unwrap()
    };
    assert_eq!(redeem(&key, "1").await.status(), 200);
    assert_eq!(redeem(&key, "1").await.status(), 200);
    assert_eq!(world.publisher.hits("/jwks.json"), 1);
    let public = flow.code(&client).await;
    assert_eq!(oauth_error(flow.redeem(&client, &public).await).await.1, "invalid_client", "it has keys: it must sign");

    // Another key: asked for once a minute at most, whoever names it.
    publish("2", &next);
    assert_eq!(oauth_error(redeem(&next, "2").await).await.1, "temporarily_unavailable", "no reason to start over");
    world.app.clock.advance(Duration::from_secs(61));
    assert_eq!(redeem(&next, "2").await.status(), 200);
    world.app.clock.advance(Duration::from_secs(61));
    assert_eq!(oauth_error(redeem(&key, "1").await).await.1, "invalid_client", "the old one is gone from its address");
    assert_eq!(world.publisher.hits("/jwks.json"), 3);

    // Keys that do not come are a fault, not a reason to throw credentials away.
    world.publisher.put("/jwks.json", Page::Raw(500, Vec::new(), bytes::Bytes::new()));
    world.app.clock.advance(Duration::from_secs(3601));
    assert_eq!(redeem(&next, "2").await.status(), 200, "what is known goes on for an hour");
    world.app.clock.advance(Duration::from_secs(3601));
    let (status, error) = oauth_error(redeem(&next, "2").await).await;
    assert_eq!((status.as_u16(), error.as_str()), (503, "temporarily_unavailable"));
}

#[tokio::test]
async fn nobody_takes_an_address_for_a_name() {
    let world = World::start().await;
    let address = world.client(&json!({})).id;
    // Registering it is not possible: the server makes ids, and none of them begins so.
    let registered = super::registered(&world.app, &world.tenant, &super::public()).await;
    assert!(registered.text("client_id").starts_with("c_"));
    // Nor to get at one as one's own registration.
    let url = format!("{}/register/{}", world.tenant.issuer, urlencode(&address));
    let response =
        world.app.http().get(url).bearer_auth(registered.text("registration_access_token")).send().await.unwrap();
    assert!(matches!(response.status().as_u16(), 401 | 404), "{}", response.status());
    for wrong in [
        "https://127.0.0.1",
        "http://127.0.0.1/c",
        "https://a.example/../c",
        "https://u@a.example/c",
        "https://a.example/c#f",
    ] {
        let client = TestClient { id: wrong.to_owned(), secret: None, redirect_uri: CALLBACK.to_owned() };
        let (status, html) = world.page(&world.flow(), &client).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(html.contains("does not know it"), "{wrong}: {html}");
    }
}

fn urlencode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn nobody_is_looked_up_who_has_nothing_to_ask_for() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let flow = world.flow();
    for endpoint in ["token", "revoke"] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x")];
        let (status, error) = oauth_error(flow.client_post(endpoint, &client, &form).await).await;
        assert_eq!((status.as_u16(), error.as_str()), (401, "invalid_client"), "{endpoint}");
    }
    assert_eq!((world.publisher.hits(PATH), world.rows().await), (0, 0));
}

#[tokio::test]
async fn a_stranger_who_names_many_keeps_no_known_client_waiting() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let flow = world.flow();
    assert_eq!(world.page(&flow, &client).await.0, StatusCode::SEE_OTHER);
    for n in 0..40 {
        let named = TestClient { id: world.publisher.url(&format!("/{n}.json")), ..client.clone() };
        assert_eq!(flow.authorize(&flow.parameters(&named)).await.status(), 400);
    }
    let asked: usize = (0..40).map(|n| world.publisher.hits(&format!("/{n}.json"))).sum();
    assert!((19..30).contains(&asked), "{asked}");
    world.app.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(world.page(&flow, &client).await.0, StatusCode::SEE_OTHER);
    assert_eq!(world.publisher.hits(PATH), 2);
}

#[tokio::test]
async fn a_document_that_never_stays_the_same_does_not_fill_the_log() {
    let world = World::start().await;
    let client = world.client(&json!({}));
    let flow = world.flow();
    assert_eq!(world.page(&flow, &client).await.0, StatusCode::SEE_OTHER);
    let head = world.app.app.store.authority_head().await.unwrap();
    for n in 0..23 {
        world.client(&json!({ "client_name": format!("App {n}") }));
        world.app.clock.advance(Duration::from_secs(3600));
        flow.authorize(&flow.parameters(&client)).await;
    }
    assert_eq!(world.app.app.store.authority_head().await.unwrap() - head, 20);
}
