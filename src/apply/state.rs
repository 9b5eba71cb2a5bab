//! A tenant as it is now.

use std::collections::{BTreeMap, BTreeSet};

use super::{Document, TenantDoc, document::OwnGrant, published::Published};
use crate::{
    clients::Client,
    ids::{ClientId, PersonId, Slug},
    policy::{Scope, ScopeSet},
    store::{
        self, PlatformTx, StoreError, TenantTx,
        apply::Kind,
        people::PersonRow,
        providers::ProviderRow,
        tenants::{ServerRow, TenantRow},
    },
    tenants::{Settings, policy_spec, read_issuer},
};

/// A tenant as it is now, with all that a document can change of it.
pub(super) struct State {
    pub(super) row: TenantRow,
    pub(super) settings: Settings,
    /// By slug; without those that are removed.
    pub(super) servers: BTreeMap<String, Published>,
    /// By username in lower case; without those that are removed.
    pub(super) people: BTreeMap<String, PersonRow>,
    /// Those that the document names or that `apply` made, by id, whatever their status.
    pub(super) clients: BTreeMap<String, Client>,
    /// What clients may do for themselves, by client.
    pub(super) own: BTreeMap<String, Vec<OwnGrant>>,
    /// People whom an identity provider vouches for.
    pub(super) vouched: BTreeSet<PersonId>,
    /// By slug, whatever their status.
    pub(super) providers: BTreeMap<String, ProviderRow>,
    made: Vec<(String, String)>,
}

impl State {
    /// Reads a tenant, within the transaction that will change it.
    pub(super) async fn read(
        tx: PlatformTx,
        row: TenantRow,
        doc: Option<&TenantDoc>,
    ) -> Result<(PlatformTx, Self), StoreError> {
        let settings = serde_json::from_value(row.settings.clone()).map_err(StoreError::corrupt)?;
        let mut tx = tx.enter(row.id).await?;
        let made = store::apply::made(&mut tx).await?;
        let people = store::people::list(&mut tx).await?;
        let people = people.into_iter().map(|person| (person.username.to_lowercase(), person)).collect();
        let servers = servers(&mut tx).await?;
        let clients = clients(&mut tx, &made, doc).await?;
        let providers = store::providers::all(&mut tx).await?;
        let providers = providers.into_iter().map(|provider| (provider.slug.clone(), provider)).collect();
        let vouched = store::providers::vouched(&mut tx).await?.into_iter().collect();
        let own = own(&mut tx, &servers).await?;
        Ok((tx.leave().await?, Self { row, settings, servers, people, clients, own, vouched, providers, made }))
    }

    /// Whether `apply` made this object.
    pub(super) fn made(&self, kind: Kind, id: impl std::fmt::Display) -> bool {
        let id = id.to_string();
        self.made.iter().any(|(made, object)| made == kind.name() && *object == id)
    }
}

async fn servers(tx: &mut TenantTx) -> Result<BTreeMap<String, Published>, StoreError> {
    let rows = store::tenants::servers(tx).await?;
    let scopes = store::tenants::scopes(tx).await?;
    let items = store::tenants::catalogue(tx).await?;
    let secrets = store::server_secrets::all(tx).await?;
    let trusted = store::outside::issuers(tx).await?;
    let published = |row: ServerRow| {
        let spec = policy_spec(&row, &scopes, &items)?;
        let own = secrets.iter().filter(|(of, _)| *of == row.id).map(|(_, secret)| secret.clone()).collect();
        let issuers = trusted.iter().filter(|issuer| issuer.server == row.id).map(read_issuer);
        let issuers = issuers.collect::<Result<_, StoreError>>()?;
        Ok((row.slug.clone(), Published { row, spec, secrets: own, issuers }))
    };
    rows.into_iter().map(published).collect()
}

async fn own(
    tx: &mut TenantTx,
    servers: &BTreeMap<String, Published>,
) -> Result<BTreeMap<String, Vec<OwnGrant>>, StoreError> {
    let mut own: BTreeMap<String, Vec<OwnGrant>> = BTreeMap::new();
    for grant in store::grants::machine::all(tx).await? {
        // Grants end with their server.
        let Some(server) = servers.values().find(|server| server.row.id == grant.server) else { continue };
        let scopes: Result<ScopeSet, _> = grant.scopes.iter().map(|scope| Scope::new(scope)).collect();
        let server = Slug::parse(&server.row.slug).map_err(StoreError::corrupt)?;
        let scopes = scopes.map_err(StoreError::corrupt)?;
        own.entry(grant.client.to_string()).or_default().push(OwnGrant { server, scopes });
    }
    Ok(own)
}

async fn clients(
    tx: &mut TenantTx,
    made: &[(String, String)],
    doc: Option<&TenantDoc>,
) -> Result<BTreeMap<String, Client>, StoreError> {
    let made = made.iter().filter(|(kind, _)| kind == Kind::Client.name());
    let made = made.map(|(_, id)| ClientId::parse(id).map_err(StoreError::corrupt));
    let named = doc.iter().flat_map(|doc| &doc.clients).map(|client| Ok(client.id.clone()));
    let mut found = BTreeMap::new();
    for id in made.chain(named) {
        if let Some(client) = store::clients::find(tx, &id?).await? {
            found.insert(client.id.to_string(), client);
        }
    }
    Ok(found)
}

impl Document {
    pub(super) fn tenant(&self, slug: &str) -> Option<&TenantDoc> {
        self.tenants.iter().find(|tenant| tenant.slug.as_str() == slug)
    }
}
