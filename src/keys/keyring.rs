//! The keys of the key file, and the only operations done with them.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf, hmac,
};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    ids::TenantId,
    secret::{Entropy, Handle, NoEntropy, hex},
};

pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// What a key outside the database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Keyed hashes of handles.
    Pepper,
    /// Sealing of signing keys and upstream credentials.
    Kek,
    /// Keyed handles in the audit log.
    AuditHandle,
}

impl KeyKind {
    /// The name in the database and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pepper => "pepper",
            Self::Kek => "kek",
            Self::AuditHandle => "audit_handle",
        }
    }
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A key and its id. No Debug: only ids are ever printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct NamedKey {
    #[zeroize(skip)]
    id: String,
    bytes: [u8; KEY_BYTES],
}

impl NamedKey {
    pub(super) fn new(id: String, bytes: [u8; KEY_BYTES]) -> Self {
        Self { id, bytes }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.bytes);
        let mut context = hmac::Context::with_key(&key);
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        tag(&context.sign())
    }
}

fn tag(tag: &hmac::Tag) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    out
}

/// What the store keeps of a handle.
#[derive(Clone, Debug)]
pub struct Stored {
    /// HMAC-SHA-256 of the handle under the pepper.
    pub hash: [u8; 32],
    /// The pepper's id.
    pub pepper_id: String,
}

/// Bytes sealed under a key-encryption key.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The key's id.
    pub kek_id: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// A sealed value did not open: another key, another place, or altered. Deliberately says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open here")]
pub struct OpenError;

/// What the database keeps of a key so that a wrong key file is noticed at the start.
#[derive(Clone, Debug)]
pub struct CheckValue {
    /// The kind of key.
    pub kind: KeyKind,
    /// Its id.
    pub id: String,
    /// A keyed hash of a constant: says nothing of the key.
    pub value: [u8; 32],
}

/// All keys of the key file. The first of each kind is in use for new values; the others still read old ones.
pub struct Keyring {
    pepper: KeySet,
    kek: KeySet,
    audit_handle: KeySet,
}

/// The keys of one kind: there is always one in use.
pub(super) struct KeySet {
    pub(super) current: NamedKey,
    pub(super) older: Vec<NamedKey>,
}

impl KeySet {
    fn iter(&self) -> impl Iterator<Item = &NamedKey> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

impl Keyring {
    pub(super) fn new(pepper: KeySet, kek: KeySet, audit_handle: KeySet) -> Self {
        Self { pepper, kek, audit_handle }
    }

    /// What to store of a new handle: its keyed hash, bound to tenant and kind, under the pepper in use.
    pub fn store(&self, tenant: TenantId, handle: &Handle) -> Stored {
        let pepper = &self.pepper.current;
        Stored { hash: handle_hash(pepper, tenant, handle), pepper_id: pepper.id.clone() }
    }

    /// The hashes under which a presented handle may be stored: one for each pepper, the one in use first.
    pub fn lookup(&self, tenant: TenantId, handle: &Handle) -> Vec<[u8; 32]> {
        self.pepper.iter().map(|pepper| handle_hash(pepper, tenant, handle)).collect()
    }

    /// The hash under the pepper in use alone: the key of in-memory caches.
    pub fn current_hash(&self, tenant: TenantId, handle: &Handle) -> [u8; 32] {
        self.store(tenant, handle).hash
    }

    /// A keyed hash for short-lived purposes that need no look-up later (CSRF tokens, throttle buckets).
    pub fn keyed(&self, label: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        self.pepper.current.mac(label, parts)
    }

    /// A keyed handle for the audit log, with its key's id.
    pub fn audit_handle(&self, handle: &Handle) -> (String, [u8; 32]) {
        let key = &self.audit_handle.current;
        (key.id.clone(), key.mac("audit handle", &[handle.expose().as_bytes()]))
    }

    /// What stands for something personal in the audit log: the key's id and half of a keyed hash.
    pub fn pseudonym(&self, label: &'static str, parts: &[&[u8]]) -> String {
        let key = &self.audit_handle.current;
        let mac = key.mac(label, parts);
        format!("{}:{}", key.id, hex(mac.get(..KEY_BYTES / 2).unwrap_or(&mac)))
    }

    /// Seals `plain`; it opens only with the same `place` (tenant, table, row).
    pub fn seal(&self, place: &[u8], plain: &[u8], entropy: &Entropy) -> Result<Sealed, NoEntropy> {
        let kek = &self.kek.current;
        let bytes = seal(&kek.bytes, place, plain, entropy)?;
        Ok(Sealed { kek_id: kek.id.clone(), bytes })
    }

    /// Opens what [`Keyring::seal`] sealed at the same place.
    pub fn open(&self, kek_id: &str, place: &[u8], sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
        let kek = self.kek.iter().find(|kek| kek.id == kek_id).ok_or(OpenError)?;
        open(&kek.bytes, place, sealed)
    }

    /// Opens with whichever key-encryption key fits: for values that travel without their key's id.
    pub fn open_any(&self, place: &[u8], sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
        self.kek.iter().find_map(|kek| open(&kek.bytes, place, sealed).ok()).ok_or(OpenError)
    }

    /// One check value per key.
    pub fn check_values(&self) -> Vec<CheckValue> {
        [(KeyKind::Pepper, &self.pepper), (KeyKind::Kek, &self.kek), (KeyKind::AuditHandle, &self.audit_handle)]
            .into_iter()
            .flat_map(|(kind, keys)| {
                keys.iter().map(move |key| CheckValue {
                    kind,
                    id: key.id.clone(),
                    value: key.mac("check value", &[kind.name().as_bytes()]),
                })
            })
            .collect()
    }
}

fn handle_hash(pepper: &NamedKey, tenant: TenantId, handle: &Handle) -> [u8; 32] {
    pepper.mac("handle", &[tenant.0.as_bytes(), handle.expose().as_bytes()])
}

/// Seals under a key derived from a presented handle: whoever reads the database alone cannot open it.
pub(crate) fn seal_under(
    handle: &Handle,
    label: &'static str,
    place: &[u8],
    plain: &[u8],
    entropy: &Entropy,
) -> Result<Vec<u8>, NoEntropy> {
    seal(&*derive(handle, label).ok_or(NoEntropy)?, place, plain, entropy)
}

/// Opens what [`seal_under`] sealed under the same handle, label and place.
pub(crate) fn open_under(
    handle: &Handle,
    label: &'static str,
    place: &[u8],
    sealed: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
    open(&*derive(handle, label).ok_or(OpenError)?, place, sealed)
}

fn derive(handle: &Handle, label: &'static str) -> Option<zeroize::Zeroizing<[u8; KEY_BYTES]>> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sallyport").extract(handle.expose().as_bytes());
    let mut key = zeroize::Zeroizing::new([0; KEY_BYTES]);
    prk.expand(&[label.as_bytes()], hkdf::HKDF_SHA256).ok()?.fill(key.as_mut_slice()).ok()?;
    Some(key)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

fn seal(key: &[u8; KEY_BYTES], place: &[u8], plain: &[u8], entropy: &Entropy) -> Result<Vec<u8>, NoEntropy> {
    let nonce = *entropy.bytes::<NONCE_BYTES>()?;
    let mut out = nonce.to_vec();
    let mut body = plain.to_vec();
    let cipher = cipher(key).ok_or(NoEntropy)?;
    let sealed = cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body);
    sealed.map_err(|_| NoEntropy)?;
    out.append(&mut body);
    Ok(out)
}

fn open(key: &[u8; KEY_BYTES], place: &[u8], sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, body) = sealed.split_at_checked(NONCE_BYTES).ok_or(OpenError)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
    let mut body = zeroize::Zeroizing::new(body.to_vec());
    let plain =
        cipher(key).ok_or(OpenError)?.open_in_place(nonce, Aad::from(place), &mut body).map_err(|_| OpenError)?.len();
    body.truncate(plain);
    Ok(body)
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
    fn a_box_opens_with_the_handle_that_sealed_it_only() {
        let entropy = Entropy::system();
        let one = Handle::generate(HandleKind::RefreshToken, &entropy).unwrap();
        let two = Handle::generate(HandleKind::RefreshToken, &entropy).unwrap();
        let sealed = seal_under(&one, "box", b"family", b"answer", &entropy).unwrap();
        assert_eq!(open_under(&one, "box", b"family", &sealed).unwrap().as_slice(), b"answer");
        assert!(open_under(&two, "box", b"family", &sealed).is_err());
        assert!(open_under(&one, "box", b"other", &sealed).is_err());
    }

    #[test]
    fn a_hash_depends_on_tenant_and_pepper() {
        let (keys, entropy) = (keyring(), Entropy::system());
        let handle = Handle::generate(HandleKind::AccessToken, &entropy).unwrap();
        let (a, b) = (TenantId(uuid::Uuid::from_u128(1)), TenantId(uuid::Uuid::from_u128(2)));
        assert_ne!(keys.store(a, &handle).hash, keys.store(b, &handle).hash);
        assert_ne!(keys.store(a, &handle).hash, keyring().store(a, &handle).hash);
        assert_eq!(keys.lookup(a, &handle), vec![keys.store(a, &handle).hash]);
    }
}
