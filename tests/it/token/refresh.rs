//! A retry is not a thief.

use std::time::Duration;

use reqwest::StatusCode;

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient, Tokens, oauth_error},
};

async fn refreshed(flow: &Flow<'_>, client: &TestClient, refresh: &str) -> Tokens {
    let response = flow.refresh(client, refresh).await;
    assert_eq!(response.status(), StatusCode::OK);
    Tokens::read(&response.json().await.unwrap())
}

async fn setting(app: &TestApp) -> TestTenant {
    app.tenant("acme").await
}

#[tokio::test]
async fn a_refresh_rotates_and_keeps_the_scopes() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    assert_ne!(second.refresh, first.refresh);
    assert_ne!(second.access, first.access);
    assert_eq!(second.scope, first.scope);
    assert!(flow.accepts(&second.access).await && flow.accepts(&first.access).await);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_even_after_a_night() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let lost = refreshed(&flow, &client, &first.refresh).await;
    let again = refreshed(&flow, &client, &first.refresh).await;
    assert_eq!(again.refresh, lost.refresh);
    assert_eq!(again.access, lost.access, "the boxed access token has not ended");
    app.clock.advance(Duration::from_secs(8 * 3600));
    let morning = refreshed(&flow, &client, &first.refresh).await;
    assert_eq!(morning.refresh, lost.refresh);
    assert_ne!(morning.access, lost.access, "the boxed access token had ended");
    assert!(flow.accepts(&morning.access).await && !flow.accepts(&lost.access).await);
}

#[tokio::test]
async fn a_process_that_lags_by_one_gets_its_box_for_a_minute() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    app.clock.advance(Duration::from_secs(3600));
    let third = refreshed(&flow, &client, &second.refresh).await;
    app.clock.advance(Duration::from_secs(59));
    let lagging = refreshed(&flow, &client, &first.refresh).await;
    assert_eq!(lagging.refresh, second.refresh);
    assert_eq!(
        refreshed(&flow, &client, &lagging.refresh).await.refresh,
        third.refresh,
        "and finds its way to the newest"
    );
}

#[tokio::test]
async fn a_predecessor_after_its_successor_was_long_in_use_ends_the_family() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    let third = refreshed(&flow, &client, &second.refresh).await;
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(
        oauth_error(flow.refresh(&client, &first.refresh).await).await,
        (StatusCode::BAD_REQUEST, "invalid_grant".into())
    );
    assert_eq!(oauth_error(flow.refresh(&client, &third.refresh).await).await.1, "invalid_grant");
    assert!(!flow.accepts(&third.access).await, "revoked means refused");
}

#[tokio::test]
async fn an_older_ancestor_ends_the_family_at_once() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    let third = refreshed(&flow, &client, &second.refresh).await;
    let fourth = refreshed(&flow, &client, &third.refresh).await;
    assert_eq!(oauth_error(flow.refresh(&client, &first.refresh).await).await.1, "invalid_grant");
    assert_eq!(oauth_error(flow.refresh(&client, &fourth.refresh).await).await.1, "invalid_grant");
}

#[tokio::test]
async fn checks_come_before_the_box_and_before_rotation() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let first = flow.tokens(&client).await;
    let with = |extra: (&'static str, &'static str)| {
        [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str()), extra]
    };
    for _ in 0..2 {
        assert_eq!(oauth_error(flow.refresh(&other, &first.refresh).await).await.1, "invalid_grant");
        let wrong = flow.token(&client, &with(("resource", "http://elsewhere.example"))).await;
        assert_eq!(oauth_error(wrong).await.1, "invalid_target");
        let wide = flow.token(&client, &with(("scope", "mcp:read mcp:everything"))).await;
        assert_eq!(oauth_error(wide).await.1, "invalid_scope");
        // The second time round, all of it against the box.
        refreshed(&flow, &client, &first.refresh).await;
    }
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_later_for_all_again() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str()), ("scope", "mcp:read")];
    let less = Tokens::read(&flow.token(&client, &form).await.json().await.unwrap());
    assert_eq!(less.scope, "mcp:read");
    let all = refreshed(&flow, &client, &less.refresh).await;
    assert_eq!(all.scope, "mcp:read mcp:write");
}

/// Old rmcp sends its base address as `resource` when it refreshes.
#[tokio::test]
async fn the_bare_origin_and_the_issuer_mean_the_grants_resource_on_refresh_only() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut refresh = flow.tokens(&client).await.refresh;
    for resource in [app.base.clone(), format!("{}/", app.base), tenant.issuer.clone(), tenant.server.resource.clone()]
    {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("resource", &resource)];
        let response = flow.token(&client, &form).await;
        assert_eq!(response.status(), StatusCode::OK, "{resource}");
        refresh = Tokens::read(&response.json().await.unwrap()).refresh;
    }
    let code = flow.code(&client).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", &flow.verifier),
        ("resource", &app.base),
    ];
    assert_eq!(oauth_error(flow.token(&client, &form).await).await.1, "invalid_target");
}

#[tokio::test]
async fn idle_tokens_and_old_families_end() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut tokens = flow.tokens(&client).await;
    let idle = flow.tokens(&client).await;
    let lifetimes = &app.app.config.tokens;
    let step = lifetimes.refresh_idle / 2;
    let mut passed = Duration::ZERO;
    while passed + step < lifetimes.family {
        app.clock.advance(step);
        passed += step;
        tokens = refreshed(&flow, &client, &tokens.refresh).await;
    }
    assert_eq!(
        oauth_error(flow.refresh(&client, &idle.refresh).await).await.1,
        "invalid_grant",
        "not used for too long"
    );
    app.clock.advance(step);
    assert_eq!(
        oauth_error(flow.refresh(&client, &tokens.refresh).await).await.1,
        "invalid_grant",
        "the family has ended"
    );
}

/// The database alone does not open a box, and holds no token.
#[tokio::test]
async fn a_dump_of_the_handles_holds_no_token() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    let rows: Vec<String> = sqlx::query_scalar(
        "select row_to_json(t)::text from refresh_token t union all select row_to_json(t)::text from access_token t
         union all select row_to_json(t)::text from auth_code t union all select row_to_json(t)::text from audit_event t
         union all select row_to_json(t)::text from interaction t union all select row_to_json(t)::text from session t",
    )
    .fetch_all(&app.db.owner)
    .await
    .unwrap();
    assert!(rows.len() > 5);
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for secret in [&first.access, &first.refresh, &second.access, &second.refresh] {
        let tail = &secret[6..];
        assert!(rows.iter().all(|row| !row.contains(tail) && !row.contains(&hex(tail))));
    }
}

/// A token for nothing would be one that nobody can read.
#[tokio::test]
async fn a_blank_scope_is_like_none() {
    let app = TestApp::start().await;
    let tenant = setting(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str()), ("scope", " ")];
    // The rotation, and then its box.
    for _ in 0..2 {
        let answer = Tokens::read(&flow.token(&client, &form).await.json().await.unwrap());
        assert_eq!(answer.scope, "mcp:read mcp:write");
        assert!(flow.accepts(&answer.access).await);
    }
}
