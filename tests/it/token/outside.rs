//! Access tokens of outside issuers, over real HTTP: the issuer is a web server of the test, and the upstream records.

mod accepted;
mod attacks;
pub(crate) mod issuer;
mod keys;
mod plain;
mod revoked;
mod settings;

use reqwest::Response;
use sallyport::{
    cluster::{self, Entry},
    store::outside::{self, IssuerRow},
};
use serde_json::{Value, json};

use self::issuer::Issuer;
use crate::gateway::world::{Token, World};
use crate::harness::app::{TestApp, TestServer, TestTenant};

/// A world whose server trusts an issuer.
pub(super) struct Outside {
    world: World,
    issuer: Issuer,
}

impl Outside {
    /// Trusts the issuer as it comes.
    async fn start() -> Self {
        Self::trusting(&json!({})).await
    }

    /// Trusts the issuer with these settings.
    async fn trusting(settings: &Value) -> Self {
        let issuer = Issuer::start();
        let app = TestApp::start_with(|config| issuer.publisher.allow(config)).await;
        let this = Self { world: World::around(app).await, issuer };
        this.trust(&[this.settings(settings)]).await;
        this
    }

    /// What the server is told of the issuer.
    fn settings(&self, more: &Value) -> Value {
        let mut settings = json!({ "issuer": self.issuer.name });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    }

    async fn trust(&self, issuers: &[Value]) {
        self.trust_at(&self.world.tenant, &self.world.server, issuers).await;
    }

    async fn trust_at(&self, tenant: &TestTenant, server: &TestServer, issuers: &[Value]) {
        trust(&self.world.app, tenant, server, issuers).await;
    }

    /// The claims of a good token.
    fn claims(&self) -> Value {
        self.issuer.claims(&self.world.server.resource, self.world.app.clock.unix())
    }

    /// A good token with other claims: `null` takes one away.
    fn token_with(&self, claims: &Value) -> String {
        self.issuer.token(&with(self.claims(), claims))
    }

    fn token(&self) -> String {
        self.token_with(&json!({}))
    }

    async fn call(&self, jwt: &str) -> Response {
        self.world.call(&as_token(jwt)).send().await.unwrap()
    }

    async fn status(&self, jwt: &str) -> u16 {
        self.call(jwt).await.status().as_u16()
    }

    /// What the client is told of a token that is refused.
    #[track_caller]
    fn refused(&self, jwt: &str) -> impl Future<Output = String> {
        let (call, seen) = (self.world.call(&as_token(jwt)).send(), self.world.upstream.count());
        async move {
            let response = call.await.unwrap();
            let status = response.status();
            let challenge = response.headers().get("www-authenticate").map(|line| line.to_str().unwrap().to_owned());
            assert_eq!(status, 401, "{:?}", response.text().await);
            let challenge = challenge.unwrap();
            assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
            assert_eq!(self.world.upstream.count(), seen, "nothing reaches the upstream");
            challenge.split("error_description=\"").nth(1).unwrap().trim_end_matches('"').to_owned()
        }
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.world.app.db.owner).await.unwrap()
    }

    /// Rows of clients, grants and families that came of tokens from outside.
    async fn rows(&self) -> (i64, i64, i64) {
        (
            self.count("select count(*) from client where origin = 'outside'").await,
            self.count("select count(*) from access_grant where subject like 'issuer:%'").await,
            self.count(
                "select count(*) from family f join access_grant g on g.id = f.grant_id where subject like 'issuer:%'",
            )
            .await,
        )
    }

    /// Turns the clock.
    fn later(&self, seconds: u64) {
        self.world.app.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// The claims of the JWT that the upstream saw last.
    fn upstream_claims(&self) -> Value {
        issuer::claims_of(self.world.upstream.last().jwt())
    }
}

/// Writes down whom a server trusts, as `apply` does.
pub(crate) async fn trust(app: &TestApp, tenant: &TestTenant, server: &TestServer, issuers: &[Value]) {
    let row = |settings: &Value| IssuerRow {
        server: server.id,
        issuer: settings["issuer"].as_str().unwrap().to_owned(),
        settings: settings.clone(),
    };
    let rows: Vec<_> = issuers.iter().map(row).collect();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    outside::replace_issuers(&mut tx, server.id, &rows).await.unwrap();
    let ticket = cluster::take(&mut tx, &Entry::Server(server.id), app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
}

fn as_token(jwt: &str) -> Token {
    Token { text: jwt.to_owned(), family: sallyport::ids::FamilyId(uuid::Uuid::nil()) }
}

fn with(mut base: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(base.as_object_mut().unwrap().remove(name)),
            value => base[name] = value.clone(),
        }
    }
    base
}
