//! Keys that clients publish at an address of their own (`jwks_uri`, RFC 7591 §2).

use std::{net::IpAddr, sync::Arc};

use quick_cache::sync::Cache;
use time::{Duration, OffsetDateTime};

use crate::{
    clients::{jwks::ClientKeys, metadata::KeysUri},
    ids::TenantId,
    upstream::{Asker, FetchError, Untrusted},
};

/// The largest key set, in bytes.
const MOST: usize = 64 * 1024;
/// Key sets that are kept.
const KEPT: usize = 1000;
/// An unknown key is no reason to ask again before this: anybody can name one.
const ASK_AGAIN: Duration = Duration::minutes(1);
/// An address that gave none is not asked again before this.
const BACK_OFF: Duration = Duration::seconds(10);
/// How long keys go on while their address does not answer: a fault elsewhere must not lock a client out at once.
const STALE: Duration = Duration::HOUR;

/// Key sets of clients, kept for as long as their addresses say.
pub struct RemoteKeys {
    dialer: Untrusted,
    kept: Cache<(TenantId, KeysUri), Arc<Kept>>,
    /// When an address gave none.
    failed: Cache<(TenantId, KeysUri), OffsetDateTime>,
}

impl std::fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteKeys")
    }
}

/// What is known and may still do.
fn usable(
    known: Option<Arc<Kept>>,
    now: OffsetDateTime,
    fits: impl Fn(&ClientKeys) -> bool,
) -> Option<Arc<ClientKeys>> {
    known.filter(|known| now < known.fresh_until + STALE && fits(&known.keys)).map(|known| known.keys.clone())
}

struct Kept {
    keys: Arc<ClientKeys>,
    at: OffsetDateTime,
    fresh_until: OffsetDateTime,
}

impl RemoteKeys {
    /// With nothing known yet.
    pub fn new(dialer: Untrusted) -> Self {
        Self { dialer, kept: Cache::new(KEPT), failed: Cache::new(KEPT) }
    }

    /// The keys at an address, for a request from there and now, fetched where none are known, they are not fresh, or none of them `fits`.
    ///
    /// # Errors
    /// No keys came, and none are known that might do.
    pub async fn get(
        &self,
        tenant: TenantId,
        uri: &KeysUri,
        (from, now): (IpAddr, OffsetDateTime),
        fits: impl Fn(&ClientKeys) -> bool,
    ) -> Result<Arc<ClientKeys>, FetchError> {
        let known = self.kept.get(&(tenant, uri.clone()));
        if let Some(known) = &known
            && now < known.fresh_until
        {
            if fits(&known.keys) {
                return Ok(known.keys.clone());
            }
            // It may be a new one: not a reason to refuse the client for good.
            if now < known.at + ASK_AGAIN {
                return Err(FetchError::Busy);
            }
        }
        if self.failed.get(&(tenant, uri.clone())).is_some_and(|failed| now < failed + BACK_OFF) {
            return usable(known, now, fits).ok_or(FetchError::Busy);
        }
        let asker = if known.is_some() { Asker::Known } else { Asker::Stranger(from) };
        match self.fetch(asker, tenant, uri, now).await {
            Ok(keys) => Ok(keys),
            Err(error) => {
                self.failed.insert((tenant, uri.clone()), now);
                usable(known, now, fits).ok_or(error)
            }
        }
    }

    async fn fetch(
        &self,
        asker: Asker,
        tenant: TenantId,
        uri: &KeysUri,
        now: OffsetDateTime,
    ) -> Result<Arc<ClientKeys>, FetchError> {
        let fetched = self.dialer.fetch(asker, tenant, &uri.url()?, MOST).await?;
        let value = serde_json::from_slice(&fetched.body).map_err(|_| FetchError::Answer("it is not JSON"))?;
        let keys =
            ClientKeys::read(&value).map_err(|_| FetchError::Answer("it is no set of public keys to sign with"))?;
        let keys = Arc::new(keys);
        let fresh_until = now + Duration::try_from(fetched.fresh).unwrap_or(Duration::MINUTE);
        self.kept.insert((tenant, uri.clone()), Arc::new(Kept { keys: keys.clone(), at: now, fresh_until }));
        Ok(keys)
    }
}
