//! Making, changing and disabling people: for the command line, `apply`, and later the console.

use super::{PasswordHash, name::Username};
use crate::{
    audit::{Event, FieldChange, Personal, Recorder},
    cluster::{self, Entry, Ticket},
    ids::PersonId,
    store::{
        StoreError, TenantTx,
        people::{self, PersonRow},
        person_links, sessions,
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
    /// Whoever may not log in needs no password.
    #[error("\"{0}\" is disabled and may not log in")]
    Disabled(Username),
    /// Whoever may log in is not erased.
    #[error("\"{0}\" may still log in: run `sallyport person disable` first")]
    NotDisabled(Username),
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
    create_with(tx, recorder, new, Vec::new()).await
}

/// Like [`create`], for whoever goes on to set more of the person: the event says what.
///
/// # Errors
/// As [`create`].
pub async fn create_with(
    tx: &mut TenantTx,
    recorder: &Recorder,
    new: NewPerson,
    fields: Vec<FieldChange>,
) -> Result<PersonId, PersonError> {
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
    let name = Personal::new(&row.username, Some(id), &recorder.entropy).map_err(StoreError::from)?;
    recorder.record(tx, &Event::PersonNamed { person: id, name }).await?;
    let created = Event::AdminChanged { object: format!("person/{id}"), change: "created", fields };
    recorder.record(tx, &created).await?;
    Ok(id)
}

/// Gives a person another password. Whoever is logged in as that person is not any more.
pub async fn set_password(
    tx: &mut TenantTx,
    recorder: &Recorder,
    username: &Username,
    password: &PasswordHash,
) -> Result<PersonId, PersonError> {
    let person = known(tx, username).await?;
    people::set_password_hash(tx, person.id, password.as_str()).await?;
    sessions::end_all(tx, person.id, recorder.clock.now()).await?;
    person_links::end_all(tx, person.id, recorder.clock.now()).await?;
    changed(tx, recorder, person.id, "password changed").await?;
    Ok(person.id)
}

/// Disables a person: no login, no session, and no token of theirs works once the ticket is settled. Commit, then
/// [`settle`](crate::cluster::Node::settle) it before saying that it is done.
pub async fn disable(tx: &mut TenantTx, recorder: &Recorder, username: &Username) -> Result<Ticket, PersonError> {
    let person = known(tx, username).await?;
    people::set_status(tx, person.id, "disabled").await?;
    let now = recorder.clock.now();
    sessions::end_all(tx, person.id, now).await?;
    person_links::end_all(tx, person.id, now).await?;
    changed(tx, recorder, person.id, "disabled").await?;
    Ok(cluster::take(tx, &Entry::Person(person.id), now).await?)
}

/// Deletes what is personal of somebody who cannot log in any more, in values of events too, and says how many of these
/// there were. What stays is the person's id.
pub async fn erase(tx: &mut TenantTx, recorder: &Recorder, username: &Username) -> Result<u64, PersonError> {
    let found = people::by_username(tx, username.as_str()).await?;
    let locked = match found {
        Some(person) => people::lock(tx, person.id).await?,
        None => None,
    };
    let person = locked.ok_or_else(|| PersonError::NoSuchPerson(username.clone()))?;
    if person.is_active() {
        return Err(PersonError::NotDisabled(username.clone()));
    }
    sessions::end_all(tx, person.id, recorder.clock.now()).await?;
    let values = people::erase(tx, &person).await?;
    recorder.record(tx, &Event::PersonErased { person: person.id, values }).await?;
    Ok(values)
}

/// Lets a disabled person log in again. What tokens of theirs are still valid work again.
pub async fn enable(tx: &mut TenantTx, recorder: &Recorder, username: &Username) -> Result<PersonId, PersonError> {
    let person = known(tx, username).await?;
    people::set_status(tx, person.id, "active").await?;
    changed(tx, recorder, person.id, "enabled").await?;
    Ok(person.id)
}

/// The person of a name, locked against logins until the transaction ends.
pub(super) async fn known(tx: &mut TenantTx, username: &Username) -> Result<PersonRow, PersonError> {
    let found = people::by_username(tx, username.as_str()).await?;
    let locked = match found {
        Some(person) => people::lock(tx, person.id).await?,
        None => None,
    };
    let there = locked.filter(|person| person.status != "removed");
    there.ok_or_else(|| PersonError::NoSuchPerson(username.clone()))
}

async fn changed(
    tx: &mut TenantTx,
    recorder: &Recorder,
    person: PersonId,
    change: &'static str,
) -> Result<(), StoreError> {
    recorder.record(tx, &Event::changed(format!("person/{person}"), change)).await
}
