//! What programs do is what the console does: the same rows, the same events, and who did it.

use serde_json::{Value, json};

use crate::harness::{
    api::{all_rights, http, token},
    app::{TestApp, TestTenant},
    console::appoint,
    flow::Flow,
};

/// A tenant, and a token of its administrator with all rights.
pub(super) struct Api {
    pub(super) app: TestApp,
    pub(super) tenant: TestTenant,
    pub(super) http: reqwest::Client,
}

impl Api {
    pub(super) async fn start() -> Self {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        Self::at(app, tenant).await
    }

    pub(super) async fn at(app: TestApp, tenant: TestTenant) -> Self {
        appoint(&app, tenant.person.id, "administrator").await;
        let http = http(&token(&app, tenant.id, "ada", &all_rights()).await);
        Self { app, tenant, http }
    }

    pub(super) fn url(&self, path: &str) -> String {
        self.app.url(&format!("/api/admin/v1/tenants/acme/{path}"))
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        read(self.http.get(self.url(path))).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        read(self.http.post(self.url(path)).json(&body)).await
    }

    /// The newest event of a kind that a token caused.
    pub(super) async fn event(&self, kind: &str) -> Value {
        let events = self.app.app.store.audit_recent(self.tenant.id, 100).await.unwrap();
        let ours = |event: &sallyport::store::audit::EventRow| {
            event.kind == kind && event.body["actor"]["kind"] == "api_token"
        };
        events.into_iter().find(ours).unwrap_or_else(|| panic!("no {kind}")).body
    }
}

pub(super) async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_client_is_suspended_on_every_node_once_that_is_answered() {
    let api = Api::start().await;
    let flow = Flow::new(&api.app, &api.tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    let path = format!("clients/{}", client.id);
    assert_eq!(api.get(&path).await.1["status"], "active");
    let (status, body) = api.post(&format!("{path}/suspend"), json!({ "reason": "odd calls" })).await;
    assert_eq!((status, &body["status"], &body["suspended_because"]), (200, &"disabled".into(), &"odd calls".into()));
    assert!(!flow.accepts(&tokens.access).await);
    let event = api.event("client.suspended").await;
    assert_eq!(event["client"], client.id);
    assert_eq!(
        (&event["actor"]["kind"], &event["actor"]["person"]),
        (&"api_token".into(), &api.tenant.person.id.to_string().into())
    );
    assert_eq!(api.post(&format!("{path}/approve"), json!({})).await.0, 409);
    assert_eq!(api.post(&format!("{path}/resume"), json!({})).await.0, 200);
    assert!(flow.accepts(&tokens.access).await);
    assert_eq!(api.http.delete(api.url(&path)).send().await.unwrap().status(), 204);
    assert!(!flow.accepts(&tokens.access).await);
    assert_eq!(api.get(&path).await.0, 404);
}

#[tokio::test]
async fn each_registration_is_an_item_of_its_own() {
    let api = Api::start().await;
    let flow = Flow::new(&api.app, &api.tenant);
    let ids = [flow.client().await.id, flow.client().await.id, flow.client().await.id];
    let (_, part) = api.get("clients?status=active").await;
    let listed: Vec<_> = part["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    for id in &ids {
        assert!(listed.contains(&id.as_str()), "{part}");
    }
}

#[tokio::test]
async fn many_grants_are_counted_first_and_then_taken_back() {
    let api = Api::start().await;
    let flow = Flow::new(&api.app, &api.tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    for body in [json!({}), json!({ "client": client.id, "everything": true }), json!({ "client": "c_nothing" })] {
        assert_eq!(api.post("grants/revoke", body.clone()).await.0, 422, "{body}");
    }
    let (status, counted) = api.post("grants/revoke", json!({ "client": client.id, "dry_run": true })).await;
    assert_eq!((status, &counted["grants"], &counted["revoked"]), (200, &1.into(), &false.into()));
    assert!(flow.accepts(&tokens.access).await);
    let (_, revoked) = api.post("grants/revoke", json!({ "client": client.id })).await;
    assert_eq!((&revoked["grants"], &revoked["revoked"]), (&1.into(), &true.into()));
    assert!(!flow.accepts(&tokens.access).await);
    assert_eq!(api.get("grants").await.1["items"], json!([]));
    assert_eq!(api.event("grant.revoked").await["actor"]["kind"], "api_token");
}

#[tokio::test]
async fn somebody_who_is_invited_gets_a_link_and_roles() {
    let api = Api::start().await;
    let (status, made) = api.post("people", json!({ "username": "vera", "name": "Vera Rubin" })).await;
    assert_eq!((status, &made["person"]["has_password"]), (201, &false.into()));
    let link = made["link"]["link"].as_str().unwrap();
    assert_eq!(reqwest::get(link).await.unwrap().status(), 200);
    let path = format!("people/{}", made["person"]["id"].as_str().unwrap());
    let shown = api.http.get(api.url(&path)).send().await.unwrap();
    let tag = shown.headers()["etag"].clone();
    let roles = |tag: &reqwest::header::HeaderValue, roles: Value| {
        read(api.http.put(api.url(&format!("{path}/roles"))).header("if-match", tag).json(&json!({ "roles": roles })))
    };
    let (status, vera) = roles(&tag, json!(["auditor"])).await;
    assert_eq!((status, &vera["roles"]), (200, &json!(["auditor"])));
    assert_eq!(roles(&tag, json!([])).await.0, 412, "somebody was quicker");
    // Nobody shuts out themselves, or the last one.
    let own = format!("people/{}", api.tenant.person.id);
    let (status, problem) = api.post(&format!("{own}/disable"), json!({})).await;
    assert_eq!((status, &problem["detail"]), (409, &"This is you: let another administrator do it.".into()));
    let (status, vera) = api.post(&format!("{path}/disable"), json!({})).await;
    assert_eq!((status, &vera["status"]), (200, &"disabled".into()));
    assert_eq!(api.post(&format!("{path}/link"), json!({})).await.0, 409);
    assert_eq!(api.post(&format!("{path}/enable"), json!({})).await.1["status"], "active");
}

#[tokio::test]
async fn a_server_is_published_edited_and_taken_away() {
    let api = Api::start().await;
    let facts = json!({ "name": "Notes", "upstream": "http://127.0.0.1:9/mcp?key=secret" });
    let (status, problem) = api.post("servers", json!({ "slug": "notes", "server": facts })).await;
    assert_eq!((status, problem["errors"].as_array().unwrap().len()), (422, 1), "a query needs an audience: {problem}");
    let facts = json!({ "name": "Notes", "upstream": "http://127.0.0.1:9/mcp?key=secret", "audience": "notes" });
    let (status, made) = api.post("servers", json!({ "slug": "notes", "server": facts })).await;
    assert_eq!((status, &made["status"]), (201, &"active".into()), "{made}");
    assert_eq!(made["upstream"], "http://127.0.0.1:9/mcp?key=secret");
    let shown = api.http.get(api.url("servers/notes")).send().await.unwrap();
    let tag = shown.headers()["etag"].clone();
    // Whoever may not edit it sees no key.
    let reader = http(&token(&api.app, api.tenant.id, "ada", &["servers:read".to_owned()]).await);
    let (_, read_only) = read(reader.get(api.url("servers/notes"))).await;
    assert_eq!(read_only["upstream"], "http://127.0.0.1:9/mcp");
    let edit = json!({ "name": "All notes", "upstream": "http://127.0.0.1:9/mcp", "era": "modern" });
    let put = |tag: &reqwest::header::HeaderValue| {
        read(api.http.put(api.url("servers/notes")).header("if-match", tag).json(&edit))
    };
    let (status, edited) = put(&tag).await;
    assert_eq!((status, &edited["name"], &edited["era"]), (200, &"All notes".into(), &"modern".into()), "{edited}");
    assert_eq!(put(&tag).await.0, 412);
    let event = api.event("admin.changed").await;
    assert_eq!((&event["object"], &event["actor"]["kind"]), (&"server/notes".into(), &"api_token".into()));
    let tag = format!("\"v{}\"", edited["version"]);
    let remove = api.http.delete(api.url("servers/notes"));
    assert_eq!(remove.try_clone().unwrap().send().await.unwrap().status(), 428);
    assert_eq!(remove.header("if-match", tag).send().await.unwrap().status(), 204);
    assert_eq!(api.get("servers/notes").await.0, 404);
}

#[tokio::test]
async fn keys_are_rotated_and_the_log_is_searched() {
    let api = Api::start().await;
    let (_, keys) = api.get("keys").await;
    let before = keys["items"].as_array().unwrap().len();
    let (status, keys) = api.post("keys/rotate", json!({})).await;
    let after = keys["items"].as_array().unwrap();
    assert_eq!(status, 200);
    assert_eq!(after.len(), 2 * before);
    assert_eq!(after.iter().filter(|key| key["state"] == "next").count(), before);
    let (_, found) = api.get("audit?kind=signing_key.&limit=1").await;
    let event = &found["items"][0];
    assert_eq!(event["kind"], "signing_key.changed");
    let (status, shown) = api.get(&format!("audit/{}", event["id"].as_str().unwrap())).await;
    assert_eq!((status, &shown["body"]), (200, &event["body"]));
    assert!(found["next"].is_string());
    // An underscore is one, and no sign for any.
    assert_eq!(api.get("audit?kind=signing.key").await.1["items"], json!([]));
    assert_eq!(api.get("audit?kind=_____").await.1["items"], json!([]));
}
