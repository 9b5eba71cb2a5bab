//! What a refresh gives, and when there is none any more. Retries and thieves: [`crate::promises`].

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
