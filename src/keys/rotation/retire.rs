//! The end of a key outside the database: when nothing needs it any more, or by force.
//!
//! By force, what it holds is taken away like any other authority: in one transaction, with audit events, through the
//! authority log. What cannot be taken away, since the key may be lost already, is at least said.

use super::{RotationError, signing};
use crate::{
    audit::{Event, PlatformEvent, Recorder},
    cluster::{self, Entry, Ticket},
    keys::{KeyKind, KeyMismatch, Keyring, KnownKey, Standing},
    store::{
        PlatformTx, Store, StoreError, TenantTx, apply,
        keys::{self as rows, KeyValues},
    },
    token::revoke::Reason,
};

/// What came of it.
#[derive(Debug)]
pub struct Retired {
    /// What ended with the key.
    pub ended: Vec<KeyValues>,
    /// The key of its kind that is in use instead, where the retired one was and is lost.
    pub replaced_by: Option<String>,
    /// It was retired before.
    pub already: bool,
}

/// What a key still holds: what would end with it by force.
///
/// # Errors
/// It is unknown, or in use and in the key file, so that force is of no use either.
pub async fn would_end(
    store: &Store,
    keyring: &Keyring,
    recorder: &Recorder,
    (kind, id): (KeyKind, &str),
) -> Result<Vec<KeyValues>, RotationError> {
    let mut tx = store.platform_tx().await?;
    let known = rows::known(&mut tx).await?;
    let key = find(&known, kind, id)?;
    if key.in_use && keyring.has(kind, id) {
        return Err(RotationError::InUse { kind, id: id.to_owned() });
    }
    let values = held(&mut tx, recorder, kind, id).await?;
    tx.commit().await?;
    Ok(values)
}

fn find<'a>(known: &'a [KnownKey], kind: KeyKind, id: &str) -> Result<&'a KnownKey, RotationError> {
    let key = known.iter().find(|key| key.kind == kind && key.id == id);
    key.ok_or_else(|| RotationError::Unknown { kind, id: id.to_owned() })
}

async fn held(tx: &mut PlatformTx, recorder: &Recorder, kind: KeyKind, id: &str) -> Result<Vec<KeyValues>, StoreError> {
    let values = rows::values(tx, recorder.clock.now()).await?;
    Ok(values.into_iter().filter(|values| values.kind == kind && values.id == id).collect())
}

/// Retires a key. With `force` whatever it holds ends; a key in use is retired only so, and only if the key file lacks it.
/// Settle the ticket.
///
/// # Errors
/// It is needed, or in use, or unknown; or a fault of ours. Nothing has changed then.
pub async fn retire(
    store: &Store,
    keyring: &Keyring,
    recorder: &Recorder,
    (kind, id): (KeyKind, &str),
    force: bool,
) -> Result<(Retired, Option<Ticket>), RotationError> {
    let mut tx = store.platform_tx().await?;
    rows::take_turn(&mut tx).await?;
    let known = rows::known(&mut tx).await?;
    // Keys of other kinds may be lost, too: each is mended by itself.
    let standing = Standing::as_far_as_possible(&keyring.check_values(), &known)?;
    let key = find(&known, kind, id)?;
    if key.retired_at.is_some() {
        // By somebody who may not have settled it yet.
        let ticket = cluster::taken_anywhere(&mut tx).await?;
        return Ok((Retired { ended: Vec::new(), replaced_by: None, already: true }, Some(ticket)));
    }
    let lost = force && !keyring.has(kind, id);
    if key.in_use && !lost {
        return Err(RotationError::InUse { kind, id: id.to_owned() });
    }
    let users = rows::holders(&mut tx, kind, id).await?.use_it;
    if users > 0 && !force {
        return Err(RotationError::StillUsed { kind, id: id.to_owned(), processes: users.unsigned_abs() });
    }
    // From here on nothing can be added to what is counted.
    rows::fence(&mut tx, kind, id).await?;
    let ended = held(&mut tx, recorder, kind, id).await?;
    if !ended.is_empty() && !force {
        return Err(RotationError::Holds { kind, id: id.to_owned(), values: ended });
    }
    rows::mark_retired(&mut tx, kind, id, recorder.clock.now()).await?;
    let forced = !ended.is_empty();
    let event = PlatformEvent::KeyRetired { key_kind: kind.name(), key_id: id.to_owned(), forced };
    recorder.record_platform(&mut tx, &event).await?;
    let replaced_by = match key.in_use {
        true => Some(replace(&mut tx, keyring, recorder, key, &known).await?),
        false => None,
    };
    let standing = standing.with_retired(kind, id);
    keyring.adopt(&match &replaced_by {
        Some(other) => standing.with_in_use(kind, other),
        None => standing,
    });
    // By force, what was not counted ends, too.
    let ticket = if force {
        tx = end(tx, keyring, recorder, kind, id).await?;
        Some(cluster::take_everywhere(&mut tx, &Entry::Tenant, recorder.clock.now()).await?)
    } else {
        None
    };
    tx.commit().await?;
    Ok((Retired { ended, replaced_by, already: false }, ticket))
}

/// Puts the first key of the file that may be used in the place of one that is lost.
async fn replace(
    tx: &mut PlatformTx,
    keyring: &Keyring,
    recorder: &Recorder,
    lost: &KnownKey,
    known: &[KnownKey],
) -> Result<String, RotationError> {
    let kind = lost.kind;
    let seen = |id: &str| known.iter().find(|key| key.kind == kind && key.id == id);
    let usable = |id: &str| seen(id).is_none_or(|key| key.retired_at.is_none());
    let ours = keyring.check_values();
    let own = ours.iter().find(|own| own.kind == kind && usable(&own.id)).ok_or(KeyMismatch::AllRetired(kind))?;
    if seen(&own.id).is_none() {
        rows::introduce(tx, own, recorder).await?;
    }
    rows::put_in_use(tx, kind, &own.id, recorder).await?;
    Ok(own.id.clone())
}

/// Takes away, tenant by tenant, what the key holds.
async fn end(
    mut tx: PlatformTx,
    keyring: &Keyring,
    recorder: &Recorder,
    kind: KeyKind,
    id: &str,
) -> Result<PlatformTx, RotationError> {
    for tenant in apply::tenants(&mut tx).await? {
        let mut own = tx.enter(tenant.id).await?;
        match kind {
            KeyKind::Pepper => end_handles(&mut own, recorder, id).await?,
            KeyKind::Kek => end_signing_keys(&mut own, keyring, recorder, id).await?,
            KeyKind::AuditHandle | KeyKind::Checkpoint => {}
        }
        tx = own.leave().await?;
    }
    Ok(tx)
}

async fn end_handles(tx: &mut TenantTx, recorder: &Recorder, pepper: &str) -> Result<(), RotationError> {
    let reason = Reason::KeyRetired.word();
    let ended = rows::end_under_pepper(tx, pepper, reason, recorder.clock.now()).await?;
    if ended == rows::Ended::default() {
        return Ok(());
    }
    let revoked = ended.families.iter().map(|&family| recorder.row(&Event::FamilyRevoked { family, reason }));
    let revoked = revoked.collect::<Result<Vec<_>, _>>()?;
    for events in revoked.chunks(1000) {
        crate::store::audit::insert_batch(tx, events).await?;
    }
    let event = Event::HandlesEnded {
        key_id: pepper.to_owned(),
        access_tokens: ended.access_tokens,
        authorizations: ended.authorizations,
        sessions: ended.sessions,
        client_secrets: ended.client_secrets,
        server_secrets: ended.server_secrets,
        registration_tokens: ended.registration_tokens,
        initial_access_tokens: ended.initial_access_tokens,
        links: ended.links,
        api_tokens: ended.api_tokens,
        recovery_codes: ended.recovery_codes,
    };
    Ok(recorder.record(tx, &event).await?)
}

/// A tenant must be able to sign: what cannot be opened is replaced at once.
async fn end_signing_keys(
    tx: &mut TenantTx,
    keyring: &Keyring,
    recorder: &Recorder,
    kek: &str,
) -> Result<(), RotationError> {
    let algs = rows::sealed_under(tx, kek).await?;
    signing::replace(tx, keyring, recorder, &algs).await?;
    Ok(())
}
