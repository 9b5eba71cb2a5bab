//! Making, changing and disabling people: for the command line, `apply`, and later the console.

use super::{PasswordHash, name::Username};
use crate::{
    audit::{Event, Recorder},
    ids::PersonId,
    store::{
        StoreError, TenantTx,
        people::{self, PersonRow},
    },
};

/// Why a person could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// Somebody has that name already, maybe in other case.
    #[error("the username \"{0}\" is taken in this tenant; choose another one")]
    UsernameTaken(Username),
    /// Nobody has that name.
    #[error("nobody in this tenant has the username \"{0}\"")]
    NoSuchPerson(Username),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A person to be.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// The name at login.
    pub username: Username,
    /// The name on pages; the username where there is none.
    pub display_name: Option<String>,
    /// None: the person cannot log in with a password.
    pub password: Option<PasswordHash>,
}

/// Makes a person.
///
/// # Errors
/// The transaction is broken afterwards: roll it back.
pub async fn create(tx: &mut TenantTx, recorder: &Recorder, new: NewPerson) -> Result<PersonId, PersonError> {
    let id = PersonId::new(&recorder.clock, &recorder.entropy).map_err(StoreError::from)?;
    let row = PersonRow {
        id,
        username: new.username.as_str().to_owned(),
        display_name: new.display_name.unwrap_or_else(|| new.username.as_str().to_owned()),
        password_hash: new.password.map(|hash| hash.as_str().to_owned()),
        roles: vec!["person".to_owned()],
        status: "active".to_owned(),
    };
    match people::insert(tx, &row, recorder.clock.now()).await {
        Err(error) if error.violated() == Some(people::USERNAME_TAKEN) => {
            return Err(PersonError::UsernameTaken(new.username));
        }
        result => result?,
    }
    recorder.record(tx, &Event::AdminChanged { object: format!("person/{id}"), change: "created" }).await?;
    Ok(id)
}
