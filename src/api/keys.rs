//! Keys that sign tokens for upstream servers: their age, and the next one.

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    caller::{Caller, answer},
    list::Items,
    problem::Problem,
};
use crate::{
    keys::{SigningState, rotation::signing},
    store::keys::{self as rows, SigningKeyRow},
};

/// Where a key is in its life.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    /// Published, and signs soon.
    Next,
    /// Signs.
    Active,
    /// Signs no more; what it signed can still be verified.
    Published,
    Retired,
}

/// A key that signs tokens for servers.
#[derive(Serialize, ToSchema)]
pub(super) struct SigningKey {
    /// The key id, as the key set has it.
    kid: String,
    /// `EdDSA` or `ES256`.
    alg: String,
    state: KeyState,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it signs from, or signed from.
    #[serde(with = "time::serde::rfc3339")]
    signs_from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    retired_at: Option<OffsetDateTime>,
}

impl From<SigningKeyRow> for SigningKey {
    fn from(row: SigningKeyRow) -> Self {
        Self {
            kid: row.kid,
            alg: row.alg.name().to_owned(),
            state: match row.state {
                SigningState::Next => KeyState::Next,
                SigningState::Active => KeyState::Active,
                SigningState::Published => KeyState::Published,
                SigningState::Retired => KeyState::Retired,
            },
            created_at: row.created_at,
            signs_from: row.active_at,
            retired_at: row.retired_at,
        }
    }
}

async fn all(caller: &Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let keys = rows::signing_key_rows(&mut tx, false).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    Ok(answer(StatusCode::OK, Items::with(keys.into_iter().map(SigningKey::from).collect(), None)))
}

/// Lists the tenant's signing keys, oldest first, all at once.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/keys", tag = "keys",
    responses((status = OK, description = "The keys.", body = Items<SigningKey>)))]
pub(super) async fn list_keys(caller: Caller) -> Result<Response, Problem> {
    all(&caller).await
}

/// Publishes the next key of each algorithm, which signs after a while. Where one waits already, nothing is changed.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/keys/rotate", tag = "keys",
    responses((status = OK, description = "The keys as they are now.", body = Items<SigningKey>)))]
pub(super) async fn rotate_keys(caller: Caller) -> Result<Response, Problem> {
    let app = &caller.app;
    let mut tx = caller.tx().await?;
    let begun = signing::begin(&mut tx, &app.keyring, &caller.recorder(), app.config.keys.signing.lead).await;
    if let (_, Some(ticket)) = begun.map_err(|error| caller.fault(error))? {
        caller.settle(tx, ticket).await?;
    }
    all(&caller).await
}
