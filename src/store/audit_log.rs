//! Logs: which events are in them and in what order, the trees over them, and signed checkpoints. Changed only by SQL functions
//! that let a log grow and do nothing else: see migration 0080.

use sqlx::postgres::PgRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Store, StoreError, TenantTx,
    audit::{EventRow, body},
};
use crate::{
    audit::log::{Hash, Origin},
    ids::TenantId,
};

/// Who stands for the platform where logs are told apart by their tenants.
pub const PLATFORM: TenantId = TenantId(Uuid::nil());

/// What a log is at this moment.
#[derive(Clone, Debug)]
pub struct Head {
    /// It begins anew after a restore from a backup.
    pub epoch: i32,
    /// Its name in checkpoints.
    pub origin: Origin,
    /// Entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// The last event in it.
    pub cursor: Cursor,
    /// When it last grew.
    pub grown_at: OffsetDateTime,
    /// Whether it was begun on this database server. On another one transactions have other numbers, and events would be passed over.
    pub here: bool,
}

/// The place of an event in the order that logs go by: its transaction, then its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The transaction that wrote the event.
    pub xact: i64,
    /// The event.
    pub event: Uuid,
}

/// What a log becomes.
#[derive(Debug, Default)]
pub struct Growth {
    /// The events that are added.
    pub events: Vec<Uuid>,
    /// Tiles that change, each from its first hash on: level, index, hashes.
    pub tiles: Vec<(u8, u64, Vec<u8>)>,
}

/// A signed checkpoint.
#[derive(Clone, Debug)]
pub struct CheckpointRow {
    /// Of which epoch.
    pub epoch: i32,
    /// Entries.
    pub size: u64,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub signed_at: OffsetDateTime,
}

/// Takes the log's turn for the rest of the transaction. False: somebody else has it.
pub async fn try_turn(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let turn = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 7310080)) as "turn!""#,
        tenant.to_string()
    );
    Ok(turn.fetch_one(tx.conn()).await?)
}

/// Waits for the log's turn, which lasts for the rest of the transaction.
pub async fn turn(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 7310080))", tenant.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The newest epoch of the log. None: there is no log yet.
pub async fn head(tx: &mut TenantTx) -> Result<Option<Head>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select epoch, origin, size, root, cursor_xact, cursor_id, grown_at, server = audit_server() as "here!" from audit_log
            where tenant = $1 order by epoch desc limit 1"#,
        tenant.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(Head {
            epoch: row.epoch,
            origin: origin(&row.origin)?,
            size: unsigned(row.size)?,
            root: hash(&row.root)?,
            cursor: Cursor { xact: row.cursor_xact, event: row.cursor_id },
            grown_at: row.grown_at,
            here: row.here,
        })
    })
    .transpose()
}

/// Begins the log. False: somebody did before.
pub async fn begin(tx: &mut TenantTx, origin: &Origin, empty: Hash, now: OffsetDateTime) -> Result<bool, StoreError> {
    let begun =
        sqlx::query_scalar!(r#"select audit_begin($1, $2, $3) as "begun!""#, origin.as_str(), &empty.0[..], now);
    Ok(begun.fetch_one(tx.conn()).await?)
}

/// Begins the next epoch of the log, which only the owner may do. False: somebody did before.
pub async fn begin_again(
    tx: &mut TenantTx,
    (epoch, origin): (i32, &Origin),
    empty: Hash,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let begun = sqlx::query_scalar!(
        r#"select audit_restart($1, $2, $3, $4) as "begun!""#,
        epoch,
        origin.as_str(),
        &empty.0[..],
        now
    );
    Ok(begun.fetch_one(tx.conn()).await?)
}

/// The events that are to follow in the log, in order. Those of transactions that still run, and of any
/// that began after one of these, are to come.
///
/// # Errors
/// [`StoreError::Moved`] where the log knows transactions that are still to come in this database: it is a copy of another.
pub async fn next_events(tx: &mut TenantTx, after: Cursor, limit: i64) -> Result<Vec<EventRow>, StoreError> {
    let tenant = tx.tenant();
    let ahead = sqlx::query_scalar!(
        r#"select $1 >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint as "ahead!""#,
        after.xact
    );
    if ahead.fetch_one(tx.conn()).await? {
        return Err(StoreError::Moved);
    }
    // One statement, so that what has ended and what is seen are of one snapshot. What is in the log already is asked for each event: a join
    // would be planned as one with the whole log.
    let statement = if tenant == PLATFORM {
        "select e.id, e.at, e.kind, e.version, e.request_id, e.body from platform_event e
          where (e.xact, e.id) > ($2, $3) and e.xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            and (select n.index from audit_entry n where n.tenant = $1 and n.event = e.id) is null
          order by e.xact, e.id limit $4"
    } else {
        "select e.id, e.at, e.kind, e.version, e.request_id, e.body from audit_event e
          where e.tenant = $1
            and (e.xact, e.id) > ($2, $3) and e.xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            and (select n.index from audit_entry n where n.tenant = $1 and n.event = e.id) is null
          order by e.xact, e.id limit $4"
    };
    let rows = sqlx::query(statement).bind(tenant.0).bind(after.xact).bind(after.event).bind(limit);
    rows.fetch_all(tx.conn()).await?.iter().map(event).collect()
}

/// An event whose columns are those of the table.
pub(in crate::store) fn event(row: &PgRow) -> Result<EventRow, StoreError> {
    use sqlx::Row as _;
    Ok(EventRow {
        id: row.try_get::<Uuid, _>("id")?.into(),
        at: row.try_get("at")?,
        kind: row.try_get("kind")?,
        version: row.try_get("version")?,
        request_id: row.try_get("request_id")?,
        body: body(row)?,
    })
}

/// Lets the log grow. False: it is not any more what the caller has read, and nothing was changed.
pub async fn append(
    tx: &mut TenantTx,
    head: &Head,
    root: Hash,
    growth: &Growth,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let levels: Vec<i16> = growth.tiles.iter().map(|(level, ..)| i16::from(*level)).collect();
    let indexes: Vec<i64> = growth.tiles.iter().map(|(_, index, _)| signed(*index)).collect::<Result<_, _>>()?;
    let hashes: Vec<Vec<u8>> = growth.tiles.iter().map(|(.., hashes)| hashes.clone()).collect();
    let appended = sqlx::query_scalar!(
        r#"select audit_append($1, $2, $3, $4, $5, $6, $7, $8) as "appended!""#,
        head.epoch,
        signed(head.size)?,
        &root.0[..],
        now,
        &growth.events,
        &levels,
        &indexes,
        &hashes
    );
    Ok(appended.fetch_one(tx.conn()).await?)
}

/// Tiles of an epoch that are there: level, index, hashes.
pub async fn tiles(
    tx: &mut TenantTx,
    epoch: i32,
    places: &[(u8, u64)],
) -> Result<Vec<((u8, u64), Vec<u8>)>, StoreError> {
    let tenant = tx.tenant();
    let levels: Vec<i16> = places.iter().map(|(level, _)| i16::from(*level)).collect();
    let indexes: Vec<i64> = places.iter().map(|(_, index)| signed(*index)).collect::<Result<_, _>>()?;
    let rows = sqlx::query!(
        r#"select t.level, t.index, t.hashes from audit_tile t
             join unnest($3::smallint[], $4::bigint[]) as p (level, index) on (t.level, t.index) = (p.level, p.index)
            where t.tenant = $1 and t.epoch = $2"#,
        tenant.0,
        epoch,
        &levels,
        &indexes
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let level = u8::try_from(row.level).map_err(StoreError::corrupt)?;
            Ok(((level, unsigned(row.index)?), row.hashes))
        })
        .collect()
}

/// Keeps a signed checkpoint. False: there is one of this size already.
pub async fn keep_checkpoint(
    tx: &mut TenantTx,
    (epoch, size, root): (i32, u64, Hash),
    note: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let kept = sqlx::query_scalar!(
        r#"select audit_keep_checkpoint($1, $2, $3, $4, $5) as "kept!""#,
        epoch,
        signed(size)?,
        &root.0[..],
        note,
        now
    );
    Ok(kept.fetch_one(tx.conn()).await?)
}

/// Takes away old checkpoints that say no more than later ones, so many at most; says how many. See migration 0084.
pub async fn thin_checkpoints(tx: &mut TenantTx, most: u32) -> Result<u64, StoreError> {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    let thinned = sqlx::query_scalar!(r#"select audit_thin_checkpoints($1) as "thinned!""#, most);
    unsigned(thinned.fetch_one(tx.conn()).await?)
}

/// Since when the oldest event waits to come into the log. It may have to wait for a transaction that still runs.
pub async fn waiting_since(tx: &mut TenantTx) -> Result<Option<OffsetDateTime>, StoreError> {
    Ok(sqlx::query_scalar!("select audit_waiting_since()").fetch_one(tx.conn()).await?)
}

/// The first entry of an epoch: the event, and its leaf in the tree.
pub async fn first_entry(tx: &mut TenantTx, epoch: i32) -> Result<Option<(EventRow, Hash)>, StoreError> {
    let entry = super::audit_export::entries(tx, epoch, 0, 1).await?.pop().and_then(|(.., event)| event);
    let leaf = tiles(tx, epoch, &[(0, 0)]).await?.pop();
    let leaf = leaf.as_ref().and_then(|(_, bytes)| bytes.first_chunk::<32>()).map(|leaf| Hash(*leaf));
    Ok(entry.zip(leaf))
}

/// The newest signed checkpoint of the newest epoch that has one. Whoever serves may have put anything here: see whether it is ours.
pub async fn newest_checkpoint(tx: &mut TenantTx) -> Result<Option<CheckpointRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select epoch, size, note, signed_at from audit_checkpoint
          where tenant = $1 order by epoch desc, size desc limit 1",
        tenant.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(CheckpointRow { epoch: row.epoch, size: unsigned(row.size)?, note: row.note, signed_at: row.signed_at })
    })
    .transpose()
}

impl Store {
    /// The tenants, and the platform, for whose logs there is something to do: see migration 0080. Logs that have not grown since
    /// `quiet` are among them.
    pub async fn logs_with_news(&self, quiet: OffsetDateTime) -> Result<Vec<TenantId>, StoreError> {
        let tenants = sqlx::query_scalar!(r#"select audit_logs_with_news($1) as "tenant!""#, quiet);
        let tenants = tenants.fetch_all(self.pool()).await?;
        // One more does not cost much.
        Ok(tenants.into_iter().map(TenantId).chain([PLATFORM]).collect())
    }
}

/// Writes an event of the log's tenant, or of the platform.
pub async fn insert_event(tx: &mut TenantTx, event: &EventRow) -> Result<(), StoreError> {
    if tx.tenant() == PLATFORM {
        super::audit::insert_platform_in(tx, event).await
    } else {
        super::audit::insert(tx, event).await
    }
}

pub(in crate::store) fn origin(text: &str) -> Result<Origin, StoreError> {
    Origin::parse(text).ok_or_else(|| StoreError::corrupt("a log without a usable name"))
}

pub(in crate::store) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(StoreError::corrupt)
}

pub(in crate::store) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(StoreError::corrupt)
}

fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map(Hash).map_err(|_| StoreError::corrupt("a hash that is not of 32 bytes"))
}
