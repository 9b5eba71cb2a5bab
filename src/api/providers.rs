//! Identity providers: who vouches for people, and what they need for it.

mod facts;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::{Body, Params},
    caller::{Caller, answer, gone, tagged},
    list::{Asked as _, Items, asked},
    precondition::Seen,
    problem::Problem,
};
use crate::{
    apply::edit::{Edit, ProviderChange},
    ids::Slug,
    people::oidc::{self, Finding, Listed, Provider, Verdict},
    store::TenantTx,
};
use facts::{AuthMethod, NewProvider, ProviderFacts, ProviderRules};

/// Whether people log in through a provider.
#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderStatus {
    Active,
    Disabled,
}

/// An identity provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub(super) struct ProviderView {
    /// Its name in addresses, which is its `{id}` here. It never changes, and is never used again.
    slug: String,
    /// What its button says.
    name: String,
    status: ProviderStatus,
    /// Its issuer identifier. It never changes.
    issuer: String,
    /// What it calls this place.
    client_id: String,
    auth_method: AuthMethod,
    /// Whether a client secret is kept. It is never shown.
    has_secret: bool,
    settings: ProviderRules,
    /// To write down at the provider: where it sends people back to.
    redirect_uri: String,
    /// To write down at the provider: where it says that somebody is logged out there.
    logout_uri: String,
    /// People whom it is known for.
    people: i64,
    /// Logins through it that are in force.
    sessions: i64,
    /// Grows with every change; `ETag` is made of it.
    version: i64,
}

fn status(provider: &Provider) -> ProviderStatus {
    if provider.row.status == "active" { ProviderStatus::Active } else { ProviderStatus::Disabled }
}

fn view(caller: &Caller, Listed { provider, counts }: Listed) -> ProviderView {
    let (status, redirect_uri) = (status(&provider), provider.redirect_uri(&caller.tenant));
    let logout_uri = provider.logout_uri(&caller.tenant);
    let Provider { row, settings } = provider;
    ProviderView {
        slug: row.slug,
        name: row.name,
        status,
        issuer: row.issuer,
        client_id: row.client_id,
        auth_method: AuthMethod::of(&row.auth_method),
        has_secret: row.secret.is_some(),
        settings: settings.into(),
        redirect_uri,
        logout_uri,
        people: counts.people,
        sessions: counts.sessions,
        version: row.version,
    }
}

async fn all(caller: &Caller, tx: &mut TenantTx) -> Result<Vec<Listed>, Problem> {
    Listed::all(tx, caller.app.clock.now()).await.map_err(|error| caller.fault(error))
}

/// The provider of this name. Removed ones are not there.
async fn named(caller: &Caller, tx: &mut TenantTx, slug: &str) -> Result<(Slug, Listed), Problem> {
    let slug = Slug::parse(slug).map_err(|_| caller.nothing("identity provider"))?;
    let found = all(caller, tx).await?.into_iter().find(|known| known.provider.row.slug == slug.as_str());
    found.map(|known| (slug, known)).ok_or_else(|| caller.nothing("identity provider"))
}

asked! {
    /// Which providers.
    ListProviders {
        /// Only those in this state.
        status: ProviderStatus,
    }
}

/// Lists identity providers, by their names.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/providers", tag = "providers", params(ListProviders),
    responses((status = OK, description = "A part of the list.", body = Items<ProviderView>)))]
pub(super) async fn list_providers(caller: Caller, Params(asked): Params<ListProviders>) -> Result<Response, Problem> {
    let part = asked.part();
    let mut tx = caller.tx().await?;
    let mut found = all(&caller, &mut tx).await?;
    caller.commit(tx).await?;
    let q = part.q.to_lowercase();
    found.retain(|Listed { provider, .. }| {
        let row = &provider.row;
        let texts = [&row.name, &row.slug, &row.issuer, &row.client_id];
        texts.into_iter().any(|text| text.to_lowercase().contains(&q))
            && asked.status.is_none_or(|wanted| wanted == status(provider))
    });
    found.sort_by_key(|known| (known.provider.row.name.to_lowercase(), known.provider.row.slug.clone()));
    let (limit, skip) = (part.limit(), usize::try_from(part.offset).unwrap_or_default());
    let rows = found.into_iter().skip(skip).take(usize::try_from(limit).unwrap_or_default()).collect();
    Ok(answer(StatusCode::OK, part.of(rows, |known| view(&caller, known))))
}

async fn details(caller: &Caller, slug: &str, status: StatusCode) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (_, known) = named(caller, &mut tx, slug).await?;
    caller.commit(tx).await?;
    let tag = format!("v{}", known.provider.row.version);
    Ok(tagged(status, view(caller, known), &tag))
}

/// Shows an identity provider.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/providers/{id}", tag = "providers",
    responses((status = OK, description = "The provider.", body = ProviderView, headers(("ETag" = String)))))]
pub(super) async fn show_provider(caller: Caller) -> Result<Response, Problem> {
    details(&caller, &caller.object, StatusCode::OK).await
}

/// Adds an identity provider: people can log in through it at once, as its settings say.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/providers", tag = "providers", request_body = NewProvider,
    responses((status = CREATED, description = "The provider.", body = ProviderView, headers(("ETag" = String)))))]
pub(super) async fn create_provider(caller: Caller, Body(body): Body<NewProvider>) -> Result<Response, Problem> {
    let NewProvider { slug, issuer, provider } = body;
    let (form, secret) = provider.form(&slug, &issuer);
    let doc = form.read(secret, &caller.tenant.slug, &caller.app.config.public_url);
    let doc = doc.map_err(|mistakes| caller.not_edited(mistakes.into()))?;
    caller.edit(Edit::NewProvider(Box::new(doc))).await?;
    details(&caller, &slug, StatusCode::CREATED).await
}

/// Makes a change to the provider that the address names.
async fn change(
    caller: &Caller,
    seen: &Seen,
    change: impl FnOnce(&Provider) -> Result<ProviderChange, Problem>,
) -> Result<(), Problem> {
    let mut tx = caller.tx().await?;
    let (slug, known) = named(caller, &mut tx, &caller.object).await?;
    caller.commit(tx).await?;
    let seen = seen.version()?;
    let change = change(&known.provider)?;
    caller.edit(Edit::Provider { slug, seen, change }).await
}

/// Changes what is said of a provider: all of it but its slug and its issuer. A client secret that is not said stays.
#[utoipa::path(put, path = "/api/admin/v1/tenants/{tenant}/providers/{id}", tag = "providers", params(Seen), request_body = ProviderFacts,
    responses((status = OK, description = "The provider as it is now.", body = ProviderView, headers(("ETag" = String)))))]
pub(super) async fn edit_provider(
    caller: Caller,
    seen: Seen,
    Body(body): Body<ProviderFacts>,
) -> Result<Response, Problem> {
    let facts = |old: &Provider| {
        let (form, secret) = body.form(&old.row.slug, &old.row.issuer);
        let doc = form.read(secret, &caller.tenant.slug, &caller.app.config.public_url);
        let doc = doc.map_err(|mistakes| caller.not_edited(mistakes.into()))?;
        Ok(ProviderChange::Facts(Box::new(doc)))
    };
    change(&caller, &seen, facts).await?;
    details(&caller, &caller.object, StatusCode::OK).await
}

/// Lets people log in through a provider again.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/providers/{id}/enable", tag = "providers", params(Seen),
    responses((status = OK, description = "The provider as it is now.", body = ProviderView, headers(("ETag" = String)))))]
pub(super) async fn enable_provider(caller: Caller, seen: Seen) -> Result<Response, Problem> {
    change(&caller, &seen, |_| Ok(ProviderChange::Enabled(true))).await?;
    details(&caller, &caller.object, StatusCode::OK).await
}

/// Logs out whoever came by a provider, and lets nobody come by it. Where a tenant takes no passwords, nobody comes in any more
/// once its last provider is disabled.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/providers/{id}/disable", tag = "providers", params(Seen),
    responses((status = OK, description = "The provider as it is now.", body = ProviderView, headers(("ETag" = String)))))]
pub(super) async fn disable_provider(caller: Caller, seen: Seen) -> Result<Response, Problem> {
    change(&caller, &seen, |_| Ok(ProviderChange::Enabled(false))).await?;
    details(&caller, &caller.object, StatusCode::OK).await
}

/// Takes a provider away with its client secret, for good: nobody is known by it any more. Accounts and grants stay.
#[utoipa::path(delete, path = "/api/admin/v1/tenants/{tenant}/providers/{id}", tag = "providers", params(Seen),
    responses((status = NO_CONTENT, description = "It is gone, on every node.")))]
pub(super) async fn remove_provider(caller: Caller, seen: Seen) -> Result<Response, Problem> {
    change(&caller, &seen, |_| Ok(ProviderChange::Remove)).await?;
    Ok(gone())
}

/// How one thing is that was looked at.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProbeVerdict {
    Good,
    /// Logins work, and something could be better.
    Mind,
    /// Logins do not work.
    Wrong,
    /// Nobody can tell from here: the client secret is tested by a login alone.
    Untested,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
struct ProbeFinding {
    /// What.
    what: &'static str,
    verdict: ProbeVerdict,
    /// What was found.
    found: String,
    /// What to do; null where nothing is to be done.
    advice: Option<&'static str>,
}

/// What a provider says of itself.
#[derive(Serialize, ToSchema)]
pub(super) struct ProviderProbe {
    /// Whether people can log in through it, by what it says of itself.
    works: bool,
    findings: Vec<ProbeFinding>,
}

impl From<Finding> for ProbeFinding {
    fn from(finding: Finding) -> Self {
        let verdict = match finding.verdict {
            Verdict::Good => ProbeVerdict::Good,
            Verdict::Mind => ProbeVerdict::Mind,
            Verdict::Wrong => ProbeVerdict::Wrong,
            Verdict::Untested => ProbeVerdict::Untested,
        };
        let advice = Some(finding.advice).filter(|advice| !advice.is_empty());
        Self { what: finding.what, verdict, found: finding.found, advice }
    }
}

/// Fetches a provider's metadata and keys, as a login would, and says what is wrong with them. Nothing changes there or here.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/providers/{id}/probe", tag = "providers",
    responses((status = OK, description = "What was found, step by step.", body = ProviderProbe)))]
pub(super) async fn probe_provider(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (_, known) = named(&caller, &mut tx, &caller.object).await?;
    let found = oidc::probe(&caller.app, (tx, caller.recorder()), &caller.tenant, &known.provider).await;
    let found = found.map_err(|error| caller.fault(error))?;
    let works = found.iter().all(|finding| finding.verdict != Verdict::Wrong);
    let findings = found.into_iter().map(ProbeFinding::from).collect();
    Ok(answer(StatusCode::OK, ProviderProbe { works, findings }))
}
