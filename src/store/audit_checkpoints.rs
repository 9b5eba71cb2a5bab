//! Signed checkpoints, as people look at them. Whoever serves may have put anything here: see whether it is ours.

use time::OffsetDateTime;

use super::{
    StoreError, TenantTx,
    audit_log::{origin, signed, unsigned},
    audit_ship::Place,
};
use crate::audit::log::Origin;

/// A checkpoint as it is kept.
#[derive(Clone, Debug)]
pub struct KeptRow {
    /// Of which log.
    pub origin: Origin,
    /// Its epoch, and of how many entries.
    pub place: Place,
    /// The root that it is kept for.
    pub root: Vec<u8>,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub signed_at: OffsetDateTime,
}

type Columns = (i32, i64, Vec<u8>, String, OffsetDateTime, String);

fn kept((epoch, size, root, note, signed_at, name): Columns) -> Result<KeptRow, StoreError> {
    Ok(KeptRow { origin: origin(&name)?, place: Place { epoch, next: unsigned(size)? }, root, note, signed_at })
}

/// The checkpoints before a place, or all, newest first.
pub async fn before(tx: &mut TenantTx, place: Option<Place>, limit: i64) -> Result<Vec<KeptRow>, StoreError> {
    let tenant = tx.tenant();
    let rows: Vec<Columns> = sqlx::query_as(
        "select c.epoch, c.size, c.root, c.note, c.signed_at, l.origin from audit_checkpoint c
           join audit_log l on l.tenant = c.tenant and l.epoch = c.epoch
          where c.tenant = $1 and ($2::integer is null or (c.epoch, c.size) < ($2, $3))
          order by c.epoch desc, c.size desc limit $4",
    )
    .bind(tenant.0)
    .bind(place.map(|place| place.epoch))
    .bind(place.map(|place| signed(place.next)).transpose()?)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(kept).collect()
}

/// The checkpoint of a place.
pub async fn at(tx: &mut TenantTx, place: Place) -> Result<Option<KeptRow>, StoreError> {
    let tenant = tx.tenant();
    let row: Option<Columns> = sqlx::query_as(
        "select c.epoch, c.size, c.root, c.note, c.signed_at, l.origin from audit_checkpoint c
           join audit_log l on l.tenant = c.tenant and l.epoch = c.epoch
          where c.tenant = $1 and c.epoch = $2 and c.size = $3",
    )
    .bind(tenant.0)
    .bind(place.epoch)
    .bind(signed(place.next)?)
    .fetch_optional(tx.conn())
    .await?;
    row.map(kept).transpose()
}
