//! Keys of outside issuers: found by their metadata (RFC 8414, OpenID Connect Discovery), kept in memory for a bounded time.
//!
//! Anybody can write the name of an issuer and of a key into a token. So an issuer is asked only if an administrator trusts
//! it, by one at a time, and with a pause between two tries, whatever is presented meanwhile.

use std::{sync::Arc, time::Duration as RealDuration};

use quick_cache::sync::Cache;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::discovery::{self, NotFound};
use crate::{
    clients::{
        jwks::{BadKeys, ClientKeys},
        metadata::KeysUri,
    },
    clock::Clock,
    config::PublicUrl,
    ids::TenantId,
    mcp::json,
    upstream::{Asker, FetchError, Untrusted},
};

/// The largest document, in bytes. Key sets come with certificates.
pub(super) const MAX_BYTES: usize = 256 * 1024;
pub(super) const MAX_DEPTH: usize = 16;
/// The most keys in a set.
const MAX_KEYS: usize = 100;
/// Issuers that are remembered at a time.
const MOST: usize = 1_000;
/// Between two tries, whoever asks for whatever key.
const PAUSE: Duration = Duration::seconds(30);
/// For so long at most a key is believed after it was withdrawn, while its issuer answers.
const FRESH: Duration = Duration::minutes(10);
/// For so long after the last answer keys are believed although the issuer does not answer.
const STALE: Duration = Duration::hours(6);
/// How long it is believed where an issuer has its keys.
const PLACE: Duration = Duration::hours(1);
/// The longest time for all fetches of one try.
const LIMIT: RealDuration = RealDuration::from_secs(10);

/// Why it cannot be told whether a token is good.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoKeys {
    /// Its metadata is not to be had.
    #[error("its metadata cannot be had: {0}")]
    Metadata(#[from] NotFound),
    /// Its keys are not to be had.
    #[error("its keys cannot be fetched: {}", .0.detail())]
    Keys(#[from] FetchError),
    /// What was fetched is no key set.
    #[error("its key set {0}")]
    Bad(#[from] BadKeys),
    /// It took too long.
    #[error("its metadata and keys could not be had in time")]
    TimedOut,
    /// The key is not in the set as it was a moment ago, and it is too early to ask again.
    #[error("the key was not in the key set a moment ago")]
    Lately,
    /// The issuer has not answered for too long.
    #[error("its keys were fetched too long ago")]
    Stale,
}

/// Of one issuer, as one tenant trusts it.
type Key = (TenantId, String, Option<KeysUri>);

#[derive(Clone)]
struct Held {
    keys: ClientKeys,
    /// Where they are, and when that was found out.
    place: (KeysUri, OffsetDateTime),
    fetched_at: OffsetDateTime,
    fresh_until: OffsetDateTime,
}

/// What came of the last try.
struct Try {
    at: OffsetDateTime,
    held: Option<Held>,
    failed: Option<NoKeys>,
}

/// The keys of all outside issuers.
pub struct OutsideKeys {
    dialer: Untrusted,
    tries: Cache<Key, Arc<Try>>,
    /// Who tries.
    turns: Cache<Key, Arc<Mutex<()>>>,
}

impl std::fmt::Debug for OutsideKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OutsideKeys")
    }
}

/// Whose key is needed.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) issuer: &'a str,
    /// Where they are, if somebody knows.
    pub(crate) jwks_uri: Option<&'a KeysUri>,
    /// The key's id. None: any.
    pub(crate) kid: Option<&'a str>,
    /// Our own address, where nobody else's keys are.
    pub(crate) own: &'a PublicUrl,
}

impl OutsideKeys {
    /// Nothing is known at first. The dialer is for these alone: what strangers have fetched keeps no issuer waiting.
    pub fn new(dialer: Untrusted) -> Self {
        Self { dialer, tries: Cache::new(MOST), turns: Cache::new(MOST) }
    }

    /// The issuer's keys, among them the one that is named if the issuer has it.
    ///
    /// # Errors
    /// When it cannot be told now which keys it has. That says nothing about a token.
    pub(crate) async fn get(&self, clock: &Clock, wanted: Wanted<'_>) -> Result<ClientKeys, NoKeys> {
        let key = (wanted.tenant, wanted.issuer.to_owned(), wanted.jwks_uri.cloned());
        let before = self.tries.get(&key);
        if let Some(answer) = before.as_ref().and_then(|before| before.answers(wanted.kid, clock.now())) {
            return answer;
        }
        let turn = self.turns.get_or_insert_with(&key, || Ok::<_, NoKeys>(Arc::default()))?;
        let _turn = turn.lock().await;
        let now = clock.now();
        match (before, self.tries.get(&key)) {
            // Somebody else has tried since this one asked.
            (None, Some(tried)) => tried.result(wanted.kid, now),
            (Some(before), Some(tried)) if !Arc::ptr_eq(&before, &tried) => tried.result(wanted.kid, now),
            (_, known) => {
                let held = known.and_then(|known| known.held.clone());
                let tried = Arc::new(self.renew(wanted, held, now).await);
                self.tries.insert(key, tried.clone());
                tried.result(wanted.kid, now)
            }
        }
    }

    async fn renew(&self, wanted: Wanted<'_>, held: Option<Held>, now: OffsetDateTime) -> Try {
        let fetched = tokio::time::timeout(LIMIT, self.fetch(wanted, held.as_ref(), now)).await;
        match fetched.unwrap_or(Err(NoKeys::TimedOut)) {
            Ok(held) => Try { at: now, held: Some(held), failed: None },
            Err(error) => {
                let issuer = wanted.issuer;
                tracing::warn!(tenant = %wanted.tenant, issuer, %error, "an outside issuer's keys are not to be had");
                // Where they are is found out anew next time.
                let held = held.map(|held| Held { place: (held.place.0, OffsetDateTime::UNIX_EPOCH), ..held });
                Try { at: now, held, failed: Some(error) }
            }
        }
    }

    async fn fetch(&self, wanted: Wanted<'_>, held: Option<&Held>, now: OffsetDateTime) -> Result<Held, NoKeys> {
        let Wanted { tenant, issuer, jwks_uri, own, .. } = wanted;
        let known = held.map(|held| &held.place).filter(|(_, at)| *at <= now && now < *at + PLACE);
        let place = match (jwks_uri, known) {
            (Some(configured), _) => (configured.clone(), now),
            (None, Some(known)) => known.clone(),
            (None, None) => (discovery::jwks_uri(&self.dialer, own, tenant, issuer).await?, now),
        };
        let fetched = self.dialer.fetch(Asker::Known, tenant, &place.0.url()?, MAX_BYTES).await?;
        let fresh = Duration::try_from(fetched.fresh).unwrap_or(FRESH).min(FRESH);
        Ok(Held { keys: read(&fetched.body)?, place, fetched_at: now, fresh_until: now + fresh })
    }
}

impl Try {
    /// What it says without another try. None: there must be one.
    fn answers(&self, kid: Option<&str>, now: OffsetDateTime) -> Option<Result<ClientKeys, NoKeys>> {
        let lately = self.at <= now && now < self.at + PAUSE;
        let held = self.held.as_ref().filter(|held| held.keys.names(kid));
        match held {
            Some(held) if lately || (held.fetched_at <= now && now < held.fresh_until) => Some(held.usable(now)),
            Some(_) => None,
            None => lately.then(|| Err(self.failed.clone().unwrap_or(NoKeys::Lately))),
        }
    }

    /// What it says to those who waited for it: that a key is not there, too.
    fn result(&self, kid: Option<&str>, now: OffsetDateTime) -> Result<ClientKeys, NoKeys> {
        match (&self.held, &self.failed) {
            (Some(held), None) => held.usable(now),
            (Some(held), Some(_)) if held.keys.names(kid) => held.usable(now),
            (_, failed) => Err(failed.clone().unwrap_or(NoKeys::Lately)),
        }
    }
}

impl Held {
    fn usable(&self, now: OffsetDateTime) -> Result<ClientKeys, NoKeys> {
        if now < self.fetched_at + STALE { Ok(self.keys.clone()) } else { Err(NoKeys::Stale) }
    }
}

fn read(body: &[u8]) -> Result<ClientKeys, NoKeys> {
    let text = json::check(body, MAX_DEPTH).map_err(|_| BadKeys::Shape)?;
    let value = serde_json::from_str(text).map_err(|_| BadKeys::Shape)?;
    Ok(ClientKeys::read_at_most(&value, MAX_KEYS)?)
}
