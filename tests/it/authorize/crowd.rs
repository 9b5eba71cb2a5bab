//! Authorization requests cost a row each before anybody has logged in, so they are few at a time and in all.

use reqwest::StatusCode;
use sqlx::AssertSqlSafe;

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient},
};

async fn count(app: &TestApp, condition: &str) -> i64 {
    let count = format!("select count(*) from interaction where {condition}");
    sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&app.db.owner).await.unwrap()
}

#[tokio::test]
async fn one_address_begins_so_many_at_one_tenant() {
    let app = TestApp::start_with(|config| {
        config.authorization.burst = 2;
        config.authorization.per_minute = 1;
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let (here, there) = (Flow::new(&app, &acme), Flow::new(&app, &other));
    let (client, elsewhere) = (here.client().await, there.client().await);
    // Only a tenant that was asked for before has a limit of its own.
    for slug in ["acme", "other"] {
        app.app.tenant(slug).await.unwrap().unwrap();
    }
    let ask = async |tenant: &TestTenant, flow: &Flow<'_>, client: &TestClient, address: &str| {
        let url = format!("{}/authorize", tenant.issuer);
        let url = reqwest::Url::parse_with_params(&url, flow.parameters(client)).unwrap();
        app.http().get(url).header("x-forwarded-for", address).send().await.unwrap()
    };
    for _ in 0..2 {
        assert_eq!(ask(&acme, &here, &client, "192.0.2.1").await.status(), StatusCode::SEE_OTHER);
    }
    let refused = ask(&acme, &here, &client, "192.0.2.1").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    let html = refused.text().await.unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("Too many requests"), "{html}");
    assert_eq!(count(&app, "true").await, 2);
    assert_eq!(ask(&acme, &here, &client, "192.0.2.2").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(ask(&other, &there, &elsewhere, "192.0.2.1").await.status(), StatusCode::SEE_OTHER);
    sallyport::jobs::refusals::write(&app.app).await.unwrap();
    let events = app.app.store.audit_recent(acme.id, 100).await.unwrap();
    let limited = |body: &serde_json::Value| body["reason"] == "limited" && body["count"] == 1;
    assert_eq!(events.iter().filter(|e| e.kind == "authorization.refused" && limited(&e.body)).count(), 1);
}

#[tokio::test]
async fn a_tenant_keeps_the_newest_that_nobody_has_logged_in_for() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    assert_eq!(flow.authorize(&flow.parameters(&client)).await.status(), StatusCode::SEE_OTHER);
    // Older ones, the first of which are older still; some have a login, and some are decided.
    let insert =
        "insert into interaction (tenant, id, hash, pepper_id, browser_hash, client, server, redirect_uri, state,
            scopes, code_challenge, session, created_at, expires_at, decided_at)
         select tenant, gen_random_uuid(), int8send(n), pepper_id, browser_hash, client, server, 'older', n,
            scopes, code_challenge, case when n % 100 = 0 then gen_random_uuid() end, created_at,
            expires_at - (20000 - n) * interval '1 millisecond', case when n % 100 = 1 then created_at end
           from interaction, generate_series(1, 12000) n";
    sqlx::query(insert).execute(&app.db.owner).await.unwrap();
    // 11 760 of them count, and so does the first.
    let waiting = "session is null and decided_at is null";
    assert_eq!(count(&app, waiting).await, 11_761);
    let mut last = 11_761;
    loop {
        assert_eq!(flow.authorize(&flow.parameters(&client)).await.status(), StatusCode::SEE_OTHER);
        let now = count(&app, waiting).await;
        if now == last {
            break;
        }
        assert!(now < last, "each takes away more than it adds");
        last = now;
    }
    assert_eq!(last, 10_000);
    assert_eq!(count(&app, "session is not null").await, 120, "a login keeps it");
    assert_eq!(count(&app, "decided_at is not null").await, 120);
    let began = count(&app, "redirect_uri <> 'older'").await;
    let older = count(&app, &format!("{waiting} and redirect_uri = 'older'")).await;
    assert_eq!(began + older, 10_000);
    // It is the oldest that went.
    let oldest = "select min(state::int8) from interaction
                   where redirect_uri = 'older' and session is null and decided_at is null";
    let oldest: i64 = sqlx::query_scalar(oldest).fetch_one(&app.db.owner).await.unwrap();
    let kept = (oldest..=12_000).filter(|n| n % 100 > 1).count();
    assert_eq!(i64::try_from(kept).unwrap(), older);
}
