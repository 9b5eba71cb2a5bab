//! The audit log in the console.

use serde_json::json;

use crate::{
    console::clients::administrator,
    harness::{app::TestApp, flow::Flow},
};

async fn event(app: &TestApp, tenant: sallyport::ids::TenantId, kind: &str, body: serde_json::Value) -> String {
    let insert = "insert into audit_event (tenant, id, at, kind, version, body)
        values ($1, $2, $3, $4, 1, $5) returning id::text";
    sqlx::query_scalar(insert)
        .bind(tenant.0)
        .bind(sallyport::ids::new_uuid(&app.clock, &app.app.entropy).unwrap())
        .bind(app.clock.now())
        .bind(kind)
        .bind(body)
        .fetch_one(&app.db.owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn events_are_found_and_opened() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    flow.tokens(&client).await;
    let list = browser.get("/console/t/acme/audit?kind=consent.").await.body;
    assert!(list.contains("consent.given") && !list.contains("code.issued"), "{list}");
    assert!(list.contains("<bdi>ada</bdi>"), "names of people stand for ids: {list}");
    let found = browser.get(&format!("/console/t/acme/audit?q={}", client.id)).await.body;
    assert!(found.contains("consent.given"), "{found}");
    let href = list.split("href=\"/console/t/acme/audit/").nth(1).unwrap().split('"').next().unwrap();
    let page = browser.get(&format!("/console/t/acme/audit/{href}")).await.body;
    assert!(page.contains("<h1><bdi>consent.") && page.contains(&client.id), "{page}");
}

#[tokio::test]
async fn a_denied_call_says_what_was_missing() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    flow.tokens(&flow.client().await).await;
    let grant: String = sqlx::query_scalar("select id::text from access_grant").fetch_one(&app.db.owner).await.unwrap();
    let denied = async |needed: &str, grant: &str| {
        let body = json!({ "grant": grant, "needed": [needed], "name": "wipe", "status": 403 });
        let id = event(&app, tenant.id, "call.denied", body).await;
        browser.get(&format!("/console/t/acme/audit/{id}")).await.body
    };
    assert!(denied("mcp:admin", &grant).await.contains("The person has not allowed it"));
    assert!(denied("mcp:read", &grant).await.contains("has by now what was missing"));
    let gone = "00000000-0000-7000-8000-000000000000";
    assert!(denied("mcp:read", gone).await.contains("The grant has ended since"));
}

/// A log has millions of events; each look goes through a part.
#[tokio::test]
async fn the_log_is_paged_back_to_its_beginning() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let insert = "insert into audit_event (tenant, id, at, kind, version, body)
        select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, now(), 'logout', 1, jsonb_build_object('n', n)
          from generate_series(1, 12000) n";
    sqlx::query(insert).bind(tenant.id.0).execute(&app.db.owner).await.unwrap();
    // Only the oldest fits: the first looks find nothing and lead on.
    let mut path = "/console/t/acme/audit?kind=&q=%22n%22%3A%201%7D".to_owned();
    let mut looks = 0;
    let last = loop {
        let page = browser.get(&path).await.body;
        looks += 1;
        let next = page.split("<a class=\"button\" href=\"").nth(1).filter(|_| page.contains("rel=\"next\""));
        match next {
            Some(_) if looks < 10 => {
                let at = page.find("rel=\"next\"").unwrap();
                let href = page[..at].rsplit("href=\"").next().unwrap().split('"').next().unwrap();
                path = href.replace("&#38;", "&").replace("&amp;", "&");
            }
            _ => break page,
        }
    };
    assert_eq!(looks, 3, "{last}");
    assert!(last.contains("/console/t/acme/audit/00000000-0000-7000-8000-000000000001"), "{last}");
}
