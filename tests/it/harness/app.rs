//! The application for tests: over real HTTP and a real database, with a clock that tests turn.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use sallyport::{
    app::{self, App},
    audit::Recorder,
    clock::Clock,
    config::{Argon2, Config, Listen, ListenAddress, PublicUrl},
    http::server::{self, Shutdown},
    ids::{PersonId, ServerId, TenantId},
    keys::{Keyring, SigningAlg, SigningKey, generate_key_file},
    people::{self, NewPerson, Password, PasswordHash, Username},
    policy::{Effect, PolicySpec},
    secret::Entropy,
    store::{
        Store, keys as store_keys,
        tenants::{self, ScopeRow, ServerRow, TenantRow},
    },
};
use time::macros::datetime;
use tokio_util::sync::{CancellationToken, DropGuard};
use zeroize::Zeroizing;

use super::db::TestDb;

/// A running application. It stops when this is dropped.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) db: TestDb,
    /// The clock of the application: stands still until a test turns it.
    pub(crate) clock: Clock,
    /// `http://127.0.0.1:PORT`, the public URL.
    pub(crate) base: String,
    /// The keys outside the database, as a key file has them.
    pub(crate) key_file: Zeroizing<String>,
    /// Where browsers find `localhost`, if not on this computer's own port.
    pub(crate) door: Option<SocketAddr>,
    /// See [`Self::http`].
    plain: OnceLock<reqwest::Client>,
    _stop: DropGuard,
}

/// A tenant with signing keys of both algorithms, one server and one person.
pub(crate) struct TestTenant {
    pub(crate) id: TenantId,
    pub(crate) slug: String,
    /// `{base}/t/{slug}`
    pub(crate) issuer: String,
    /// `demo`, with the starter policy. Nothing listens at its upstream.
    pub(crate) server: TestServer,
    /// `ada`.
    pub(crate) person: TestPerson,
}

pub(crate) struct TestServer {
    pub(crate) id: ServerId,
    pub(crate) slug: String,
    /// `{base}/t/{tenant}/mcp/{slug}`
    pub(crate) resource: String,
}

pub(crate) struct TestPerson {
    pub(crate) id: PersonId,
    pub(crate) username: String,
    pub(crate) password: String,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with some settings changed.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let db = TestDb::new().await;
        let store = Store::over(db.app.clone());
        Self::over(db, store, Clock::manual(datetime!(2026-08-03 10:00 UTC)), change).await
    }

    /// Starts over a database, by a clock.
    pub(crate) async fn over(db: TestDb, store: Store, clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listeners = server::bind([ListenAddress::parse("127.0.0.1:0").unwrap()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let base = format!("http://{address}");
        let mut config = Config::dev(Path::new("/nowhere"), Listen::on(ListenAddress::Socket(address)));
        config.public_url = PublicUrl::parse(&base).unwrap();
        config.login.argon2 = Argon2 { memory_kib: 64, iterations: 1, lanes: 1 };
        change(&mut config);

        let entropy = Entropy::system();
        let key_file = generate_key_file(&entropy).unwrap();
        let keyring = Keyring::parse(&key_file).unwrap();
        let app = App::start(config, keyring, store, clock.clone(), entropy).await.unwrap();

        let stop = CancellationToken::new();
        let (serving, stopped) = (app.clone(), stop.clone().cancelled_owned());
        tokio::spawn(async move {
            let (router, never) = (app::routes::router(serving.clone()), Shutdown::new(Duration::ZERO));
            tokio::select! {
                served = server::serve(router, listeners, None, &serving.config.http, &never) => served.unwrap(),
                () = stopped => {}
            }
        });
        Self { app, db, clock, base, key_file, door: None, plain: OnceLock::new(), _stop: stop.drop_guard() }
    }

    /// Another process over the same database, as far as the application knows. It serves nothing.
    pub(crate) async fn sibling(&self) -> Arc<App> {
        self.sibling_with(&self.key_file).await
    }

    /// Another process with another key file.
    pub(crate) async fn sibling_with(&self, key_file: &str) -> Arc<App> {
        let App { config, store, clock, entropy, .. } = &*self.app;
        let keyring = Keyring::parse(key_file).unwrap();
        App::start(config.clone(), keyring, store.clone(), clock.clone(), entropy.clone()).await.unwrap()
    }

    /// Makes a tenant with everything it needs.
    pub(crate) async fn tenant(&self, slug: &str) -> TestTenant {
        let id = TenantId::new(&self.clock, &self.app.entropy).unwrap();
        let row = TenantRow {
            platform: false,
            id,
            slug: slug.to_owned(),
            name: format!("Tenant {slug}"),
            settings: serde_json::json!({}),
            status: "active".to_owned(),
        };
        let mut tx = self.app.store.platform_tx().await.unwrap();
        tenants::insert_tenant(&mut tx, &row, self.clock.now()).await.unwrap();
        let mut tx = tx.enter(id).await.unwrap();
        for alg in [SigningAlg::EdDSA, SigningAlg::ES256] {
            let (key, public) = SigningKey::generate(alg, id, &self.app.keyring, &self.app.entropy).unwrap();
            store_keys::insert_signing_key(&mut tx, &key, &public, self.clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        TestTenant {
            id,
            slug: slug.to_owned(),
            issuer: format!("{}/t/{slug}", self.base),
            server: self.server(id, slug, "demo", "http://127.0.0.1:9/mcp").await,
            person: self.person(id, "ada").await,
        }
    }

    /// Adds a server with the starter policy, or changes the upstream of the one that has this name.
    pub(crate) async fn server(&self, tenant: TenantId, tenant_slug: &str, slug: &str, upstream: &str) -> TestServer {
        let starter = PolicySpec::starter();
        let row = ServerRow {
            id: ServerId::new(&self.clock, &self.app.entropy).unwrap(),
            slug: slug.to_owned(),
            name: format!("Server {slug}"),
            description: "What the tests use.".to_owned(),
            upstream_url: upstream.to_owned(),
            audience: format!("{upstream}#{slug}"),
            era: "auto".to_owned(),
            signing_alg: "EdDSA".to_owned(),
            default_scopes: starter.default_scopes.iter().map(ToString::to_string).collect(),
            fallback_scope: starter.fallback_scope.as_ref().map(ToString::to_string),
            version: 1,
            status: "active".to_owned(),
        };
        let mut tx = self.app.store.tenant_tx(tenant).await.unwrap();
        let id = tenants::upsert_server(&mut tx, &row, self.clock.now()).await.unwrap();
        let scopes: Vec<_> = (starter.scopes.iter())
            .map(|scope| ScopeRow {
                server: id,
                name: scope.name.to_string(),
                effect: if scope.effect == Effect::Read { "read" } else { "change" }.to_owned(),
                description: scope.description.clone(),
                max_auth_age: None,
            })
            .collect();
        tenants::replace_policy(&mut tx, id, &scopes, &[]).await.unwrap();
        let ticket =
            sallyport::cluster::take(&mut tx, &sallyport::cluster::Entry::Server(id), self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.app.node.settle(ticket).await.unwrap();
        TestServer { id, slug: slug.to_owned(), resource: format!("{}/t/{tenant_slug}/mcp/{slug}", self.base) }
    }

    /// Adds a person.
    pub(crate) async fn person(&self, tenant: TenantId, username: &str) -> TestPerson {
        self.person_with(tenant, username, format!("the password of {username}")).await
    }

    /// Adds a person who chose this password.
    pub(crate) async fn person_with(&self, tenant: TenantId, username: &str, password: String) -> TestPerson {
        let hash =
            PasswordHash::of(&Password::chosen(&password).unwrap(), &self.app.config.login.argon2, &self.app.entropy);
        let new = NewPerson {
            username: Username::parse(username).unwrap(),
            display_name: None,
            password: Some(hash.unwrap()),
        };
        let mut tx = self.app.store.tenant_tx(tenant).await.unwrap();
        let id = people::create(&mut tx, &self.recorder(), new).await.unwrap();
        tx.commit().await.unwrap();
        TestPerson { id, username: username.to_owned(), password }
    }

    /// Replaces a tenant's settings, as an administrator does.
    pub(crate) async fn settings(&self, tenant: &TestTenant, settings: serde_json::Value) {
        let mut row = self.app.store.tenant(&tenant.slug).await.unwrap().unwrap();
        row.settings = settings;
        let mut tx = self.app.store.platform_tx().await.unwrap();
        tenants::update_tenant(&mut tx, &row).await.unwrap();
        let entry = sallyport::cluster::Entry::Tenant;
        let ticket =
            sallyport::cluster::take_all(&mut tx, &[(tenant.id, entry)], self.clock.now()).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        self.app.node.settle(ticket).await.unwrap();
    }

    /// For changes that tests make themselves.
    pub(crate) fn recorder(&self) -> Recorder {
        self.app.recorder(None)
    }

    /// A client with cookies of its own that follows no redirects.
    pub(crate) fn browser(&self) -> reqwest::Client {
        self.outside().cookie_store(true).build().unwrap()
    }

    /// A client without cookies that follows no redirects. One for all: to make one takes longer than to ask something.
    pub(crate) fn http(&self) -> &reqwest::Client {
        self.plain.get_or_init(|| self.outside().build().unwrap())
    }

    fn outside(&self) -> reqwest::ClientBuilder {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30));
        match self.door {
            Some(door) => client.resolve("localhost", door),
            None => client,
        }
    }

    /// `{base}{path}`
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

#[tokio::test]
async fn a_tenant_answers_over_http() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let url = app.url("/.well-known/oauth-authorization-server/t/acme");
    let document: serde_json::Value = app.browser().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], tenant.issuer.as_str());
    let known = app.app.tenant("acme").await.unwrap().unwrap();
    assert_eq!(known.id, tenant.id);
    assert_eq!(known.servers["demo"].resource, tenant.server.resource);
    assert_eq!(known.signing.published().len(), 2);
}
