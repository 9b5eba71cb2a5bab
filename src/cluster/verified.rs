//! What a verified access token stands for.

use time::OffsetDateTime;

use crate::{
    ids::{AccessTokenId, ClientId, FamilyId, GrantId, PersonId, ServerId, TenantId},
    policy::ScopeSet,
};

/// An access token that was looked up: handle, family and grant live, and what it may do. Holds no part of the token itself.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whose.
    pub tenant: TenantId,
    /// Which token.
    pub token: AccessTokenId,
    /// What stands for the token in the audit log.
    pub audit_handle: String,
    /// The hash of the token under the pepper that was in use: its place in the cache.
    pub hash: [u8; 32],
    /// Its family.
    pub family: FamilyId,
    /// Its grant.
    pub grant: GrantId,
    /// The grant's version.
    pub grant_version: i64,
    /// `sub` of the inner JWT: `person:<id>`, `client:<id>`, or `issuer:<id>:<subject>` of an outside issuer.
    pub subject: String,
    /// The same in events: a subject of an outside issuer as a commitment.
    pub recorded_subject: String,
    /// The person behind it, if one is.
    pub person: Option<PersonId>,
    /// Who presents it.
    pub client: ClientId,
    /// The one server it is for.
    pub server: ServerId,
    /// Handle's scopes ∩ grant's scopes now ∩ the server's scopes now.
    pub scopes: ScopeSet,
    /// When the person behind it had logged in; none for a machine client.
    pub auth_time: Option<OffsetDateTime>,
    /// When it ends, unless revoked before.
    pub expires_at: OffsetDateTime,
}
