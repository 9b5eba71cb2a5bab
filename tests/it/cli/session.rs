//! `session end`, as an operator types it, beside a process that serves.

use serde_json::{Value, json};

use super::grant::Site;
use crate::harness::{app::TestTenant, flow::Flow};

/// Whether a browser is logged in.
async fn logged_in(flow: &Flow<'_>) -> bool {
    let account = format!("/t/{}/account", flow.tenant.slug);
    flow.get(&account).await.status() == 200
}

async fn ended(site: &Site, tenant: &TestTenant) -> Vec<Value> {
    let events = site.app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    events.into_iter().filter(|event| event.kind == "session.ended").map(|event| event.body).collect()
}

#[tokio::test]
async fn browsers_are_logged_out_where_and_whose_was_said_and_nowhere_else() {
    let site = Site::new().await;
    let (acme, other) = (site.app.tenant("acme").await, site.app.tenant("other").await);
    let (ada, again, elsewhere) =
        (Flow::new(&site.app, &acme), Flow::new(&site.app, &acme), Flow::new(&site.app, &other));
    let client = ada.client().await;
    let tokens = ada.tokens(&client).await;
    again.tokens(&again.client().await).await;
    elsewhere.tokens(&elsewhere.client().await).await;
    assert!(logged_in(&ada).await && logged_in(&again).await && logged_in(&elsewhere).await);

    let unasked = site.run(&["session", "end", "--all", "--all-tenants"]);
    assert_eq!((unasked.code, unasked.out.as_str()), (1, ""));
    assert!(unasked.err.starts_with("This ends 3 sessions of 2 people in all tenants. "), "{}", unasked.err);
    let unknown = site.fails(&["session", "end", "--person", "nobody", "--all-tenants", "--yes"]);
    assert!(unknown.contains("nobody in this tenant has the username \"nobody\""), "{unknown}");
    assert!(logged_in(&ada).await && logged_in(&again).await && logged_in(&elsewhere).await);

    let name = acme.person.username.as_str();
    assert_eq!(site.done(&["session", "end", "--person", name, "--tenant", "acme", "--yes"]), "Ended 2 sessions.\n");
    assert!(!logged_in(&ada).await && !logged_in(&again).await && logged_in(&elsewhere).await);
    assert!(ada.accepts(&tokens.access).await, "what clients hold stays");
    let events = ended(&site, &acme).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["person"], json!(acme.person.id));
    assert_eq!(events[0]["actor"], json!({ "kind": "command", "command": "session end" }));
    assert_ne!(events[0]["session"], events[1]["session"]);

    let json = site.done(&["session", "end", "--all", "--all-tenants", "--yes", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!({ "sessions": 1 }));
    assert!(!logged_in(&elsewhere).await);
    let none = site.done(&["session", "end", "--all", "--tenant", "acme"]);
    assert_eq!(none, "nothing to end: there is no such session in acme\n");
    assert_eq!(ended(&site, &acme).await.len(), 2);
}

/// Whatever keeps the evidence from being written keeps the session, too.
#[tokio::test]
async fn no_session_ends_without_its_event() {
    let site = Site::new().await;
    let acme = site.app.tenant("acme").await;
    let ada = Flow::new(&site.app, &acme);
    ada.tokens(&ada.client().await).await;
    let refuse = "alter table audit_event add constraint test check (kind <> 'session.ended') not valid";
    sqlx::query(refuse).execute(&site.app.db.owner).await.unwrap();
    site.fails(&["session", "end", "--all", "--tenant", "acme", "--yes"]);
    assert!(logged_in(&ada).await);
}
