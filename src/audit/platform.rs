//! What can happen to the platform as a whole: it belongs to no tenant.

use serde::Serialize;
use uuid::Uuid;

use super::Tally;
use crate::ids::TenantId;

/// One event of the platform log. The serialized `kind` becomes the row's kind, the rest its body. Ids only: no name of a
/// person, no key.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind")]
#[expect(missing_docs, reason = "the names of the fields are the nouns of the design")]
pub enum PlatformEvent {
    /// The database's schema has this migration. Written after it, when `sallyport migrate` ends or runs again.
    #[serde(rename = "schema.migrated")]
    SchemaMigrated { migration: i64, description: String },
    /// Somebody may administer the platform.
    #[serde(rename = "administrator.created")]
    AdministratorCreated { administrator: Uuid },
    #[serde(rename = "tenant.created")]
    TenantCreated { tenant: TenantId, slug: String },
    /// A tenant exists as before, or not any more.
    #[serde(rename = "tenant.changed")]
    TenantChanged {
        tenant: TenantId,
        slug: String,
        /// `changed`, `disabled`, `enabled`, `removed`.
        change: &'static str,
    },
    /// The database saw a key of the key file for the first time.
    #[serde(rename = "key.added")]
    KeyAdded {
        /// `pepper`, `kek` or `audit_handle`.
        key_kind: &'static str,
        key_id: String,
    },
    /// From now on new values are made with this key; the others still read old ones.
    #[serde(rename = "key.in_use")]
    KeyInUse { key_kind: &'static str, key_id: String },
    /// The database does without this key from now on.
    #[serde(rename = "key.retired")]
    KeyRetired {
        key_kind: &'static str,
        key_id: String,
        /// Something still needed it, and is lost.
        forced: bool,
    },
    /// The key that signs the checkpoints of this log from now on.
    #[serde(rename = "checkpoint_key.in_use")]
    CheckpointKeyInUse { origin: String, key: String },
    /// Nothing else happened for an hour.
    #[serde(rename = "log.heartbeat")]
    LogHeartbeat { entries: u64 },
    /// The log begins anew after the database was set back. It is the first entry.
    #[serde(rename = "log.restarted")]
    LogRestarted { origin: String, size: u64, root: String, checkpoint: String },
    /// A request that leads to no tenant.
    #[serde(rename = "request.refused")]
    RequestRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
}

impl PlatformEvent {
    /// The version of all shapes above. Grows when one changes its meaning.
    pub const VERSION: i16 = 1;
}
