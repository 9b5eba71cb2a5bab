//! How far logs have been sent to collectors and anchors, and what they get next.

use sqlx::{Row as _, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Store, StoreError, TenantTx,
    audit::EventRow,
    audit_log::{event, origin, signed, unsigned},
};
use crate::{audit::log::Origin, ids::TenantId};

/// How long one process has a target of a log for itself, in seconds. What it sends in one go takes less.
pub const HELD_SECONDS: i32 = 60;

/// Who gets what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events for a collector.
    Ship,
    /// Checkpoints for an anchor.
    Anchor,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::Anchor => "anchor",
        }
    }
}

/// How far a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which epoch.
    pub epoch: i32,
    /// The index it gets next; of an anchor the size of the newest checkpoint that it has accepted.
    pub next: u64,
}

/// A log that a target has not been told all of.
#[derive(Clone, Debug)]
pub struct Behind {
    /// Whose log.
    pub log: TenantId,
    /// The target's name.
    pub target: String,
    /// Entries, or checkpoints, that are missing.
    pub behind: u64,
}

/// Some entries of a log, in order.
#[derive(Debug)]
pub struct Entries {
    /// The log's name.
    pub origin: Origin,
    /// They end where this epoch does, and there is another.
    pub last_epoch: bool,
    /// How many there are in the epoch.
    pub size: u64,
    /// Indexes and events. One that is not in the database any more is left out.
    pub events: Vec<(u64, EventRow)>,
}

/// Takes the target of the transaction's log for this process. None: another process has it.
pub async fn claim(tx: &mut TenantTx, kind: Kind, target: &str, holder: Uuid) -> Result<Option<Place>, StoreError> {
    let tenant = tx.tenant();
    let row: Option<(i32, i64)> = sqlx::query_as(
        "insert into audit_shipment as s (tenant, kind, target, epoch, next, holder, held_until)
         values ($1, $2, $3, 1, 0, $4, clock_timestamp() + make_interval(secs => $5))
         on conflict (tenant, kind, target) do update set holder = excluded.holder, held_until = excluded.held_until
          where s.holder = excluded.holder or s.held_until < clock_timestamp()
         returning epoch, next",
    )
    .bind(tenant.0)
    .bind(kind.name())
    .bind(target)
    .bind(holder)
    .bind(f64::from(HELD_SECONDS))
    .fetch_optional(tx.conn())
    .await?;
    row.map(|(epoch, next)| Ok(Place { epoch, next: unsigned(next)? })).transpose()
}

/// The target has got everything before `to`. False: it is not this process's any more, or is elsewhere.
pub async fn advance(
    tx: &mut TenantTx,
    (kind, target): (Kind, &str),
    holder: Uuid,
    (from, to): (Place, Place),
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "update audit_shipment set epoch = $7, next = $8, accepted_at = $9, away_since = null
          where tenant = $1 and kind = $2 and target = $3 and holder = $4 and epoch = $5 and next = $6",
    )
    .bind(tenant.0)
    .bind(kind.name())
    .bind(target)
    .bind(holder)
    .bind(from.epoch)
    .bind(signed(from.next)?)
    .bind(to.epoch)
    .bind(signed(to.next)?)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The target did not accept what it was sent. The first time since it last did is kept.
pub async fn refused(tx: &mut TenantTx, (kind, target): (Kind, &str), now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query(
        "update audit_shipment set away_since = $4 where tenant = $1 and kind = $2 and target = $3 and away_since is null",
    )
    .bind(tenant.0)
    .bind(kind.name())
    .bind(target)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How it goes with a target.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How far it is.
    pub place: Place,
    /// Entries that it has not been sent yet, or checkpoints that an anchor was not told of.
    pub missing: u64,
    /// When it last accepted something.
    pub accepted_at: Option<OffsetDateTime>,
    /// Since when it does not.
    pub away_since: Option<OffsetDateTime>,
}

/// How it goes with a target of the transaction's log.
pub async fn standing(tx: &mut TenantTx, kind: Kind, target: &str) -> Result<Standing, StoreError> {
    let tenant = tx.tenant();
    let row: Option<(i32, i64, Option<OffsetDateTime>, Option<OffsetDateTime>)> = sqlx::query_as(
        "select epoch, next, accepted_at, away_since from audit_shipment where tenant = $1 and kind = $2 and target = $3",
    )
    .bind(tenant.0)
    .bind(kind.name())
    .bind(target)
    .fetch_optional(tx.conn())
    .await?;
    let (epoch, next, accepted_at, away_since) = row.unwrap_or((1, 0, None, None));
    let missing = match kind {
        Kind::Ship => {
            "select coalesce(sum(size - case when epoch = $2 then $3 else 0 end), 0)::bigint
               from audit_log where tenant = $1 and epoch >= $2"
        }
        Kind::Anchor => "select count(*) from audit_checkpoint where tenant = $1 and (epoch, size) > ($2, $3)",
    };
    let missing = sqlx::query_scalar(missing).bind(tenant.0).bind(epoch).bind(next).fetch_one(tx.conn()).await?;
    Ok(Standing { place: Place { epoch, next: unsigned(next)? }, missing: unsigned(missing)?, accepted_at, away_since })
}

/// Lets others have the target at once.
pub async fn release(tx: &mut TenantTx, kind: Kind, target: &str, holder: Uuid) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query(
        "update audit_shipment set held_until = clock_timestamp()
          where tenant = $1 and kind = $2 and target = $3 and holder = $4",
    )
    .bind(tenant.0)
    .bind(kind.name())
    .bind(target)
    .bind(holder)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The entries from a place on, some of them. None: there is no such log.
pub async fn entries(tx: &mut TenantTx, from: Place, limit: u32) -> Result<Option<Entries>, StoreError> {
    let tenant = tx.tenant();
    let head: Option<(String, i64, bool)> = sqlx::query_as(
        "select origin, size, not exists (select from audit_log n where n.tenant = l.tenant and n.epoch > l.epoch)
           from audit_log l where tenant = $1 and epoch = $2",
    )
    .bind(tenant.0)
    .bind(from.epoch)
    .fetch_optional(tx.conn())
    .await?;
    let Some((name, size, last_epoch)) = head else { return Ok(None) };
    let statement = if tenant == super::audit_log::PLATFORM {
        "select n.index, e.id, e.at, e.kind, e.version, e.request_id, e.body
           from audit_entry n join platform_event e on e.id = n.event
          where n.tenant = $1 and n.epoch = $2 and n.index >= $3 and n.index < $3 + $4 order by n.index"
    } else {
        "select n.index, e.id, e.at, e.kind, e.version, e.request_id, e.body
           from audit_entry n join audit_event e on e.tenant = n.tenant and e.id = n.event
          where n.tenant = $1 and n.epoch = $2 and n.index >= $3 and n.index < $3 + $4 order by n.index"
    };
    let rows = sqlx::query(statement)
        .bind(tenant.0)
        .bind(from.epoch)
        .bind(signed(from.next)?)
        .bind(i64::from(limit))
        .fetch_all(tx.conn())
        .await?;
    let event = |row: &PgRow| Ok((unsigned(row.try_get("index")?)?, event(row)?));
    let events = rows.iter().map(event).collect::<Result<_, StoreError>>()?;
    Ok(Some(Entries { origin: origin(&name)?, last_epoch, size: unsigned(size)?, events }))
}

/// A checkpoint as it is kept. Whoever serves may have put anything here: see whether it is ours.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Of which log.
    pub origin: Origin,
    /// Its epoch, and of how many entries.
    pub place: Place,
    /// The signed note.
    pub note: String,
}

/// A checkpoint that an anchor has not accepted yet.
pub async fn checkpoint_after(tx: &mut TenantTx, from: Place, newest: bool) -> Result<Option<Signed>, StoreError> {
    let tenant = tx.tenant();
    // A witness that knows the newest one of an epoch has seen them all; of every epoch it knows one.
    let statement = if newest {
        "select c.epoch, c.size, c.note, l.origin from audit_checkpoint c
           join audit_log l on l.tenant = c.tenant and l.epoch = c.epoch
          where c.tenant = $1 and (c.epoch, c.size) > ($2, $3)
            and not exists (select from audit_checkpoint n
                             where n.tenant = c.tenant and n.epoch = c.epoch and n.size > c.size)
          order by c.epoch, c.size limit 1"
    } else {
        "select c.epoch, c.size, c.note, l.origin from audit_checkpoint c
           join audit_log l on l.tenant = c.tenant and l.epoch = c.epoch
          where c.tenant = $1 and (c.epoch, c.size) > ($2, $3) order by c.epoch, c.size limit 1"
    };
    let row: Option<(i32, i64, String, String)> = sqlx::query_as(statement)
        .bind(tenant.0)
        .bind(from.epoch)
        .bind(signed(from.next)?)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|(epoch, size, note, name)| {
        Ok(Signed { origin: origin(&name)?, place: Place { epoch, next: unsigned(size)? }, note })
    })
    .transpose()
}

/// Keeps what a witness has signed.
pub async fn keep_cosignature(
    tx: &mut TenantTx,
    of: Place,
    (key, line): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query(
        "insert into audit_cosignature (tenant, epoch, size, key, line, kept_at) values ($1, $2, $3, $4, $5, $6)
             on conflict do nothing",
    )
    .bind(tenant.0)
    .bind(of.epoch)
    .bind(signed(of.next)?)
    .bind(key)
    .bind(line)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What witnesses have signed of a checkpoint: verifier key and line of the note.
pub async fn cosignatures(tx: &mut TenantTx, of: Place) -> Result<Vec<(String, String)>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as(
        "select key, line from audit_cosignature where tenant = $1 and epoch = $2 and size = $3 order by key",
    );
    Ok(rows.bind(tenant.0).bind(of.epoch).bind(signed(of.next)?).fetch_all(tx.conn()).await?)
}

impl Store {
    /// The logs that these targets have not been told all of.
    pub async fn shipments_behind(&self, kind: Kind, targets: &[String]) -> Result<Vec<Behind>, StoreError> {
        let rows: Vec<(Uuid, String, i64)> =
            sqlx::query_as("select of_log, of_target, behind from audit_shipments_behind($1, $2)")
                .bind(kind.name())
                .bind(targets)
                .fetch_all(self.pool())
                .await?;
        let behind = |(log, target, behind): (Uuid, String, i64)| {
            Ok(Behind { log: TenantId(log), target, behind: unsigned(behind)? })
        };
        rows.into_iter().map(behind).collect()
    }
}
