//! Nothing in the logs that opens anything.

use reqwest::StatusCode;

use crate::harness::{
    app::TestApp,
    canary::Canaries,
    flow::{Flow, Tokens, hidden},
    log::Log,
};

#[tokio::test]
async fn a_whole_flow_leaves_no_secret_in_the_logs() {
    let log = Log::listen();
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["https://client.example/callback"], true).await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let mut secrets = vec![hidden(&html, "csrf"), hidden(&html, "interaction"), tenant.person.password.clone()];
    let code = flow.code(&client).await;
    let first = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    let second = Tokens::read(&flow.refresh(&client, &first.refresh).await.json().await.unwrap());
    assert!(flow.accepts(&second.access).await);

    // Everything that can go wrong, too.
    assert_eq!(flow.redeem(&client, &code).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(flow.refresh(&client, &first.refresh).await.status(), StatusCode::BAD_REQUEST);
    for table in ["access_token", "refresh_token", "auth_code", "interaction", "session"] {
        let change = format!("alter table {table} rename to {table}_gone");
        sqlx::query(sqlx::AssertSqlSafe(change)).execute(&app.db.owner).await.unwrap();
    }
    for answer in [
        flow.redeem(&client, &code).await,
        flow.refresh(&client, &first.refresh).await,
        flow.client_post("revoke", &client, &[("token", &first.access)]).await,
        flow.authorize(&flow.parameters(&client)).await,
        flow.get(&format!("/t/acme/consent?interaction={}", secrets[1])).await,
    ] {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = answer.text().await.unwrap();
        assert!(!text.contains("_gone") && !text.contains("relation"), "{text}");
    }

    secrets.extend([code, first.access, first.refresh, second.access, second.refresh, flow.verifier.clone()]);
    secrets.extend([client.secret.unwrap(), flow.challenge()]);
    let text = log.text();
    assert!(text.contains("answered") && text.contains("token endpoint"), "{text}");
    assert!(!text.contains("s t\u{e4}te&="), "{text}");
    let mut canaries = Canaries::default();
    secrets.iter().for_each(|secret| canaries.add("a secret", secret));
    canaries.assert_absent("the log", text);
}
