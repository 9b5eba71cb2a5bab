//! Too many wrong passwords.

use std::time::Duration;

use futures_util::future::join_all;
use http::header;
use sallyport::config::Throttle;

use super::events::failures;
use crate::harness::{
    app::{TestApp, TestTenant},
    browser::{Page, TestBrowser},
};

const WINDOW: Duration = Duration::from_secs(900);

async fn app(per_account: u32, per_address: u32) -> TestApp {
    TestApp::start_with(|config| {
        config.login.throttle = Throttle { per_account, per_address, window: WINDOW };
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

/// A browser somewhere else, with the token of its login page.
struct Away {
    browser: TestBrowser,
    address: &'static str,
    csrf: String,
}

impl Away {
    async fn at(app: &TestApp, address: &'static str) -> Self {
        let browser = TestBrowser::new(app);
        let csrf = browser.get("/t/acme/login").await.hidden("csrf");
        Self { browser, address, csrf }
    }

    async fn attempt(&self, username: &str, password: &str) -> Page {
        let fields = [("username", username), ("password", password), ("csrf", &self.csrf)];
        Page::of(self.browser.form("/t/acme/login", &fields).header("x-forwarded-for", self.address)).await
    }

    async fn status(&self, username: &str, password: &str) -> u16 {
        self.attempt(username, password).await.status.as_u16()
    }

    async fn right(&self, tenant: &TestTenant) -> u16 {
        self.status("ada", &tenant.person.password).await
    }
}

#[tokio::test]
async fn an_account_is_closed_for_a_window_and_then_opens_again() {
    let app = app(3, 100).await;
    let acme = app.tenant("acme").await;
    let away = Away::at(&app, "192.0.2.1").await;
    for _ in 0..3 {
        assert_eq!(away.status("ada", "wrong").await, 403);
    }
    // Whatever the spelling, the address or the password.
    assert_eq!(away.status("ADA", "wrong").await, 429);
    assert_eq!(away.right(&acme).await, 429);
    assert_eq!(Away::at(&app, "192.0.2.2").await.right(&acme).await, 429);

    app.clock.advance(WINDOW - Duration::from_secs(1));
    assert_eq!(away.right(&acme).await, 429);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(away.right(&acme).await, 303);
    assert_eq!(failures(&app, acme.id).await, (3, 4));
}

#[tokio::test]
async fn an_address_is_closed_over_all_accounts() {
    let app = app(100, 3).await;
    let acme = app.tenant("acme").await;
    let away = Away::at(&app, "2001:db8::1").await;
    for name in ["ada", "eve", "mallory"] {
        assert_eq!(away.status(name, "wrong").await, 403);
    }
    assert_eq!(away.right(&acme).await, 429);
    // Names that strangers make up are not written down any more.
    let rows = async || -> i64 {
        sqlx::query_scalar("select count(*) from login_throttle").fetch_one(&app.db.owner).await.unwrap()
    };
    let before = rows().await;
    assert_eq!(away.status("made up", "wrong").await, 429);
    assert_eq!(rows().await, before);
    // One customer has all of an IPv6 network.
    assert_eq!(Away::at(&app, "2001:db8::ffff:0:0:2").await.right(&acme).await, 429);
    assert_eq!(Away::at(&app, "2001:db8:0:1::1").await.right(&acme).await, 303);
    assert_eq!(failures(&app, acme.id).await, (3, 3));
}

#[tokio::test]
async fn the_answer_does_not_tell_whose_limit_it_was() {
    let app = app(2, 4).await;
    let acme = app.tenant("acme").await;
    let away = Away::at(&app, "192.0.2.1").await;
    let mut bodies = Vec::new();
    for name in ["ada", "eve"] {
        away.attempt(name, "wrong").await;
        away.attempt(name, "wrong").await;
    }
    // The account's limit, that of an account that does not exist, and the address's alone.
    for (from, name) in [("192.0.2.2", "ada"), ("192.0.2.3", "eve"), ("192.0.2.1", "mallory")] {
        app.clock.advance(Duration::from_secs(60));
        let away = Away { browser: TestBrowser::new(&app), address: from, csrf: String::new() };
        let csrf = away.browser.get("/t/acme/login").await.hidden("csrf");
        let page = Away { csrf: csrf.clone(), ..away }.attempt(name, &acme.person.password).await;
        assert_eq!(page.status, 429);
        assert_eq!(page.headers[header::RETRY_AFTER], "900");
        bodies.push(page.body.replace(&csrf, "TOKEN").replace(&format!("value=\"{name}\""), "NAME"));
    }
    assert!(bodies[0].contains("Wait 15 minutes"), "{}", bodies[0]);
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], bodies[2]);
}

#[tokio::test]
async fn attempts_at_once_do_not_pass_the_limit_together() {
    let app = app(5, 100).await;
    let acme = app.tenant("acme").await;
    let away = Away::at(&app, "192.0.2.1").await;
    let answers = join_all((0..24).map(|_| away.status("ada", "wrong"))).await;
    assert_eq!(answers.iter().filter(|status| **status == 403).count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 19, "{answers:?}");
    assert_eq!(failures(&app, acme.id).await, (5, 19));
}

#[tokio::test]
async fn a_right_password_starts_the_account_afresh_and_does_not_count_for_the_address() {
    let app = app(2, 6).await;
    let acme = app.tenant("acme").await;
    let away = Away::at(&app, "192.0.2.1").await;
    for _ in 0..3 {
        assert_eq!(away.status("ada", "wrong").await, 403);
        for _ in 0..4 {
            assert_eq!(away.right(&acme).await, 303);
        }
    }
    // Three wrong ones so far, so the address has three more.
    for (name, status) in [("eve", 403), ("eve", 403), ("mallory", 403), ("trudy", 429)] {
        assert_eq!(away.status(name, "wrong").await, status, "{name}");
    }
}

#[tokio::test]
async fn tenants_are_counted_apart() {
    let app = app(1, 100).await;
    let _acme = app.tenant("acme").await;
    let other = app.tenant("other").await;
    let away = Away::at(&app, "192.0.2.1").await;
    assert_eq!(away.status("ada", "wrong").await, 403);
    assert_eq!(away.status("ada", "wrong").await, 429);
    TestBrowser::new(&app).log_in(&other, &other.person).await;
}

#[tokio::test]
async fn the_table_names_nobody() {
    let app = app(3, 100).await;
    let _acme = app.tenant("acme").await;
    Away::at(&app, "192.0.2.1").await.attempt("somebody", "wrong").await;
    let buckets: Vec<Vec<u8>> =
        sqlx::query_scalar("select bucket from login_throttle").fetch_all(&app.db.owner).await.unwrap();
    assert_eq!(buckets.len(), 2);
    assert!(buckets.iter().all(|bucket| bucket.len() == 32 && !bucket.windows(4).any(|part| part == b"some")));
}
