//! Grants: what people allowed clients on servers, and how it is taken back, one or many.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    body::{Body, Check, Findings, Params},
    caller::{Caller, answer, gone},
    list::{Asked as _, Items, asked},
    problem::Problem,
};
use crate::{
    ids::{ClientId, GrantId, PersonId},
    store::{
        TenantTx, clients,
        grants::{
            listed,
            many::{self, Selection, StandingRow},
        },
        people,
    },
    token::{
        kill_switch,
        revoke::{self, Reason},
    },
};

/// A grant that is in force.
#[derive(Serialize, ToSchema)]
pub(super) struct Grant {
    id: Uuid,
    /// The name at login of the person who gave it; null where a client acts for itself.
    person: Option<String>,
    /// The `client_id`.
    client: String,
    /// What the client calls itself.
    client_name: String,
    /// The server's name in addresses.
    server: String,
    scopes: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When tokens were last issued under it.
    #[serde(with = "time::serde::rfc3339::option")]
    last_token_at: Option<OffsetDateTime>,
    /// Installations that hold tokens under it, or can get some.
    installations: i64,
}

impl From<StandingRow> for Grant {
    fn from(row: StandingRow) -> Self {
        Self {
            id: row.id.0,
            person: row.person,
            client: row.client,
            client_name: row.client_name,
            server: row.server,
            scopes: row.scopes,
            created_at: row.created_at,
            last_token_at: row.last_token_at,
            installations: row.families,
        }
    }
}

asked! {
    /// Which grants.
    ListGrants {}
}

/// Lists grants that are in force, the newest first.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/grants", tag = "grants", params(ListGrants),
    responses((status = OK, description = "A part of the list.", body = Items<Grant>)))]
pub(super) async fn list_grants(caller: Caller, Params(asked): Params<ListGrants>) -> Result<Response, Problem> {
    let part = asked.part();
    let (limit, offset) = (part.limit(), part.offset);
    let wanted = listed::Asked { ended: false, like: part.like.clone(), sort: "created", down: true, limit, offset };
    let mut tx = caller.tx().await?;
    let found = listed::page(&mut tx, &wanted, caller.app.clock.now()).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    Ok(answer(StatusCode::OK, part.of(found, Grant::from)))
}

/// The grant that the address names, if it is in force.
async fn named(caller: &Caller, tx: &mut TenantTx) -> Result<StandingRow, Problem> {
    let id = caller.uuid("grant in force")?;
    let of = Selection { ids: Some(vec![GrantId(id)]), ..Selection::default() };
    let found = many::standing(tx, &of, caller.app.clock.now()).await.map_err(|error| caller.fault(error))?;
    found.into_iter().next().ok_or_else(|| caller.nothing("grant in force"))
}

/// Shows a grant that is in force.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/grants/{id}", tag = "grants",
    responses((status = OK, description = "The grant.", body = Grant)))]
pub(super) async fn show_grant(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let row = named(&caller, &mut tx).await?;
    caller.commit(tx).await?;
    Ok(answer(StatusCode::OK, Grant::from(row)))
}

/// Takes a grant back: every token of it is refused on every node once this is answered.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/grants/{id}/revoke", tag = "grants",
    responses((status = NO_CONTENT, description = "It is not in force any more.")))]
pub(super) async fn revoke_grant(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let row = named(&caller, &mut tx).await?;
    let ticket = revoke::grant(&mut tx, &caller.recorder(), row.id, Reason::AdministratorRevoked).await;
    let ticket = ticket.map_err(|error| caller.fault(error))?;
    caller.settle(tx, ticket).await?;
    Ok(gone())
}

/// Which grants are taken back: those that fit everything that is named.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ManyGrants {
    /// Those of this client.
    #[schema(min_length = 1, max_length = 2000)]
    client: Option<String>,
    /// Those that this person gave.
    person: Option<Uuid>,
    /// Those for this server.
    #[schema(min_length = 1, max_length = 63)]
    server: Option<String>,
    /// Those of everybody. Must be said where nothing is named.
    #[serde(default)]
    everything: bool,
    /// Only count them.
    #[serde(default)]
    dry_run: bool,
}

impl Check for ManyGrants {
    fn check(&self, findings: &mut Findings) {
        findings.length("client", self.client.as_deref().unwrap_or("-"), 1, 2000);
        findings.length("server", self.server.as_deref().unwrap_or("-"), 1, 63);
    }
}

/// How much was taken back, or would be.
#[derive(Serialize, ToSchema)]
pub(super) struct Extent {
    /// Whether they are taken back; false for a dry run.
    revoked: bool,
    grants: i64,
    /// Installations that hold tokens under them.
    installations: i64,
    /// People who gave them, and clients that act for themselves.
    subjects: i64,
    /// Clients that have them.
    clients: i64,
}

/// Reads what was chosen. What is no id of anything here chooses nothing, so it must not pass for "everything".
async fn chosen(caller: &Caller, tx: &mut TenantTx, asked: &ManyGrants) -> Result<Selection, Problem> {
    let mut selection = Selection::default();
    if let Some(client) = &asked.client {
        let id = ClientId::parse(client).map_err(|_| caller.refused("There is no such client."))?;
        let known = clients::find(tx, &id).await.map_err(|error| caller.fault(error))?;
        selection.client = Some(known.ok_or_else(|| caller.refused("There is no such client."))?.id);
    }
    if let Some(person) = asked.person {
        let known = people::by_id(tx, PersonId(person)).await.map_err(|error| caller.fault(error))?;
        selection.person = Some(known.ok_or_else(|| caller.refused("There is no such person."))?.id);
    }
    if let Some(server) = &asked.server {
        let known = caller.tenant.server(server).ok_or_else(|| caller.refused("There is no such server."))?;
        selection.server = Some(known.id);
    }
    let named = selection.client.is_some() || selection.person.is_some() || selection.server.is_some();
    if named == asked.everything {
        return Err(caller.refused("Name a client, a person or a server, or say everything: one of both."));
    }
    Ok(selection)
}

/// Takes many grants back at once, or says how many that would be.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/grants/revoke", tag = "grants", request_body = ManyGrants,
    responses((status = OK, description = "How much it was, or would be.", body = Extent)))]
pub(super) async fn revoke_many(caller: Caller, Body(asked): Body<ManyGrants>) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let selection = chosen(&caller, &mut tx, &asked).await?;
    let extent = many::extent(&mut tx, &selection, caller.app.clock.now()).await;
    let extent = extent.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    let mut view = Extent {
        revoked: false,
        grants: extent.grants,
        installations: extent.families,
        subjects: extent.subjects,
        clients: extent.clients,
    };
    if !asked.dry_run {
        let of = [(caller.tenant.id, selection)];
        let (revoked, ticket) = kill_switch::revoke(&caller.app.store, &caller.recorder(), &of)
            .await
            .map_err(|error| caller.fault(error))?;
        caller.settled(ticket).await?;
        view.revoked = true;
        view.grants = i64::try_from(revoked.grants).unwrap_or(i64::MAX);
        view.installations = i64::try_from(revoked.installations).unwrap_or(i64::MAX);
    }
    Ok(answer(StatusCode::OK, view))
}
