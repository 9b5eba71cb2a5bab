//! Initial access tokens (RFC 7591 §3): an administrator makes them, and who holds one may register clients with it.
//!
//! They are looked up in the database at each use, so one that was taken back is refused at once, everywhere.

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::{
    audit::{Event, Recorder},
    keys::{Keyring, Stored},
    secret::{Handle, HandleKind, hex},
    store::{
        StoreError, TenantTx,
        initial_tokens::{self, InitialTokenRow},
    },
};

/// Bytes of the first stored hash that name a token. They say nothing of it.
const ID_BYTES: usize = 6;
/// Characters of a note.
const NOTE: usize = 200;
/// The longest life of one.
pub const LONGEST: Duration = Duration::days(366);

/// What names a token to administrators: the beginning of its first stored hash, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct InitialTokenId(String);

/// Why an initial access token could not be made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum InitialTokenError {
    /// The text names none. It is not repeated: it may be the token itself.
    #[error("this is no id of an initial access token: `initial-token list` has them, 12 characters of 0-9 and a-f")]
    BadId,
    /// There is none of this id, or it was taken back before.
    #[error("there is no initial access token {0} in this tenant")]
    Unknown(InitialTokenId),
    /// It would never be of use.
    #[error("an initial access token is for 1 use at least")]
    NoUses,
    /// It would live too long, or not at all.
    #[error("an initial access token lives for {} days at most, and for a second at least", LONGEST.whole_days())]
    Life,
    /// The note does not fit into a list.
    #[error("a note is one line of {NOTE} characters at most")]
    Note,
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl InitialTokenId {
    /// Reads an id as a list has it.
    pub fn parse(text: &str) -> Result<Self, InitialTokenError> {
        let hexadecimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hexadecimal && text.len() == 2 * ID_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(InitialTokenError::BadId)
        }
    }

    fn of(hash: &[u8]) -> Self {
        Self(hex(hash.get(..ID_BYTES).unwrap_or(hash)))
    }
}

impl std::fmt::Display for InitialTokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a token is to allow.
#[derive(Clone, Debug)]
pub struct NewInitialToken {
    /// How many clients it can register.
    pub uses: u16,
    /// For how long.
    pub life: Duration,
    /// What it is for.
    pub note: String,
}

/// An initial access token, as an administrator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct InitialToken {
    /// What names it.
    pub id: InitialTokenId,
    /// What it is for.
    pub note: String,
    /// How many clients it can still register.
    pub uses_left: i32,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it ends; none: when it is used up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

impl From<InitialTokenRow> for InitialToken {
    fn from(row: InitialTokenRow) -> Self {
        let InitialTokenRow { id, note, uses_left, expires_at, created_at } = row;
        Self { id: InitialTokenId(id), note, uses_left, created_at, expires_at }
    }
}

/// Makes a token. It is in the returned handle and nowhere else.
pub async fn create(
    tx: &mut TenantTx,
    recorder: &Recorder,
    keyring: &Keyring,
    new: NewInitialToken,
) -> Result<(Handle, InitialToken), InitialTokenError> {
    let NewInitialToken { uses, life, note } = new;
    if uses == 0 {
        return Err(InitialTokenError::NoUses);
    }
    if life < Duration::SECOND || life > LONGEST {
        return Err(InitialTokenError::Life);
    }
    if note.chars().count() > NOTE || note.chars().any(char::is_control) {
        return Err(InitialTokenError::Note);
    }
    let token = Handle::generate(HandleKind::InitialAccessToken, &recorder.entropy).map_err(StoreError::from)?;
    let stored: Stored = keyring.store(tx.tenant(), &token);
    let now = recorder.clock.now();
    let id = InitialTokenId::of(&stored.hash);
    initial_tokens::insert(tx, &id.0, &stored, &note, uses, Some(now + life), now).await?;
    changed(tx, recorder, &id, "created").await?;
    let made = InitialToken { id, note, uses_left: uses.into(), created_at: now, expires_at: Some(now + life) };
    Ok((token, made))
}

/// All tokens of the tenant, oldest first; those that are used up or have expired, too.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<InitialToken>, StoreError> {
    Ok(initial_tokens::all(tx).await?.into_iter().map(InitialToken::from).collect())
}

/// Takes a token back. Clients that registered with it stay.
pub async fn revoke(tx: &mut TenantTx, recorder: &Recorder, id: &InitialTokenId) -> Result<(), InitialTokenError> {
    if !initial_tokens::remove(tx, &id.0).await? {
        return Err(InitialTokenError::Unknown(id.clone()));
    }
    changed(tx, recorder, id, "removed").await?;
    Ok(())
}

async fn changed(
    tx: &mut TenantTx,
    recorder: &Recorder,
    id: &InitialTokenId,
    change: &'static str,
) -> Result<(), StoreError> {
    recorder.record(tx, &Event::changed(format!("initial_access_token/{id}"), change)).await
}
