//! Bearer tokens of the admin API.
//!
//! They are looked up in the database at each use, and so is what their person may be: one that was taken back is refused at
//! once, everywhere, and so are all of somebody who was disabled.

use serde::Serialize;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{BadRight, Rights};
use crate::{
    access::{RULES, Role, may},
    audit::{Event, Recorder},
    ids::ApiTokenId,
    keys::Keyring,
    people::Username,
    secret::{Handle, HandleKind},
    store::{
        StoreError, TenantTx,
        api_tokens::{self as rows, ApiTokenRow, LiveApiToken},
        people, tenants,
    },
};

/// Characters of a note.
const NOTE: usize = 200;
/// The longest life of one.
pub const LONGEST: Duration = Duration::days(365);

/// Why a token could not be made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum ApiTokenError {
    /// Rights that are none.
    #[error(transparent)]
    Right(#[from] BadRight),
    /// Nobody has that name, or whoever has it may not log in.
    #[error("nobody who may log in has the username \"{0}\" in this tenant")]
    NoSuchPerson(Username),
    /// A member's token could do nothing.
    #[error("\"{0}\" is neither an administrator nor an auditor of this tenant, so a token could do nothing for them")]
    NoRole(Username),
    /// The person may do nothing of it.
    #[error("\"{0}\" may do nothing of what these rights name")]
    Beyond(Username),
    /// It would live too long, or not at all.
    #[error("a token of the admin API lives for {} days at most, and for a second at least", LONGEST.whole_days())]
    Life,
    /// The note does not fit into a list.
    #[error("a note is one line of {NOTE} characters at most")]
    Note,
    /// The text names none. It is not repeated: it may be the token itself.
    #[error("this is no id of a token: `api-token list` has them")]
    BadId,
    /// There is none of this id, or it was taken back before.
    #[error("there is no token {0} in this tenant that could be taken back")]
    Unknown(ApiTokenId),
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A token to be.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// For whom it acts.
    pub person: Username,
    /// What it may be used for.
    pub rights: Vec<String>,
    /// For how long.
    pub life: Duration,
    /// What it is for.
    pub note: String,
}

/// A token, as administrators see it.
#[derive(Clone, Debug, Serialize)]
pub struct ApiToken {
    /// What names it.
    pub id: ApiTokenId,
    /// For whom it acts.
    pub person: String,
    /// What it is for.
    pub note: String,
    /// What it may be used for.
    pub rights: Vec<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when it can be used.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// When it was used last, within some minutes.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was taken back.
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

impl From<ApiTokenRow> for ApiToken {
    fn from(row: ApiTokenRow) -> Self {
        let ApiTokenRow { id, username, note, rights, created_at, expires_at, last_used_at, revoked_at } = row;
        Self { id, person: username, note, rights, created_at, expires_at, last_used_at, revoked_at }
    }
}

/// Makes a token. It is in the returned handle and nowhere else.
///
/// # Errors
/// Nothing was made.
pub async fn create(
    tx: &mut TenantTx,
    (recorder, keyring): (&Recorder, &Keyring),
    new: NewApiToken,
) -> Result<(Handle, ApiToken), ApiTokenError> {
    let NewApiToken { person: username, rights: words, life, note } = new;
    let rights = Rights::parse(&words)?;
    if life < Duration::SECOND || life > LONGEST {
        return Err(ApiTokenError::Life);
    }
    if note.chars().count() > NOTE || note.chars().any(char::is_control) {
        return Err(ApiTokenError::Note);
    }
    let person = match people::by_username(tx, username.as_str()).await? {
        Some(person) => people::lock(tx, person.id).await?,
        None => None,
    };
    let Some(person) = person.filter(people::PersonRow::is_active) else {
        return Err(ApiTokenError::NoSuchPerson(username));
    };
    let roles = Role::of_words(&person.roles);
    if !roles.iter().any(|role| *role != Role::Member) {
        return Err(ApiTokenError::NoRole(username));
    }
    let platform = tenants::is_platform(tx).await?;
    let mut there = RULES.iter().filter(|rule| rule.page.is_at(platform));
    if !there.any(|rule| rights.cover(rule) && may(&roles, rule.page, rule.action).is_ok()) {
        return Err(ApiTokenError::Beyond(username));
    }
    let handle = Handle::generate(HandleKind::ApiToken, &recorder.entropy).map_err(StoreError::from)?;
    let id = ApiTokenId::new(&recorder.clock, &recorder.entropy).map_err(StoreError::from)?;
    let (now, stored) = (recorder.clock.now(), keyring.store(tx.tenant(), &handle));
    let expires_at = now + life;
    let row = rows::NewApiToken { id, handle: &stored, person: person.id, note: &note, rights: &words, expires_at };
    rows::insert(tx, &row, now).await?;
    let made = Event::ApiTokenMade { token: id, person: person.id, rights: words.clone(), until: expires_at };
    recorder.record(tx, &made).await?;
    let made = ApiToken {
        id,
        person: person.username,
        note,
        rights: words,
        created_at: now,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    Ok((handle, made))
}

/// All tokens of the tenant, oldest first; for a month those that have ended, too.
///
/// # Errors
/// A fault of ours.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<ApiToken>, StoreError> {
    Ok(rows::all(tx).await?.into_iter().map(ApiToken::from).collect())
}

/// Reads an id as a list has it.
///
/// # Errors
/// It is none.
pub fn parse_id(text: &str) -> Result<ApiTokenId, ApiTokenError> {
    Uuid::parse_str(text).map(ApiTokenId).map_err(|_| ApiTokenError::BadId)
}

/// Takes a token back.
///
/// # Errors
/// Nothing was changed.
pub async fn revoke(tx: &mut TenantTx, recorder: &Recorder, id: ApiTokenId) -> Result<(), ApiTokenError> {
    let person = rows::revoke(tx, id, recorder.clock.now()).await?.ok_or(ApiTokenError::Unknown(id))?;
    recorder.record(tx, &Event::ApiTokenRevoked { token: id, person }).await?;
    Ok(())
}

/// The token that a handle is, if it can be used now. From then on it is stored under the pepper in use.
pub(super) async fn find(
    tx: &mut TenantTx,
    keyring: &Keyring,
    handle: &Handle,
    now: OffsetDateTime,
) -> Result<Option<LiveApiToken>, StoreError> {
    let Some(live) = rows::live(tx, &keyring.lookup(tx.tenant(), handle), now).await? else { return Ok(None) };
    if let Some(anew) = keyring.anew(tx.tenant(), handle, &live.hash) {
        rows::store_anew(tx, &live, &anew).await?;
    }
    rows::used(tx, &live, now).await?;
    Ok(Some(live))
}
