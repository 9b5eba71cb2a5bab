//! Taking second factors away.

use crate::{
    audit::{Event, Personal, Recorder},
    ids::{PasskeyId, PersonId},
    people::{PersonError, Username, account::known},
    store::{StoreError, TenantTx, providers, second, sessions},
};

/// Takes away everything that a person showed at login beside the password, since it is lost; whoever is logged in as that person is
/// not any more. Whoever has to have a second factor sets one up at the next login. Accounts at identity providers are unlinked where there is a
/// password: whoever was in may have linked one of theirs. False: there was none of it.
///
/// # Errors
/// Nobody of that name may log in here; or a fault of ours.
pub async fn all(tx: &mut TenantTx, recorder: &Recorder, username: &Username) -> Result<(PersonId, bool), PersonError> {
    let row = known(tx, username).await?;
    let person = row.id;
    let (totp, passkeys) = second::reset(tx, person).await?;
    let unlinked = if row.password_hash.is_some() { unlink(tx, recorder, person).await? } else { 0 };
    sessions::end_all(tx, person, recorder.clock.now()).await?;
    let factors = totp.then_some("totp").into_iter().chain((0..passkeys).map(|_| "passkey"));
    let events = factors.map(|factor| Event::SecondFactorRemoved { person, factor });
    recorder.record_many(tx, events).await?;
    Ok((person, totp || passkeys > 0 || unlinked > 0))
}

async fn unlink(tx: &mut TenantTx, recorder: &Recorder, person: PersonId) -> Result<usize, StoreError> {
    let gone = providers::unlink_all(tx, person).await?;
    for (provider, subject) in &gone {
        let subject = Personal::new(subject, Some(person), &recorder.entropy)?;
        recorder.record(tx, &Event::IdentityUnlinked { person, provider: *provider, subject }).await?;
    }
    Ok(gone.len())
}

/// A person takes their own authenticator away, and with the last factor the codes that stand in for it. False: there was none.
pub(crate) async fn totp(tx: &mut TenantTx, recorder: &Recorder, person: PersonId) -> Result<bool, StoreError> {
    if !second::drop_totp(tx, person).await? {
        return Ok(false);
    }
    removed(tx, recorder, person, "totp").await?;
    Ok(true)
}

/// A person takes one of their passkeys away. False: it is none of theirs.
pub(crate) async fn passkey(
    tx: &mut TenantTx,
    recorder: &Recorder,
    person: PersonId,
    passkey: PasskeyId,
) -> Result<bool, StoreError> {
    if second::drop_passkeys(tx, person, Some(passkey)).await? == 0 {
        return Ok(false);
    }
    removed(tx, recorder, person, "passkey").await?;
    Ok(true)
}

async fn removed(
    tx: &mut TenantTx,
    recorder: &Recorder,
    person: PersonId,
    factor: &'static str,
) -> Result<(), StoreError> {
    recorder.record(tx, &Event::SecondFactorRemoved { person, factor }).await?;
    if !second::held(tx, person).await?.has_any() {
        second::drop_recovery_codes(tx, person).await?;
    }
    Ok(())
}
