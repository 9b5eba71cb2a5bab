//! A tenant out of its rows.

use std::{collections::BTreeMap, sync::Arc};

use super::{EraSetting, OutsideIssuer, Server, Settings, Tenant};
use crate::{
    config::PublicUrl,
    ids::Slug,
    keys::{Keyring, SigningAlg, SigningKeys},
    policy::{CatalogueItem, Effect, ItemKind, PolicySpec, Scope, ScopeDef, ScopeSet, ServerPolicy},
    store::{
        self, Store, StoreError,
        outside::{self, IssuerRow},
        tenants::{CatalogueRow, ScopeRow, ServerRow},
    },
};

/// What there is of a name.
pub(crate) enum Found {
    /// A tenant that serves.
    Active(Box<Tenant>),
    /// A tenant that is disabled or removed.
    Inactive,
    /// Nothing.
    Absent,
}

/// Reads a tenant with its servers and keys. `None` where there is none, or where it is not active.
pub async fn load(
    store: &Store,
    keyring: &Keyring,
    public_url: &PublicUrl,
    slug: &Slug,
) -> Result<Option<Tenant>, StoreError> {
    match find(store, keyring, public_url, slug).await? {
        Found::Active(tenant) => Ok(Some(*tenant)),
        Found::Inactive | Found::Absent => Ok(None),
    }
}

/// The same, and tells what is not active from what is not there.
pub(crate) async fn find(
    store: &Store,
    keyring: &Keyring,
    public_url: &PublicUrl,
    slug: &Slug,
) -> Result<Found, StoreError> {
    let Some(row) = store.tenant(slug.as_str()).await? else { return Ok(Found::Absent) };
    if row.status != "active" {
        return Ok(Found::Inactive);
    }
    // A list would be read, too, as the settings in their order.
    if !row.settings.is_object() {
        return Err(StoreError::corrupt("tenant.settings"));
    }
    let settings: Settings = serde_json::from_value(row.settings).map_err(StoreError::corrupt)?;
    let mut tx = store.tenant_tx(row.id).await?;
    let servers = store::tenants::servers(&mut tx).await?;
    let scopes = store::tenants::scopes(&mut tx).await?;
    let catalogue = store::tenants::catalogue(&mut tx).await?;
    let secrets = store::server_secrets::all(&mut tx).await?;
    let issuers = outside::issuers(&mut tx).await?;
    let keys = store::keys::signing_keys(&mut tx).await?;
    tx.commit().await?;
    let signing = SigningKeys::open(keys, row.id, keyring).map_err(StoreError::corrupt)?;
    let mut by_slug = BTreeMap::new();
    for server in servers.into_iter().filter(|server| server.status == "active") {
        let mut built = read_server(&server, &scopes, &catalogue, public_url, slug)?;
        let own = secrets.iter().filter(|(of, _)| *of == built.id);
        built.introspection = own.map(|(_, secret)| secret.hash).collect();
        built.issuers = read_issuers(&issuers, &built, public_url)?;
        by_slug.insert(server.slug, Arc::new(built));
    }
    let issuer = format!("{}/t/{slug}", public_url.as_str());
    let tenant = Tenant {
        id: row.id,
        slug: slug.clone(),
        name: row.name,
        issuer,
        settings,
        signing,
        platform: row.platform,
        servers: by_slug,
    };
    Ok(Found::Active(Box::new(tenant)))
}

fn read_server(
    row: &ServerRow,
    scopes: &[ScopeRow],
    items: &[CatalogueRow],
    public_url: &PublicUrl,
    tenant: &Slug,
) -> Result<Server, StoreError> {
    let slug = Slug::parse(&row.slug).map_err(StoreError::corrupt)?;
    let base = public_url.as_str();
    Ok(Server {
        id: row.id,
        name: row.name.clone(),
        description: row.description.clone(),
        upstream_url: url::Url::parse(&row.upstream_url).map_err(StoreError::corrupt)?,
        audience: row.audience.clone(),
        era: EraSetting::parse(&row.era).ok_or_else(|| StoreError::corrupt("server.era"))?,
        alg: SigningAlg::parse(&row.signing_alg).ok_or_else(|| StoreError::corrupt("server.signing_alg"))?,
        version: row.version,
        policy: read_policy(row, scopes, items)?,
        introspection: Vec::new(),
        issuers: Vec::new(),
        resource: format!("{base}/t/{tenant}/mcp/{slug}"),
        metadata_url: format!("{base}/.well-known/oauth-protected-resource/t/{tenant}/mcp/{slug}"),
        slug,
    })
}

/// The issuers of a server. One that has become ours since it was written down, by another public URL, is none.
fn read_issuers(rows: &[IssuerRow], server: &Server, public_url: &PublicUrl) -> Result<Vec<OutsideIssuer>, StoreError> {
    let mut issuers = Vec::new();
    for row in rows.iter().filter(|row| row.server == server.id) {
        let issuer = read_issuer(row)?;
        let good = issuer.check(public_url).and_then(|()| issuer.check_audiences(public_url, &server.resource));
        match good {
            Ok(()) => issuers.push(issuer),
            Err((key, why)) => {
                tracing::error!(server = %server.slug, issuer = issuer.issuer, "an outside issuer is left out: {key} {why}");
            }
        }
    }
    Ok(issuers)
}

/// An issuer out of its row.
pub(crate) fn read_issuer(row: &IssuerRow) -> Result<OutsideIssuer, StoreError> {
    let issuer: OutsideIssuer = serde_json::from_value(row.settings.clone()).map_err(StoreError::corrupt)?;
    if issuer.issuer == row.issuer { Ok(issuer) } else { Err(StoreError::corrupt("server_issuer.issuer")) }
}

fn read_policy(row: &ServerRow, scopes: &[ScopeRow], items: &[CatalogueRow]) -> Result<ServerPolicy, StoreError> {
    ServerPolicy::try_from(policy_spec(row, scopes, items)?).map_err(StoreError::corrupt)
}

/// A server's policy as it is stored, out of the rows of all servers of the tenant.
pub(crate) fn policy_spec(
    row: &ServerRow,
    scopes: &[ScopeRow],
    items: &[CatalogueRow],
) -> Result<PolicySpec, StoreError> {
    let mut defs = Vec::new();
    for scope in scopes.iter().filter(|scope| scope.server == row.id) {
        let effect = if scope.effect == "read" { Effect::Read } else { Effect::Change };
        let max_auth_age = scope.max_auth_age.map(u32::try_from).transpose().map_err(StoreError::corrupt)?;
        let name = read_scope(&scope.name)?;
        defs.push(ScopeDef { name, effect, description: scope.description.clone(), max_auth_age });
    }
    let mut catalogue = Vec::new();
    for item in items.iter().filter(|item| item.server == row.id) {
        let kind = match item.kind.as_str() {
            "tool" => ItemKind::Tool,
            "prompt" => ItemKind::Prompt,
            "resource" => ItemKind::Resource,
            _ => return Err(StoreError::corrupt("catalogue_item.kind")),
        };
        catalogue.push(CatalogueItem {
            kind,
            name: item.name.clone(),
            scope: read_scope(&item.scope)?,
            read_only: item.read_only,
        });
    }
    let default_scopes = row.default_scopes.iter().map(|scope| read_scope(scope)).collect::<Result<ScopeSet, _>>()?;
    Ok(PolicySpec {
        challenge_scopes: default_scopes.clone(),
        default_scopes,
        read_scope: read_scope_of(&defs).ok_or_else(|| StoreError::corrupt("a server without scopes"))?,
        fallback_scope: row.fallback_scope.as_deref().map(read_scope).transpose()?,
        scopes: defs,
        catalogue,
    })
}

/// The scope that is proposed for what only reads: the first that reads, else the first.
pub(crate) fn read_scope_of(scopes: &[ScopeDef]) -> Option<Scope> {
    scopes.iter().find(|def| def.effect == Effect::Read).or(scopes.first()).map(|def| def.name.clone())
}

fn read_scope(text: &str) -> Result<Scope, StoreError> {
    Scope::new(text).map_err(StoreError::corrupt)
}
