//! The keys of the key file, and the only operations done with them.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{Context, SHA256};

use super::{
    named::{KeyKind, KeySet, NamedKey},
    seal::{self, OpenError, Sealed},
    standing::Standing,
};
use crate::{
    audit::log::CheckpointKey,
    ids::{EventId, TenantId},
    secret::{Entropy, Handle, NoEntropy, hex, same},
};

/// What the store keeps of a handle.
#[derive(Clone, Debug)]
pub struct Stored {
    /// HMAC-SHA-256 of the handle under the pepper.
    pub hash: [u8; 32],
    /// The pepper's id.
    pub pepper_id: String,
}

/// What goes before the arguments of one call in their digest.
#[derive(Clone, PartialEq, Eq)]
pub struct ArgumentSalt {
    key_id: String,
    salt: [u8; Self::BYTES],
}

impl ArgumentSalt {
    const BYTES: usize = 16;

    /// The id of the key that it is derived from.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The salt.
    pub fn bytes(&self) -> &[u8] {
        &self.salt
    }

    /// The digest of raw arguments: the key's id and SHA-256 of salt and arguments.
    pub fn digest(&self, arguments: &[u8]) -> String {
        let mut context = Context::new(&SHA256);
        context.update(&self.salt);
        context.update(arguments);
        format!("{}:{}", self.key_id, hex(context.finish().as_ref()))
    }
}

/// What the database keeps of a key so that a wrong key file is noticed at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckValue {
    /// The kind of key.
    pub kind: KeyKind,
    /// Its id.
    pub id: String,
    /// A keyed hash of a constant: says nothing of the key.
    pub value: [u8; 32],
}

/// All keys of the key file. One of each kind is in use for new values; the others still read old ones.
///
/// Which one is in use, the database says: see [`Keyring::adopt`]. Until then it is the first of its kind in the file.
/// Both can change while requests run: each of the operations here works on one state of affairs.
pub struct Keyring {
    rings: RwLock<Arc<Rings>>,
}

#[derive(Clone)]
pub(super) struct Rings {
    pub(super) pepper: KeySet,
    pub(super) kek: KeySet,
    pub(super) audit_handle: KeySet,
    pub(super) checkpoint: KeySet,
}

impl Rings {
    fn of(&self, kind: KeyKind) -> &KeySet {
        match kind {
            KeyKind::Pepper => &self.pepper,
            KeyKind::Kek => &self.kek,
            KeyKind::AuditHandle => &self.audit_handle,
            KeyKind::Checkpoint => &self.checkpoint,
        }
    }

    fn of_mut(&mut self, kind: KeyKind) -> &mut KeySet {
        match kind {
            KeyKind::Pepper => &mut self.pepper,
            KeyKind::Kek => &mut self.kek,
            KeyKind::AuditHandle => &mut self.audit_handle,
            KeyKind::Checkpoint => &mut self.checkpoint,
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

impl Keyring {
    pub(super) fn new(rings: Rings) -> Self {
        Self { rings: RwLock::new(Arc::new(rings)) }
    }

    fn rings(&self) -> Arc<Rings> {
        self.rings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What to store of a new handle: its keyed hash, bound to tenant and kind, under the pepper in use.
    pub fn store(&self, tenant: TenantId, handle: &Handle) -> Stored {
        let rings = self.rings();
        let pepper = &rings.pepper.in_use;
        Stored { hash: handle_hash(pepper, tenant, handle), pepper_id: pepper.id().to_owned() }
    }

    /// The hashes under which a presented handle may be stored: one for each pepper, the one in use first.
    pub fn lookup(&self, tenant: TenantId, handle: &Handle) -> Vec<[u8; 32]> {
        self.rings().pepper.iter().map(|pepper| handle_hash(pepper, tenant, handle)).collect()
    }

    /// The hash under the pepper in use alone: the key of in-memory caches.
    pub fn current_hash(&self, tenant: TenantId, handle: &Handle) -> [u8; 32] {
        handle_hash(&self.rings().pepper.in_use, tenant, handle)
    }

    /// What to store of a handle from now on that was found under `hash`: none where that is under the pepper in use.
    pub fn anew(&self, tenant: TenantId, handle: &Handle, hash: &[u8]) -> Option<Stored> {
        let stored = self.store(tenant, handle);
        (!same(hash, &stored.hash)).then_some(stored)
    }

    /// A keyed hash for short-lived purposes (CSRF tokens, throttle buckets), under the pepper in use.
    pub fn keyed(&self, label: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        self.rings().pepper.in_use.mac(label, parts)
    }

    /// What to store of something short that is looked for with [`Keyring::keyed_by_any`].
    pub fn store_keyed(&self, label: &'static str, parts: &[&[u8]]) -> Stored {
        let rings = self.rings();
        let pepper = &rings.pepper.in_use;
        Stored { hash: pepper.mac(label, parts), pepper_id: pepper.id().to_owned() }
    }

    /// What [`Keyring::keyed`] may have given for the same, under whichever pepper was in use then.
    pub fn keyed_by_any(&self, label: &'static str, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        self.rings().pepper.iter().map(|pepper| pepper.mac(label, parts)).collect()
    }

    /// What stands for a token in the audit log: the key's id and a keyed hash of the token's text.
    pub fn audit_handle(&self, token: &str) -> String {
        audit_handle(&self.rings().audit_handle.in_use, token)
    }

    /// What may stand for a token in the audit log, under whichever key was in use then; the one in use comes first.
    pub fn audit_handles(&self, token: &str) -> Vec<String> {
        self.rings().audit_handle.iter().map(|key| audit_handle(key, token)).collect()
    }

    /// What goes before the arguments of a call in their digest, with the key's id. Each event has another one, so that it
    /// can be told to somebody without telling those of other events.
    pub fn argument_salt(&self, event: EventId) -> ArgumentSalt {
        argument_salt(&self.rings().audit_handle.in_use, event)
    }

    /// What [`Keyring::argument_salt`] may have given for an event; that of the key in use comes first.
    pub fn argument_salts(&self, event: EventId) -> Vec<ArgumentSalt> {
        self.rings().audit_handle.iter().map(|key| argument_salt(key, event)).collect()
    }

    /// What stands for something personal in the audit log: the key's id and half of a keyed hash.
    pub fn pseudonym(&self, label: &'static str, parts: &[&[u8]]) -> String {
        let rings = self.rings();
        let key = &rings.audit_handle.in_use;
        let mac = key.mac(label, parts);
        format!("{}:{}", key.id(), hex(mac.get(..mac.len() / 2).unwrap_or(&mac)))
    }

    /// What checkpoints are signed with: the key in use first, then the others, so that whoever has the public key of one of
    /// them can check.
    pub fn checkpoint_keys(&self) -> Vec<CheckpointKey> {
        self.rings().checkpoint.iter().filter_map(|key| CheckpointKey::of(key.bytes())).collect()
    }

    /// Seals `plain`; it opens only with the same `place` (tenant, table, row).
    pub fn seal(&self, place: &[u8], plain: &[u8], entropy: &Entropy) -> Result<Sealed, NoEntropy> {
        let rings = self.rings();
        let kek = &rings.kek.in_use;
        let bytes = seal::seal(kek.bytes(), place, plain, entropy)?;
        Ok(Sealed { kek_id: kek.id().to_owned(), bytes })
    }

    /// Opens what [`Keyring::seal`] sealed at the same place.
    pub fn open(&self, kek_id: &str, place: &[u8], sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
        seal::open(self.rings().kek.get(kek_id).ok_or(OpenError)?.bytes(), place, sealed)
    }

    /// Opens with whichever key-encryption key fits: for values that travel without their key's id.
    pub fn open_any(&self, place: &[u8], sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
        self.rings().kek.iter().find_map(|kek| seal::open(kek.bytes(), place, sealed).ok()).ok_or(OpenError)
    }

    /// One check value per key; of each kind the one in use comes first.
    pub fn check_values(&self) -> Vec<CheckValue> {
        let rings = self.rings();
        let of = |kind| rings.of(kind).iter().map(move |key| check_value(kind, key));
        KeyKind::ALL.into_iter().flat_map(of).collect()
    }

    /// The id of the key in use.
    pub fn in_use(&self, kind: KeyKind) -> String {
        self.rings().of(kind).in_use.id().to_owned()
    }

    /// Whether there is such a key.
    pub fn has(&self, kind: KeyKind, id: &str) -> bool {
        self.rings().of(kind).get(id).is_some()
    }

    /// Takes over what the database says: which keys are in use, and which are retired and therefore dropped.
    pub fn adopt(&self, standing: &Standing) {
        let mut kept = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        let mut rings = Rings::clone(&kept);
        for kind in KeyKind::ALL {
            let Some(in_use) = standing.in_use(kind) else { continue };
            if let Some(set) = rings.of(kind).with(in_use, |id| standing.is_retired(kind, id)) {
                *rings.of_mut(kind) = set;
            }
        }
        *kept = Arc::new(rings);
    }

    /// Takes over the keys of another reading of the key file.
    pub fn replace(&self, other: &Self) {
        *self.rings.write().unwrap_or_else(PoisonError::into_inner) = other.rings();
    }
}

fn check_value(kind: KeyKind, key: &NamedKey) -> CheckValue {
    CheckValue { kind, id: key.id().to_owned(), value: key.mac("check value", &[kind.name().as_bytes()]) }
}

fn audit_handle(key: &NamedKey, token: &str) -> String {
    format!("{}:{}", key.id(), hex(&key.mac("audit handle", &[token.as_bytes()])))
}

fn argument_salt(key: &NamedKey, event: EventId) -> ArgumentSalt {
    let mac = key.mac("arguments", &[event.0.as_bytes()]);
    let mut salt = [0; ArgumentSalt::BYTES];
    for (to, from) in salt.iter_mut().zip(mac) {
        *to = from;
    }
    ArgumentSalt { key_id: key.id().to_owned(), salt }
}

fn handle_hash(pepper: &NamedKey, tenant: TenantId, handle: &Handle) -> [u8; 32] {
    pepper.mac("handle", &[tenant.0.as_bytes(), handle.expose().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::generate_key_file, secret::HandleKind};

    fn keyring() -> Keyring {
        Keyring::parse(&generate_key_file(&Entropy::system()).unwrap()).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_in_its_own_place_only() {
        let (keys, entropy) = (keyring(), Entropy::system());
        let sealed = keys.seal(b"tenant/row", b"secret", &entropy).unwrap();
        assert_eq!(keys.open(&sealed.kek_id, b"tenant/row", &sealed.bytes).unwrap().as_slice(), b"secret");
        assert!(keys.open(&sealed.kek_id, b"tenant/other", &sealed.bytes).is_err());
        assert!(keyring().open_any(b"tenant/row", &sealed.bytes).is_err());
        let mut altered = sealed.bytes.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert!(keys.open(&sealed.kek_id, b"tenant/row", &altered).is_err());
    }

    #[test]
    fn a_hash_depends_on_tenant_and_pepper() {
        let (keys, entropy) = (keyring(), Entropy::system());
        let handle = Handle::generate(HandleKind::AccessToken, &entropy).unwrap();
        let (a, b) = (TenantId(uuid::Uuid::from_u128(1)), TenantId(uuid::Uuid::from_u128(2)));
        assert_ne!(keys.store(a, &handle).hash, keys.store(b, &handle).hash);
        assert_ne!(keys.store(a, &handle).hash, keyring().store(a, &handle).hash);
        assert_eq!(keys.lookup(a, &handle), vec![keys.store(a, &handle).hash]);
        assert!(keys.anew(a, &handle, &keys.store(a, &handle).hash).is_none());
        assert!(keys.anew(a, &handle, &keyring().store(a, &handle).hash).is_some());
    }
}
