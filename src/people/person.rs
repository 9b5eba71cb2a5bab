//! Who is meant by a name at login.

use super::Username;
use crate::{
    ids::PersonId,
    store::{
        StoreError, TenantTx,
        people::{self, PersonRow},
    },
};

/// What attempts on one account have in common. Different spellings of a known name are one person.
pub(super) enum PersonKey {
    /// Somebody who may log in.
    Known(PersonId),
    /// A name that nobody has who may log in, folded.
    Unknown(String),
}

/// Finds the active person of a name as it was typed. Whoever is disabled is not found.
pub(super) async fn find(tx: &mut TenantTx, typed: &str) -> Result<(PersonKey, Option<PersonRow>), StoreError> {
    let row = match Username::parse(typed) {
        Ok(username) => people::by_username(tx, username.as_str()).await?.filter(PersonRow::is_active),
        Err(_) => None,
    };
    let key = match &row {
        Some(person) => PersonKey::Known(person.id),
        None => PersonKey::Unknown(typed.trim().to_lowercase()),
    };
    Ok((key, row))
}
