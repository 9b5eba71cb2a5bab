//! The real thing: tenants and servers of one run, and what their clients hold.

mod ask;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::jwk::JwkSet;
use sallyport::{
    cluster::{self, Entry},
    ids::{FamilyId, GrantId, ServerId},
    secret::{Handle, HandleKind},
    store::tenants::{self, CatalogueRow, ScopeRow, ServerRow},
    token::revoke::{self, Reason},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    model::{self, Model, SERVERS, TENANTS},
    policy::{Item, Policy, Scopes},
    wire,
};
use crate::{
    gateway,
    harness::app::{TestServer, TestTenant},
};

/// What all runs share.
pub(super) struct Setting {
    pub(super) gateway: gateway::world::World,
    /// A JWT that an upstream was given.
    jwt: String,
    runs: AtomicUsize,
    /// How often a request came to which end.
    pub(super) ends: Mutex<BTreeMap<&'static str, usize>>,
}

impl Setting {
    pub(super) async fn start() -> Self {
        let gateway = gateway::world::World::start().await;
        let token = gateway.token(&gateway::world::BOTH).await;
        assert_eq!(gateway.call(&token).send().await.unwrap().status(), 200);
        let jwt = gateway.upstream.last().jwt().to_owned();
        Self { gateway, jwt, runs: AtomicUsize::new(0), ends: Mutex::default() }
    }

    pub(super) fn now(&self) -> i64 {
        self.gateway.app.clock.unix()
    }
}

struct TenantHere {
    tenant: TestTenant,
    keys: JwkSet,
}

struct ServerHere {
    server: TestServer,
    /// The path of its upstream.
    path: String,
    audience: String,
}

/// A session: the client's name for it, and the upstream's own.
struct SessionHere {
    client: String,
    upstream: String,
}

pub(super) struct World<'a> {
    setting: &'a Setting,
    gateway: &'a gateway::world::World,
    tenants: Vec<TenantHere>,
    servers: Vec<ServerHere>,
    tokens: Vec<String>,
    families: Vec<FamilyId>,
    sessions: Vec<SessionHere>,
    never_issued: String,
    refresh_token: String,
    /// The newest that an upstream was given.
    jwt: String,
    /// How many requests upstreams have had.
    passed: usize,
    /// The events that were there before.
    told: HashSet<Uuid>,
    intents: i64,
}

impl<'a> World<'a> {
    /// Two tenants who are new, three servers.
    pub(super) async fn new(setting: &'a Setting, model: &Model) -> Self {
        let (gateway, run) = (&setting.gateway, setting.runs.fetch_add(1, Ordering::Relaxed));
        // A run that failed may have left some.
        gateway.upstream.forget_orders();
        let app = &gateway.app;
        let mut tenants = Vec::new();
        for at in 0..TENANTS {
            let tenant = app.tenant(&format!("run-{run}-{at}")).await;
            let keys = app.http().get(format!("{}/jwks.json", tenant.issuer)).send().await.unwrap();
            tenants.push(TenantHere { tenant, keys: keys.json().await.unwrap() });
        }
        let handle = |kind| Handle::generate(kind, &app.app.entropy).unwrap().expose().to_owned();
        let mut world = Self {
            setting,
            gateway,
            tenants,
            servers: Vec::new(),
            tokens: Vec::new(),
            families: Vec::new(),
            sessions: Vec::new(),
            never_issued: handle(HandleKind::AccessToken),
            refresh_token: handle(HandleKind::RefreshToken),
            jwt: setting.jwt.clone(),
            passed: gateway.upstream.count(),
            told: HashSet::new(),
            intents: 0,
        };
        for (at, server) in model.servers.iter().enumerate() {
            let tenant = &world.tenants[SERVERS[at]].tenant;
            // Both tenants have a server of the first name.
            let slug = if at == 1 { "notes" } else { "tools" };
            let id = ServerId::new(&app.clock, &app.app.entropy).unwrap();
            let path = format!("/mcp/{}/{slug}", tenant.slug);
            let audience = format!("https://{}.example/{slug}", tenant.slug);
            let server_here = TestServer { id, slug: slug.to_owned(), resource: resource(tenant, slug) };
            world.servers.push(ServerHere { server: server_here, path, audience });
            world.set_server(at, server).await;
        }
        world
    }

    /// Writes a server down, as `apply` does.
    pub(super) async fn set_server(&self, at: usize, server: &model::Server) {
        let (here, app) = (&self.servers[at], &self.gateway.app);
        let tenant = self.tenants[SERVERS[at]].tenant.id;
        let Policy { era, declared, fallback, items } = &server.policy;
        let row = ServerRow {
            id: here.server.id,
            slug: here.server.slug.clone(),
            name: "A server".to_owned(),
            description: "What the tests use.".to_owned(),
            upstream_url: self.gateway.upstream.url.replace("/mcp", &here.path),
            audience: here.audience.clone(),
            era: (*era).to_owned(),
            signing_alg: "EdDSA".to_owned(),
            default_scopes: declared.names(),
            fallback_scope: fallback.map(one),
            version: 1,
            status: status(server.active),
        };
        let scope = |name| ScopeRow {
            server: row.id,
            name,
            effect: "read".to_owned(),
            description: "Some things.".to_owned(),
            max_auth_age: None,
        };
        let scopes: Vec<_> = declared.names().into_iter().map(scope).collect();
        let item = |item: &Item| CatalogueRow {
            server: row.id,
            kind: item.kind.to_owned(),
            name: item.name.to_owned(),
            scope: one(item.scope),
            read_only: item.read_only,
        };
        let items: Vec<_> = items.iter().map(item).collect();
        let mut tx = app.app.store.tenant_tx(tenant).await.unwrap();
        let id = tenants::upsert_server(&mut tx, &row, app.clock.now()).await.unwrap();
        assert_eq!(id, row.id);
        tenants::replace_policy(&mut tx, id, &scopes, &items).await.unwrap();
        let ticket = cluster::take(&mut tx, &Entry::Server(id), app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        app.app.node.settle(ticket).await.unwrap();
    }

    pub(super) async fn set_tenant(&self, at: usize, tenant: model::Tenant) {
        let (here, app) = (&self.tenants[at].tenant, &self.gateway.app);
        let mut row = app.app.store.tenant(&here.slug).await.unwrap().unwrap();
        row.settings = if tenant.page { json!({"allowed_origins": [wire::PAGE]}) } else { json!({}) };
        row.status = status(tenant.active);
        let mut tx = app.app.store.platform_tx().await.unwrap();
        tenants::update_tenant(&mut tx, &row).await.unwrap();
        let ticket = cluster::take_all(&mut tx, &[(here.id, Entry::Tenant)], app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        app.app.node.settle(ticket.unwrap()).await.unwrap();
    }

    pub(super) async fn issue(&mut self, server: usize, scopes: Scopes) {
        let (tenant, names) = (&self.tenants[SERVERS[server]].tenant, scopes.names());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let token = self.gateway.token_for(tenant, &self.servers[server].server, &names).await;
        self.tokens.push(token.text);
        self.families.push(token.family);
    }

    /// Another token of a family, as after a refresh.
    pub(super) async fn sibling(&mut self, family: usize, server: usize, scopes: Scopes) {
        let tenant = &self.tenants[SERVERS[server]].tenant;
        let text = self.gateway.token_of(tenant, self.families[family], &scopes.names()).await;
        self.tokens.push(text);
    }

    /// RFC 7009, by the client.
    pub(super) async fn revoke_token(&self, token: usize, family: usize, server: usize) {
        let (_, client) = self.grant_of(family).await;
        let form = [("token", self.tokens[token].as_str()), ("client_id", client.as_str())];
        let revoke = format!("{}/revoke", self.tenants[SERVERS[server]].tenant.issuer);
        assert_eq!(self.gateway.http.post(revoke).form(&form).send().await.unwrap().status(), 200);
    }

    pub(super) async fn revoke_family(&self, family: usize, server: usize) {
        let (app, family) = (&self.gateway.app, self.families[family]);
        let mut tx = app.app.store.tenant_tx(self.tenants[SERVERS[server]].tenant.id).await.unwrap();
        let ticket = revoke::family(&mut tx, &app.recorder(), family, Reason::PersonRevoked).await.unwrap();
        tx.commit().await.unwrap();
        app.app.node.settle(ticket).await.unwrap();
    }

    pub(super) async fn revoke_grant(&self, family: usize, server: usize) {
        let (app, (grant, _)) = (&self.gateway.app, self.grant_of(family).await);
        let mut tx = app.app.store.tenant_tx(self.tenants[SERVERS[server]].tenant.id).await.unwrap();
        let ticket = revoke::grant(&mut tx, &app.recorder(), grant, Reason::PersonRevoked).await.unwrap();
        tx.commit().await.unwrap();
        app.app.node.settle(ticket).await.unwrap();
    }

    pub(super) async fn narrow_grant(&self, family: usize, server: usize, scopes: Scopes) {
        let (app, (grant, _)) = (&self.gateway.app, self.grant_of(family).await);
        let narrow = "update access_grant set version = version + 1,
                   scopes = array(select s from unnest(scopes) s where s = any ($2)) where id = $1";
        sqlx::query(narrow).bind(grant.0).bind(scopes.names()).execute(&app.db.owner).await.unwrap();
        let mut tx = app.app.store.tenant_tx(self.tenants[SERVERS[server]].tenant.id).await.unwrap();
        let ticket = cluster::take(&mut tx, &Entry::Grant(grant), app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        app.app.node.settle(ticket).await.unwrap();
    }

    /// A family's grant, and its client.
    async fn grant_of(&self, family: usize) -> (GrantId, String) {
        let query = "select g.id, g.client from access_grant g join family f on f.grant_id = g.id where f.id = $1";
        let owner = &self.gateway.app.db.owner;
        let (grant, client) = sqlx::query_as(query).bind(self.families[family].0).fetch_one(owner).await.unwrap();
        (GrantId(grant), client)
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.gateway.app.clock.advance(Duration::from_secs(seconds));
    }
}

fn resource(tenant: &TestTenant, server: &str) -> String {
    format!("{}/mcp/{server}", tenant.issuer)
}

fn status(active: bool) -> String {
    if active { "active" } else { "disabled" }.to_owned()
}

/// The name of the only scope in a set.
fn one(scope: Scopes) -> String {
    scope.names().pop().expect("one scope")
}
