//! Rows for what a token of an outside issuer is mapped to. They are written only for tokens that are good: the first time,
//! when it may do more than those before, and when it lives longer.

use time::Duration;

use super::{BadToken, OutsideError, claims::Mapped, is_after};
use crate::{
    app::App,
    audit::{Event, Personal, Recorder},
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

/// What comes from us in a subject, and what the issuer calls it.
fn own_part(subject: &str) -> (&str, &str) {
    let place = subject.match_indices(':').nth(1).map_or(0, |(place, _)| place + 1);
    subject.split_at_checked(place).unwrap_or(("", subject))
}

/// A subject as events have it.
pub(super) fn recorded(subject: &str, commitment: &str) -> String {
    format!("{}{commitment}", own_part(subject).0)
}

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
    let subject = Personal::new(own_part(of.subject).1, None, &app.entropy)?;
    let (grant, commitment, changed) = rows::widen(&mut tx, (fresh, subject.commitment()), of, &scopes, now).await?;
    let is_new = commitment == subject.commitment();
    let subject = if is_new { subject } else { Personal::known(commitment) };
    // With the grant locked, a revocation came before and is seen, or comes later and ends this grant.
    if !is_after(mapped.issued_at, rows::ended_at(&mut tx, of, grant.id).await?) {
        return Err(BadToken::Revoked.into());
    }
    let fresh = FamilyId::new(&app.clock, &app.entropy)?;
    let family = rows::keep_family(&mut tx, fresh, grant.id, mapped.expires_at, now).await?;
    if changed || is_new || family == fresh {
        let (client, scopes) = (of.client.clone(), grant.scopes);
        let mapped = Event::GrantMapped { grant: grant.id, family, client, subject, server: of.server, scopes };
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
    let outside_client = Personal::new(&mapped.client, None, &recorder.entropy)?;
    let event = Event::ClientMapped { client: client.id, issuer: issuer.issuer.clone(), outside_client };
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
