//! Events say which token, and over which arguments, to those who know the token or the arguments.

use sallyport::ids::EventId;
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use crate::harness::{
    app::TestApp,
    flow::{Flow, Tokens},
};

/// Id and body of the events of a kind, in order.
async fn events(app: &TestApp, kind: &str) -> Vec<(EventId, Value)> {
    let rows = sqlx::query("select id, body from audit_event where kind = $1 order by id").bind(kind);
    let rows = rows.fetch_all(&app.db.owner).await.unwrap();
    rows.iter().map(|row| (EventId(row.get::<Uuid, _>("id")), row.get("body"))).collect()
}

#[tokio::test]
async fn tokens_are_in_events_under_the_same_name_wherever_they_go() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = Tokens::read(&flow.refresh(&client, &first.refresh).await.json().await.unwrap());
    let name = |token: &str| json!(app.app.keyring.audit_handle(token));

    let (_, issued) = events(&app, "token.issued").await.remove(0);
    assert_eq!((&issued["token"], &issued["refresh"]), (&name(&first.access), &name(&first.refresh)));
    let (_, refreshed) = events(&app, "token.refreshed").await.remove(0);
    assert_eq!(refreshed["presented"], name(&first.refresh));
    assert_eq!((&refreshed["token"], &refreshed["refresh"]), (&name(&second.access), &name(&second.refresh)));
    let key = app.app.keyring.audit_handles(&first.access);
    assert!(key.len() == 1 && key[0].contains(':') && key[0].len() > 64, "{key:?}");
}

#[tokio::test]
async fn equal_arguments_do_not_look_equal_and_can_be_checked() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let token = flow.tokens(&flow.client().await).await.access;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params": {"name":"echo","arguments":{"pin":1234}} }"#;
    let headers = [("mcp-protocol-version", "2025-06-18"), ("accept", "application/json, text/event-stream")];
    for _ in 0..2 {
        let mut request = app.browser().post(&tenant.server.resource).bearer_auth(&token).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.header("content-type", "application/json").send().await.unwrap();
    }
    let mut told = events(&app, "call.intent").await;
    told.extend(events(&app, "call.denied").await);
    told.extend(events(&app, "call.refused").await);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_ne!(told[0].1["arguments"], told[1].1["arguments"]);
    for (id, body) in told {
        let salt = app.app.keyring.argument_salt(id);
        assert_eq!(body["arguments"], salt.digest(br#"{"name":"echo","arguments":{"pin":1234}}"#));
        assert_ne!(body["arguments"], salt.digest(br#"{"name":"echo","arguments":{"pin":1235}}"#));
        assert_eq!(body["token"], app.app.keyring.audit_handle(&token));
    }
}
