//! Access tokens of outside issuers: JWTs (RFC 9068) of an authorization server that an administrator trusts for a server.
//!
//! ```text
//! bearer → OutsideToken   by its shape; nothing else of it is believed
//!        → cache          keyed hash of server and token: a warm call has no signature and no round trip
//!        → Unverified     read strictly; its issuer must be one that the server trusts, and none of ours
//!        → Mapped         signature and claims checked; subject, client and scopes as they are here
//!        → grant, family  rows like those of our own tokens, so that they are listed and revoked like these
//!        → Verified       from here on everything is the same
//! ```
//!
//! A token that was issued before a revocation of what it is mapped to stays dead. One that is issued later begins a new
//! grant: whether the subject gets one is the issuer's decision, and an administrator narrows that by settings.

mod claims;
mod discovery;
mod grant;
mod keys;
mod presented;

use std::sync::Arc;

use claims::{LEEWAY, Mapped, Unverified};
pub use discovery::NotFound;
pub(crate) use keys::Wanted;
pub use keys::{NoKeys, OutsideKeys};
pub use presented::OutsideToken;
use time::OffsetDateTime;

use super::Verified;
use crate::{
    app::App,
    cluster::{Fill, LiveCall},
    ids::{AccessTokenId, ClientId},
    policy::{Scope, ScopeSet},
    secret::NoEntropy,
    store::{
        StoreError,
        outside::{Mapping, OutsideRow},
    },
    tenants::{OutsideIssuer, Server, Tenant, is_ours},
};

/// How often the store is read again because the log moved on meanwhile.
const TRIES: usize = 16;
/// For so long a token is believed before it is verified anew, in seconds: keys are withdrawn.
const BELIEVED: i64 = 600;

/// Why a token of somebody else is not accepted. All of it is 401 `invalid_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum BadToken {
    Untrusted,
    Inner,
    Malformed,
    Header,
    Kind,
    Signature,
    Audience,
    Claims,
    Client,
    Early,
    Ended,
    Long,
    Revoked,
}

/// Why there is no call.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// The token is not good.
    #[error("the token is not accepted")]
    Bad(BadToken),
    /// The tenant that was passed is not what is known of it any more: read it again.
    #[error("the tenant has changed meanwhile")]
    Moved,
    /// The issuer's keys are not to be had: 503.
    #[error(transparent)]
    NoKeys(#[from] NoKeys),
    /// Too many clients that nobody knew came today: 503.
    #[error("too many clients of outside issuers came for the first time today")]
    TooMany,
    /// A fault of ours: 503.
    #[error(transparent)]
    Fault(#[from] StoreError),
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

impl BadToken {
    /// For the client's log.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Untrusted | Self::Inner => "the token is of no issuer that this server trusts",
            Self::Malformed => "the token is not a JWT in its strict form",
            Self::Header => "the token's algorithm or header is not accepted",
            Self::Kind => "the token is not an access token for a bearer, by its type or its claims",
            Self::Signature => "the token's signature fits no key of its issuer",
            Self::Audience => "the access token was issued for another resource",
            Self::Claims => "the token lacks a claim, or has one that is not accepted",
            Self::Client => "the token's client may not call this server",
            Self::Early => "the token is not valid yet",
            Self::Ended => "the access token has expired",
            Self::Long => "the token lives longer than this server allows",
            Self::Revoked => "the access token was revoked",
        }
    }

    /// For the count of what was refused.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Untrusted => "foreign",
            Self::Inner => "inner",
            Self::Audience => "resource",
            Self::Signature | Self::Header => "signature",
            Self::Malformed | Self::Kind | Self::Claims | Self::Client => "claims",
            Self::Early | Self::Ended | Self::Long | Self::Revoked => "unknown",
        }
    }
}

impl From<BadToken> for OutsideError {
    fn from(bad: BadToken) -> Self {
        Self::Bad(bad)
    }
}

/// Verifies a token, from the cache or anew, and enters the call among those that a revocation cuts.
///
/// `tenant` is still what is known of it when this returns: a later change of it cuts the call.
///
/// # Errors
/// [`OutsideError`]
pub async fn verify(
    app: &App,
    tenant: &Arc<Tenant>,
    server: &Server,
    token: &OutsideToken,
) -> Result<LiveCall, OutsideError> {
    if server.issuers.is_empty() {
        return Err(BadToken::Untrusted.into());
    }
    let outcome = Presented { app, tenant, server, token }.look_up().await;
    if app.node.is_current(tenant) { outcome } else { Err(OutsideError::Moved) }
}

/// A token at a server.
#[derive(Clone, Copy)]
struct Presented<'a> {
    app: &'a App,
    tenant: &'a Arc<Tenant>,
    server: &'a Server,
    token: &'a OutsideToken,
}

impl Presented<'_> {
    async fn look_up(self) -> Result<LiveCall, OutsideError> {
        let (id, hash) = self.place();
        if let Some(call) = self.app.node.admit(self.tenant.id, &hash) {
            if call.verified().expires_at <= self.app.clock.now() {
                self.app.node.forget(&hash);
                return Err(BadToken::Ended.into());
            }
            return Ok(call);
        }
        let verified = self.verify().await?;
        self.fill(verified, id, hash).await
    }

    /// Its id here, and its place in the cache: another one after a while, and another one for each server.
    fn place(self) -> (AccessTokenId, [u8; 32]) {
        let Self { app, tenant, server, token } = self;
        let parts = [tenant.id.0.as_bytes().as_slice(), server.id.0.as_bytes(), token.expose().as_bytes()];
        let mut hash = app.keyring.keyed("outside token", &parts);
        let [high, low, ..] = hash;
        // Not all tokens at the same moment.
        let turn = (app.clock.unix() + i64::from(u16::from_be_bytes([high, low]))).div_euclid(BELIEVED);
        let id = uuid::Uuid::from_slice(hash.get(..16).unwrap_or_default()).unwrap_or_default();
        for (byte, turn) in hash.iter_mut().rev().zip(turn.to_le_bytes()) {
            *byte ^= turn;
        }
        (AccessTokenId(id), hash)
    }

    /// From text to what it means here. The issuer's keys are fetched if they are not known.
    async fn verify(&self) -> Result<(&OutsideIssuer, Mapped), OutsideError> {
        let Self { app, tenant, server, token } = *self;
        let unverified = Unverified::read(token)?;
        let named = unverified.issuer().ok_or(BadToken::Claims)?;
        let own = &app.config.public_url;
        if is_ours(named, own) {
            return Err(BadToken::Inner.into());
        }
        let issuer = server.issuers.iter().find(|issuer| issuer.issuer == named).ok_or(BadToken::Untrusted)?;
        unverified.check_algorithm(issuer)?;
        let (jwks_uri, kid) = (issuer.jwks_uri.as_ref(), unverified.kid.as_deref());
        let wanted = Wanted { tenant: tenant.id, issuer: &issuer.issuer, jwks_uri, kid, own };
        let keys = app.outside.get(&app.clock, wanted).await?;
        Ok((issuer, unverified.verify(issuer, server, &keys, app.clock.now())?))
    }

    /// From what it means to a call, by way of a grant.
    async fn fill(
        &self,
        (issuer, mapped): (&OutsideIssuer, Mapped),
        id: AccessTokenId,
        hash: [u8; 32],
    ) -> Result<LiveCall, OutsideError> {
        let Self { app, tenant, server, .. } = *self;
        let client = ClientId::parse(&issuer.client_id(&mapped.client)).map_err(StoreError::corrupt)?;
        let mapping = Mapping { subject: &mapped.subject, client: &client, server: server.id };
        let _turn = app.cold.turn().await;
        for _ in 0..TRIES {
            let reading = app.node.reading()?;
            let row = app.store.lookup_outside(reading.node(), tenant.id, mapping).await?;
            let row =
                row.filter(|row| row.live && is_after(mapped.issued_at, row.ended_at)).ok_or(BadToken::Revoked)?;
            let head = row.head;
            let Some(verified) = self.read(row, mapping, &mapped, (id, hash))? else {
                grant::keep(app, tenant.id, issuer, mapping, &mapped).await?;
                continue;
            };
            if let Fill::Fresh(call) = app.node.keep(reading, head, tenant, verified) {
                return Ok(call);
            }
            if !app.node.is_current(tenant) {
                return Err(OutsideError::Moved);
            }
        }
        Err(StoreError::Behind.into())
    }

    /// None: its grant or family is not there yet, or does not cover it.
    fn read(
        &self,
        row: OutsideRow,
        mapping: Mapping<'_>,
        mapped: &Mapped,
        (token, hash): (AccessTokenId, [u8; 32]),
    ) -> Result<Option<Verified>, StoreError> {
        let (Some(grant), Some((family, ends)), Some(commitment)) = (row.grant, row.family, row.subject_commitment)
        else {
            return Ok(None);
        };
        let granted = grant.scopes.iter().map(|scope| Scope::new(scope)).collect::<Result<ScopeSet, _>>();
        let granted = granted.map_err(StoreError::corrupt)?;
        if ends < mapped.expires_at || !mapped.scopes.is_subset(&granted) {
            return Ok(None);
        }
        Ok(Some(Verified {
            tenant: self.tenant.id,
            token,
            audit_handle: self.app.keyring.audit_handle(self.token.expose()),
            hash,
            family,
            grant: grant.id,
            grant_version: grant.version,
            recorded_subject: grant::recorded(mapping.subject, &commitment),
            subject: mapping.subject.to_owned(),
            person: None,
            client: mapping.client.clone(),
            server: mapping.server,
            scopes: self.server.policy.in_effect(&mapped.scopes, &granted),
            auth_time: mapped.auth_time,
            expires_at: mapped.expires_at,
        }))
    }
}

/// Whether a token was issued after what it is mapped to ended last. The clocks may differ, and unsure means no.
fn is_after(issued_at: OffsetDateTime, ended_at: Option<OffsetDateTime>) -> bool {
    ended_at.is_none_or(|ended_at| issued_at > ended_at + LEEWAY)
}
