//! What can lose authority.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ids::{AccessTokenId, ClientId, FamilyId, GrantId, PersonId, ServerId},
    store::StoreError,
};

/// One entry of the authority log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// One access token.
    AccessToken(AccessTokenId),
    /// A family: all its handles.
    Family(FamilyId),
    /// A grant: revoked or narrowed.
    Grant(GrantId),
    /// Many grants.
    Grants(BTreeSet<GrantId>),
    /// A client: disabled, removed or changed.
    Client(ClientId),
    /// A person: disabled or removed.
    Person(PersonId),
    /// A server: disabled, removed, or its scopes or catalogue changed.
    Server(ServerId),
    /// The whole tenant: disabled, removed, or its settings changed, or its keys at once.
    Tenant,
    /// The tenant's signing keys changed with overlap: what is in flight goes on.
    SigningKeys,
}

impl Entry {
    pub(super) fn to_json(&self) -> Result<Value, StoreError> {
        serde_json::to_value(self).map_err(StoreError::corrupt)
    }

    /// Reads a row. An entry that this program does not know is taken for the widest one: unsure means no.
    pub(super) fn from_json(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or(Self::Tenant)
    }
}
