//! A key and its id, and the keys of one kind.

use std::sync::Arc;

use aws_lc_rs::hmac;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub(super) const KEY_BYTES: usize = 32;

/// What a key outside the database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Keyed hashes of handles.
    Pepper,
    /// Sealing of signing keys and upstream credentials.
    Kek,
    /// Keyed handles in the audit log.
    AuditHandle,
    /// Signatures of checkpoints of the audit log.
    Checkpoint,
}

impl KeyKind {
    /// All of them, in the order of a key file.
    pub const ALL: [Self; 4] = [Self::Pepper, Self::Kek, Self::AuditHandle, Self::Checkpoint];

    /// The name in the database, in key files and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pepper => "pepper",
            Self::Kek => "kek",
            Self::AuditHandle => "audit_handle",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
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

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    pub(super) fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
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

/// The keys of one kind: there is always one in use.
#[derive(Clone)]
pub(super) struct KeySet {
    pub(super) in_use: Arc<NamedKey>,
    pub(super) others: Vec<Arc<NamedKey>>,
}

impl KeySet {
    /// The first one is in use until the database says otherwise. None where there is no key.
    pub(super) fn of(keys: impl IntoIterator<Item = Arc<NamedKey>>) -> Option<Self> {
        let mut keys = keys.into_iter();
        Some(Self { in_use: keys.next()?, others: keys.collect() })
    }

    /// The one in use first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<NamedKey>> {
        std::iter::once(&self.in_use).chain(&self.others)
    }

    pub(super) fn get(&self, id: &str) -> Option<&NamedKey> {
        self.iter().find(|key| key.id() == id).map(Arc::as_ref)
    }

    /// The same keys without those that `retired` names, and with `in_use` in use. None where that is not there.
    pub(super) fn with(&self, in_use: &str, retired: impl Fn(&str) -> bool) -> Option<Self> {
        let kept: Vec<_> = self.iter().filter(|key| !retired(key.id())).cloned().collect();
        let (mut first, others): (Vec<_>, Vec<_>) = kept.into_iter().partition(|key| key.id() == in_use);
        Some(Self { in_use: first.pop()?, others })
    }
}
