//! What a development installation has in its database: tenant `demo`, server `demo`, an administrator and a person.

use super::people::Person;
use crate::{
    app::App,
    ids::{ServerId, TenantId},
    keys::{SigningAlg, SigningError, SigningKey},
    people::{
        AdministratorError, BadPassword, BadUsername, HashError, NewPerson, Password, PasswordHash, PersonError,
        Username, create, create_administrator,
    },
    policy::{Effect, PolicySpec, Scope},
    store::{
        StoreError, keys as store_keys,
        tenants::{self, CatalogueRow, ScopeRow, ServerRow, TenantRow},
    },
};

/// The tenant's name in addresses.
pub(super) const TENANT: &str = "demo";
/// The server's name in addresses.
pub(super) const SERVER: &str = "demo";

/// What the demo upstream offers: kind, name, and whether it changes nothing.
const CATALOGUE: [(&str, &str, bool); 9] = [
    ("tool", "whoami", true),
    ("tool", "convert_time", true),
    ("tool", "note_list", true),
    ("tool", "slow_count", true),
    ("tool", "note_add", false),
    ("tool", "note_clear", false),
    ("prompt", "review_notes", true),
    ("resource", "sallyport://about", true),
    ("resource", "note://all", true),
];

/// Why the tenant could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No signing keys.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// `people.json` has a name that cannot be one.
    #[error("people.json: {0}")]
    Username(#[from] BadUsername),
    /// `people.json` has a password that cannot be one.
    #[error("people.json: {0}")]
    Password(#[from] BadPassword),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A person could not be made.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// An administrator could not be made.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
}

/// Makes what is missing, and lets the server lead to where the upstream listens this time.
pub(super) async fn sow(app: &App, people: &[Person], upstream: &str) -> Result<(), SeedError> {
    let tenant = match app.store.tenant(TENANT).await? {
        Some(tenant) => tenant.id,
        None => make_tenant(app, people).await?,
    };
    Ok(point_server(app, tenant, upstream).await?)
}

async fn make_tenant(app: &App, people: &[Person]) -> Result<TenantId, SeedError> {
    let now = app.clock.now();
    let id = TenantId::new(&app.clock, &app.entropy).map_err(StoreError::from)?;
    let row = TenantRow {
        id,
        slug: TENANT.to_owned(),
        name: "Sallyport demo".to_owned(),
        settings: serde_json::json!({}),
        status: "active".to_owned(),
    };
    let recorder = app.recorder(None);
    let mut tx = app.store.platform_tx().await?;
    tenants::insert_tenant(&mut tx, &row, now).await?;
    for person in people.iter().filter(|person| person.is_administrator()) {
        create_administrator(&mut tx, &recorder, Username::parse(&person.username)?, hash(app, person)?).await?;
    }
    let mut tx = tx.enter(id).await?;
    for alg in [SigningAlg::EdDSA, SigningAlg::ES256] {
        let key = SigningKey::generate(alg, id, &app.keyring, &app.entropy)?;
        store_keys::insert_signing_key(&mut tx, &key, now).await?;
    }
    for person in people {
        let username = Username::parse(&person.username)?;
        let new = NewPerson { username, display_name: None, password: Some(hash(app, person)?) };
        create(&mut tx, &recorder, new).await?;
    }
    tx.commit().await?;
    Ok(id)
}

fn hash(app: &App, person: &Person) -> Result<PasswordHash, SeedError> {
    let password = Password::chosen(person.password.expose())?;
    Ok(PasswordHash::of(&password, &app.config.login.argon2, &app.entropy)?)
}

async fn point_server(app: &App, tenant: TenantId, upstream: &str) -> Result<(), StoreError> {
    let starter = PolicySpec::starter();
    let row = ServerRow {
        id: ServerId::new(&app.clock, &app.entropy)?,
        slug: SERVER.to_owned(),
        name: "Demo server".to_owned(),
        description: "Keeps notes, converts times, and tells what it was sent.".to_owned(),
        upstream_url: upstream.to_owned(),
        audience: upstream.to_owned(),
        era: "auto".to_owned(),
        signing_alg: SigningAlg::EdDSA.name().to_owned(),
        default_scopes: starter.default_scopes.iter().map(ToString::to_string).collect(),
        fallback_scope: starter.fallback_scope.as_ref().map(ToString::to_string),
        version: 1,
        status: "active".to_owned(),
    };
    let mut tx = app.store.tenant_tx(tenant).await?;
    let server = tenants::upsert_server(&mut tx, &row, app.clock.now()).await?;
    let scopes = starter.scopes.iter().map(|scope| ScopeRow {
        server,
        name: scope.name.to_string(),
        effect: if scope.effect == Effect::Read { "read" } else { "change" }.to_owned(),
        description: scope.description.clone(),
    });
    let items = CATALOGUE.map(|(kind, name, read_only)| CatalogueRow {
        server,
        kind: kind.to_owned(),
        name: name.to_owned(),
        scope: if read_only { Scope::mcp_read() } else { Scope::mcp_write() }.to_string(),
        read_only,
    });
    tenants::replace_policy(&mut tx, server, &scopes.collect::<Vec<_>>(), &items).await?;
    tx.commit().await
}
