//! How many clients a tenant may have, and for how long those are kept that nobody uses.

use std::time::Duration;

use futures_util::future::join_all;
use sallyport::jobs::janitor::{Kind, sweep};
use serde_json::json;

use super::{Answer, events, public, register, registered, settings};
use crate::{
    audit,
    harness::{
        app::{TestApp, TestTenant},
        flow::{Flow, oauth_error},
    },
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

async fn of_at_most(most: u32) -> (TestApp, TestTenant) {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    settings(&app, &tenant, json!({ "max_registered_clients": most })).await;
    (app, tenant)
}

async fn there(app: &TestApp) -> i64 {
    let count = "select count(*) from client where origin = 'registered' and status <> 'removed'";
    sqlx::query_scalar(count).fetch_one(&app.db.owner).await.unwrap()
}

#[tokio::test]
async fn a_crowd_gets_as_many_places_as_there_are() {
    let (app, tenant) = of_at_most(5).await;
    registered(&app, &tenant, &public()).await;
    let body = public();
    let answers = join_all((0..16).map(|_| register(&app, &tenant, &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 4);
    let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!(refused.error(), (429, "temporarily_unavailable"));
    assert_eq!(refused.headers["retry-after"], "3600");
    assert!(refused.text("error_description").contains("as many registered clients"), "{}", refused.body);
    assert_eq!(there(&app).await, 5);
    let counted = audit::tally(&audit::refusals_of(&app, tenant.id).await);
    assert_eq!(counted["registration.refused full"], 12);
    assert_eq!(events(&app, &tenant, "client.expired").await.len(), 0);
}

#[tokio::test]
async fn the_oldest_that_nobody_used_make_room() {
    let (app, tenant) = of_at_most(4).await;
    let flow = Flow::new(&app, &tenant);
    let used = flow.client().await;
    let held = flow.tokens(&used).await;
    let asked = flow.client().await;
    flow.consent_page(&flow.parameters(&asked)).await;
    let old = registered(&app, &tenant, &public()).await;
    app.clock.advance(HOUR);
    let young = registered(&app, &tenant, &public()).await;
    assert_eq!(register(&app, &tenant, &public()).await.error(), (429, "temporarily_unavailable"), "not yet an hour");
    app.clock.advance(Duration::from_secs(1));

    crate::cluster::held::forbid_work_under_the_lock(&app.db.owner).await;
    let newest = registered(&app, &tenant, &public()).await;
    assert_eq!(events(&app, &tenant, "client.expired").await, [json!({ "client": old.body["client_id"] })]);
    let gone = old.text("registration_access_token");
    let gone = Answer::of(app.http().get(old.text("registration_client_uri")).bearer_auth(gone)).await;
    assert_eq!(gone.error(), (401, "invalid_token"));
    assert_eq!(register(&app, &tenant, &public()).await.error(), (429, "temporarily_unavailable"));
    for kept in [&young, &newest] {
        let read = app.http().get(kept.text("registration_client_uri"));
        assert_eq!(Answer::of(read.bearer_auth(kept.text("registration_access_token"))).await.status, 200);
    }
    assert_eq!(flow.refresh(&used, &held.refresh).await.status(), 200);

    // A smaller quota takes nobody out who is in use.
    settings(&app, &tenant, json!({ "max_registered_clients": 1 })).await;
    app.clock.advance(2 * HOUR);
    assert_eq!(register(&app, &tenant, &public()).await.error(), (429, "temporarily_unavailable"));
    assert_eq!(there(&app).await, 4, "nobody went for nothing");
}

#[tokio::test]
async fn who_waits_for_an_approval_keeps_the_place_for_a_week() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    settings(&app, &tenant, json!({ "registration": "approval", "max_registered_clients": 1 })).await;
    registered(&app, &tenant, &public()).await;
    app.clock.advance(7 * DAY);
    assert_eq!(register(&app, &tenant, &public()).await.error(), (429, "temporarily_unavailable"));
    app.clock.advance(Duration::from_secs(1));
    registered(&app, &tenant, &public()).await;
    assert_eq!(there(&app).await, 1);
}

#[tokio::test]
async fn a_tenant_says_for_how_long_unused_clients_are_kept() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    settings(&app, &tenant, json!({ "unused_client_days": 2 })).await;
    let flow = Flow::new(&app, &tenant);
    let (unused, used, denied) = (flow.client().await, flow.client().await, flow.client().await);
    let held = flow.tokens(&used).await;
    let page = flow.consent_page(&flow.parameters(&denied)).await;
    flow.decide(&page, "deny", &[]).await;
    app.clock.advance(2 * DAY);
    let clients = async || {
        let swept = sweep(&app.app, tenant.id).await.unwrap();
        swept.into_iter().find(|(kind, _)| *kind == Kind::Client).map_or(0, |(_, rows)| rows)
    };
    assert_eq!(clients().await, 0);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(clients().await, 2, "one that nobody came with, and one that a person turned down");

    let page = flow.authorize(&flow.parameters(&unused)).await;
    assert_eq!(page.status(), 400);
    let html = page.text().await.unwrap();
    assert!(html.contains("remove this server and add it again"), "{html}");
    let form = [("grant_type", "refresh_token"), ("refresh_token", held.refresh.as_str())];
    assert_eq!(oauth_error(flow.token(&unused, &form).await).await.1, "invalid_client");
    assert_eq!(flow.refresh(&used, &held.refresh).await.status(), 200);
}

#[tokio::test]
async fn clients_that_wait_expire_and_suspended_ones_stay() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    settings(&app, &tenant, json!({ "registration": "approval" })).await;
    registered(&app, &tenant, &public()).await;
    let stopped = registered(&app, &tenant, &public()).await;
    sqlx::query("update client set status = 'disabled' where id = $1")
        .bind(stopped.text("client_id"))
        .execute(&app.db.owner)
        .await
        .unwrap();
    app.clock.advance(30 * DAY);
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), []);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), [(Kind::Client, 1)]);
    assert_eq!(there(&app).await, 1);
}
