//! Rows for what a token of an outside issuer is mapped to. They are written only for tokens that are good: the first time,
//! when it may do more than those before, and when it lives longer.

use time::Duration;

use super::{BadToken, OutsideError, claims::Mapped, is_after};
use crate::{
    app::App,
    audit::{Event, Recorder},
    clients::{AuthMethod, Client, Metadata, Origin, Status},
    ids::{FamilyId, GrantId, TenantId},
    store::{
        self, TenantTx,
        outside::{self as rows, Mapping},
    },
    tenants::OutsideIssuer,
};

/// Clients of outside issuers that come to one tenant for the first time in a day, at most. Where an issuer lets anybody
/// register, these are anybody's.
const CLIENTS_A_DAY: i64 = 1_000;

/// Makes sure that client, grant and family are there, and that the grant covers the token.
pub(super) async fn keep(
    app: &App,
    tenant: TenantId,
    issuer: &OutsideIssuer,
    of: Mapping<'_>,
    mapped: &Mapped,
) -> Result<(), OutsideError> {
    let (recorder, now) = (app.recorder(None), app.clock.now());
    let mut tx = app.store.tenant_tx(tenant).await?;
    keep_client(&mut tx, &recorder, issuer, of, mapped).await?;
    let scopes: Vec<String> = mapped.scopes.iter().map(ToString::to_string).collect();
    let fresh = GrantId::new(&app.clock, &app.entropy)?;
    let (grant, changed) = rows::widen(&mut tx, fresh, of, &scopes, now).await?;
    // With the grant locked, a revocation came before and is seen, or comes later and ends this grant.
    if !is_after(mapped.issued_at, rows::ended_at(&mut tx, of, grant.id).await?) {
        return Err(BadToken::Revoked.into());
    }
    let fresh = FamilyId::new(&app.clock, &app.entropy)?;
    let family = rows::keep_family(&mut tx, fresh, grant.id, mapped.expires_at, now).await?;
    if changed || family == fresh {
        let (client, scopes) = (of.client.clone(), grant.scopes);
        let mapped = Event::GrantMapped { grant: grant.id, family, client, server: of.server, scopes };
        recorder.record(&mut tx, &mapped).await?;
    }
    Ok(tx.commit().await?)
}

async fn keep_client(
    tx: &mut TenantTx,
    recorder: &Recorder,
    issuer: &OutsideIssuer,
    of: Mapping<'_>,
    mapped: &Mapped,
) -> Result<(), OutsideError> {
    if is_known(tx, of).await? {
        return Ok(());
    }
    let now = recorder.clock.now();
    let count = rows::clients_after(tx, now - Duration::DAY).await?;
    // Somebody else may have been faster; from here on nobody is.
    if is_known(tx, of).await? {
        return Ok(());
    }
    if count >= CLIENTS_A_DAY {
        return Err(OutsideError::TooMany);
    }
    let name = format!("{} at {}", mapped.client, issuer.issuer);
    let client = Client {
        id: of.client.clone(),
        origin: Origin::Outside,
        metadata: Metadata { client_name: Some(name), ..Metadata::new(Vec::new(), AuthMethod::None) },
        status: Status::Active,
        secret: None,
        registration: None,
        created_at: now,
        last_used_at: None,
    };
    store::clients::insert(tx, &client).await?;
    let event =
        Event::ClientMapped { client: client.id, issuer: issuer.issuer.clone(), outside_client: mapped.client.clone() };
    Ok(recorder.record(tx, &event).await?)
}

/// Whether the client is written down. One of this name that is none of outside, or that may do nothing, is nobody's.
async fn is_known(tx: &mut TenantTx, of: Mapping<'_>) -> Result<bool, OutsideError> {
    match store::clients::find(tx, of.client).await? {
        Some(client) if client.origin == Origin::Outside && client.status == Status::Active => Ok(true),
        Some(_) => Err(BadToken::Client.into()),
        None => Ok(false),
    }
}
