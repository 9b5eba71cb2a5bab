//! Nothing in the logs that opens anything.

use std::{
    io,
    sync::{Arc, Mutex},
};

use reqwest::StatusCode;
use tracing::Level;
use tracing_subscriber::{Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _};

use crate::harness::{
    app::TestApp,
    flow::{Flow, Tokens, hidden},
    log,
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The most that anybody can ask for: everything of ours, and what libraries may say (see `cli::logging`).
#[tokio::test]
async fn a_whole_flow_leaves_no_secret_in_the_logs() {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let allowed = filter_fn(|of| of.target().starts_with("sallyport") || *of.level() <= Level::INFO);
    // Of this thread, on which all of the test runs.
    let _second = log::beside_others();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer.with_filter(allowed)));

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
    secrets.extend([client.secret.unwrap(), flow.challenge(), "s t\u{e4}te&=".to_owned()]);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("answered") && text.contains("token endpoint"), "{text}");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in {text}");
    }
}
