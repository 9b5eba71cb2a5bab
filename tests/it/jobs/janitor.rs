//! What has had its time goes, and nothing else.

use std::time::Duration;

use sallyport::{
    clients::initial_token::{self, NewInitialToken},
    ids::{ClientId, TenantId},
    jobs::{
        self,
        janitor::{Kind, sweep},
    },
    store::{clients, janitor},
};
use sqlx::AssertSqlSafe;
use tokio_util::sync::CancellationToken;

use crate::harness::{
    app::TestApp,
    flow::{Flow, Tokens, oauth_error},
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Far longer than it takes, so that a failure ends.
const LONG: Duration = Duration::from_secs(20);

async fn count(app: &TestApp, table_and_condition: &str) -> i64 {
    let query = format!("select count(*) from {table_and_condition}");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&app.db.owner).await.unwrap()
}

async fn run(app: &TestApp, statement: String) {
    sqlx::query(AssertSqlSafe(statement)).execute(&app.db.owner).await.unwrap();
}

/// The end of a failed login's count, of which only the time matters here.
async fn throttle_rows(app: &TestApp, tenant: TenantId, rows: u32) {
    let at = app.clock.now();
    run(
        app,
        format!(
            "insert into login_throttle (tenant, bucket, failures, window_start)
             select '{tenant}', n::text::bytea, 1, '{at}' from generate_series(1, {rows}) n"
        ),
    )
    .await;
}

#[tokio::test]
async fn everything_goes_when_it_has_had_its_time_and_not_before() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    // One authorization request, session, code, access token and refresh token; counts for account and address.
    flow.tokens(&client).await;
    // And what a client signed, which is good for a minute.
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let (id, end) = (ClientId::parse(&client.id).unwrap(), app.clock.now() + time::Duration::MINUTE);
    // And a device that nobody decided for.
    flow.give_device_grant(&client).await;
    flow.device(&client).await;
    assert!(clients::spend_assertion(&mut tx, &id, &[7; 32], end).await.unwrap());
    tx.commit().await.unwrap();

    let mut at = 0;
    let mut sweep_at = async |seconds: u64| {
        app.clock.advance(Duration::from_secs(seconds - at));
        at = seconds;
        sweep(&app.app, tenant.id).await.unwrap()
    };
    assert_eq!(sweep_at(DAY + MINUTE).await, []);
    assert_eq!(sweep_at(DAY + MINUTE + 1).await, [(Kind::Assertion, 1)]);
    // They live for 10 minutes; then a day.
    assert_eq!(sweep_at(DAY + 10 * MINUTE).await, []);
    assert_eq!(
        sweep_at(DAY + 10 * MINUTE + 1).await,
        [(Kind::Interaction, 1), (Kind::Device, 1), (Kind::AccessToken, 1)]
    );
    assert_eq!(sweep_at(2 * DAY).await, []);
    assert_eq!(sweep_at(2 * DAY + 1).await, [(Kind::LoginThrottle, 2)]);
    // A minute, and 12 hours; then a week.
    assert_eq!(sweep_at(7 * DAY + MINUTE).await, []);
    assert_eq!(sweep_at(7 * DAY + MINUTE + 1).await, [(Kind::Code, 1)]);
    assert_eq!(sweep_at(7 * DAY + 12 * HOUR).await, []);
    assert_eq!(sweep_at(7 * DAY + 12 * HOUR + 1).await, [(Kind::Session, 1)]);
    // A family lives for 90 days; then 30.
    assert_eq!(sweep_at(120 * DAY).await, []);
    assert_eq!(sweep_at(120 * DAY + 1).await, [(Kind::RefreshToken, 1)]);
    // The client was used.
    assert_eq!(sweep_at(4000 * DAY).await, []);
    for kept in ["client where status = 'active'", "access_grant", "family", "consent", "person"] {
        assert_eq!(count(&app, kept).await, 1, "{kept}");
    }
}

#[tokio::test]
async fn a_session_that_was_ended_goes_a_week_later() {
    let app = TestApp::start_with(|config| config.login.session = Duration::from_secs(30 * DAY)).await;
    let tenant = app.tenant("acme").await;
    Flow::new(&app, &tenant).code(&Flow::new(&app, &tenant).client().await).await;
    run(&app, format!("update session set ended_at = '{}'", app.clock.now())).await;
    app.clock.advance(Duration::from_secs(7 * DAY));
    sweep(&app.app, tenant.id).await.unwrap();
    assert_eq!(count(&app, "session").await, 1);
    app.clock.advance(Duration::from_secs(1));
    assert!(sweep(&app.app, tenant.id).await.unwrap().contains(&(Kind::Session, 1)));
}

#[tokio::test]
async fn an_initial_access_token_goes_a_month_after_it_expired() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    for life in [time::Duration::DAY, time::Duration::days(2)] {
        let new = NewInitialToken { uses: 1, life, note: String::new() };
        initial_token::create(&mut tx, &app.recorder(), &app.app.keyring, new).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.clock.advance(Duration::from_secs(31 * DAY));
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), []);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), [(Kind::InitialToken, 1)]);
    assert_eq!(count(&app, "initial_access_token").await, 1);
}

#[tokio::test]
async fn a_live_family_keeps_its_old_refresh_tokens_so_that_a_replay_still_ends_it() {
    let app = TestApp::start_with(|config| config.tokens.refresh_idle = config.tokens.family).await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let (revoked, ungranted) = (flow.tokens(&client).await, flow.tokens(&flow.client().await).await);
    let first = flow.tokens(&client).await;
    let mut newest = first.refresh.clone();
    for _ in 0..3 {
        newest = Tokens::read(&flow.refresh(&client, &newest).await.json().await.unwrap()).refresh;
    }
    assert_eq!(count(&app, "refresh_token").await, 6);
    // One family ends by itself, another one with its grant.
    assert_eq!(flow.client_post("revoke", &client, &[("token", &revoked.refresh)]).await.status(), 200);
    run(
        &app,
        format!("update access_grant g set revoked_at = '{}' where g.client <> '{}'", app.clock.now(), client.id),
    )
    .await;
    drop(ungranted);

    app.clock.advance(Duration::from_secs(30 * DAY));
    assert!(sweep(&app.app, tenant.id).await.unwrap().iter().all(|(kind, _)| *kind != Kind::RefreshToken));
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), [(Kind::RefreshToken, 2)]);
    assert_eq!(count(&app, "family where refresh_tokens_removed_at is not null").await, 2);
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), []);

    let replay = oauth_error(flow.refresh(&client, &first.refresh).await).await;
    assert_eq!(replay.1, "invalid_grant");
    assert_eq!(
        oauth_error(flow.refresh(&client, &newest).await).await.1,
        "invalid_grant",
        "the replay ended the family"
    );
    assert_eq!(count(&app, "family where revoke_reason = 'refresh_replayed'").await, 1);
}

#[tokio::test]
async fn a_client_that_was_never_used_goes_with_evidence_and_no_other_does() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let unused = flow.client().await;
    let configured = flow.client().await;
    run(&app, format!("update client set origin = 'configured' where id = '{}'", configured.id)).await;
    let used = flow.client().await;
    flow.tokens(&used).await;
    let taken_back = flow.client().await;
    flow.code(&taken_back).await;
    run(&app, format!("update access_grant set revoked_at = now() where client = '{}'", taken_back.id)).await;
    let asking = flow.client().await;

    app.clock.advance(Duration::from_secs(30 * DAY));
    sweep(&app.app, tenant.id).await.unwrap();
    assert_eq!(count(&app, "client where status = 'active'").await, 5);

    let young = flow.client().await;
    flow.consent_page(&flow.parameters(&asking)).await;
    app.clock.advance(Duration::from_secs(1));
    let head = app.app.store.authority_head().await.unwrap();
    assert!(sweep(&app.app, tenant.id).await.unwrap().contains(&(Kind::Client, 1)));
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    for (client, active) in
        [(&unused, false), (&configured, true), (&used, true), (&taken_back, true), (&asking, true), (&young, true)]
    {
        let row = clients::find(&mut tx, &ClientId::parse(&client.id).unwrap()).await.unwrap().unwrap();
        assert_eq!(row.is_active(), active, "{client:?}");
    }
    assert_eq!(app.app.node.applied(), head + 1, "its authority was taken away the way all authority is");
    let events = app.app.store.audit_recent(tenant.id, 1000).await.unwrap();
    let gone: Vec<_> = events.iter().filter(|event| event.kind == "client.expired").collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].body["client"], unused.id.as_str());
}

#[tokio::test]
async fn more_than_a_statement_takes_goes_in_one_sweep() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    throttle_rows(&app, tenant.id, 1201).await;
    let now = app.clock.now();
    run(
        &app,
        format!(
            "insert into client (tenant, id, origin, name, metadata, redirect_uris, auth_method, display_digest, created_at)
             select '{}', 'c_' || n, 'registered', 'Client', '{{}}', '{{}}', 'none', '', '{now}'
               from generate_series(1, 205) n",
            tenant.id
        ),
    )
    .await;
    app.clock.advance(Duration::from_secs(31 * DAY));
    crate::cluster::held::forbid_work_under_the_lock(&app.db.owner).await;
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), [(Kind::LoginThrottle, 1201), (Kind::Client, 205)]);
    assert_eq!(count(&app, "client where status = 'active'").await, 0);
    assert_eq!(count(&app, "audit_event where kind = 'client.expired'").await, 205);
}

#[tokio::test]
async fn processes_take_turns_and_count_nothing_twice() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    throttle_rows(&app, tenant.id, 3000).await;
    app.clock.advance(Duration::from_secs(3 * DAY));

    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    assert!(janitor::try_turn(&mut tx).await.unwrap());
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), [], "another process has the turn");
    drop(tx);

    let mut sweeps = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (app, tenant) = (app.app.clone(), tenant.id);
        sweeps.spawn(async move { sweep(&app, tenant).await.unwrap() });
    }
    let swept = sweeps.join_all().await;
    let removed: u64 = swept.iter().flatten().map(|(_, rows)| rows).sum();
    let left = u64::try_from(count(&app, "login_throttle").await).unwrap();
    assert_eq!(removed + left, 3000);
    let rest: u64 = sweep(&app.app, tenant.id).await.unwrap().iter().map(|(_, rows)| rows).sum();
    assert_eq!(rest, left);
}

#[tokio::test]
async fn a_row_that_a_request_holds_is_passed_by_without_waiting() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    throttle_rows(&app, tenant.id, 2).await;
    app.clock.advance(Duration::from_secs(3 * DAY));
    let mut request = app.db.owner.begin().await.unwrap();
    sqlx::query("select 1 from login_throttle where bucket = '1' for update").execute(&mut *request).await.unwrap();
    let swept = tokio::time::timeout(LONG, sweep(&app.app, tenant.id)).await.expect("it does not wait").unwrap();
    assert_eq!(swept, [(Kind::LoginThrottle, 1)]);
    request.rollback().await.unwrap();
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), [(Kind::LoginThrottle, 1)]);
}

#[tokio::test]
async fn one_tenants_sweep_leaves_the_others_rows() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    throttle_rows(&app, tenant.id, 2).await;
    throttle_rows(&app, other.id, 3).await;
    app.clock.advance(Duration::from_secs(3 * DAY));
    assert_eq!(sweep(&app.app, tenant.id).await.unwrap(), [(Kind::LoginThrottle, 2)]);
    assert_eq!(count(&app, "login_throttle").await, 3);
}

#[tokio::test]
async fn background_work_begins_with_a_round_over_all_tenants() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    throttle_rows(&app, tenant.id, 2).await;
    throttle_rows(&app, other.id, 3).await;
    app.clock.advance(Duration::from_secs(3 * DAY));
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    jobs::start(app.app.clone(), stop);
    let swept = async { while count(&app, "login_throttle").await > 0 {} };
    tokio::time::timeout(LONG, swept).await.expect("the rows go");
}
