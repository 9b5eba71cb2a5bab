//! Signing keys follow one another, so that no upstream ever sees a `kid` that it could not know.
//!
//! The next key is published first. After a lead time, which is longer than upstreams keep the key set, it signs; the one
//! before it stays published until the last JWT that it signed has expired and no upstream keeps a set without its follower.

use time::{Duration, OffsetDateTime};

use super::RotationError;
use crate::{
    audit::{Event, Recorder},
    cluster::{self, Entry, Ticket},
    config::SigningRotation,
    keys::{Keyring, SigningAlg, SigningKey, SigningState},
    store::{
        TenantTx,
        keys::{self as rows, SigningKeyRow},
    },
};

/// How long a key stays published after it signed last: a minute for the longest JWT, a minute for the key set in caches,
/// and a minute for clocks that differ.
pub const OVERLAP: Duration = Duration::minutes(3);

const ALGS: [SigningAlg; 2] = [SigningAlg::EdDSA, SigningAlg::ES256];

/// A key that is to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Following {
    /// Its id.
    pub kid: String,
    /// Its algorithm.
    pub alg: SigningAlg,
    /// When it signs from.
    pub signs_at: OffsetDateTime,
    /// It was on its way before.
    pub already: bool,
}

/// Publishes the next key of each algorithm, unless one is on its way. Commit, then settle the ticket.
pub async fn begin(
    tx: &mut TenantTx,
    keyring: &Keyring,
    recorder: &Recorder,
    lead: std::time::Duration,
) -> Result<(Vec<Following>, Option<Ticket>), RotationError> {
    let keys = rows::signing_key_rows(tx, true).await?;
    let mut following = Vec::new();
    for alg in ALGS {
        let next = keys.iter().find(|key| key.alg == alg && key.state == SigningState::Next);
        following.push(match next {
            Some(SigningKeyRow { kid, active_at, .. }) => {
                Following { kid: kid.clone(), alg, signs_at: *active_at, already: true }
            }
            None => publish(tx, keyring, recorder, alg, lead).await?,
        });
    }
    let ticket = match following.iter().all(|key| key.already) {
        true => None,
        false => Some(cluster::take(tx, &Entry::SigningKeys, recorder.clock.now()).await?),
    };
    Ok((following, ticket))
}

async fn publish(
    tx: &mut TenantTx,
    keyring: &Keyring,
    recorder: &Recorder,
    alg: SigningAlg,
    lead: std::time::Duration,
) -> Result<Following, RotationError> {
    let now = recorder.clock.now();
    let (key, public) = SigningKey::generate(alg, tx.tenant(), keyring, &recorder.entropy)?;
    rows::insert_next_signing_key(tx, &key, &public, now, now + lead).await?;
    record(tx, recorder, &key.kid, alg, "published").await?;
    Ok(Following { kid: key.kid, alg, signs_at: now + lead, already: false })
}

/// Stops every key of the tenant at once and lets fresh ones sign: for keys that others may have. Calls in flight are
/// cut. Commit, then settle the ticket.
pub async fn at_once(
    tx: &mut TenantTx,
    keyring: &Keyring,
    recorder: &Recorder,
) -> Result<(Vec<Following>, Ticket), RotationError> {
    let following = replace(tx, keyring, recorder, &ALGS).await?;
    Ok((following, cluster::take(tx, &Entry::Tenant, recorder.clock.now()).await?))
}

/// Replaces every key of these algorithms. Goes with an authority log entry.
pub(super) async fn replace(
    tx: &mut TenantTx,
    keyring: &Keyring,
    recorder: &Recorder,
    algs: &[SigningAlg],
) -> Result<Vec<Following>, RotationError> {
    let now = recorder.clock.now();
    for key in rows::signing_key_rows(tx, true).await? {
        if algs.contains(&key.alg) && key.state != SigningState::Retired {
            rows::retire_signing_key(tx, &key.kid, now).await?;
            record(tx, recorder, &key.kid, key.alg, "retired").await?;
        }
    }
    let mut following = Vec::new();
    for &alg in algs {
        let (key, public) = SigningKey::generate(alg, tx.tenant(), keyring, &recorder.entropy)?;
        rows::insert_signing_key(tx, &key, &public, now).await?;
        record(tx, recorder, &key.kid, alg, "in_use").await?;
        following.push(Following { kid: key.kid, alg, signs_at: now, already: false });
    }
    Ok(following)
}

/// Does what is due: what is next signs, what was replaced long enough ago is retired, and what has signed for long enough
/// gets a follower. Commit, then settle the ticket.
pub async fn advance(
    tx: &mut TenantTx,
    keyring: &Keyring,
    recorder: &Recorder,
    settings: SigningRotation,
) -> Result<Option<Ticket>, RotationError> {
    let now = recorder.clock.now();
    let keys = rows::signing_key_rows(tx, true).await?;
    let mut changed = false;
    for key in &keys {
        let of_its_alg = |state| keys.iter().find(|other| other.alg == key.alg && other.state == state);
        match key.state {
            SigningState::Next if key.active_at <= now => {
                if let Some(old) = of_its_alg(SigningState::Active) {
                    rows::replace_signing_key(tx, &old.kid, now + OVERLAP).await?;
                    record(tx, recorder, &old.kid, old.alg, "replaced").await?;
                }
                rows::activate_signing_key(tx, &key.kid, now).await?;
                record(tx, recorder, &key.kid, key.alg, "in_use").await?;
                changed = true;
            }
            SigningState::Published if key.published_until.is_none_or(|until| until <= now) => {
                rows::retire_signing_key(tx, &key.kid, now).await?;
                record(tx, recorder, &key.kid, key.alg, "retired").await?;
                changed = true;
            }
            SigningState::Active
                if settings.every.is_some_and(|every| key.active_at + every <= now)
                    && of_its_alg(SigningState::Next).is_none() =>
            {
                publish(tx, keyring, recorder, key.alg, settings.lead).await?;
                changed = true;
            }
            _ => {}
        }
    }
    if !changed {
        return Ok(None);
    }
    Ok(Some(cluster::take(tx, &Entry::SigningKeys, now).await?))
}

async fn record(
    tx: &mut TenantTx,
    recorder: &Recorder,
    kid: &str,
    alg: SigningAlg,
    change: &'static str,
) -> Result<(), RotationError> {
    let event = Event::SigningKeyChanged { kid: kid.to_owned(), alg, change };
    Ok(recorder.record(tx, &event).await?)
}
