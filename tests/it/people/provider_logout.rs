//! Back-channel logout: an identity provider says that somebody is logged out there.

use sallyport::store::providers;
use serde_json::{Value, json};

use super::{events::events, providers::World};
use crate::{
    harness::{
        browser::{Page, TestBrowser},
        flow::{Flow, TestClient, Tokens},
    },
    token::outside::issuer::Signer,
};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// `ada`, whom the provider knows, logged in through it and with a program that she allowed.
struct Scene {
    world: World,
    browser: TestBrowser,
    client: TestClient,
    tokens: Tokens,
}

impl Scene {
    async fn start(settings: Value) -> Self {
        let world = World::start(settings).await;
        let id: (uuid::Uuid,) = sqlx::query_as("select id from identity_provider where slug = 'idp'")
            .fetch_one(&world.app.db.owner)
            .await
            .unwrap();
        let mut tx = world.app.app.store.tenant_tx(world.acme.id).await.unwrap();
        let ada = ("subject-1", world.acme.person.id);
        providers::link(&mut tx, id.0.into(), ada, world.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let browser = TestBrowser::new(&world.app);
        assert_eq!(world.log_in(&browser, json!({ "sid": "their-1" })).await.location(), "/t/acme/account");
        let (client, tokens) = {
            let flow = Flow::new(&world.app, &world.acme);
            let client = flow.client().await;
            let tokens = flow.tokens(&client).await;
            (client, tokens)
        };
        Self { world, browser, client, tokens }
    }

    fn claims(&self, more: Value) -> Value {
        let now = self.world.app.clock.unix();
        let mut claims = json!({
            "iss": self.world.issuer.name, "aud": "sallyport", "iat": now, "exp": now + 120, "jti": "one",
            "events": { EVENT: {} }, "sub": "subject-1", "sid": "their-1",
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    async fn send(&self, signer: &Signer, header: Value, more: Value) -> Page {
        let token = self.world.issuer.token_by(signer, &header, &self.claims(more));
        self.post(&[("logout_token", &token)]).await
    }

    async fn post(&self, form: &[(&str, &str)]) -> Page {
        let url = self.world.app.url("/t/acme/login/with/idp/logout");
        Page::of(self.world.app.http().post(url).form(form)).await
    }

    async fn say(&self, more: Value) -> Page {
        self.send(&self.world.issuer.signer, json!({ "typ": "logout+jwt" }), more).await
    }

    async fn is_logged_in(&self) -> bool {
        self.browser.is_logged_in(&self.world.acme).await
    }

    async fn accepts(&self) -> bool {
        Flow::new(&self.world.app, &self.world.acme).accepts(&self.tokens.access).await
    }

    async fn ended(&self) -> Vec<Value> {
        let events = events(&self.world.app, self.world.acme.id).await;
        events.into_iter().filter(|event| event.kind == "provider.logged_out").map(|event| event.body).collect()
    }
}

#[tokio::test]
async fn sessions_end_and_what_was_allowed_to_programs() {
    let scene = Scene::start(json!({})).await;
    assert!(scene.is_logged_in().await && scene.accepts().await);
    let done = scene.say(json!({})).await;
    assert_eq!(
        (done.status.as_u16(), done.headers["cache-control"].to_str().unwrap()),
        (200, "no-store"),
        "{}",
        done.body
    );
    assert!(!scene.is_logged_in().await && !scene.accepts().await, "when it is answered");
    let flow = Flow::new(&scene.world.app, &scene.world.acme);
    assert_eq!(flow.refresh(&scene.client, &scene.tokens.refresh).await.status(), 400);
    let ended = scene.ended().await;
    assert_eq!((ended.len(), &ended[0]["sessions"], &ended[0]["grants"]), (1, &json!(1), &json!(1)));
    let seen = events(&scene.world.app, scene.world.acme.id).await;
    let revoked = seen.iter().find(|event| event.kind == "grant.revoked").unwrap();
    assert_eq!(revoked.body["reason"], "provider_logout");
    // The same token counts once, however often it comes.
    let browser = TestBrowser::new(&scene.world.app);
    scene.world.log_in(&browser, json!({ "sid": "their-1" })).await;
    assert_eq!(scene.say(json!({})).await.status, 200);
    assert!(browser.is_logged_in(&scene.world.acme).await);
    assert_eq!(scene.ended().await.len(), 1);
    // Another one, by the session alone.
    assert_eq!(scene.say(json!({ "jti": "two", "sub": null })).await.status, 200);
    assert!(!browser.is_logged_in(&scene.world.acme).await);
}

#[tokio::test]
async fn a_provider_may_end_sessions_alone_and_only_its_own() {
    let scene = Scene::start(json!({ "logout": "sessions" })).await;
    let by_password = TestBrowser::new(&scene.world.app);
    by_password.log_in(&scene.world.acme, &scene.world.acme.person).await;
    let elsewhere = TestBrowser::new(&scene.world.app);
    scene.world.log_in(&elsewhere, json!({ "sid": "their-2" })).await;
    assert_eq!(scene.say(json!({})).await.status, 200);
    assert!(!scene.is_logged_in().await && scene.accepts().await);
    assert!(elsewhere.is_logged_in(&scene.world.acme).await && by_password.is_logged_in(&scene.world.acme).await);
    // Without `sid` all that began there.
    assert_eq!(scene.say(json!({ "jti": "two", "sid": null })).await.status, 200);
    assert!(!elsewhere.is_logged_in(&scene.world.acme).await && by_password.is_logged_in(&scene.world.acme).await);
    // Somebody who is not known here.
    assert_eq!(scene.say(json!({ "jti": "three", "sub": "nobody" })).await.status, 200);
    assert!(by_password.is_logged_in(&scene.world.acme).await);
}

#[tokio::test]
async fn whoever_is_not_the_provider_ends_nothing() {
    let scene = Scene::start(json!({})).await;
    let signer = &scene.world.issuer.signer;
    let now = scene.world.app.clock.unix();
    for more in [
        json!({ "iss": "https://other.example" }),
        json!({ "aud": "another" }),
        json!({ "iat": now - 301 }),
        json!({ "exp": now - 61 }),
        json!({ "nonce": "n" }),
        json!({ "events": {} }),
        json!({ "jti": null }),
        json!({ "sub": null, "sid": null }),
    ] {
        let refused = scene.say(more.clone()).await;
        assert_eq!(refused.status, 400, "{more}");
        let error: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!(error["error"], "invalid_request", "{more}");
    }
    // A key that it may have by now: it is asked again, though not at once.
    let stranger = Signer::es256("stranger");
    assert_eq!(scene.send(&stranger, json!({ "typ": "logout+jwt" }), json!({})).await.status, 503);
    scene.world.app.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(scene.send(&stranger, json!({ "typ": "logout+jwt" }), json!({})).await.status, 400);
    for typ in ["at+jwt", "JOSE"] {
        assert_eq!(scene.send(signer, json!({ "typ": typ }), json!({})).await.status, 400, "{typ}");
    }
    for form in [&[][..], &[("logout_token", "nonsense")], &[("logout_token", "e30.e30.AAAA")], &[("token", "x")]] {
        assert_eq!(scene.post(form).await.status, 400, "{form:?}");
    }
    assert!(scene.is_logged_in().await && scene.accepts().await);
    assert!(scene.ended().await.is_empty());
    assert_eq!(scene.say(json!({})).await.status, 200, "the token itself was good");
}
