//! How long events are kept: partitions by month, legal holds, and what may be removed.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, TenantTx};

/// A legal hold: while it stands, no event of the tenant is removed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct HoldRow {
    /// Its id.
    pub id: Uuid,
    /// Why, as somebody wrote it.
    pub reason: String,
    /// Since when.
    pub placed_at: OffsetDateTime,
    /// Who said so, if that was said.
    pub placed_by: Option<String>,
    /// When it ended.
    pub lifted_at: Option<OffsetDateTime>,
}

/// Places a hold.
pub async fn place_hold(tx: &mut TenantTx, hold: &HoldRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let insert = "insert into audit_hold (tenant, id, reason, placed_at, placed_by) values ($1, $2, $3, $4, $5)";
    sqlx::query(insert)
        .bind(tenant.0)
        .bind(hold.id)
        .bind(&hold.reason)
        .bind(hold.placed_at)
        .bind(&hold.placed_by)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Lifts a hold that stands; the transaction has the event that says so. False: there is none of this id.
pub async fn lift_hold(tx: &mut TenantTx, id: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
    let lift = sqlx::query_scalar("select audit_lift_hold($1, $2)").bind(id).bind(now);
    Ok(lift.fetch_one(tx.conn()).await?)
}

/// All holds, the oldest first.
pub async fn holds(tx: &mut TenantTx) -> Result<Vec<HoldRow>, StoreError> {
    let tenant = tx.tenant();
    let rows =
        "select id, reason, placed_at, placed_by, lifted_at from audit_hold where tenant = $1 order by placed_at, id";
    Ok(sqlx::query_as(rows).bind(tenant.0).fetch_all(tx.conn()).await?)
}

/// Lets nobody place a hold, or remove events, for the rest of the transaction.
pub async fn turn(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("select audit_prune_turn()").execute(tx.conn()).await?;
    Ok(())
}

/// How many events from before a moment could be removed: they are in the log, signed for, and older than 30 days.
pub async fn prunable(tx: &mut TenantTx, before: OffsetDateTime) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar("select count(*) from audit_prunable($1)").bind(before);
    Ok(count.fetch_one(tx.conn()).await?)
}

/// Removes so many of them at most; says how many. Refused by the database while a hold stands, and unless the transaction
/// has the event that says so with this number.
pub async fn prune(tx: &mut TenantTx, before: OffsetDateTime, most: i64) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    let pruned = sqlx::query_scalar("select audit_prune($1, $2, $3)")
        .bind(tenant.0)
        .bind(before)
        .bind(i32::try_from(most).unwrap_or(i32::MAX));
    Ok(pruned.fetch_one(tx.conn()).await?)
}

impl Store {
    /// Makes the partitions of this month and of so many that follow, as far as they are missing.
    pub async fn make_audit_partitions(&self, ahead: i32) -> Result<i32, StoreError> {
        Ok(sqlx::query_scalar("select audit_make_partitions($1)").bind(ahead).fetch_one(self.pool()).await?)
    }

    /// Drops the partitions of past months in which nobody has an event any more.
    pub async fn drop_empty_audit_partitions(&self) -> Result<i32, StoreError> {
        Ok(sqlx::query_scalar("select audit_drop_empty_partitions()").fetch_one(self.pool()).await?)
    }
}
