//! Administrators of the platform.

use super::{PasswordHash, Username};
use crate::{
    audit::{PlatformEvent, Recorder},
    ids::new_uuid,
    store::{
        PlatformTx, StoreError,
        administrators::{self, AdministratorRow},
    },
};

/// Why an administrator could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// Somebody has that name already, maybe in other case.
    #[error("there is an administrator \"{0}\" already; choose another name")]
    UsernameTaken(Username),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an administrator, and says so in the platform log.
///
/// # Errors
/// The transaction is broken afterwards: roll it back.
pub async fn create(
    tx: &mut PlatformTx,
    recorder: &Recorder,
    username: Username,
    password: PasswordHash,
) -> Result<(), AdministratorError> {
    let row = AdministratorRow {
        id: new_uuid(&recorder.clock, &recorder.entropy).map_err(StoreError::from)?,
        username: username.as_str().to_owned(),
        password_hash: password.as_str().to_owned(),
        status: "active".to_owned(),
    };
    match administrators::insert(tx, &row, recorder.clock.now()).await {
        Err(error) if error.violated() == Some(administrators::USERNAME_TAKEN) => {
            return Err(AdministratorError::UsernameTaken(username));
        }
        result => result?,
    }
    let created = PlatformEvent::AdministratorCreated { administrator: row.id };
    Ok(recorder.record_platform(tx, &created).await?)
}
