//! The same through the endpoints, with the handles that they give out.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use sallyport::{
    clients::Status,
    cluster::{self, Entry},
    ids::{ClientId, GrantId},
    people::{self, Username},
    secret::{Handle, HandleKind},
    store::clients,
    token::{
        VerifyError,
        revoke::{self, Reason},
    },
};
use serde_json::Value;
use uuid::Uuid;

use super::model::{Answer, Lifetimes, Model, Scopes};
use crate::harness::{
    app::{TestApp, TestPerson, TestServer, TestTenant},
    flow::{Flow, TestClient, location, query},
};

/// What all runs share.
pub(super) struct Setting {
    app: TestApp,
    tenant: TestTenant,
    people: std::sync::atomic::AtomicUsize,
}

impl Setting {
    pub(super) async fn start() -> Self {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        sqlx::query(
            "insert into server_scope (tenant, server, name, effect, description)
             select s.tenant, s.server, x.name, 'read', x.name
               from server_scope s, unnest('{x:one,x:two}'::text[]) x (name) where s.name = 'mcp:read'",
        )
        .execute(&app.db.owner)
        .await
        .unwrap();
        Self { app, tenant, people: 0.into() }
    }

    pub(super) fn now(&self) -> i64 {
        self.app.clock.unix()
    }

    pub(super) fn lifetimes(&self) -> Lifetimes {
        let tokens = &self.app.app.config.tokens;
        let seconds = |lifetime: Duration| i64::try_from(lifetime.as_secs()).unwrap();
        Lifetimes {
            code: seconds(tokens.code),
            access: seconds(tokens.access),
            idle: seconds(tokens.refresh_idle),
            family: seconds(tokens.family),
        }
    }

    /// The tenant with a person who is new to it.
    pub(super) async fn newcomer(&self) -> TestTenant {
        let number = self.people.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let TestServer { id, slug, resource } = &self.tenant.server;
        TestTenant {
            id: self.tenant.id,
            slug: self.tenant.slug.clone(),
            issuer: self.tenant.issuer.clone(),
            server: TestServer { id: *id, slug: slug.clone(), resource: resource.clone() },
            person: self.app.person(self.tenant.id, &format!("person-{number}")).await,
        }
    }
}

/// One person, one client, and what the client was given.
pub(super) struct World<'a> {
    app: &'a TestApp,
    flow: Flow<'a>,
    client: TestClient,
    pub(super) codes: Vec<String>,
    access: Vec<String>,
    /// By family (as the codes), by generation.
    refresh: Vec<Vec<String>>,
}

impl<'a> World<'a> {
    pub(super) async fn new(setting: &'a Setting, tenant: &'a TestTenant) -> Self {
        let flow = Flow::new(&setting.app, tenant);
        let client = flow.client().await;
        Self { app: &setting.app, flow, client, codes: Vec::new(), access: Vec::new(), refresh: Vec::new() }
    }

    fn person(&self) -> &TestPerson {
        &self.flow.tenant.person
    }

    /// A code, where the person can log in and the client is known.
    pub(super) async fn authorize(&self, model: &Model, scopes: Scopes) -> Option<String> {
        let mut parameters = self.flow.parameters(&self.client);
        parameters.push(("scope", scopes.text()));
        if !model.client || !model.person {
            let (_, html) = self.flow.page(self.flow.authorize(&parameters).await).await;
            return html.contains("name=\"decision\"").then_some(html);
        }
        let html = self.flow.consent_page(&parameters).await;
        let sent = self.flow.decide(&html, "approve", &scopes.names()).await;
        query(&location(&sent), "code")
    }

    pub(super) async fn redeem(&mut self, at: usize, spoilt: bool) -> Answer {
        let wrong = "x".repeat(43);
        let verifier = if spoilt { &wrong } else { &self.flow.verifier };
        let form = [("grant_type", "authorization_code"), ("code", &self.codes[at]), ("code_verifier", verifier)];
        let response = self.flow.token(&self.client, &form).await;
        self.answer(response, at).await
    }

    pub(super) async fn refresh(&mut self, family: usize, generation: usize, scopes: Option<Scopes>) -> Answer {
        let text = scopes.map(Scopes::text);
        let token = &self.refresh[family][generation];
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        form.extend(text.as_deref().map(|scopes| ("scope", scopes)));
        let response = self.flow.token(&self.client, &form).await;
        self.answer(response, family).await
    }

    /// Tokens by their numbers: those that were never seen before get the next.
    async fn answer(&mut self, response: Response, family: usize) -> Answer {
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        if status != StatusCode::OK {
            let known = ["invalid_grant", "invalid_scope", "access_denied"];
            let error = known.into_iter().find(|known| body["error"] == *known);
            return Answer::Error(error.unwrap_or_else(|| panic!("{status} {body}")));
        }
        let access = number(&mut self.access, text("access_token"));
        if self.refresh.len() <= family {
            self.refresh.resize(family + 1, Vec::new());
        }
        let generation = number(&mut self.refresh[family], text("refresh_token"));
        Answer::Tokens { access, family, generation, scopes: text("scope") }
    }

    async fn revoke(&self, token: &str) -> bool {
        let answer = self.flow.client_post("revoke", &self.client, &[("token", token)]).await;
        assert!([StatusCode::OK, StatusCode::BAD_REQUEST].contains(&answer.status()), "{}", answer.status());
        answer.status() == StatusCode::OK
    }

    pub(super) async fn revoke_access(&self, at: usize) -> bool {
        self.revoke(&self.access[at]).await
    }

    pub(super) async fn revoke_refresh(&self, family: usize, generation: usize) -> bool {
        self.revoke(&self.refresh[family][generation]).await
    }

    async fn grant(&self) -> Option<GrantId> {
        let grant: Option<Uuid> =
            sqlx::query_scalar("select id from access_grant where client = $1 and revoked_at is null")
                .bind(&self.client.id)
                .fetch_optional(&self.app.db.owner)
                .await
                .unwrap();
        grant.map(GrantId)
    }

    pub(super) async fn revoke_grant(&self) {
        let Some(grant) = self.grant().await else { return };
        let mut tx = self.app.app.store.tenant_tx(self.flow.tenant.id).await.unwrap();
        let ticket = revoke::grant(&mut tx, &self.app.recorder(), grant, Reason::PersonRevoked).await.unwrap();
        tx.commit().await.unwrap();
        self.app.app.node.settle(ticket).await.unwrap();
    }

    pub(super) async fn narrow_grant(&self, scopes: Scopes) {
        let Some(grant) = self.grant().await else { return };
        let narrow = "update access_grant set version = version + 1,
                   scopes = array(select s from unnest(scopes) s where s = any ($2)) where id = $1";
        let names: Vec<String> = scopes.names().into_iter().map(str::to_owned).collect();
        sqlx::query(narrow).bind(grant.0).bind(names).execute(&self.app.db.owner).await.unwrap();
        self.take(&Entry::Grant(grant)).await;
    }

    async fn take(&self, entry: &Entry) {
        let mut tx = self.app.app.store.tenant_tx(self.flow.tenant.id).await.unwrap();
        let ticket = cluster::take(&mut tx, entry, self.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.app.app.node.settle(ticket).await.unwrap();
    }

    /// As `apply` does it.
    pub(super) async fn set_client(&self, active: bool) {
        let id = ClientId::parse(&self.client.id).unwrap();
        let mut tx = self.app.app.store.tenant_tx(self.flow.tenant.id).await.unwrap();
        let mut client = clients::find_for_update(&mut tx, &id).await.unwrap().unwrap();
        client.status = if active { Status::Active } else { Status::Disabled };
        clients::update(&mut tx, &client).await.unwrap();
        tx.commit().await.unwrap();
        self.take(&Entry::Client(id)).await;
    }

    pub(super) async fn set_person(&self, active: bool) {
        let username = Username::parse(&self.person().username).unwrap();
        let mut tx = self.app.app.store.tenant_tx(self.flow.tenant.id).await.unwrap();
        if active {
            people::enable(&mut tx, &self.app.recorder(), &username).await.unwrap();
            return tx.commit().await.unwrap();
        }
        let ticket = people::disable(&mut tx, &self.app.recorder(), &username).await.unwrap();
        tx.commit().await.unwrap();
        self.app.app.node.settle(ticket).await.unwrap();
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
    }

    /// What the gateway would let an access token do.
    async fn can(&self, access: &str) -> Option<String> {
        let tenant = self.app.app.tenant(&self.flow.tenant.slug).await.unwrap().unwrap();
        let server = tenant.server(&self.flow.tenant.server.slug).unwrap();
        let handle = Handle::parse(HandleKind::AccessToken, access).unwrap();
        match sallyport::token::verify(&self.app.app, &tenant, server, &handle).await {
            Ok(call) => Some(call.verified().scopes.to_string()),
            Err(VerifyError::Invalid) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Everything that was ever given out, against the model; and what the rows must say whatever happened.
    pub(super) async fn check(&self, model: &Model) -> Result<(), String> {
        super::same(&self.access.len(), &model.access.len())?;
        for (at, access) in self.access.iter().enumerate() {
            model.is_right(at, self.can(access).await.as_deref())?;
        }
        for (family, tokens) in self.refresh.iter().enumerate() {
            super::same(&tokens.len(), &model.generations(family))
                .map_err(|wrong| format!("family {family}: {wrong}"))?;
        }
        let (given, live, twins): (i64, i64, i64) = sqlx::query_as(
            "select count(*), count(*) filter (where revoked_at is null),
                    (select count(*) from (
                        select from refresh_token where rotated_at is null group by family having count(*) > 1) twins)
               from access_grant where client = $1",
        )
        .bind(&self.client.id)
        .fetch_one(&self.app.db.owner)
        .await
        .unwrap();
        let (all, standing) = model.grants();
        super::same(&(given, live, twins), &(i64::try_from(all).unwrap(), i64::try_from(standing).unwrap(), 0))
    }
}

/// The number of a token.
fn number(known: &mut Vec<String>, token: String) -> usize {
    if let Some(at) = known.iter().position(|known| *known == token) {
        return at;
    }
    known.push(token);
    known.len() - 1
}
