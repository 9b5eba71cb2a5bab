//! The swap: an opaque token in, a short JWT for one upstream out (RFC 9068).

use std::time::Duration;

use http::HeaderValue;
use quick_cache::sync::Cache;
use serde::Serialize;

use crate::{
    clock::Clock,
    cluster::{Still, Verified},
    ids::{FamilyId, ServerId, TenantId},
    keys::{Jwt, SigningError},
    policy::{Permit, ScopeSet},
    secret::{Entropy, NoEntropy},
    tenants::{Server, Tenant},
};

/// How long a JWT lives at most, in seconds: it cannot be called back.
const LONGEST: i64 = 60;
/// A JWT with less than this part of its life left is made anew: an upstream's clock may be ahead of ours.
const LAST_PART: i64 = 4;
const KEPT: usize = 50_000;

/// A permitted call and the upstream's own credential for it. The client's token is not in it.
pub(super) struct Swapped {
    permit: Permit,
    credential: HeaderValue,
}

impl Swapped {
    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    pub(super) fn credential(&self) -> &HeaderValue {
        &self.credential
    }

    /// Takes the credential off, to put another on.
    pub(super) fn into_permit(self) -> Permit {
        self.permit
    }
}

/// Why there is no credential. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// The access token ended meanwhile.
    #[error("the access token has expired")]
    Expired,
    /// The tenant's key does not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// Who calls what: all that goes into a JWT.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The tenant, whose key signs.
    pub tenant: &'a Tenant,
    /// The server the JWT is for.
    pub server: &'a Server,
    /// Whom it is about.
    pub verified: &'a Verified,
    /// What says, just before the call is written, that it may still go on. None for calls of Sallyport itself.
    pub still: Option<&'a Still>,
}

/// What two calls must share to be given the same JWT.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    family: FamilyId,
    scopes: ScopeSet,
    grant_version: i64,
    server: ServerId,
    server_version: i64,
    kid: String,
    /// The end of the access token, once that is what bounds the JWT. Tokens of one family end at different times.
    end: Option<i64>,
}

#[derive(Clone)]
struct Minted {
    jwt: Jwt,
    credential: HeaderValue,
    expires: i64,
}

/// RFC 9068, section 2.2.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    iat: i64,
    exp: i64,
    jti: String,
    tenant: &'a str,
}

/// Makes credentials and keeps them while they are good.
pub(super) struct Swaps {
    minted: Cache<Key, Minted>,
    /// How long a JWT lives, in seconds.
    lifetime: i64,
    clock: Clock,
    entropy: Entropy,
}

impl Swaps {
    pub(super) fn new(lifetime: Duration, clock: Clock, entropy: Entropy) -> Self {
        let lifetime = i64::try_from(lifetime.as_secs()).map_or(LONGEST, |seconds| seconds.min(LONGEST));
        Self { minted: Cache::new(KEPT), lifetime, clock, entropy }
    }

    /// Puts the upstream's credential to a permitted call. With a warm cache nothing is signed.
    pub(super) fn swap(&self, permit: Permit, caller: Caller<'_>) -> Result<Swapped, SwapError> {
        Ok(Swapped { permit, credential: self.minted(caller)?.credential })
    }

    /// The JWT alone, for a protected resource that asks about an access token of its own: no call of ours goes with it.
    pub(super) fn phantom(&self, caller: Caller<'_>) -> Result<Jwt, SwapError> {
        Ok(self.minted(caller)?.jwt)
    }

    fn minted(&self, caller: Caller<'_>) -> Result<Minted, SwapError> {
        let now = self.clock.unix();
        let key = self.key(caller, now)?;
        // One that ends with its access token cannot be had any fresher.
        let good = |minted: &Minted| key.end.is_some() || now + self.lifetime / LAST_PART <= minted.expires;
        if let Some(minted) = self.minted.get(&key).filter(good) {
            return Ok(minted);
        }
        let minted = self.mint(caller, now, key.end.unwrap_or(now + self.lifetime))?;
        self.minted.insert(key, minted.clone());
        Ok(minted)
    }

    /// Makes a new credential even if a good one is kept: the upstream did not accept it.
    pub(super) fn swap_afresh(&self, permit: Permit, caller: Caller<'_>) -> Result<Swapped, SwapError> {
        self.minted.remove(&self.key(caller, self.clock.unix())?);
        self.swap(permit, caller)
    }

    fn key(&self, caller: Caller<'_>, now: i64) -> Result<Key, SwapError> {
        let Caller { tenant, server, verified, .. } = caller;
        let end = verified.expires_at.unix_timestamp();
        if end <= now {
            return Err(SwapError::Expired);
        }
        let kid = tenant.signing.active_kid(server.alg).ok_or(SigningError::NoKey(server.alg.name()))?;
        Ok(Key {
            tenant: tenant.id,
            family: verified.family,
            scopes: verified.scopes.clone(),
            grant_version: verified.grant_version,
            server: server.id,
            server_version: server.version,
            kid: kid.to_owned(),
            end: (end < now + self.lifetime).then_some(end),
        })
    }

    fn mint(&self, caller: Caller<'_>, now: i64, expires: i64) -> Result<Minted, SwapError> {
        let Caller { tenant, server, verified, .. } = caller;
        let claims = Claims {
            iss: &tenant.issuer,
            aud: &server.audience,
            sub: &verified.subject,
            client_id: verified.client.as_str(),
            // What the server no longer declares is not handed on, whenever the token was looked up.
            scope: verified.scopes.intersection(server.policy.declared()).to_string(),
            auth_time: verified.auth_time.map(time::OffsetDateTime::unix_timestamp),
            iat: now,
            exp: expires,
            jti: self.entropy.text::<16>()?,
            tenant: tenant.slug.as_str(),
        };
        let jwt = tenant.signing.sign(server.alg, "at+jwt", &claims)?;
        let mut credential =
            HeaderValue::try_from(format!("Bearer {}", jwt.expose())).map_err(|_| SigningError::Failed)?;
        credential.set_sensitive(true);
        Ok(Minted { jwt, credential, expires })
    }
}
