//! Clients: who registered, and their standing.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    body::{Body, Check, Findings, Params},
    caller::{Caller, answer, gone},
    list::{Asked as _, Items, asked},
    problem::Problem,
};
use crate::{
    clients::{
        self, AuthMethod,
        standing::{self, Remember, StandingError},
    },
    ids::ClientId,
    store::{
        TenantTx,
        clients::{self as rows, listed, standing as standings},
    },
};

/// The longest reason, in characters.
const REASON: usize = 300;

/// Whether a client may do anything.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ClientStatus {
    /// It may.
    Active,
    /// It waits for an approval.
    Pending,
    /// It is suspended.
    Disabled,
}

/// How a client came.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ClientOrigin {
    /// It registered itself.
    Registered,
    /// An administrator wrote it down in a file of `sallyport apply`.
    Configured,
    /// Its id is the address of a document that describes it.
    Document,
    /// An outside issuer named it.
    Outside,
}

/// A client.
#[derive(Serialize, ToSchema)]
pub(super) struct Client {
    /// Its `client_id`.
    id: String,
    /// What it calls itself.
    name: String,
    status: ClientStatus,
    origin: ClientOrigin,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last authenticated, to the hour.
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
    /// Grants of it that are in force.
    grants: i64,
}

/// A client with what it registered.
#[derive(Serialize, ToSchema)]
pub(super) struct ClientDetails {
    #[serde(flatten)]
    client: Client,
    /// Where answers go.
    redirect_uris: Vec<String>,
    /// How it proves itself: `none`, `client_secret_basic`, `client_secret_post` or `private_key_jwt`.
    token_endpoint_auth_method: AuthMethodName,
    /// Why it is suspended, in an administrator's words.
    suspended_because: Option<String>,
    /// What it registered, whole (RFC 7591).
    #[schema(value_type = Object)]
    metadata: serde_json::Value,
}

/// How a client proves itself.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AuthMethodName {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl ClientStatus {
    const fn of(status: clients::Status) -> Option<Self> {
        match status {
            clients::Status::Active => Some(Self::Active),
            clients::Status::Pending => Some(Self::Pending),
            clients::Status::Disabled => Some(Self::Disabled),
            clients::Status::Removed => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Disabled => "disabled",
        }
    }
}

impl From<clients::Origin> for ClientOrigin {
    fn from(origin: clients::Origin) -> Self {
        match origin {
            clients::Origin::Registered => Self::Registered,
            clients::Origin::Configured => Self::Configured,
            clients::Origin::Document => Self::Document,
            clients::Origin::Outside => Self::Outside,
        }
    }
}

asked! {
    /// Which clients.
    ListClients {
        /// Only those in this state.
        status: ClientStatus,
    }
}

fn listed(row: listed::ListedRow) -> Option<Client> {
    Some(Client {
        id: row.id.to_string(),
        name: row.name,
        status: ClientStatus::of(clients::Status::parse(&row.status)?)?,
        origin: clients::Origin::parse(&row.origin)?.into(),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        grants: row.grants,
    })
}

/// Lists clients, the newest first. Each registration is an item of its own.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/clients", tag = "clients", params(ListClients),
    responses((status = OK, description = "A part of the list.", body = Items<Client>)))]
pub(super) async fn list_clients(caller: Caller, Params(asked): Params<ListClients>) -> Result<Response, Problem> {
    let part = asked.part();
    let wanted = listed::Asked {
        like: part.like.clone(),
        status: asked.status.map(ClientStatus::word),
        origin: None,
        sort: "created",
        down: true,
        limit: part.limit(),
        offset: part.offset,
        each: true,
    };
    let mut tx = caller.tx().await?;
    let found = listed::page(&mut tx, &wanted).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    let views = found.into_iter().map(|row| listed(row).ok_or_else(|| caller.fault("a client of an unknown kind")));
    let views = views.collect::<Result<Vec<_>, _>>()?;
    Ok(answer(StatusCode::OK, part.of(views, |view| view)))
}

/// The client that the address names. Removed ones are not there.
async fn named(caller: &Caller, tx: &mut TenantTx) -> Result<clients::Client, Problem> {
    let nothing = || caller.nothing("client");
    let id = ClientId::parse(&caller.object).map_err(|_| nothing())?;
    let client = rows::find(tx, &id).await.map_err(|error| caller.fault(error))?;
    client.filter(|client| client.status != clients::Status::Removed).ok_or_else(nothing)
}

async fn details(caller: &Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let client = named(caller, &mut tx).await?;
    let grants = standings::grants(&mut tx, &client.id).await.map_err(|error| caller.fault(error))?;
    let suspension = standings::suspension(&mut tx, &client.id).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    let status = ClientStatus::of(client.status).ok_or_else(|| caller.nothing("client"))?;
    let meta = &client.metadata;
    let view = ClientDetails {
        redirect_uris: meta.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        token_endpoint_auth_method: match meta.token_endpoint_auth_method {
            AuthMethod::None => AuthMethodName::None,
            AuthMethod::ClientSecretBasic => AuthMethodName::ClientSecretBasic,
            AuthMethod::ClientSecretPost => AuthMethodName::ClientSecretPost,
            AuthMethod::PrivateKeyJwt => AuthMethodName::PrivateKeyJwt,
        },
        suspended_because: suspension.and_then(|suspension| suspension.reason),
        metadata: serde_json::to_value(meta).map_err(|error| caller.fault(error))?,
        client: Client {
            name: client.name().to_owned(),
            id: client.id.to_string(),
            status,
            origin: client.origin.into(),
            created_at: client.created_at,
            last_used_at: client.last_used_at,
            grants,
        },
    };
    Ok(answer(StatusCode::OK, view))
}

/// Shows a client.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/clients/{id}", tag = "clients",
    responses((status = OK, description = "The client.", body = ClientDetails)))]
pub(super) async fn show_client(caller: Caller) -> Result<Response, Problem> {
    details(&caller).await
}

/// Whether an approval is for what registers later, too.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Others {
    /// For this client only.
    #[default]
    No,
    /// For the same software, if nobody else can receive its answers.
    Software,
    /// For whatever says that it is this software: its answers may go to a person's own computer, where any program can say so.
    WhateverSaysSo,
}

/// An approval.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// Whether it is for others of its kind, too, now and later.
    #[serde(default)]
    others: Others,
}

impl Check for Approval {}

/// A suspension.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Suspension {
    /// One line that people read who come with this client.
    #[schema(min_length = 1, max_length = 300)]
    reason: Option<String>,
}

impl Check for Suspension {
    fn check(&self, findings: &mut Findings) {
        if let Some(reason) = &self.reason {
            findings.length("reason", reason, 1, REASON);
        }
    }
}

fn failed(caller: &Caller, error: StandingError) -> Problem {
    match error {
        StandingError::Store(error) => caller.fault(error),
        StandingError::Gone(_) => caller.nothing("client"),
        StandingError::Reason => caller.refused("A reason is one line that can be seen."),
        StandingError::NotPending(..) => caller.conflict("It does not wait for an approval."),
        StandingError::NotSuspended(_) => caller.conflict("It is not suspended."),
        StandingError::Suspended(_) => caller.conflict("It is suspended: resume it first."),
        StandingError::Configured(_) => {
            caller.conflict("It was written down in a file of `sallyport apply`: take it out there.")
        }
        StandingError::Unproved(_) => caller.conflict(
            "Its answers go to a program on a person's own computer, so any program there can call itself so: approve this client \
             alone, or whatever_says_so.",
        ),
    }
}

/// Approves a client that waits.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/clients/{id}/approve", tag = "clients", request_body = Approval,
    responses((status = OK, description = "The client as it is now.", body = ClientDetails)))]
pub(super) async fn approve_client(caller: Caller, Body(approval): Body<Approval>) -> Result<Response, Problem> {
    let remember = match approval.others {
        Others::No => Remember::No,
        Others::Software => Remember::Software,
        Others::WhateverSaysSo => Remember::WhateverSaysSo,
    };
    let mut tx = caller.tx().await?;
    let id = named(&caller, &mut tx).await?.id;
    let approved = standing::approve(&mut tx, &caller.recorder(), &id, remember).await;
    approved.map_err(|error| failed(&caller, error))?;
    caller.commit(tx).await?;
    details(&caller).await
}

/// Suspends a client: nothing of it is accepted on any node once this is answered. It keeps its registration and its tokens.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/clients/{id}/suspend", tag = "clients", request_body = Suspension,
    responses((status = OK, description = "The client as it is now.", body = ClientDetails)))]
pub(super) async fn suspend_client(caller: Caller, Body(body): Body<Suspension>) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let id = named(&caller, &mut tx).await?.id;
    let ticket = standing::suspend(&mut tx, &caller.recorder(), &id, body.reason.as_deref()).await;
    let ticket = ticket.map_err(|error| failed(&caller, error))?;
    caller.settle(tx, ticket).await?;
    details(&caller).await
}

/// Lets a suspended client go on as it was.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/clients/{id}/resume", tag = "clients",
    responses((status = OK, description = "The client as it is now.", body = ClientDetails)))]
pub(super) async fn resume_client(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let id = named(&caller, &mut tx).await?.id;
    standing::resume(&mut tx, &caller.recorder(), &id).await.map_err(|error| failed(&caller, error))?;
    caller.commit(tx).await?;
    details(&caller).await
}

/// Removes a client with all that was granted to it, for good.
#[utoipa::path(delete, path = "/api/admin/v1/tenants/{tenant}/clients/{id}", tag = "clients",
    responses((status = NO_CONTENT, description = "It is gone, on every node.")))]
pub(super) async fn remove_client(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let id = named(&caller, &mut tx).await?.id;
    let ticket = standing::remove(&mut tx, &caller.recorder(), &id).await.map_err(|error| failed(&caller, error))?;
    caller.settle(tx, ticket).await?;
    Ok(gone())
}
