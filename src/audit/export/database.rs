//! Logs in the database.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::{Date, Duration, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

use super::{Cosigned, Earlier, Epoch, Extent, Head, Included, MOST_EARLIER, Source, SourceError, Value, cosigned};
use crate::{
    audit::log::{BadCheckpoint, Checkpoint, CheckpointKey, Origin, VerifierKey, WIDTH},
    ids::TenantId,
    store::{
        Store, StoreError,
        audit::EventRow,
        audit_export::{self, EpochRow},
        audit_log,
    },
};

/// Why a log cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum NoLog {
    /// Nothing was signed.
    #[error(
        "there is no signed checkpoint of the log yet: `sallyport serve` signs one within seconds of the first event"
    )]
    NoCheckpoint,
    /// What was signed cannot be read.
    #[error("a checkpoint of {origin} in the database: {source}")]
    Checkpoint {
        /// Which log.
        origin: Origin,
        /// Why.
        source: BadCheckpoint,
    },
    /// None of what was kept is ours.
    #[error(
        "none of the newest checkpoints of {0} in the database was signed with a key of the key file, or with one that the log says was in use"
    )]
    NotOurs(Origin),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// So many of the newest checkpoints are looked at for one that is ours.
pub const NEWEST: i64 = 100;

/// From when to when, the latter excluded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    /// None: from the beginning.
    pub from: Option<OffsetDateTime>,
    /// None: to the end.
    pub to: Option<OffsetDateTime>,
}

impl Period {
    /// From one day to another, all of the latter included (UTC). Empty: without end.
    ///
    /// # Errors
    /// Which of the two, `from` or `to`, and words for whoever wrote it.
    pub fn of_days(from: &str, to: &str) -> Result<Self, (&'static str, &'static str)> {
        let day = |text: &str, days| (!text.is_empty()).then(|| moment(text, days)).transpose();
        let period =
            Self { from: day(from, 0).map_err(|why| ("from", why))?, to: day(to, 1).map_err(|why| ("to", why))? };
        match (period.from, period.to) {
            (Some(from), Some(to)) if from >= to => Err(("from", "the first day comes after the last")),
            _ => Ok(period),
        }
    }
}

/// A date such as 2026-08-03, at whose midnight (UTC) and so many days later it begins, or a moment (RFC 3339).
///
/// # Errors
/// Words for whoever wrote it.
pub fn moment(text: &str, days: i64) -> Result<OffsetDateTime, &'static str> {
    if let Ok(date) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        let midnight = date.midnight().assume_utc();
        return midnight.checked_add(Duration::days(days)).ok_or("too late a date");
    }
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "not a date such as 2026-08-03 or 2026-08-03T10:00:00Z")
}

/// An epoch of the log of a tenant, or of the platform.
pub struct Database {
    store: Store,
    log: TenantId,
    epoch: i32,
}

impl Database {
    /// An epoch.
    pub fn new(store: Store, log: TenantId, epoch: i32) -> Self {
        Self { store, log, epoch }
    }

    /// The log as it was last signed, and the epochs before it.
    ///
    /// # Errors
    /// See [`NoLog`].
    pub async fn epochs(
        store: &Store,
        log: TenantId,
        keys: &[CheckpointKey],
        period: Period,
    ) -> Result<(Epoch, Vec<Epoch>), NoLog> {
        let mut tx = store.tenant_tx(log).await?;
        let rows = audit_export::epochs(&mut tx).await?;
        tx.commit().await?;
        let mut epochs = Vec::new();
        for row in rows {
            let number = row.epoch;
            if let Some(head) = head(store, log, row, (keys, period)).await? {
                epochs.push(Epoch { head, source: Box::new(Self::new(store.clone(), log, number)) });
            }
        }
        let current = epochs.pop().ok_or(NoLog::NoCheckpoint)?;
        Ok((current, epochs))
    }
}

async fn head(
    store: &Store,
    log: TenantId,
    row: EpochRow,
    (keys, period): (&[CheckpointKey], Period),
) -> Result<Option<Head>, NoLog> {
    let EpochRow { epoch, origin } = row;
    let mut tx = store.tenant_tx(log).await?;
    let notes = audit_export::newest_notes(&mut tx, epoch, NEWEST).await?;
    let bad = |source| NoLog::Checkpoint { origin: origin.clone(), source };
    // The one in use last.
    let mut known: Vec<VerifierKey> = keys.iter().rev().filter_map(|key| key.verifier(&origin)).collect();
    let mut newest = notes.iter().find_map(|stored| signed(stored, &known));
    if newest.is_none() {
        // It was signed with keys that are retired.
        let said = audit_export::keys_said(&mut tx, &origin).await?;
        known = said.iter().filter_map(|key| VerifierKey::parse(key)).collect();
        newest = notes.iter().find_map(|stored| signed(stored, &known));
    }
    let (checkpoint, note) = match newest {
        Some(newest) => newest,
        None if notes.is_empty() => return Ok(None),
        None => return Err(NoLog::NotOurs(origin)),
    };
    let size = checkpoint.size;
    let everything = (size > 0).then(|| (0, size.saturating_sub(1)));
    let wanted = match period {
        Period { from: None, to: None } => everything,
        Period { from, to } => audit_export::between(&mut tx, (epoch, size), (from, to)).await?,
    };
    // Of what was removed nothing is left but hashes; a file of entries is there as a whole or not at all.
    let removed = audit_export::pruned_until(&mut tx, (epoch, size)).await?;
    let whole = removed.map_or(0, |last| (last / WIDTH + 1) * WIDTH);
    let included = wanted.map(|(first, last)| Included { first: first.max(whole), last });
    let extent = Extent::covering(size, included.filter(|range| range.first <= range.last));
    let seen = audit_export::cosigned(&mut tx, (epoch, size)).await?;
    let kept = audit_export::earlier(&mut tx, (epoch, size), MOST_EARLIER).await?;
    tx.commit().await?;
    // What no known key has signed is none of the log's.
    let verified = |note: &String| known.iter().find_map(|key| Checkpoint::verified(note, key).ok());
    let earlier = kept.iter().filter_map(|note| Some(Earlier::of(&verified(note)?, note))).collect();
    let extent = extent.ok_or_else(|| bad(BadCheckpoint::Size))?;
    let seen: Vec<Cosigned> =
        seen.into_iter().map(|(size, note, key, line)| Cosigned { size, note, key, line }).collect();
    let (note, cosigned) = cosigned(size, note, &seen);
    Ok(Some(Head { checkpoint, note, cosigned, earlier, keys: known, extent }))
}

/// What a stored note is over, if one of the keys has signed it and it is over what it is stored for.
pub fn signed<'a>((size, note): &'a (u64, String), keys: &[VerifierKey]) -> Option<(Checkpoint, &'a str)> {
    let checkpoint = keys.iter().find_map(|key| Checkpoint::verified(note, key).ok())?;
    (checkpoint.size == *size).then_some((checkpoint, note))
}

#[async_trait]
impl Source for Database {
    async fn tile(&mut self, level: u8, index: u64) -> Result<Vec<u8>, SourceError> {
        let mut tx = self.store.tenant_tx(self.log).await?;
        let tiles = audit_log::tiles(&mut tx, self.epoch, &[(level, index)]).await?;
        tx.commit().await?;
        let tile = tiles.into_iter().next().map(|(_, hashes)| hashes);
        tile.ok_or_else(|| SourceError::Missing(format!("tile {index} of level {level}")))
    }

    async fn events(&mut self, first: u64, count: u64) -> Result<Vec<EventRow>, SourceError> {
        let mut tx = self.store.tenant_tx(self.log).await?;
        let entries = audit_export::entries(&mut tx, self.epoch, first, count).await?;
        tx.commit().await?;
        let found = |(expected, (index, event, row)): (u64, (u64, _, Option<EventRow>))| {
            if index != expected {
                return Err(SourceError::Missing(format!("entry {expected}")));
            }
            row.ok_or_else(|| SourceError::Missing(format!("event {event}, the log's entry {index},")))
        };
        (first..).zip(entries).map(found).collect()
    }

    async fn values(&mut self, first: u64, count: u64) -> Result<Vec<Value>, SourceError> {
        let mut tx = self.store.tenant_tx(self.log).await?;
        let rows = audit_export::values(&mut tx, self.epoch, first, count).await?;
        tx.commit().await?;
        let value = |row: audit_export::ValueRow| Value {
            index: row.index,
            event: row.event.to_string(),
            commitment: row.commitment,
            kind: row.kind,
            salt: STANDARD.encode(&row.salt),
            value: STANDARD.encode(&row.value),
        };
        Ok(rows.into_iter().map(value).collect())
    }
}
