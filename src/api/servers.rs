//! Published MCP servers. What each thing that one offers needs is accepted in the console, or written into a file of `apply`.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{Body, Check, Findings, Params},
    caller::{Caller, answer, gone, tagged},
    list::{Asked as _, Items, asked},
    precondition::Seen,
    problem::Problem,
};
use crate::{
    access::{Action, Page},
    apply::edit::{Edit, ServerChange, ServerForm},
    ids::Slug,
    store::{
        StoreError,
        overview::{self, ServerCounts},
        tenants::{self, ServerRow},
    },
};

/// Whether calls reach a server.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ServerStatus {
    Active,
    Disabled,
}

/// Which versions of MCP a server speaks.
#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Era {
    /// Each request passes in its own.
    #[default]
    Auto,
    /// 2026-07-28 and newer.
    Modern,
    /// Before 2026-07-28.
    Legacy,
}

/// What its tokens are signed with.
#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
enum Signing {
    #[default]
    EdDSA,
    ES256,
}

/// A server.
#[derive(Serialize, ToSchema)]
pub(super) struct Server {
    /// Its name in addresses, which is its `{id}` here. It never changes.
    slug: String,
    name: String,
    description: String,
    status: ServerStatus,
    /// Where clients reach it.
    address: String,
    /// Where it really is. A query may hold a key: it is left out for whoever may not edit the server.
    upstream: String,
    /// What it expects as `aud`; without a query as the upstream.
    audience: String,
    era: Era,
    signing: Signing,
    /// What a client gets that asks for no scope.
    default_scopes: Vec<String>,
    /// What anything needs that was not accepted; null: it is forbidden.
    fallback_scope: Option<String>,
    /// Accepted tools, prompts and resources.
    items: i64,
    /// Grants that are in force.
    grants: i64,
    /// Grows with every change; `ETag` is made of it.
    version: i64,
}

fn view(caller: &Caller, (row, counts): (ServerRow, ServerCounts)) -> Server {
    let whole = caller.may(Page::Servers, Action::Edit);
    let address = |url: String| match url.split_once('?') {
        Some((head, _)) if !whole => head.to_owned(),
        _ => url,
    };
    let own = caller.app.config.public_url.as_str();
    Server {
        address: format!("{own}/t/{}/mcp/{}", caller.tenant.slug, row.slug),
        upstream: address(row.upstream_url),
        audience: address(row.audience),
        era: match row.era.as_str() {
            "modern" => Era::Modern,
            "legacy" => Era::Legacy,
            _ => Era::Auto,
        },
        signing: if row.signing_alg == "ES256" { Signing::ES256 } else { Signing::EdDSA },
        status: if row.status == "active" { ServerStatus::Active } else { ServerStatus::Disabled },
        slug: row.slug,
        name: row.name,
        description: row.description,
        default_scopes: row.default_scopes,
        fallback_scope: row.fallback_scope,
        items: counts.items,
        grants: counts.grants,
        version: row.version,
    }
}

async fn all(caller: &Caller) -> Result<Vec<(ServerRow, ServerCounts)>, Problem> {
    let mut tx = caller.tx().await?;
    let fault = |error: StoreError| caller.fault(error);
    let counts = overview::of_servers(&mut tx).await.map_err(fault)?;
    let rows = tenants::servers(&mut tx).await.map_err(fault)?;
    caller.commit(tx).await?;
    let of = |row: &ServerRow| counts.iter().find(|counts| counts.server == row.id).copied();
    Ok(rows.into_iter().filter_map(|row| of(&row).map(|counts| (row, counts))).collect())
}

asked! {
    /// Which servers.
    ListServers {}
}

/// Lists servers, by their names.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/servers", tag = "servers", params(ListServers),
    responses((status = OK, description = "A part of the list.", body = Items<Server>)))]
pub(super) async fn list_servers(caller: Caller, Params(asked): Params<ListServers>) -> Result<Response, Problem> {
    let part = asked.part();
    let mut found = all(&caller).await?;
    let q = part.q.to_lowercase();
    found.retain(|(row, _)| [&row.name, &row.slug].into_iter().any(|text| text.to_lowercase().contains(&q)));
    found.sort_by_key(|(row, _)| (row.name.to_lowercase(), row.slug.clone()));
    let (limit, skip) = (part.limit(), usize::try_from(part.offset).unwrap_or_default());
    let rows = found.into_iter().skip(skip).take(usize::try_from(limit).unwrap_or_default()).collect();
    Ok(answer(StatusCode::OK, part.of(rows, |row| view(&caller, row))))
}

async fn details(caller: &Caller, slug: &str, status: StatusCode) -> Result<Response, Problem> {
    let found = all(caller).await?.into_iter().find(|(row, _)| row.slug == slug);
    let server = view(caller, found.ok_or_else(|| caller.nothing("server"))?);
    let tag = format!("v{}", server.version);
    Ok(tagged(status, server, &tag))
}

/// Shows a server.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/servers/{id}", tag = "servers",
    responses((status = OK, description = "The server.", body = Server, headers(("ETag" = String)))))]
pub(super) async fn show_server(caller: Caller) -> Result<Response, Problem> {
    details(&caller, &caller.object, StatusCode::OK).await
}

/// A server as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerFacts {
    /// What people read when they are asked.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 2000)]
    description: String,
    /// Its MCP endpoint. `https`, or `http` on this machine.
    #[schema(min_length = 1, max_length = 2000)]
    upstream: String,
    /// What it expects as `aud`; its address where nothing is said.
    #[schema(min_length = 1, max_length = 512)]
    audience: Option<String>,
    #[serde(default)]
    era: Era,
    #[serde(default)]
    signing: Signing,
}

/// A server to be published.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewServer {
    /// Its name in addresses. It never changes.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    slug: String,
    /// What is said of it.
    server: ServerFacts,
}

impl Check for ServerFacts {
    fn check(&self, findings: &mut Findings) {
        findings.length("name", &self.name, 1, 200);
        findings.length("description", &self.description, 0, 2000);
        findings.length("upstream", &self.upstream, 1, 2000);
        findings.length("audience", self.audience.as_deref().unwrap_or("-"), 1, 512);
    }
}

impl Check for NewServer {
    fn check(&self, findings: &mut Findings) {
        if Slug::parse(&self.slug).is_err() {
            findings.add("slug", "must be small letters, digits and hyphens between them, 63 at most");
        }
        self.server.check(findings);
    }
}

impl ServerFacts {
    /// The same as the console's form has it.
    fn form(self, slug: &str) -> ServerForm {
        let era = match self.era {
            Era::Auto => "auto",
            Era::Modern => "modern",
            Era::Legacy => "legacy",
        };
        let signing = match self.signing {
            Signing::EdDSA => "EdDSA",
            Signing::ES256 => "ES256",
        };
        ServerForm {
            slug: slug.to_owned(),
            name: self.name,
            description: self.description,
            upstream: self.upstream,
            audience: self.audience.unwrap_or_default(),
            era: era.to_owned(),
            signing: signing.to_owned(),
        }
    }
}

/// Publishes a server. People can be asked for access to it at once; what its tools need is accepted in the console.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/servers", tag = "servers", request_body = NewServer,
    responses((status = CREATED, description = "The server.", body = Server, headers(("ETag" = String)))))]
pub(super) async fn create_server(caller: Caller, Body(body): Body<NewServer>) -> Result<Response, Problem> {
    let form = body.server.form(&body.slug);
    let doc = form.read(&caller.tenant.slug, &caller.app.config.public_url);
    let doc = doc.map_err(|mistakes| caller.not_edited(mistakes.into()))?;
    caller.edit(Edit::NewServer(Box::new(doc))).await?;
    details(&caller, &body.slug, StatusCode::CREATED).await
}

/// The name in the path, of a server that is there.
async fn named(caller: &Caller) -> Result<Slug, Problem> {
    let nothing = || caller.nothing("server");
    let slug = Slug::parse(&caller.object).map_err(|_| nothing())?;
    let mut tx = caller.tx().await?;
    let rows = tenants::servers(&mut tx).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    if rows.iter().any(|row| row.slug == slug.as_str()) { Ok(slug) } else { Err(nothing()) }
}

/// Changes what is said of a server: all of it. Scopes, accepted tools and secrets stay.
#[utoipa::path(put, path = "/api/admin/v1/tenants/{tenant}/servers/{id}", tag = "servers", params(Seen), request_body = ServerFacts,
    responses((status = OK, description = "The server as it is now.", body = Server, headers(("ETag" = String)))))]
pub(super) async fn edit_server(
    caller: Caller,
    seen: Seen,
    Body(body): Body<ServerFacts>,
) -> Result<Response, Problem> {
    let slug = named(&caller).await?;
    let seen = seen.version()?;
    let doc = body.form(slug.as_str()).read(&caller.tenant.slug, &caller.app.config.public_url);
    let doc = doc.map_err(|mistakes| caller.not_edited(mistakes.into()))?;
    caller.edit(Edit::Server { slug, seen, change: ServerChange::Facts(Box::new(doc)) }).await?;
    details(&caller, &caller.object, StatusCode::OK).await
}

async fn change(caller: &Caller, seen: &Seen, change: ServerChange) -> Result<(), Problem> {
    let slug = named(caller).await?;
    let seen = seen.version()?;
    caller.edit(Edit::Server { slug, seen, change }).await
}

/// Lets calls reach a server again, under the grants that are still in force.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/servers/{id}/enable", tag = "servers", params(Seen),
    responses((status = OK, description = "The server as it is now.", body = Server, headers(("ETag" = String)))))]
pub(super) async fn enable_server(caller: Caller, seen: Seen) -> Result<Response, Problem> {
    change(&caller, &seen, ServerChange::Enabled(true)).await?;
    details(&caller, &caller.object, StatusCode::OK).await
}

/// Keeps calls from a server: none reaches it once this is answered. Grants stay.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/servers/{id}/disable", tag = "servers", params(Seen),
    responses((status = OK, description = "The server as it is now.", body = Server, headers(("ETag" = String)))))]
pub(super) async fn disable_server(caller: Caller, seen: Seen) -> Result<Response, Problem> {
    change(&caller, &seen, ServerChange::Enabled(false)).await?;
    details(&caller, &caller.object, StatusCode::OK).await
}

/// Takes a server away with its policy and all grants, for good.
#[utoipa::path(delete, path = "/api/admin/v1/tenants/{tenant}/servers/{id}", tag = "servers", params(Seen),
    responses((status = NO_CONTENT, description = "It is gone, on every node.")))]
pub(super) async fn remove_server(caller: Caller, seen: Seen) -> Result<Response, Problem> {
    change(&caller, &seen, ServerChange::Remove).await?;
    Ok(gone())
}
