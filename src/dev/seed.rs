//! What a development installation has in its database: tenant `demo`, server `demo`, an administrator and a person.
//!
//! It is planted once. Later starts touch only what must change, so that whatever else was changed since stays.

use super::people::Person;
use crate::{
    app::App,
    apply::{self, ApplyError, Document, PasswordDoc, PersonDoc, PolicyDoc, Prune, ServerDoc, TenantDoc, Tools},
    audit::Event,
    cluster::{self, Entry},
    ids::{BadName, Slug, TenantId},
    keys::SigningAlg,
    people::{
        BadPassword, BadUsername, HashError, Password, Username,
        platform::{self, AdministratorError},
    },
    policy::{CatalogueItem, ItemKind, Scope},
    store::{StoreError, people, tenants},
    tenants::EraSetting,
};

/// The tenant's name in addresses.
pub(super) const TENANT: &str = "demo";
/// The server's name in addresses.
pub(super) const SERVER: &str = "demo";

/// Why the tenant could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tenant does not fit what is there.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// `people.json` has a name that cannot be one.
    #[error("people.json: {0}")]
    Username(#[from] BadUsername),
    /// `people.json` has a password that cannot be one.
    #[error("people.json: {0}")]
    Password(#[from] BadPassword),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// An administrator could not be made.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
    /// A name of ours is none. Tests see to it that this does not happen.
    #[error(transparent)]
    Name(#[from] BadName),
}

/// Makes everything, at the first start.
pub(super) async fn plant(app: &App, people: &[Person], upstream: &str) -> Result<(), SeedError> {
    for person in people.iter().filter(|person| person.is_administrator()) {
        appoint(app, person).await?;
    }
    let recorder = app.recorder(None);
    let tools = Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
    let (_, ticket) = apply::run(tools, &document(people, upstream)?, Prune::Nothing).await?;
    match ticket {
        Some(ticket) => Ok(app.node.settle(ticket).await?),
        None => Ok(()),
    }
}

/// Lets the server lead to where the upstream listens this time.
pub(super) async fn point_server(app: &App, tenant: TenantId, upstream: &str) -> Result<(), StoreError> {
    let mut tx = app.store.tenant_tx(tenant).await?;
    let servers = tenants::servers(&mut tx).await?;
    // Somebody may have removed it.
    let Some(mut server) = servers.into_iter().find(|server| server.slug == SERVER) else { return Ok(()) };
    upstream.clone_into(&mut server.upstream_url);
    upstream.clone_into(&mut server.audience);
    let id = tenants::upsert_server(&mut tx, &server, app.clock.now()).await?;
    let changed = Event::changed(format!("server/{id}"), "changed");
    app.recorder(None).record(&mut tx, &changed).await?;
    let ticket = cluster::take(&mut tx, &Entry::Server(id), app.clock.now()).await?;
    tx.commit().await?;
    app.node.settle(ticket).await
}

/// Makes an administrator of the platform, unless a start that was cut off has done so.
async fn appoint(app: &App, person: &Person) -> Result<(), SeedError> {
    let username = Username::parse(&person.username)?;
    let hash = app.passwords.hash(Password::chosen(person.password.expose())?).await?;
    let recorder = app.recorder(None);
    let (mut tx, _) = platform::place(app.store.platform_tx().await?, (&recorder, &app.keyring)).await?;
    let tx = match people::by_username(&mut tx, username.as_str()).await? {
        Some(_) => tx.leave().await?,
        None => platform::create_administrator(tx, &recorder, username, hash).await?,
    };
    Ok(tx.commit().await?)
}

fn document(people: &[Person], upstream: &str) -> Result<Document, SeedError> {
    let tenant = TenantDoc {
        slug: Slug::parse(TENANT)?,
        name: "Sallyport demo".to_owned(),
        settings: crate::tenants::Settings::default(),
        enabled: Some(true),
        servers: vec![server(upstream)?],
        people: people.iter().map(person).collect::<Result<_, _>>()?,
        clients: Vec::new(),
        providers: Vec::new(),
        line: None,
    };
    Ok(Document { file: String::new(), tenants: vec![tenant] })
}

fn server(upstream: &str) -> Result<ServerDoc, BadName> {
    Ok(ServerDoc {
        slug: Slug::parse(SERVER)?,
        name: "Demo server".to_owned(),
        description: "Keeps notes, converts times, and tells what it was sent.".to_owned(),
        upstream: upstream.to_owned(),
        audience: upstream.to_owned(),
        era: EraSetting::Auto,
        signing: SigningAlg::EdDSA,
        introspection_secrets: None,
        policy: PolicyDoc { catalogue: Some(catalogue()), ..PolicyDoc::default() },
        issuers: Vec::new(),
        enabled: Some(true),
        line: None,
    })
}

fn person(person: &Person) -> Result<PersonDoc, SeedError> {
    Ok(PersonDoc {
        username: Username::parse(&person.username)?,
        display_name: person.username.clone(),
        roles: person.roles.clone(),
        password: Some(PasswordDoc::Clear(Password::chosen(person.password.expose())?)),
        enabled: Some(true),
        line: None,
    })
}

/// What the demo upstream offers, as an administrator would accept it.
fn catalogue() -> Vec<CatalogueItem> {
    let item = |kind, name: &str, read_only| CatalogueItem {
        kind,
        name: name.to_owned(),
        scope: if read_only { Scope::mcp_read() } else { Scope::mcp_write() },
        read_only,
    };
    let reading = ["whoami", "convert_time", "note_list", "slow_count"].map(|name| item(ItemKind::Tool, name, true));
    let changing = ["note_add", "note_clear"].map(|name| item(ItemKind::Tool, name, false));
    let prompts = ["review_notes"].map(|name| item(ItemKind::Prompt, name, true));
    let resources = ["sallyport://about", "note://all"].map(|uri| item(ItemKind::Resource, uri, true));
    reading.into_iter().chain(changing).chain(prompts).chain(resources).collect()
}
