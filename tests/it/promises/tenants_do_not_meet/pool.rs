//! Several tenants on a pool smaller than they are many: requests that succeed, fail, and are dropped half-way.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use sallyport::{
    clock::Clock,
    store::{Store, grants},
};
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _, postgres::PgPoolOptions};
use time::macros::datetime;
use tokio::task::JoinSet;

use crate::harness::{
    app::{TestApp, TestTenant},
    browser::TestBrowser,
    cancel::{Direct, cut_after, cut_everywhere},
    db::TestDb,
    flow::{CALLBACK, Flow, TestClient},
};

/// An application with so many connections for all its tenants.
async fn start(connections: u32) -> (TestApp, PgPool) {
    let db = TestDb::new().await;
    let pool = PgPoolOptions::new().max_connections(connections).test_before_acquire(false);
    let pool = pool.acquire_timeout(Duration::from_secs(20)).connect_with(db.options()).await.unwrap();
    let clock = Clock::manual(datetime!(2026-08-03 10:00 UTC));
    let app = TestApp::over(db, Store::over(pool.clone()), clock, |config| {
        config.registration.burst = 10_000;
        config.registration.per_minute = 60_000;
    });
    (app.await, pool)
}

/// What the next user of a connection finds on it: no tenant, no rows of any, and no transaction that somebody left open.
async fn clean(pool: &PgPool) {
    // One message of the simple protocol, so that the transaction begins with the statement.
    let state = "select nullif(current_setting('sallyport.tenant', true), ''), (select count(*) from client),
                        now() = statement_timestamp()";
    let state = sqlx::raw_sql(state).fetch_one(pool).await.unwrap();
    let (tenant, rows, alone): (Option<String>, i64, bool) = (state.get(0), state.get(1), state.get(2));
    assert_eq!((tenant, rows, alone), (None, 0, true), "somebody's transaction is still open");
}

/// A transaction dropped at each place where it waits, its beginning included.
#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing_on_its_connection() {
    let (app, pool) = start(1).await;
    let tenant = app.tenant("acme").await;
    Flow::new(&app, &tenant).client().await;
    let store = app.app.store.clone();
    cut_everywhere(6, 3, async |polls| {
        let work = async {
            let mut tx = store.tenant_tx(tenant.id).await.unwrap();
            let given = grants::given_by(&mut tx, tenant.person.id).await.unwrap();
            tx.commit().await.unwrap();
            given.len()
        };
        let done = cut_after(polls, work).await.is_some();
        clean(&pool).await;
        cut_after(polls, store.platform_tx()).await;
        clean(&pool).await;
        done
    })
    .await;
}

/// Whole requests, dropped at each place where they wait.
#[tokio::test]
async fn a_request_that_is_dropped_leaves_nothing_on_its_connection() {
    let (app, pool) = start(1).await;
    let resident = Resident::of(&app, app.tenant("acme").await).await;
    let direct = Direct::of(&app);
    for request in 0..Resident::REQUESTS {
        // Some wait for nothing.
        cut_everywhere(0, 2, async |polls| {
            let done = direct.cut_after(polls, resident.request(request)).await.is_some();
            clean(&pool).await;
            done
        })
        .await;
    }
}

/// Somebody at a tenant, and what only that tenant's answers may contain.
struct Resident {
    tenant: TestTenant,
    base: String,
    mark: String,
    browser: TestBrowser,
    client: TestClient,
    /// RFC 7592.
    registration: String,
    refresh: String,
}

impl Resident {
    const REQUESTS: usize = 6;

    async fn of(app: &TestApp, tenant: TestTenant) -> Self {
        let mark = format!("Mark of {}", tenant.slug);
        let body = json!({
            "client_name": mark, "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
        });
        let browser = TestBrowser::new(app);
        let registered = browser.http.post(format!("{}/register", tenant.issuer)).json(&body).send().await.unwrap();
        let registered: Value = registered.json().await.unwrap();
        let text = |member: &str| registered[member].as_str().unwrap().to_owned();
        let client = TestClient { id: text("client_id"), secret: None, redirect_uri: CALLBACK.to_owned() };
        let mut flow = Flow::new(app, &tenant);
        flow.http = browser.http.clone();
        let refresh = flow.tokens(&client).await.refresh;
        let registration = text("registration_access_token");
        Self { base: app.base.clone(), mark, browser, client, registration, refresh, tenant }
    }

    /// Some that write, some that only read, and some that end in an error after they have begun.
    fn request(&self, which: usize) -> RequestBuilder {
        let http = &self.browser.http;
        let at = |path: &str| format!("{}/{path}", self.tenant.issuer);
        let token = [("grant_type", "refresh_token"), ("refresh_token", &self.refresh), ("client_id", &self.client.id)];
        match which % Self::REQUESTS {
            0 => http.get(at("account")),
            1 => http.get(at(&format!("register/{}", self.client.id))).bearer_auth(&self.registration),
            2 => http.post(at("token")).form(&token),
            3 => http.post(at("token")).form(&[("grant_type", "refresh_token"), ("client_id", &self.client.id)]),
            4 => http.get(at("consent?interaction=sp_in_nothing")),
            _ => http.post(at("account/revoke")).header("origin", &self.base).form(&[("csrf", "forged")]),
        }
    }

    /// Whether an answer is of this tenant, and of no other.
    fn check(&self, which: usize, status: StatusCode, body: &str, others: &[String]) {
        let expected = [200, 200, 200, 400, 400, 403][which % Self::REQUESTS];
        assert_eq!(status.as_u16(), expected, "{body}");
        if which % Self::REQUESTS < 2 {
            assert!(body.contains(&self.mark), "{body}");
        }
        let foreign = others.iter().find(|other| **other != self.mark && body.contains(other.as_str()));
        assert_eq!(foreign, None, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tenants_on_two_connections_see_only_their_own() {
    let (app, pool) = start(2).await;
    let mut residents = Vec::new();
    for slug in ["acme", "other", "third"] {
        residents.push(Resident::of(&app, app.tenant(slug).await).await);
    }
    let marks: Vec<String> = residents.iter().map(|resident| resident.mark.clone()).collect();
    let (residents, marks) = (std::sync::Arc::new(residents), std::sync::Arc::new(marks));
    let direct = std::sync::Arc::new(Direct::of(&app));

    let mut crowd = JoinSet::new();
    for task in 0..18_usize {
        let (residents, marks, direct) = (residents.clone(), marks.clone(), direct.clone());
        crowd.spawn(async move {
            for step in 0..24_usize {
                let resident = &residents[(task + step) % residents.len()];
                let which = task / 3 + step;
                // Two of three are dropped on their way, each time somewhere else.
                if step % 3 == 0 {
                    let answer = resident.request(which).send().await.unwrap();
                    let status = answer.status();
                    resident.check(which, status, &answer.text().await.unwrap(), &marks);
                } else {
                    direct.cut_after(1 + (7 * task + 5 * step) % 40, resident.request(which)).await;
                }
            }
        });
    }
    crowd.join_all().await;
    // Both connections, one after the other.
    let mut both = Vec::new();
    for _ in 0..2 {
        clean(&pool).await;
        both.push(pool.acquire().await.unwrap());
    }
}
