//! What exports and proofs read of a log.

use sqlx::Row as _;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    StoreError, TenantTx,
    audit::EventRow,
    audit_log::{PLATFORM, origin, signed, unsigned},
};
use crate::{audit::log::Origin, ids::EventId};

/// An epoch of a log.
#[derive(Clone, Debug)]
pub struct EpochRow {
    /// Its number.
    pub epoch: i32,
    /// Its name in checkpoints.
    pub origin: Origin,
}

/// All epochs of the log, oldest first.
pub async fn epochs(tx: &mut TenantTx) -> Result<Vec<EpochRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!("select epoch, origin from audit_log where tenant = $1 order by epoch", tenant.0)
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(|row| Ok(EpochRow { epoch: row.epoch, origin: origin(&row.origin)? })).collect()
}

/// The newest checkpoints of an epoch, newest first: sizes and notes. Whoever serves may have put anything here: see which are ours.
pub async fn newest_notes(tx: &mut TenantTx, epoch: i32, limit: i64) -> Result<Vec<(u64, String)>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select size, note from audit_checkpoint where tenant = $1 and epoch = $2 order by size desc limit $3",
        tenant.0,
        epoch,
        limit
    );
    let rows = rows.fetch_all(tx.conn()).await?;
    rows.into_iter().map(|row| Ok((unsigned(row.size)?, row.note))).collect()
}

/// Which entry of which epoch an event is.
pub async fn place_of(tx: &mut TenantTx, event: EventId) -> Result<Option<(i32, u64)>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!("select epoch, index from audit_entry where tenant = $1 and event = $2", tenant.0, event.0)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| Ok((row.epoch, unsigned(row.index)?))).transpose()
}

/// The first and the last of the first `size` entries whose events happened between two moments, the second one excluded.
pub async fn between(
    tx: &mut TenantTx,
    (epoch, size): (i32, u64),
    (from, to): (Option<OffsetDateTime>, Option<OffsetDateTime>),
) -> Result<Option<(u64, u64)>, StoreError> {
    let log = tx.tenant();
    let statement = if log == PLATFORM {
        "select min(n.index), max(n.index) from audit_entry n join platform_event e on e.id = n.event
          where n.tenant = $1 and n.epoch = $2 and n.index < $3
            and ($4::timestamptz is null or e.at >= $4) and ($5::timestamptz is null or e.at < $5)"
    } else {
        "select min(n.index), max(n.index) from audit_entry n join audit_event e on e.tenant = n.tenant and e.id = n.event
          where n.tenant = $1 and n.epoch = $2 and n.index < $3
            and ($4::timestamptz is null or e.at >= $4) and ($5::timestamptz is null or e.at < $5)"
    };
    let query = sqlx::query_as(statement).bind(log.0).bind(epoch).bind(signed(size)?).bind(from).bind(to);
    let found: (Option<i64>, Option<i64>) = query.fetch_one(tx.conn()).await?;
    match found {
        (Some(first), Some(last)) => Ok(Some((unsigned(first)?, unsigned(last)?))),
        _ => Ok(None),
    }
}

/// Which event an entry is, and the event, if it is there.
pub type Placed = (u64, EventId, Option<EventRow>);

/// The events of entries from `first` on, in order.
pub async fn entries(tx: &mut TenantTx, epoch: i32, first: u64, count: u64) -> Result<Vec<Placed>, StoreError> {
    let log = tx.tenant();
    let statement = if log == PLATFORM {
        "select n.index, n.event, e.id, e.at, e.kind, e.version, e.request_id, e.body
           from audit_entry n left join platform_event e on e.id = n.event
          where n.tenant = $1 and n.epoch = $2 and n.index >= $3 and n.index < $4 order by n.index"
    } else {
        "select n.index, n.event, e.id, e.at, e.kind, e.version, e.request_id, e.body
           from audit_entry n left join audit_event e on e.tenant = n.tenant and e.id = n.event
          where n.tenant = $1 and n.epoch = $2 and n.index >= $3 and n.index < $4 order by n.index"
    };
    let query = sqlx::query(statement).bind(log.0).bind(epoch).bind(signed(first)?).bind(signed(first + count)?);
    let rows = query.fetch_all(tx.conn()).await?;
    let placed = |row: &sqlx::postgres::PgRow| {
        let event: Uuid = row.try_get("event")?;
        let found: Option<Uuid> = row.try_get("id")?;
        let event_row = found.map(|_| super::audit_log::event(row)).transpose()?;
        Ok((unsigned(row.try_get("index")?)?, EventId(event), event_row))
    };
    rows.iter().map(placed).collect()
}

/// Keys that the log itself says it was signed with under this name, in the order in which they came into use.
pub async fn keys_said(tx: &mut TenantTx, origin: &Origin) -> Result<Vec<String>, StoreError> {
    let log = tx.tenant();
    let statement = if log == PLATFORM {
        "select body ->> 'key' from platform_event
          where kind = 'checkpoint_key.in_use' and body ->> 'origin' = $2 and body ->> 'key' is not null and $1 = $1 order by xact, id"
    } else {
        "select body ->> 'key' from audit_event
          where tenant = $1 and kind = 'checkpoint_key.in_use' and body ->> 'origin' = $2 and body ->> 'key' is not null
          order by xact, id"
    };
    Ok(sqlx::query_scalar(statement).bind(log.0).bind(origin.as_str()).fetch_all(tx.conn()).await?)
}

/// The last of the first `size` entries whose event was removed, if the log's first events were: they are removed from the
/// beginning on, and not strictly in the log's order.
pub async fn pruned_until(tx: &mut TenantTx, (epoch, size): (i32, u64)) -> Result<Option<u64>, StoreError> {
    let log = tx.tenant();
    if log == PLATFORM {
        return Ok(None);
    }
    let last = "select max(n.index) from audit_entry n
                 where n.tenant = $1 and n.epoch = $2 and n.index < $3
                   and not exists (select from audit_event e where e.tenant = $1 and e.id = n.event)
                   and exists (select from audit_entry f where f.tenant = $1 and f.epoch = $2 and f.index = 0
                                  and not exists (select from audit_event e where e.tenant = $1 and e.id = f.event))";
    let query = sqlx::query_scalar(last).bind(log.0).bind(epoch).bind(signed(size)?);
    let last: Option<i64> = query.fetch_one(tx.conn()).await?;
    last.map(unsigned).transpose()
}

/// Of each witness the newest checkpoint over at most `size` entries that it has signed: how many entries, the note, the witness's
/// verifier key, and its line.
pub async fn cosigned(
    tx: &mut TenantTx,
    (epoch, size): (i32, u64),
) -> Result<Vec<(u64, String, String, String)>, StoreError> {
    let log = tx.tenant();
    let statement = "select distinct on (s.key) s.size, c.note, s.key, s.line
                       from audit_cosignature s
                       join audit_checkpoint c on c.tenant = s.tenant and c.epoch = s.epoch and c.size = s.size
                      where s.tenant = $1 and s.epoch = $2 and s.size <= $3 order by s.key, s.size desc";
    let query = sqlx::query_as(statement).bind(log.0).bind(epoch).bind(signed(size)?);
    let rows: Vec<(i64, String, String, String)> = query.fetch_all(tx.conn()).await?;
    rows.into_iter().map(|(size, note, key, line)| Ok((unsigned(size)?, note, key, line))).collect()
}

/// Checkpoints over fewer than `size` entries, in the order of their sizes. Where there are more than `most`, they are thinned evenly by size:
/// of each of so many parts of the log the newest one.
pub async fn earlier(tx: &mut TenantTx, (epoch, size): (i32, u64), most: u64) -> Result<Vec<String>, StoreError> {
    let log = tx.tenant();
    let statement = "select note from (
                         select distinct on (case when n.count > $4 then c.size / ($3 / $4 + 1) else c.size end) c.size, c.note
                           from audit_checkpoint c,
                                (select count(*) from audit_checkpoint
                                  where tenant = $1 and epoch = $2 and size < $3) n
                          where c.tenant = $1 and c.epoch = $2 and c.size < $3
                          order by case when n.count > $4 then c.size / ($3 / $4 + 1) else c.size end, c.size desc
                     ) kept order by size";
    let query = sqlx::query_scalar(statement).bind(log.0).bind(epoch).bind(signed(size)?).bind(signed(most)?);
    Ok(query.fetch_all(tx.conn()).await?)
}

/// A value that an entry only has a commitment to.
#[derive(Clone, Debug)]
pub struct ValueRow {
    /// Of which entry.
    pub index: u64,
    /// Its event.
    pub event: EventId,
    /// What the event says.
    pub commitment: String,
    /// `personal` or `large`.
    pub kind: String,
    /// What goes before the value in the digest.
    pub salt: Vec<u8>,
    /// The value's bytes.
    pub value: Vec<u8>,
}

/// The values that entries from `first` on were the first to commit to, in order.
pub async fn values(tx: &mut TenantTx, epoch: i32, first: u64, count: u64) -> Result<Vec<ValueRow>, StoreError> {
    let log = tx.tenant();
    let statement = "select n.index, v.event, v.commitment, v.kind, v.salt, convert_to(v.value, 'UTF8') as value
                       from audit_entry n join audit_value v on v.tenant = n.tenant and v.event = n.event
                      where n.tenant = $1 and n.epoch = $2 and n.index >= $3 and n.index < $4
                      order by n.index, v.commitment";
    let query = sqlx::query(statement).bind(log.0).bind(epoch).bind(signed(first)?).bind(signed(first + count)?);
    let rows = query.fetch_all(tx.conn()).await?;
    let value = |row: &sqlx::postgres::PgRow| {
        Ok(ValueRow {
            index: unsigned(row.try_get("index")?)?,
            event: EventId(row.try_get("event")?),
            commitment: row.try_get("commitment")?,
            kind: row.try_get("kind")?,
            salt: row.try_get("salt")?,
            value: row.try_get("value")?,
        })
    };
    rows.iter().map(value).collect()
}
