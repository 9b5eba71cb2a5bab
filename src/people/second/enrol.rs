//! Setting up an authenticator.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    recovery::{self, RecoveryCode},
    totp::{Code, TotpSecret},
};
use crate::{
    audit::{Event, Recorder},
    ids::{PersonId, TenantId},
    keys::{Keyring, open_under, seal_under},
    secret::{Entropy, Handle},
    store::{StoreError, TenantTx, second},
};

const LABEL: &str = "authenticator to be";

/// Where the secret of a person's authenticator is sealed.
pub(crate) fn secret_place(tenant: TenantId, person: PersonId) -> String {
    format!("{tenant}/person_totp/{person}")
}

/// A secret that its person has not confirmed yet: it travels in the form, sealed under a handle that only this browser has.
pub(crate) fn pending(
    holder: &Handle,
    person: PersonId,
    secret: &TotpSecret,
    entropy: &Entropy,
) -> Result<String, StoreError> {
    let sealed = seal_under(holder, LABEL, person.0.as_bytes(), secret.bytes(), entropy)?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// The secret, if it was made for this browser and person.
pub(crate) fn confirmed(holder: &Handle, person: PersonId, pending: &str) -> Option<TotpSecret> {
    let sealed = URL_SAFE_NO_PAD.decode(pending).ok()?;
    TotpSecret::read(&open_under(holder, LABEL, person.0.as_bytes(), &sealed).ok()?)
}

/// What came of it.
pub(crate) enum Enrolled {
    /// It is set up. With recovery codes to show, where there were none.
    Done(Vec<RecoveryCode>),
    /// The code does not fit.
    Wrong,
    /// The person has an authenticator already.
    Already,
}

/// Sets up an authenticator whose code was just shown.
pub(crate) async fn add(
    tx: &mut TenantTx,
    (recorder, keyring): (&Recorder, &Keyring),
    person: PersonId,
    (secret, code): (&TotpSecret, Code),
) -> Result<Enrolled, StoreError> {
    let now = recorder.clock.now();
    let Some(step) = secret.accepted(code, now, None) else { return Ok(Enrolled::Wrong) };
    let place = secret_place(tx.tenant(), person);
    let sealed = keyring.seal(place.as_bytes(), secret.bytes(), &recorder.entropy)?;
    let step = i64::try_from(step).map_err(StoreError::corrupt)?;
    if !second::add_totp(tx, person, &sealed, step, now).await? {
        return Ok(Enrolled::Already);
    }
    recorder.record(tx, &Event::SecondFactorAdded { person, factor: "totp" }).await?;
    let codes = match second::held(tx, person).await?.recovery_codes {
        0 => recovery::renew(tx, (recorder, keyring), person).await?,
        _ => Vec::new(),
    };
    Ok(Enrolled::Done(codes))
}
