//! What a person may be, changed by an administrator.

use crate::{
    access::Role,
    audit::{Event, FieldChange, Recorder, Shown},
    cluster::Ticket,
    ids::PersonId,
    store::{self, StoreError, TenantTx, people::PersonRow},
};

use super::{PersonError, Username, disable};

/// Why roles were not changed.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// Nobody could let anybody in any more.
    #[error("this is the last administrator who can log in; make another one first")]
    LastAdministrator,
    /// Nobody takes the role from themselves.
    #[error("these are your own roles: let another administrator take yours away")]
    Own,
    /// Nobody shuts themselves out.
    #[error("this is you: let another administrator do it")]
    Yourself,
    /// Somebody was quicker.
    #[error("the roles were changed by somebody else meanwhile; nothing was changed")]
    Meanwhile,
    /// There is nobody.
    #[error("this person is gone")]
    Gone,
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives a person exactly these roles, if they have those that were `seen`. Sessions of somebody who loses one end, as they do
/// by a file of `apply`.
///
/// # Errors
/// Nothing was changed.
pub async fn set_roles(
    tx: &mut TenantTx,
    recorder: &Recorder,
    person: PersonId,
    seen: &[Role],
    wanted: &[Role],
) -> Result<bool, RolesError> {
    // Two who each take the role from the other wait here for one another.
    store::people::lock_administrators(tx).await?;
    let row = store::people::lock(tx, person).await?.filter(|row| row.status != "removed").ok_or(RolesError::Gone)?;
    let now = Role::of_words(&row.roles);
    let same = |a: &[Role], b: &[Role]| a.iter().all(|role| b.contains(role)) && b.iter().all(|role| a.contains(role));
    if !same(&now, seen) {
        return Err(RolesError::Meanwhile);
    }
    if same(&now, wanted) {
        return Ok(false);
    }
    let was = now.contains(&Role::Administrator) && row.is_active();
    if was && !wanted.contains(&Role::Administrator) {
        keep_one(tx, person).await?;
    }
    let words = |roles: &[Role]| roles.iter().map(|role| role.word().to_owned()).collect::<Vec<_>>();
    let (old, new) = (words(&now), words(wanted));
    store::people::set_roles(tx, person, &new).await?;
    if now.iter().any(|role| !wanted.contains(role)) {
        store::sessions::end_all(tx, person, recorder.clock.now()).await?;
    }
    let field = FieldChange {
        name: "roles".to_owned(),
        old: Some(Shown::Text(old.join(", "))),
        new: Some(Shown::Text(new.join(", "))),
    };
    let changed = Event::AdminChanged { object: format!("person/{person}"), change: "changed", fields: vec![field] };
    recorder.record(tx, &changed).await?;
    Ok(true)
}

/// [`set_roles`] by an administrator, who does not make themselves something else.
///
/// # Errors
/// Nothing was changed.
pub async fn appoint(
    tx: &mut TenantTx,
    recorder: &Recorder,
    (by, person): (PersonId, PersonId),
    seen: &[Role],
    wanted: &[Role],
) -> Result<bool, RolesError> {
    if by == person && !wanted.contains(&Role::Administrator) {
        return Err(RolesError::Own);
    }
    set_roles(tx, recorder, person, seen, wanted).await
}

/// Disables somebody as an administrator does: neither themselves nor the last one. Settle the ticket after the commit.
///
/// # Errors
/// Nothing was changed.
pub async fn shut_out(
    tx: &mut TenantTx,
    recorder: &Recorder,
    (by, person): (PersonId, PersonId),
) -> Result<Ticket, RolesError> {
    if by == person {
        return Err(RolesError::Yourself);
    }
    let row = there(tx, person).await?;
    if Role::of_words(&row.roles).contains(&Role::Administrator) {
        keep_one(tx, person).await?;
    }
    let username = Username::parse(&row.username).map_err(StoreError::corrupt)?;
    disable(tx, recorder, &username).await.map_err(|error| match error {
        PersonError::Store(error) => RolesError::Store(error),
        _ => RolesError::Gone,
    })
}

async fn there(tx: &mut TenantTx, person: PersonId) -> Result<PersonRow, RolesError> {
    let row = store::people::by_id(tx, person).await?;
    row.filter(|row| row.status != "removed").ok_or(RolesError::Gone)
}

/// That somebody else is an administrator who can log in.
///
/// # Errors
/// Nobody is.
pub async fn keep_one(tx: &mut TenantTx, but: PersonId) -> Result<(), RolesError> {
    store::people::lock_administrators(tx).await?;
    match store::people::other_administrators(tx, but).await? {
        0 => Err(RolesError::LastAdministrator),
        _ => Ok(()),
    }
}
