//! An installation in which every route leads somewhere: at a name, so that there are passkeys, with a provider that answers.

use std::collections::BTreeSet;

use sallyport::{
    config::PublicUrl,
    http::{browser::Browser, csrf},
    ids::{Slug, TenantId},
    people::platform,
};
use serde_json::json;

use crate::{
    harness::{
        app::{TestApp, TestTenant},
        web::{Web, limits},
    },
    http::generated,
    people::providers,
};

pub(super) struct World {
    pub(super) idp: providers::World,
    pub(super) other: TestTenant,
    /// The place of the platform's administrators.
    platform: TenantId,
    /// Reads all tables.
    rows: String,
    _upstream: Web,
}

/// What changes by itself: the leases of the process, and what was looked at how often.
const RESTLESS: [&str; 3] = ["node", "login_throttle", "_sqlx_migrations"];

impl World {
    pub(super) async fn start() -> Self {
        let idp = providers::World::start_with(json!({ "accounts": "create" }), |config| {
            let named = config.public_url.as_str().replace("127.0.0.1", "localhost");
            config.public_url = PublicUrl::parse(&named).unwrap();
            config.registration.burst = 60_000;
            (config.login.throttle.per_account, config.login.throttle.per_address) = (60_000, 60_000);
        })
        .await;
        let other = idp.app.tenant("other").await;
        let upstream = axum::Router::new().route("/mcp", axum::routing::any(generated::upstream));
        let upstream = Web::serve(upstream, &limits(), std::time::Duration::ZERO);
        idp.app.server(idp.acme.id, "acme", "demo", &upstream.url("/mcp")).await;
        let (recorder, tx) = (idp.app.recorder(), idp.app.app.store.platform_tx().await.unwrap());
        let (tx, place) = platform::place(tx, (&recorder, &idp.app.app.keyring)).await.unwrap();
        tx.commit().await.unwrap();
        let platform = place.id;
        let tables = "select relname::text from pg_class where relnamespace = 'public'::regnamespace
                         and relkind in ('r', 'p') and not relispartition and relname <> all($1) order by 1";
        let restless: Vec<String> = RESTLESS.map(str::to_owned).to_vec();
        let tables: Vec<String> = sqlx::query_scalar(tables).bind(restless).fetch_all(&idp.app.db.owner).await.unwrap();
        let one = |table: &String| format!("select '{table} ' || to_jsonb(own)::text from \"{table}\" own");
        let rows = tables.iter().map(one).collect::<Vec<_>>().join(" union all ");
        Self { idp, other, platform, rows, _upstream: upstream }
    }

    pub(super) fn app(&self) -> &TestApp {
        &self.idp.app
    }

    pub(super) fn acme(&self) -> &TestTenant {
        &self.idp.acme
    }

    /// The tenant of this name in addresses.
    pub(super) fn id(&self, place: &str) -> TenantId {
        if place == "platform" { self.platform } else { self.acme().id }
    }

    /// Every row of every table, with the table's name.
    pub(super) async fn rows(&self) -> BTreeSet<String> {
        // What calls say of themselves is written by another task.
        self.app().app.calls.flush().await.unwrap();
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(self.rows.clone())).fetch_all(&self.app().db.owner).await.unwrap();
        rows.into_iter().collect()
    }

    /// The token of a form for a browser with this cookie.
    pub(super) fn token(&self, tenant: TenantId, browser: &str, purpose: csrf::Purpose) -> String {
        let slug = Slug::parse("acme").unwrap();
        let cookie = format!("__Host-sp-b-acme={browser}").parse().unwrap();
        let headers = http::HeaderMap::from_iter([(http::header::COOKIE, cookie)]);
        let browser = Browser::ensure(&self.app().app.entropy, &slug, &headers).unwrap();
        assert!(!browser.is_fresh());
        csrf::token(&self.app().app.keyring, tenant, &browser, purpose)
    }
}
