//! Signed checkpoints for whoever looks at them: what they are called, who has signed them, and who has seen them.

use time::OffsetDateTime;

use super::{
    export::{Cosigned, cosigned},
    log::{Checkpoint, Origin, VerifierKey, WitnessKey},
};
use crate::{
    keys::Keyring,
    secret::hex,
    store::{
        StoreError, TenantTx,
        audit_checkpoints::{self as rows, KeptRow},
        audit_export,
        audit_ship::{self, Place},
    },
};

/// What checkpoints of a log may be signed with.
pub struct LogKeys {
    origin: Origin,
    /// Those of the key file, the one in use first.
    own: Vec<VerifierKey>,
    /// Those that the log says were in use.
    said: Vec<VerifierKey>,
}

impl LogKeys {
    /// The keys of a log by its name.
    ///
    /// # Errors
    /// A fault of ours.
    pub async fn of(keyring: &Keyring, tx: &mut TenantTx, origin: Origin) -> Result<Self, StoreError> {
        let own = keyring.checkpoint_keys();
        let said = audit_export::keys_said(tx, &origin).await?;
        Ok(Self {
            own: own.iter().filter_map(|key| key.verifier(&origin)).collect(),
            said: said.iter().filter_map(|key| VerifierKey::parse(key)).collect(),
            origin,
        })
    }

    /// The name of the log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The key that has signed a checkpoint, and whether that is one of the key file. An epoch before the newest has its own name, and
    /// so its own keys.
    pub fn signer(&self, kept: &KeptRow) -> Option<(VerifierKey, bool)> {
        let named = |key: &VerifierKey| match kept.origin == self.origin {
            true => Some(key.clone()),
            false => key.renamed(&kept.origin),
        };
        let has = |key: &VerifierKey| {
            Checkpoint::verified(&kept.note, key)
                .is_ok_and(|said| said.origin == kept.origin && said.size == kept.place.next)
        };
        let of = |keys: &[VerifierKey]| keys.iter().filter_map(named).find(has);
        let own = of(&self.own).map(|key| (key, true));
        own.or_else(|| of(&self.said).map(|key| (key, false)))
    }

    /// What to verify with, each once, the key in use first.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for key in self.own.iter().chain(&self.said).map(ToString::to_string) {
            if !lines.contains(&key) {
                lines.push(key);
            }
        }
        lines
    }
}

/// What a witness has seen last: its name, entries, and when by its clock.
pub type Seen = (String, u64, OffsetDateTime);

/// What witnesses have seen last, up to a checkpoint.
///
/// # Errors
/// A fault of ours.
pub async fn witnesses(tx: &mut TenantTx, newest: &KeptRow) -> Result<Vec<Seen>, StoreError> {
    let seen = audit_export::cosigned(tx, (newest.place.epoch, newest.place.next)).await?;
    let one = |(size, note, key, line): (u64, String, String, String)| {
        let key = WitnessKey::parse(&key)?;
        let at = key.signed(&note, &line)?;
        let at = OffsetDateTime::from_unix_timestamp(i64::try_from(at).ok()?).ok()?;
        Some((key.name().to_owned(), size, at))
    };
    Ok(seen.into_iter().filter_map(one).collect())
}

/// The checkpoint of a name, and its note with what witnesses have signed of it.
///
/// # Errors
/// A fault of ours.
pub async fn named(tx: &mut TenantTx, wanted: &str) -> Result<Option<(KeptRow, String)>, StoreError> {
    let Some(place) = wanted.rsplit_once('-').and_then(|(at, _)| parse_place(at)) else { return Ok(None) };
    let Some(kept) = rows::at(tx, place).await?.filter(|kept| name(kept) == wanted) else { return Ok(None) };
    let lines = audit_ship::cosignatures(tx, place).await?;
    let by = |(key, line)| Cosigned { size: place.next, note: kept.note.clone(), key, line };
    let by: Vec<Cosigned> = lines.into_iter().map(by).collect();
    let (note, _) = cosigned(place.next, &kept.note, &by);
    Ok(Some((kept, note)))
}

/// A place in an address: epoch and entries, `1-902`.
pub fn place(place: Place) -> String {
    format!("{}-{}", place.epoch, place.next)
}

/// Reads a place in an address.
pub fn parse_place(text: &str) -> Option<Place> {
    let (epoch, next) = text.split_once('-')?;
    let next = next.parse().ok().filter(|next| i64::try_from(*next).is_ok())?;
    Some(Place { epoch: epoch.parse().ok()?, next })
}

/// A checkpoint in an address: its place, and the beginning of its root, so that the address means this one and no other.
pub fn name(kept: &KeptRow) -> String {
    format!("{}-{}", place(kept.place), hex(kept.root.get(..6).unwrap_or(&kept.root)))
}

/// Name and id of a key, without the key itself.
pub fn short(key: &VerifierKey) -> String {
    key.to_string().splitn(3, '+').take(2).collect::<Vec<_>>().join("+")
}
