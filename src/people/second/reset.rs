//! Taking second factors away.

use crate::{
    audit::{Event, Recorder},
    ids::PersonId,
    people::{PersonError, Username, account::known},
    store::{StoreError, TenantTx, second, sessions},
};

/// Takes away everything that a person showed at login beside the password, since it is lost; whoever is logged in as that person is
/// not any more. Whoever has to have a second factor sets one up at the next login. False: there was none.
///
/// # Errors
/// Nobody of that name may log in here; or a fault of ours.
pub async fn all(tx: &mut TenantTx, recorder: &Recorder, username: &Username) -> Result<(PersonId, bool), PersonError> {
    let person = known(tx, username).await?.id;
    let had = second::reset(tx, person).await?;
    sessions::end_all(tx, person, recorder.clock.now()).await?;
    if had {
        recorder.record(tx, &Event::SecondFactorRemoved { person, factor: "totp" }).await?;
    }
    Ok((person, had))
}

/// A person takes their own authenticator away, and with the last factor the codes that stand in for it. False: there was none.
pub(crate) async fn totp(tx: &mut TenantTx, recorder: &Recorder, person: PersonId) -> Result<bool, StoreError> {
    if !second::drop_totp(tx, person).await? {
        return Ok(false);
    }
    recorder.record(tx, &Event::SecondFactorRemoved { person, factor: "totp" }).await?;
    if !second::held(tx, person).await?.has_any() {
        second::drop_recovery_codes(tx, person).await?;
    }
    Ok(true)
}
