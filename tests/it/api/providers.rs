//! Identity providers by the admin API: as in the console, and their secrets are in no answer.

use serde_json::{Value, json};

use super::changes::{Api, read};
use crate::{
    harness::{
        api::{http, token},
        browser::TestBrowser,
    },
    people::providers::World,
};

const SECRETS: [&str; 2] = ["umbrella-stand-7", "hat-stand-8"];

fn facts(more: &Value) -> Value {
    let mut facts = json!({ "name": "Northwind", "client_id": "sallyport-7", "auth_method": "client_secret_post" });
    facts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    facts
}

fn tag(version: i64) -> String {
    format!("\"v{version}\"")
}

impl Api {
    async fn put_provider(&self, slug: &str, seen: &str, body: &Value) -> (u16, Value) {
        read(self.http.put(self.url(&format!("providers/{slug}"))).header("if-match", seen).json(body)).await
    }

    /// Something that is done to a provider in a version.
    async fn act(&self, slug: &str, verb: &str, version: i64) -> (u16, Value) {
        let url = self.url(&format!("providers/{slug}{verb}"));
        let request = if verb.is_empty() { self.http.delete(url) } else { self.http.post(url) };
        read(request.header("if-match", tag(version))).await
    }

    async fn sealed(&self) -> Option<Vec<u8>> {
        let sealed = "select sealed from identity_provider where slug = 'northwind'";
        sqlx::query_scalar(sealed).fetch_one(&self.app.db.owner).await.unwrap()
    }
}

#[tokio::test]
async fn a_provider_is_added_edited_disabled_and_taken_away() {
    let api = Api::start().await;
    let issuer = "https://login.example.com/realms/staff";
    let rules = json!({
        "accounts": "create", "algorithms": ["ES256"], "email_domains": ["example.com"], "required_claims": { "tid": "9188" },
        "roles": [{ "claim": "groups", "value": "ops", "role": "auditor" }], "multi_factor": ["mfa"], "logout": "sessions",
    });
    let provider = facts(&json!({ "client_secret": SECRETS[0], "settings": rules }));
    let new = json!({ "slug": "northwind", "issuer": issuer, "provider": provider });
    let (status, made) = api.post("providers", new.clone()).await;
    assert_eq!((status, &made["status"], &made["has_secret"]), (201, &"active".into(), &true.into()), "{made}");
    assert_eq!(made["redirect_uri"], api.app.url("/t/acme/login/with/northwind/callback"));
    assert_eq!(made["settings"]["required_claims"], json!({ "tid": "9188" }));
    assert_eq!(made["settings"]["scopes"], json!(["profile", "email"]), "the usual, where nothing is said");
    let (status, taken) = api.post("providers", new).await;
    assert_eq!(status, 422, "{taken}");

    // Everything is said but the secret, which stays.
    let before = api.sealed().await;
    let (status, edited) = api.put_provider("northwind", &tag(1), &facts(&json!({ "name": "Southwind" }))).await;
    assert_eq!((status, &edited["name"], &edited["version"]), (200, &"Southwind".into(), &2.into()), "{edited}");
    assert_eq!((&edited["issuer"], &edited["has_secret"]), (&issuer.into(), &true.into()));
    assert_eq!(edited["settings"]["accounts"], "known", "what is left out was never set");
    assert_eq!(api.sealed().await, before);
    let (status, late) = api.put_provider("northwind", &tag(1), &facts(&json!({ "name": "Late" }))).await;
    assert_eq!(status, 412, "{late}");
    let (status, anew) = api.put_provider("northwind", &tag(2), &facts(&json!({ "client_secret": SECRETS[1] }))).await;
    assert_eq!((status, &anew["version"]), (200, &3.into()));
    assert_ne!(api.sealed().await, before);

    let bare = api.http.post(api.url("providers/northwind/disable")).send().await.unwrap();
    assert_eq!(bare.status(), 428);
    assert_eq!(api.act("northwind", "/disable", 2).await.0, 412);
    let (status, disabled) = api.act("northwind", "/disable", 3).await;
    assert_eq!((status, &disabled["status"]), (200, &"disabled".into()));
    let (_, listed) = api.get("providers?status=disabled&q=north").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(api.get("providers?status=active").await.1["items"], json!([]));
    assert_eq!(api.act("northwind", "/enable", 4).await.1["status"], "active");
    let shown = api.http.get(api.url("providers/northwind")).send().await.unwrap();
    assert_eq!(shown.headers()["etag"], tag(5).as_str());
    let shown: Value = shown.json().await.unwrap();

    // A public client sends none: it is gone.
    let public = facts(&json!({ "auth_method": "none" }));
    let (status, public) = api.put_provider("northwind", &tag(5), &public).await;
    assert_eq!((status, &public["has_secret"]), (200, &false.into()), "{public}");
    assert_eq!(api.sealed().await, None);
    assert_eq!(api.act("northwind", "", 6).await.0, 204);
    assert_eq!(api.get("providers/northwind").await.0, 404);
    assert_eq!(api.act("northwind", "/enable", 7).await.0, 404);

    let events = api.app.app.store.audit_recent(api.tenant.id, 100).await.unwrap();
    let own =
        events.iter().filter(|event| event.kind == "admin.changed" && event.body["object"] == "provider/northwind");
    let mut changes: Vec<_> = own.map(|event| event.body["change"].as_str().unwrap()).collect();
    changes.sort_unstable();
    assert_eq!(changes, ["changed", "changed", "changed", "created", "disabled", "enabled", "removed"]);
    assert_eq!(api.event("admin.changed").await["actor"]["person"], api.tenant.person.id.to_string());
    let log = format!("{:?}", events.iter().map(|event| &event.body).collect::<Vec<_>>());
    assert!(log.contains("Southwind") && log.contains("client_secret"), "before and after: {log}");
    for said in [made, taken, edited, late, anew, disabled, listed, shown, public, log.into()] {
        let said = said.to_string();
        assert!(SECRETS.iter().all(|secret| !said.contains(secret)), "{said}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_provider_is_refused_and_no_secret_repeated() {
    let api = Api::start().await;
    let own = api.app.url("/t/acme").replace("http:", "https:");
    let secret = json!({ "client_secret": SECRETS[0] });
    let with = |name: &str, value: Value| {
        let mut facts = facts(&secret);
        facts[name] = value;
        facts
    };
    let good = "https://login.example.com";
    for (status, issuer, provider) in [
        (422, "http://login.example.com", facts(&secret)),
        (422, &*own, facts(&secret)),
        (422, good, facts(&json!({}))),
        (422, good, with("auth_method", json!("none"))),
        (400, good, with("settings", json!({ "algorithms": ["HS256"] }))),
        (422, good, with("settings", json!({ "roles": [{ "claim": "a", "value": "b", "role": "root" }] }))),
        (422, good, with("settings", json!({ "email_domains": ["\u{7f}"] }))),
        (422, good, with("name", json!("a\u{0}b"))),
        (400, good, with("settings", json!({ "algorithms": [] }))),
        (400, good, with("settings", json!({ "accounts": "everybody" }))),
        (400, good, with("client_id", json!(""))),
        (400, good, with("client_secret", json!(""))),
        (400, good, with("client_secret", json!([SECRETS[0]]))),
        (400, good, with("has_secret", json!(true))),
        (400, "", facts(&secret)),
    ] {
        let body = json!({ "slug": "new", "issuer": issuer, "provider": provider });
        let (refused, problem) = api.post("providers", body.clone()).await;
        assert_eq!(refused, status, "{body}: {problem}");
        assert!(!problem.to_string().contains(SECRETS[0]), "{problem}");
    }
    // A name that cannot be one is not there.
    let long = "x".repeat(500);
    for slug in ["nobody", "No", "%00", "a%20b", &long] {
        assert_eq!(api.get(&format!("providers/{slug}")).await.0, 404, "{slug}");
        assert_eq!(api.act(slug, "/disable", 1).await.0, 404, "{slug}");
        assert_eq!(api.post(&format!("providers/{slug}/probe"), json!({})).await.0, 404, "{slug}");
    }
    let there: i64 =
        sqlx::query_scalar("select count(*) from identity_provider").fetch_one(&api.app.db.owner).await.unwrap();
    assert_eq!(there, 0);
}

#[tokio::test]
async fn a_provider_is_probed_and_whoever_came_by_it_is_logged_out() {
    let World { app, acme, issuer } = World::start(json!({ "accounts": "create" })).await;
    let api = Api::at(app, acme).await;
    let (status, probe) = api.post("providers/idp/probe", json!({})).await;
    assert_eq!((status, &probe["works"]), (200, &true.into()), "{probe}");
    assert_eq!(probe["findings"].as_array().unwrap().last().unwrap()["verdict"], "untested");
    issuer.publish_metadata(&json!({ "issuer": "https://elsewhere.example" }));
    let (_, probe) = api.post("providers/idp/probe", json!({})).await;
    assert_eq!(probe["works"], false, "{probe}");
    assert!(api.event("provider.probed").await["provider"].is_string());

    let world = World { app: api.app, acme: api.tenant, issuer };
    world.describe(true);
    let grace = TestBrowser::new(&world.app);
    world.log_in(&grace, json!({})).await.location();
    let api = Api { app: world.app, tenant: world.acme, http: api.http };
    let (_, shown) = api.get("providers/idp").await;
    assert_eq!((&shown["people"], &shown["sessions"]), (&1.into(), &1.into()));
    let (status, disabled) = api.act("idp", "/disable", 1).await;
    assert_eq!((status, &disabled["sessions"]), (200, &0.into()), "{disabled}");
    assert!(!grace.is_logged_in(&api.tenant).await);
    assert!(!TestBrowser::new(&api.app).get("/t/acme/login").await.body.contains("with/idp\""));
}

/// Whoever says who vouches for people says so with a right of that name.
#[tokio::test]
async fn no_star_adds_a_provider() {
    let api = Api::start().await;
    let stars = http(&token(&api.app, api.tenant.id, "ada", &["*:*".to_owned(), "providers:*".to_owned()]).await);
    let body = json!({ "slug": "new", "issuer": "https://login.example.com", "provider": facts(&json!({})) });
    let (status, problem) = read(stars.post(api.url("providers")).json(&body)).await;
    assert_eq!((status, &problem["detail"]), (403, &"The token has not the right providers:create.".into()));
    assert_eq!(read(stars.get(api.url("providers"))).await.0, 200);
}
