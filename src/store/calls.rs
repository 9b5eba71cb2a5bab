//! Events of calls in batches, and calls whose process ended before it could say what became of them.

use serde_json::value::RawValue;
use sqlx::{Connection as _, PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, TenantTx};
use crate::{
    audit::Event,
    ids::{EventId, ProcessId, TenantId},
};

/// An event of a call as it is written: its kind is in the body.
#[derive(Debug)]
pub struct CallRow {
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub at: OffsetDateTime,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// The event, serialized.
    pub body: Box<RawValue>,
}

/// Events of calls of any tenants, to be written by one statement, and slots that name calls without outcome.
#[derive(Debug, Default)]
pub struct CallBatch {
    tenants: Vec<Uuid>,
    events_to: Vec<i32>,
    slots_to: Vec<i32>,
    ids: Vec<Uuid>,
    ats: Vec<OffsetDateTime>,
    requests: Vec<Option<String>>,
    bodies: Vec<Json<Box<RawValue>>>,
    slots: Vec<i32>,
    intents: Vec<String>,
}

impl CallBatch {
    /// Adds what is to be written of one tenant. Once for each.
    pub fn add(&mut self, tenant: TenantId, rows: Vec<CallRow>, slots: impl Iterator<Item = (i32, Vec<EventId>)>) {
        if rows.is_empty() {
            return;
        }
        for row in rows {
            self.ids.push(row.id.0);
            self.ats.push(row.at);
            self.requests.push(row.request_id);
            self.bodies.push(Json(row.body));
        }
        for (number, intents) in slots {
            self.slots.push(number);
            let intents: Vec<String> = intents.iter().map(ToString::to_string).collect();
            self.intents.push(format!("{{{}}}", intents.join(",")));
        }
        self.tenants.push(tenant.0);
        self.events_to.push(length(self.ids.len()));
        self.slots_to.push(length(self.slots.len()));
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Batches are far shorter than this type's range.
fn length(of: usize) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

/// A connection for nothing but events of calls: they must not wait until somebody gives one back.
pub struct CallLink {
    connection: PgConnection,
}

impl Store {
    /// Connects, beside the pool.
    pub async fn call_link(&self) -> Result<CallLink, StoreError> {
        let options = self.pool().connect_options();
        Ok(CallLink { connection: PgConnection::connect_with(&options).await? })
    }

    /// Tenants with calls of processes that ended before they could say what became of them.
    pub async fn tenants_of_lost_calls(&self, own: ProcessId) -> Result<Vec<TenantId>, StoreError> {
        let tenants = sqlx::query_scalar!(r#"select tenants_of_lost_calls($1) as "tenant!""#, own.0)
            .fetch_all(self.pool())
            .await?;
        Ok(tenants.into_iter().map(TenantId).collect())
    }
}

impl CallLink {
    /// Writes a batch and commits it. Written again, it changes nothing.
    pub async fn record(&mut self, process: ProcessId, batch: &CallBatch) -> Result<(), StoreError> {
        sqlx::query!(
            "select record_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            process.0,
            Event::VERSION,
            &batch.tenants,
            &batch.events_to,
            &batch.slots_to,
            &batch.ids,
            &batch.ats,
            &batch.requests as &[Option<String>],
            &batch.bodies as &[Json<Box<RawValue>>],
            &batch.slots,
            &batch.intents
        )
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }
}

/// Takes at most `limit` slots of processes that ended, and says which calls of them have no outcome. Others who try the
/// same wait, and then find nothing.
pub async fn take_lost(tx: &mut TenantTx, own: ProcessId, limit: u32) -> Result<LostCalls, StoreError> {
    let tenant = tx.tenant();
    let slots = sqlx::query_scalar!(
        "with lost as materialized (
             select o.process, o.slot from open_call o
              where o.tenant = $1 and o.process <> $2
                and not exists (select from node n where n.process = o.process and not n.suspect)
              order by o.process, o.slot limit $3 for update)
         delete from open_call where tenant = $1 and (process, slot) in (select process, slot from lost)
         returning intents",
        tenant.0,
        own.0,
        i64::from(limit)
    )
    .fetch_all(tx.conn())
    .await?;
    let taken = slots.len();
    let intents: Vec<Uuid> = slots.into_iter().flatten().collect();
    let outcomes: Vec<Uuid> = intents.iter().map(|id| EventId(*id).outcome().0).collect();
    let lost = sqlx::query_scalar!(
        r#"select l.intent as "intent!" from unnest($2::uuid[], $3::uuid[]) as l (intent, outcome)
            where exists (select from audit_event e where e.tenant = $1 and e.id = l.intent)
              and not exists (select from audit_event e where e.tenant = $1 and e.id = l.outcome)"#,
        tenant.0,
        &intents,
        &outcomes
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(LostCalls { intents: lost.into_iter().map(EventId).collect(), slots: taken })
}

/// What [`take_lost`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostCalls {
    /// Intents without an outcome.
    pub intents: Vec<EventId>,
    /// How many slots were taken.
    pub slots: usize,
}
