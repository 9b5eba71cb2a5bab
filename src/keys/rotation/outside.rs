//! Keys outside the database: which there are, and putting another one in use.

use serde::Serialize;
use time::OffsetDateTime;

use super::RotationError;
use crate::{
    audit::Recorder,
    keys::{KeyKind, Keyring, KnownKey, Standing},
    store::{
        Store,
        keys::{self as rows, Holders, KeyValues},
    },
};

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Nothing was ever made with it.
    New,
    /// New values are made with it.
    InUse,
    /// It reads what was made before.
    Older,
    /// It is never used again.
    Retired,
}

/// What the key file of the one who asks has of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InFile {
    /// It is there.
    Yes,
    /// It is not.
    No,
    /// Another key has its id.
    Different,
}

/// A key outside the database.
#[derive(Clone, Debug)]
pub struct OutsideKey {
    /// Its kind.
    pub kind: KeyKind,
    /// Its id.
    pub id: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// When the database first saw it. None: never.
    pub since: Option<OffsetDateTime>,
    /// Since when it is in use, or when it last began to be.
    pub in_use_since: Option<OffsetDateTime>,
    /// When it was retired.
    pub retired_at: Option<OffsetDateTime>,
    /// Whether the key file has it.
    pub in_file: InFile,
    /// Which processes that serve know it.
    pub holders: Holders,
    /// What still needs it.
    pub values: Vec<KeyValues>,
}

/// All keys that the database knows or the key file has, by kind, oldest first. Changes nothing, and complains of nothing.
pub async fn all(store: &Store, keyring: &Keyring, now: OffsetDateTime) -> Result<Vec<OutsideKey>, RotationError> {
    let ours = keyring.check_values();
    let mut tx = store.platform_tx().await?;
    let known = rows::known(&mut tx).await?;
    let values = rows::values(&mut tx, now).await?;
    let mut keys: Vec<OutsideKey> = known.iter().map(|key| seen(key, &ours)).collect();
    for own in &ours {
        if !known.iter().any(|key| key.kind == own.kind && key.id == own.id) {
            keys.push(OutsideKey { in_file: InFile::Yes, ..blank(own.kind, &own.id) });
        }
    }
    for key in &mut keys {
        key.holders = rows::holders(&mut tx, key.kind, &key.id).await?;
        key.values = values.iter().filter(|values| values.kind == key.kind && values.id == key.id).cloned().collect();
    }
    tx.commit().await?;
    keys.sort_by_key(|key| key.kind);
    Ok(keys)
}

fn blank(kind: KeyKind, id: &str) -> OutsideKey {
    OutsideKey {
        kind,
        id: id.to_owned(),
        state: KeyState::New,
        since: None,
        in_use_since: None,
        retired_at: None,
        in_file: InFile::No,
        holders: Holders { processes: 0, know: 0, use_it: 0 },
        values: Vec::new(),
    }
}

fn seen(key: &KnownKey, ours: &[crate::keys::CheckValue]) -> OutsideKey {
    let state = match (key.retired_at, key.in_use, key.in_use_since) {
        (Some(_), ..) => KeyState::Retired,
        (None, true, _) => KeyState::InUse,
        (None, false, Some(_)) => KeyState::Older,
        (None, false, None) => KeyState::New,
    };
    let in_file = match ours.iter().find(|own| own.kind == key.kind && own.id == key.id) {
        Some(own) if crate::secret::same(&own.value, &key.value) => InFile::Yes,
        Some(_) => InFile::Different,
        None => InFile::No,
    };
    OutsideKey {
        state,
        since: Some(key.since),
        in_use_since: key.in_use_since,
        retired_at: key.retired_at,
        in_file,
        ..blank(key.kind, &key.id)
    }
}

/// A key of the key file with which nothing was ever made: the next one to be used. The file must fit the database.
pub async fn new_key(store: &Store, keyring: &Keyring, kind: KeyKind) -> Result<Option<String>, RotationError> {
    let mut tx = store.platform_tx().await?;
    let known = rows::known(&mut tx).await?;
    tx.commit().await?;
    let ours = keyring.check_values();
    let used = |id: &str| known.iter().any(|key| key.kind == kind && key.id == id && key.in_use_since.is_some());
    Ok(ours.into_iter().find(|own| own.kind == kind && !used(&own.id)).map(|own| own.id))
}

/// Which processes that serve know a key.
pub async fn holders(store: &Store, kind: KeyKind, id: &str) -> Result<Holders, RotationError> {
    let mut tx = store.platform_tx().await?;
    let holders = rows::holders(&mut tx, kind, id).await?;
    tx.commit().await?;
    Ok(holders)
}

/// From now on new values are made with this key of the key file: by this process at once, by the others within moments.
///
/// # Errors
/// [`RotationError::NotEverywhere`] while a process that serves does not know the key: it would take what the others make
/// for invalid, and clients would throw it away.
pub async fn put_in_use(
    store: &Store,
    keyring: &Keyring,
    recorder: &Recorder,
    kind: KeyKind,
    id: &str,
) -> Result<(), RotationError> {
    if !keyring.has(kind, id) {
        return Err(RotationError::Unknown { kind, id: id.to_owned() });
    }
    let mut tx = store.platform_tx().await?;
    rows::take_turn(&mut tx).await?;
    let standing = Standing::of(&keyring.check_values(), &rows::known(&mut tx).await?)?;
    let Holders { processes, know, .. } = rows::holders(&mut tx, kind, id).await?;
    if know < processes {
        let lacking = rows::lacking(&mut tx, kind, id).await?;
        return Err(RotationError::NotEverywhere { kind, id: id.to_owned(), lacking, processes });
    }
    for key in standing.unseen() {
        rows::introduce(&mut tx, key, recorder).await?;
    }
    for (kind, id) in standing.begins() {
        rows::put_in_use(&mut tx, *kind, id, recorder).await?;
    }
    rows::put_in_use(&mut tx, kind, id, recorder).await?;
    tx.commit().await?;
    keyring.adopt(&standing.with_in_use(kind, id));
    Ok(())
}
