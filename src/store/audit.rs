//! Audit events of tenants and of the platform: inserted, never changed.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{PlatformTx, Store, StoreError, TenantTx};
use crate::{
    audit::Kept,
    ids::{EventId, TenantId},
    secret::hex,
};

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub at: OffsetDateTime,
    /// The kind, e.g. `token.issued`.
    pub kind: String,
    /// The version of the kind's shape.
    pub version: i16,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// The rest.
    pub body: Value,
}

type Columns = (Uuid, OffsetDateTime, String, i16, Option<String>, Value);

impl EventRow {
    fn read((id, at, kind, version, request_id, body): Columns) -> Self {
        Self { id: EventId(id), at, kind, version, request_id, body }
    }
}

/// The body of an event. One that cannot be read (JSON knows larger numbers than programs do) is there as its digest: no event can keep
/// those after it out of the log.
pub(in crate::store) fn body(row: &PgRow) -> Result<Value, StoreError> {
    match row.try_get("body") {
        Err(sqlx::Error::ColumnDecode { .. }) => {
            let raw = row.try_get_raw("body")?;
            let bytes = raw.as_bytes().map_err(StoreError::corrupt)?;
            // Before the text stands the version of the format.
            let text = bytes.get(1..).unwrap_or_default();
            let sha256 = hex(digest(&SHA256, text).as_ref());
            Ok(serde_json::json!({ "unreadable": { "bytes": text.len(), "sha256": sha256 } }))
        }
        body => Ok(body?),
    }
}

/// Writes one event with the change it witnesses.
pub async fn insert(tx: &mut TenantTx, event: &EventRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into audit_event (tenant, id, at, kind, version, request_id, body) values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        event.id.0,
        event.at,
        event.kind,
        event.version,
        event.request_id,
        event.body
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes one event of the platform with the change it witnesses.
pub async fn insert_platform(tx: &mut PlatformTx, event: &EventRow) -> Result<(), StoreError> {
    insert_platform_on(tx.conn(), event).await
}

/// As [`insert_platform`], in a transaction of the platform's log.
pub async fn insert_platform_in(tx: &mut TenantTx, event: &EventRow) -> Result<(), StoreError> {
    insert_platform_on(tx.conn(), event).await
}

/// As [`insert_platform`], for the owner, who has connections of its own. What is there already stays as it is: a
/// migration is noted once, and who did not hear of a commit writes the same event again.
pub(in crate::store) async fn insert_platform_on(
    connection: &mut PgConnection,
    event: &EventRow,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into platform_event (id, at, kind, version, request_id, body) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
        event.id.0,
        event.at,
        event.kind,
        event.version,
        event.request_id,
        event.body
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes many events of one tenant in one statement. Those that are there already stay as they are: who did not hear that
/// a commit went through writes the same events again.
pub async fn insert_batch(tx: &mut TenantTx, events: &[EventRow]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = events.iter().map(|event| event.id.0).collect();
    let ats: Vec<OffsetDateTime> = events.iter().map(|event| event.at).collect();
    let kinds: Vec<String> = events.iter().map(|event| event.kind.clone()).collect();
    let versions: Vec<i16> = events.iter().map(|event| event.version).collect();
    let requests: Vec<Option<String>> = events.iter().map(|event| event.request_id.clone()).collect();
    let bodies: Vec<Value> = events.iter().map(|event| event.body.clone()).collect();
    sqlx::query!(
        "insert into audit_event (tenant, id, at, kind, version, request_id, body)
         select $1, * from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::smallint[], $6::text[], $7::jsonb[])
         on conflict do nothing",
        tenant.0,
        &ids,
        &ats,
        &kinds,
        &versions,
        &requests as &[Option<String>],
        &bodies
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps the values that an event only commits to.
pub async fn keep_values(tx: &mut TenantTx, event: EventId, values: &[Kept]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    for kept in values {
        let insert = "insert into audit_value (tenant, event, commitment, kind, person, salt, value)
                      values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing";
        sqlx::query(insert)
            .bind(tenant.0)
            .bind(event.0)
            .bind(&kept.commitment)
            .bind(kept.kind)
            .bind(kept.person.map(|person| person.0))
            .bind(kept.salt.as_slice())
            .bind(&kept.value)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

impl Store {
    /// The newest events of a tenant, newest first.
    pub async fn audit_recent(&self, tenant: TenantId, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        let mut tx = self.tenant_tx(tenant).await?;
        let rows = sqlx::query!(
            "select id, at, kind, version, request_id, body from audit_event where tenant = $1 order by at desc, id desc limit $2",
            tenant.0,
            limit
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| EventRow::read((row.id, row.at, row.kind, row.version, row.request_id, row.body)))
            .collect())
    }

    /// The newest events of the platform, newest first.
    pub async fn platform_audit_recent(&self, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query!(
            "select id, at, kind, version, request_id, body from platform_event order by at desc, id desc limit $1",
            limit
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| EventRow::read((row.id, row.at, row.kind, row.version, row.request_id, row.body)))
            .collect())
    }
}
