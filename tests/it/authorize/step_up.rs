//! Stepping up: more scopes by another consent, a newer login where one is asked for (RFC 9470), and all scopes at once for
//! clients that cannot do it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    gateway::world::{Token, World},
    harness::{
        app::TestApp,
        flow::{Flow, TestClient, Tokens, location, query},
    },
};

/// The flow of one browser at the world's recording server.
struct Person<'a> {
    flow: Flow<'a>,
    world: &'a World,
}

impl<'a> Person<'a> {
    fn of(world: &'a World) -> Self {
        Self { flow: Flow::new(&world.app, &world.tenant), world }
    }

    fn parameters(&self, client: &TestClient, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut parameters = self.flow.parameters(client);
        parameters.retain(|(key, _)| *key != "resource");
        parameters.push(("resource", self.world.server.resource.clone()));
        parameters.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        parameters
    }

    /// Answers the consent page with these scopes.
    async fn consented(&self, client: &TestClient, html: &str, scopes: &[&str]) -> Tokens {
        let response = self.flow.decide(html, "approve", scopes).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let code = query(&location(&response), "code").expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", self.flow.verifier.as_str()),
            ("redirect_uri", &client.redirect_uri),
        ];
        Tokens::read(&self.flow.token(client, &form).await.json().await.unwrap())
    }

    async fn tokens(&self, client: &TestClient, scopes: &[&str], more: &[(&'static str, &str)]) -> Tokens {
        let scope = scopes.join(" ");
        let mut parameters = self.parameters(client, more);
        parameters.push(("scope", scope));
        let html = self.flow.consent_page(&parameters).await;
        self.consented(client, &html, scopes).await
    }

    /// Whether an authorization request leads to a login, though somebody is logged in.
    async fn must_log_in(&self, client: &TestClient, more: &[(&'static str, &str)]) -> bool {
        let (path, _) = self.flow.page(self.flow.authorize(&self.parameters(client, more)).await).await;
        path.ends_with("/login")
    }

    /// Status of a call, and its challenge.
    async fn call(&self, tokens: &Tokens) -> (u16, String) {
        let token = Token { text: tokens.access.clone(), family: sallyport::ids::FamilyId(uuid::Uuid::nil()) };
        let response = self.world.call(&token).send().await.unwrap();
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge.unwrap_or_default())
    }
}

/// A parameter of a challenge.
fn named<'c>(challenge: &'c str, name: &str) -> Option<&'c str> {
    let at = challenge.find(&format!("{name}=\""))? + name.len() + 2;
    challenge.get(at..)?.split('"').next()
}

#[tokio::test]
async fn what_the_challenge_names_is_enough_and_no_handle_grows() {
    let world = World::start().await;
    let person = Person::of(&world);
    let client = person.flow.client().await;
    let narrow = person.tokens(&client, &["mcp:read"], &[]).await;
    let (status, challenge) = person.call(&narrow).await;
    assert_eq!((status, named(&challenge, "error")), (403, Some("insufficient_scope")));
    let scopes: Vec<&str> = named(&challenge, "scope").unwrap().split(' ').collect();
    assert_eq!(scopes, ["mcp:read", "mcp:write"], "needed and granted together");
    assert_eq!(named(&challenge, "max_age"), None);
    let wide = person.tokens(&client, &scopes, &[]).await;
    assert_eq!(person.call(&wide).await.0, 200, "one round is enough");
    assert_eq!(person.call(&narrow).await.0, 403, "the grant is wider, the handle that was out is not");
    let refreshed = person.flow.refresh(&client, &narrow.refresh).await.json().await.unwrap();
    let refreshed = Tokens::read(&refreshed);
    assert_eq!((refreshed.scope.as_str(), person.call(&refreshed).await.0), ("mcp:read", 403), "nor its successor");
}

#[tokio::test]
async fn a_scope_may_want_a_fresh_login() {
    let world = World::start().await;
    world.change("update server_scope set max_auth_age = 300 where name = 'mcp:write'").await;
    let person = Person::of(&world);
    let client = person.flow.client().await;
    let tokens = person.tokens(&client, &["mcp:read", "mcp:write"], &[]).await;
    world.app.clock.advance(Duration::from_secs(300));
    assert_eq!(person.call(&tokens).await.0, 200);
    world.app.clock.advance(Duration::from_secs(1));
    let (status, challenge) = person.call(&tokens).await;
    assert_eq!((status, named(&challenge, "error")), (401, Some("insufficient_user_authentication")));
    assert_eq!(named(&challenge, "max_age"), Some("300"));
    assert_eq!(named(&challenge, "scope"), Some("mcp:read mcp:write"));
    assert!(named(&challenge, "resource_metadata").unwrap().ends_with("/mcp/tools"), "{challenge}");
    let token = Token { text: tokens.access.clone(), family: sallyport::ids::FamilyId(uuid::Uuid::nil()) };
    assert_eq!(world.modern(&token, "tools/list", json!({})).send().await.unwrap().status(), 200, "others go on");
    let refreshed = person.flow.refresh(&client, &tokens.refresh).await.json().await.unwrap();
    assert_eq!(person.call(&Tokens::read(&refreshed)).await.0, 401, "to refresh is no login");
    let stale = person.tokens(&client, &["mcp:read", "mcp:write"], &[]).await;
    assert_eq!(person.call(&stale).await.0, 401, "nor is another consent under the old one");

    assert!(person.must_log_in(&client, &[("max_age", "300")]).await);
    let person = Person::of(&world);
    let fresh = person.tokens(&client, &["mcp:read", "mcp:write"], &[("max_age", "300")]).await;
    assert_eq!(person.call(&fresh).await.0, 200);
    assert_eq!(person.call(&tokens).await.0, 401, "what is out stays as it is");
    world.app.app.calls.finish().await.unwrap();
    let denied = "select count(*) from audit_event where kind = 'call.denied' and (body->>'status')::int = 401";
    let denied: i64 = sqlx::query_scalar(denied).fetch_one(&world.app.db.owner).await.unwrap();
    assert_eq!(denied, 4);
}

#[tokio::test]
async fn the_upstream_is_told_when_the_person_logged_in() {
    let world = World::start().await;
    let person = Person::of(&world);
    let client = person.flow.client().await;
    let at = world.app.clock.unix();
    let tokens = person.tokens(&client, &["mcp:read", "mcp:write"], &[]).await;
    world.app.clock.advance(Duration::from_secs(90));
    assert_eq!(person.call(&tokens).await.0, 200);
    let jwt = world.upstream.last().jwt().to_owned();
    let keys = world.http.get(format!("{}/jwks.json", world.tenant.issuer)).send().await.unwrap().json().await.unwrap();
    let audience = format!("{}#tools", world.upstream.url);
    let (_, claims) = crate::gateway::swap::verified_by(&keys, &world.tenant.issuer, &jwt, &audience);
    assert_eq!(claims["auth_time"], at);
}

#[tokio::test]
async fn a_missing_scope_and_an_old_login_are_one_challenge() {
    let world = World::start().await;
    world.change("update server_scope set max_auth_age = 60 where name = 'mcp:write'").await;
    let person = Person::of(&world);
    let client = person.flow.client().await;
    let narrow = person.tokens(&client, &["mcp:read"], &[]).await;
    let (status, challenge) = person.call(&narrow).await;
    assert_eq!((status, named(&challenge, "error")), (403, Some("insufficient_scope")));
    assert_eq!((named(&challenge, "scope"), named(&challenge, "max_age")), (Some("mcp:read mcp:write"), Some("60")));
}

#[tokio::test]
async fn max_age_forces_a_login_exactly_when_it_is_too_old() {
    let world = World::start().await;
    let person = Person::of(&world);
    let client = person.flow.client().await;
    person.tokens(&client, &["mcp:read"], &[]).await;
    world.app.clock.advance(Duration::from_secs(100));
    for (max_age, forced) in
        [("0", true), ("99", true), ("100", false), ("101", false), ("", false), ("99999999999999999999", false)]
    {
        assert_eq!(person.must_log_in(&client, &[("max_age", max_age)]).await, forced, "{max_age:?}");
    }
    for wrong in ["-1", "1.5", "soon", "0x10", "\u{661}"] {
        let response = person.flow.authorize(&person.parameters(&client, &[("max_age", wrong)])).await;
        assert_eq!(query(&location(&response), "error").as_deref(), Some("invalid_request"), "{wrong}");
    }
}

/// What the form wants is a login, not a session: the one that was there does not come back in by another way.
#[tokio::test]
async fn a_forced_login_cannot_be_walked_around() {
    let world = World::start().await;
    let person = Person::of(&world);
    let client = person.flow.client().await;
    person.tokens(&client, &["mcp:read"], &[]).await;
    world.app.clock.advance(Duration::from_secs(10));
    let response = person.flow.authorize(&person.parameters(&client, &[("max_age", "5")])).await;
    let login = location(&response);
    let interaction = query(&format!("http://x{}", login.trim_start_matches(&world.app.base)), "interaction").unwrap();
    let consent = person.flow.get(&format!("/t/acme/consent?interaction={interaction}")).await;
    assert_eq!(consent.status(), StatusCode::SEE_OTHER);
    let (path, html) = person.flow.page(consent).await;
    assert!(path.ends_with("/login"), "{path}");
    let (path, html) = person.flow.page(person.flow.log_in(&html).await).await;
    assert!(path.ends_with("/consent"), "{path}");
    person.consented(&client, &html, &["mcp:read"]).await;
}

#[tokio::test]
async fn acr_values_are_met_or_refused() {
    let world = World::start().await;
    let person = Person::of(&world);
    let client = person.flow.client().await;
    person.tokens(&client, &["mcp:read"], &[]).await;
    let known = "urn:example:gold urn:sallyport:acr:password";
    assert!(!person.must_log_in(&client, &[("acr_values", known)]).await);
    let response = person.flow.authorize(&person.parameters(&client, &[("acr_values", "urn:example:gold")])).await;
    let target = location(&response);
    assert_eq!(query(&target, "error").as_deref(), Some("unmet_authentication_requirements"));
    assert_eq!(query(&target, "iss").as_deref(), Some(world.tenant.issuer.as_str()));
}

#[tokio::test]
async fn a_client_that_cannot_step_up_is_asked_for_everything_at_once() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let asked = async || {
        let mut parameters = flow.parameters(&client);
        parameters.push(("scope", "mcp:read".to_owned()));
        let html = flow.consent_page(&parameters).await;
        ["mcp:read", "mcp:write"].into_iter().filter(|scope| html.contains(&format!("value=\"{scope}\""))).count()
    };
    assert_eq!(asked().await, 1);
    for (named, count) in [(json!([]), 1), (json!(["another"]), 1), (json!(["test CLIENT"]), 2), (json!(["*"]), 2)] {
        app.settings(&tenant, json!({ "full_scopes": named })).await;
        assert_eq!(asked().await, count, "{named}");
    }
    app.settings(&tenant, json!({ "full_scopes": [client.id] })).await;
    assert_eq!(asked().await, 2);
    let mut parameters = flow.parameters(&client);
    parameters.push(("scope", "mcp:read".to_owned()));
    let html = flow.consent_page(&parameters).await;
    let response = flow.decide(&html, "approve", &["mcp:read", "mcp:write"]).await;
    let code = query(&location(&response), "code").unwrap();
    let tokens = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    assert_eq!(tokens.scope, "mcp:read mcp:write", "the answer says what it is");
    // The person has the last word.
    let html = flow.consent_page(&parameters).await;
    let response = flow.decide(&html, "approve", &["mcp:read"]).await;
    let code = query(&location(&response), "code").unwrap();
    let tokens = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    assert_eq!(tokens.scope, "mcp:read");
}
