//! Which keys outside the database the processes that serve know.

use time::OffsetDateTime;

use crate::{
    ids::ProcessId,
    keys::{CheckValue, KeyKind, Keyring},
    store::{PlatformTx, Store, StoreError},
};

/// How many of the processes that serve know a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holders {
    /// Processes that serve.
    pub processes: i64,
    /// Those of them that have read the key from their key file.
    pub know: i64,
    /// Those of them that make new values with it.
    pub use_it: i64,
}

impl Holders {
    /// Whether every process that serves knows the key.
    pub fn all_know(&self) -> bool {
        self.know >= self.processes
    }

    /// Whether no process that serves knows the key.
    pub fn none_knows(&self) -> bool {
        self.know == 0
    }

    /// Whether every process that serves makes new values with the key.
    pub fn all_use_it(&self) -> bool {
        self.use_it >= self.processes
    }
}

/// Asks the processes' reports.
pub async fn holders(tx: &mut PlatformTx, kind: KeyKind, id: &str) -> Result<Holders, StoreError> {
    let row = sqlx::query!(
        r#"select count(*) as "processes!", count(h.process) as "know!", count(*) filter (where h.in_use) as "use_it!"
             from (select distinct process from node) n
             left join key_holder h on h.process = n.process and h.kind = $1 and h.key_id = $2"#,
        kind.name(),
        id
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Holders { processes: row.processes, know: row.know, use_it: row.use_it })
}

/// A process that serves, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id, which it logs when it begins to serve.
    pub id: ProcessId,
    /// It does not renew its lease, and will be given up for dead.
    pub silent: bool,
}

/// The processes that serve and have not reported a key.
pub async fn lacking(tx: &mut PlatformTx, kind: KeyKind, id: &str) -> Result<Vec<Process>, StoreError> {
    let rows = sqlx::query_as!(
        Process,
        r#"select process as "id: ProcessId", bool_and(suspect) as "silent!" from node n
            where not exists (select from key_holder h
                               where h.process = n.process and h.kind = $1 and h.key_id = $2)
            group by process order by process"#,
        kind.name(),
        id
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Says what this process knows, in place of what it said before.
pub async fn report(
    store: &Store,
    process: ProcessId,
    keyring: &Keyring,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let keys = keyring.check_values();
    let kinds: Vec<String> = keys.iter().map(|key| key.kind.name().to_owned()).collect();
    let used: Vec<bool> = keys.iter().map(|key| keyring.in_use(key.kind) == key.id).collect();
    let ids: Vec<String> = keys.into_iter().map(|CheckValue { id, .. }| id).collect();
    let mut tx = store.platform_tx().await?;
    // Also what was said by processes that are long gone.
    sqlx::query!(
        "delete from key_holder h
          where h.process = $1
             or (h.reported_at < $2 and not exists (select from node n where n.process = h.process))",
        process.0,
        now - time::Duration::DAY
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into key_holder (process, kind, key_id, in_use, reported_at)
         select $1, *, $5 from unnest($2::text[], $3::text[], $4::boolean[])",
        process.0,
        &kinds,
        &ids,
        &used,
        now
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}
