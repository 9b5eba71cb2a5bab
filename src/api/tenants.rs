//! Tenants, for administrators of the platform: names, states and numbers, and nothing of what is in them.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    body::{Body, Check, Findings, Params},
    caller::{Caller, answer, gone, tagged},
    list::{Asked as _, Items, asked},
    people::{PasswordLink, sentence},
    precondition::Seen,
    problem::Problem,
};
use crate::{
    apply::{
        ApplyError,
        edit::{Edit, fingerprint},
        tenant::{self, check_name},
    },
    ids::Slug,
    people::{PersonError, Username, link::Link},
    store::platform::{Asked, CALLS_LATELY, ListedTenant},
    tenants::Settings,
};

/// Whether a tenant works.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TenantStatus {
    Active,
    /// Nothing of it works. It can be enabled as it was.
    Disabled,
    /// It does not come back, and its name in addresses is never used again. Lists have it, where they are asked for it.
    Removed,
}

impl TenantStatus {
    fn of(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "disabled" => Self::Disabled,
            _ => Self::Removed,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct TenantView {
    /// Its name in addresses. It never changes.
    slug: String,
    name: String,
    status: TenantStatus,
    /// What clients know it by.
    issuer: String,
    /// Where its administrators look after it.
    console: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// People who may log in.
    people: i64,
    /// Published servers.
    servers: i64,
    /// Clients that may do something.
    clients: i64,
    /// Calls in 30 days.
    calls: i64,
}

fn view(caller: &Caller, row: ListedTenant) -> TenantView {
    let own = caller.app.config.public_url.as_str();
    TenantView {
        issuer: format!("{own}/t/{}", row.slug),
        console: format!("{own}/console/t/{}", row.slug),
        slug: row.slug,
        name: row.name,
        status: TenantStatus::of(&row.status),
        created_at: row.created_at,
        people: row.people,
        servers: row.servers,
        clients: row.clients,
        calls: row.calls,
    }
}

fn since(caller: &Caller) -> OffsetDateTime {
    caller.app.clock.now() - CALLS_LATELY
}

asked! {
    /// Which tenants.
    ListTenants {
        /// Only those in this state. Where nothing is said: all but removed ones.
        status: TenantStatus,
    }
}

/// Lists tenants, by their names.
#[utoipa::path(get, path = "/api/admin/v1/tenants", tag = "tenants", params(ListTenants),
    responses((status = OK, description = "A part of the list.", body = Items<TenantView>)))]
pub(super) async fn list_tenants(caller: Caller, Params(asked): Params<ListTenants>) -> Result<Response, Problem> {
    let part = asked.part();
    let wanted = Asked {
        like: part.like.clone(),
        status: asked.status.map(TenantStatus::word),
        slug: None,
        sort: "name",
        down: false,
        limit: part.limit(),
        offset: part.offset,
    };
    let found = caller.app.store.listed_tenants(&wanted, since(&caller)).await;
    let found = found.map_err(|error| caller.fault(error))?;
    Ok(answer(StatusCode::OK, part.of(found, |row| view(&caller, row))))
}

/// The tenant that the address names. Removed ones are in lists alone.
async fn named(caller: &Caller) -> Result<(Slug, ListedTenant), Problem> {
    let slug = Slug::parse(&caller.object).map_err(|_| caller.nothing("tenant"))?;
    let row = one(caller, &slug).await?;
    if row.status == TenantStatus::Removed.word() { Err(caller.nothing("tenant")) } else { Ok((slug, row)) }
}

async fn one(caller: &Caller, slug: &Slug) -> Result<ListedTenant, Problem> {
    let found = caller.app.store.listed_tenant(slug, since(caller)).await;
    found.map_err(|error| caller.fault(error))?.ok_or_else(|| caller.nothing("tenant"))
}

async fn settings(caller: &Caller, row: &ListedTenant) -> Result<Settings, Problem> {
    let recorder = caller.recorder_elsewhere();
    let settings = tenant::settings_of(caller.app.tools(&recorder), row).await;
    settings.map_err(|error| caller.fault(error))
}

async fn details(caller: &Caller) -> Result<Response, Problem> {
    let (_, row) = named(caller).await?;
    let tag = fingerprint(&row.name, &settings(caller, &row).await?);
    Ok(tagged(StatusCode::OK, view(caller, row), &tag))
}

/// Shows a tenant.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}", tag = "tenants",
    responses((status = OK, description = "The tenant.", body = TenantView, headers(("ETag" = String)))))]
pub(super) async fn show_tenant(caller: Caller) -> Result<Response, Problem> {
    details(&caller).await
}

/// A tenant to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenant {
    /// Its name in addresses. It never changes: clients know the place by it.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    slug: String,
    /// What people read on every page of theirs.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The name at login of its first administrator.
    #[schema(min_length = 1, max_length = 64)]
    administrator: String,
}

impl Check for NewTenant {
    fn check(&self, findings: &mut Findings) {
        if Slug::parse(&self.slug).is_err() {
            findings.add("slug", "must be small letters, digits and hyphens between them, 63 at most");
        }
        findings.length("name", &self.name, 1, 100);
        findings.length("administrator", &self.administrator, 1, 64);
    }
}

/// A tenant, and the link for its first administrator.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeTenant {
    tenant: TenantView,
    link: PasswordLink,
}

fn shown(caller: &Caller, slug: &Slug, link: &Link) -> PasswordLink {
    PasswordLink::of(link, &caller.app.config.public_url, slug)
}

fn name(caller: &Caller, name: &str) -> Result<(), Problem> {
    check_name(name).map_err(|why| caller.refused(format!("Nothing was changed: {why}.")))
}

/// Makes a tenant, and the link by which its first administrator chooses a password.
#[utoipa::path(post, path = "/api/admin/v1/tenants", tag = "tenants", request_body = NewTenant,
    responses((status = CREATED, description = "The tenant and the link.", body = MadeTenant)))]
pub(super) async fn create_tenant(caller: Caller, Body(body): Body<NewTenant>) -> Result<Response, Problem> {
    name(&caller, &body.name)?;
    let slug = Slug::parse(&body.slug).map_err(|error| caller.refused(sentence(&error)))?;
    let administrator = Username::parse(&body.administrator).map_err(|error| caller.refused(sentence(&error)))?;
    let recorder = caller.recorder_elsewhere();
    let new = tenant::NewTenant { slug: slug.clone(), name: body.name, administrator };
    let made = tenant::make(caller.app.tools(&recorder), &caller.app.node, new).await;
    let link = made.map_err(|error| caller.fault(error))?;
    let link =
        link.ok_or_else(|| caller.conflict("This name in addresses is taken, or was once: choose another one."))?;
    let view = view(&caller, one(&caller, &slug).await?);
    Ok(answer(StatusCode::CREATED, MadeTenant { tenant: view, link: shown(&caller, &slug, &link) }))
}

/// What a tenant is to be called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantName {
    /// What people read on every page of theirs.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl Check for TenantName {
    fn check(&self, findings: &mut Findings) {
        findings.length("name", &self.name, 1, 100);
    }
}

fn failed(caller: &Caller, error: ApplyError) -> Problem {
    match error {
        // Nobody had to say what they saw.
        ApplyError::ChangedMeanwhile(_) => caller.conflict("The tenant is in another state. Nothing was changed."),
        error => caller.not_edited(error),
    }
}

/// Changes the name of a tenant.
#[utoipa::path(put, path = "/api/admin/v1/tenants/{tenant}", tag = "tenants", params(Seen), request_body = TenantName,
    responses((status = OK, description = "The tenant as it is now.", body = TenantView, headers(("ETag" = String)))))]
pub(super) async fn edit_tenant(caller: Caller, seen: Seen, Body(body): Body<TenantName>) -> Result<Response, Problem> {
    let (slug, row) = named(&caller).await?;
    name(&caller, &body.name)?;
    let settings = Box::new(settings(&caller, &row).await?);
    let edit = Edit::Tenant { seen: seen.tag, name: body.name, settings };
    let edited = caller.edit_of(&slug, &caller.recorder_elsewhere(), edit).await;
    edited.map_err(|error| caller.not_edited(error))?;
    details(&caller).await
}

/// Does what can be done in one state alone.
async fn change(caller: &Caller, of: TenantStatus, edit: Edit) -> Result<(), Problem> {
    let (slug, row) = named(caller).await?;
    if row.status != of.word() {
        let detail = format!("The tenant is not {}. Nothing was changed.", of.word());
        return Err(caller.conflict(detail));
    }
    let edited = caller.edit_of(&slug, &caller.recorder_elsewhere(), edit).await;
    edited.map_err(|error| failed(caller, error))
}

/// Lets a tenant work again as it did: people log in, and tokens that have not expired are good.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/enable", tag = "tenants",
    responses((status = OK, description = "The tenant as it is now.", body = TenantView, headers(("ETag" = String)))))]
pub(super) async fn enable_tenant(caller: Caller) -> Result<Response, Problem> {
    change(&caller, TenantStatus::Disabled, Edit::Enabled(true)).await?;
    details(&caller).await
}

/// Shuts a tenant: no login, no token, no call of it any more, through any node, once this is answered.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/disable", tag = "tenants",
    responses((status = OK, description = "The tenant as it is now.", body = TenantView, headers(("ETag" = String)))))]
pub(super) async fn disable_tenant(caller: Caller) -> Result<Response, Problem> {
    change(&caller, TenantStatus::Active, Edit::Enabled(false)).await?;
    details(&caller).await
}

/// Removes a tenant that is disabled, for good: its name in addresses is never used again. Its audit log stays.
#[utoipa::path(delete, path = "/api/admin/v1/tenants/{tenant}", tag = "tenants",
    responses((status = NO_CONTENT, description = "It is gone, on every node.")))]
pub(super) async fn remove_tenant(caller: Caller) -> Result<Response, Problem> {
    change(&caller, TenantStatus::Disabled, Edit::Remove).await?;
    Ok(gone())
}

/// For whom a link is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdministratorLink {
    /// The name at login: of an administrator of the tenant, or one that is new there, who becomes one.
    #[schema(min_length = 1, max_length = 64)]
    administrator: String,
}

impl Check for AdministratorLink {
    fn check(&self, findings: &mut Findings) {
        findings.length("administrator", &self.administrator, 1, 64);
    }
}

/// Makes a link for an administrator of a tenant, for when none gets in any more. It is in the tenant's audit log.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/link", tag = "tenants", request_body = AdministratorLink,
    responses((status = CREATED, description = "The link.", body = PasswordLink)))]
pub(super) async fn make_administrator_link(
    caller: Caller,
    Body(body): Body<AdministratorLink>,
) -> Result<Response, Problem> {
    let (slug, row) = named(&caller).await?;
    if row.status != TenantStatus::Active.word() {
        return Err(caller.conflict("The tenant is not active. Nothing was changed."));
    }
    let username = Username::parse(&body.administrator).map_err(|error| caller.refused(sentence(&error)))?;
    let recorder = caller.recorder_elsewhere();
    let made = tenant::invite_into(caller.app.tools(&recorder), row.id, &username).await;
    let link = made.map_err(|error| match error {
        PersonError::Store(error) => caller.fault(error),
        // Who has the name there, and as what, is nothing that the platform should know.
        _ => caller.conflict("No link can be made for that name there: choose another one."),
    })?;
    Ok(answer(StatusCode::CREATED, shown(&caller, &slug, &link)))
}
