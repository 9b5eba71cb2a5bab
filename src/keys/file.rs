//! The key file: TOML, mode 0600, made by `sallyport keys init` and by nothing else.
//!
//! Which key of a kind is in use, the database says, so that all processes agree on it. Of a new installation it is the
//! first one.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    keyring::{Keyring, Rings},
    named::{KEY_BYTES, KeyKind, KeySet, NamedKey},
};
use crate::secret::{Entropy, NoEntropy, SecretText};

/// Why a key file cannot be used. Names the entry, never its value.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Not TOML of the right shape.
    #[error("the key file is not readable: {0}")]
    Syntax(&'static str),
    /// A version this program does not know.
    #[error("the key file has version {0}; this program knows version 1")]
    Version(u32),
    /// No key of a kind.
    #[error("the key file has no {0} key; `sallyport keys rotate {word}` adds one", word = .0.name().replace('_', "-"))]
    Missing(KeyKind),
    /// A key that is not 32 bytes in base64url.
    #[error("{kind} key \"{id}\" in the key file is not 32 bytes in unpadded base64url")]
    Value {
        /// Which kind.
        kind: KeyKind,
        /// Which key.
        id: String,
    },
    /// Two keys of a kind with one id, or an id that is not plain.
    #[error("{kind} key id \"{id}\" in the key file is used twice or is not 1 to 32 letters, digits, '-' or '_'")]
    Id {
        /// Which kind.
        kind: KeyKind,
        /// Which key.
        id: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default)]
    pepper: Vec<Entry>,
    #[serde(default)]
    kek: Vec<Entry>,
    #[serde(default)]
    audit_handle: Vec<Entry>,
    #[serde(default)]
    checkpoint: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    key: SecretText,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    pepper: Vec<WrittenEntry<'a>>,
    kek: Vec<WrittenEntry<'a>>,
    audit_handle: Vec<WrittenEntry<'a>>,
    checkpoint: Vec<WrittenEntry<'a>>,
}

#[derive(Serialize)]
struct WrittenEntry<'a> {
    id: &'a str,
    key: &'a str,
}

/// What a key file says, for a command that adds a key to it or takes one out. No Debug.
pub struct KeyFile {
    entries: Vec<(KeyKind, String, SecretText)>,
}

/// The text of a new key file: one fresh key of each kind.
pub fn generate_key_file(entropy: &Entropy) -> Result<Zeroizing<String>, NoEntropy> {
    let mut file = KeyFile { entries: Vec::new() };
    for kind in KeyKind::ALL {
        file.add(kind, entropy)?;
    }
    Ok(file.render())
}

impl KeyFile {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        // The parser's own message quotes the line, and the line may be a key.
        let document: Document = toml::from_str(text).map_err(|_| {
            KeyFileError::Syntax("not TOML with version, [[pepper]], [[kek]], [[audit_handle]] and [[checkpoint]]")
        })?;
        if document.version != 1 {
            return Err(KeyFileError::Version(document.version));
        }
        let Document { pepper, kek, audit_handle, checkpoint, .. } = document;
        let kinds = [
            (KeyKind::Pepper, pepper),
            (KeyKind::Kek, kek),
            (KeyKind::AuditHandle, audit_handle),
            (KeyKind::Checkpoint, checkpoint),
        ];
        let mut entries: Vec<(KeyKind, String, SecretText)> = Vec::new();
        for (kind, keys) in kinds {
            for Entry { id, key } in keys {
                if !is_plain(&id) || entries.iter().any(|(own, known, _)| *own == kind && *known == id) {
                    return Err(KeyFileError::Id { kind, id });
                }
                entries.push((kind, id, key));
            }
        }
        Ok(Self { entries })
    }

    /// The keys.
    ///
    /// # Errors
    /// When a value is no key, or there is none of a kind.
    pub fn keyring(&self) -> Result<Keyring, KeyFileError> {
        let set = |kind| {
            let keys = self.entries.iter().filter(|(own, ..)| *own == kind);
            let keys = keys.map(|(kind, id, text)| named(*kind, id, text)).collect::<Result<Vec<_>, _>>()?;
            KeySet::of(keys).ok_or(KeyFileError::Missing(kind))
        };
        let (pepper, kek) = (set(KeyKind::Pepper)?, set(KeyKind::Kek)?);
        let (audit_handle, checkpoint) = (set(KeyKind::AuditHandle)?, set(KeyKind::Checkpoint)?);
        Ok(Keyring::new(Rings { pepper, kek, audit_handle, checkpoint }))
    }

    /// Whether there is a key of this kind.
    pub fn has(&self, kind: KeyKind) -> bool {
        self.entries.iter().any(|(own, ..)| *own == kind)
    }

    /// Adds a fresh key, after the others of its kind. Returns its id.
    pub fn add(&mut self, kind: KeyKind, entropy: &Entropy) -> Result<String, NoEntropy> {
        let id = format!("k{}", entropy.text::<6>()?);
        self.entries.push((kind, id.clone(), SecretText::new(entropy.text::<KEY_BYTES>()?)));
        Ok(id)
    }

    /// Takes a key out. False where there is none.
    pub fn remove(&mut self, kind: KeyKind, id: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(own, name, _)| !(*own == kind && name == id));
        self.entries.len() < before
    }

    /// The text of a key file with these keys.
    pub fn render(&self) -> Zeroizing<String> {
        let of = |kind| {
            let keys = self.entries.iter().filter(move |(own, ..)| *own == kind);
            keys.map(|(_, id, key)| WrittenEntry { id, key: key.expose() }).collect()
        };
        let document = Written {
            version: 1,
            pepper: of(KeyKind::Pepper),
            kek: of(KeyKind::Kek),
            audit_handle: of(KeyKind::AuditHandle),
            checkpoint: of(KeyKind::Checkpoint),
        };
        let body = Zeroizing::new(toml::to_string(&document).unwrap_or_default());
        Zeroizing::new(format!("{HEAD}{}", body.as_str()))
    }
}

const HEAD: &str = "# Sallyport's keys. Whoever has this file and the database can sign as every tenant and, with write access to it,\n\
    # plant tokens; it still cannot read tokens or passwords. Whoever loses this file loses every token.\n\
    # Keep it 0600, back it up apart from the database, and change it with `sallyport keys rotate` and `retire` only.\n\n";

fn is_plain(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn named(kind: KeyKind, id: &str, text: &SecretText) -> Result<Arc<NamedKey>, KeyFileError> {
    let bytes = URL_SAFE_NO_PAD.decode(text.expose()).map(Zeroizing::new);
    match bytes.ok().and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()) {
        Some(bytes) => Ok(Arc::new(NamedKey::new(id.to_owned(), bytes))),
        None => Err(KeyFileError::Value { kind, id: id.to_owned() }),
    }
}

impl Keyring {
    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        KeyFile::parse(text)?.keyring()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_file_reads_back() {
        let text = generate_key_file(&Entropy::system()).unwrap();
        Keyring::parse(&text).unwrap();
    }

    #[test]
    fn a_key_can_be_added_and_taken_out_and_the_others_stay() {
        let entropy = Entropy::system();
        let mut file = KeyFile::parse(&generate_key_file(&entropy).unwrap()).unwrap();
        let before = file.keyring().unwrap().check_values();
        let id = file.add(KeyKind::Kek, &entropy).unwrap();
        let both = Keyring::parse(&file.render()).unwrap();
        assert!(both.has(KeyKind::Kek, &id) && both.in_use(KeyKind::Kek) != id);
        assert_eq!(both.check_values().len(), 5);
        assert!(!file.remove(KeyKind::Pepper, &id) && file.remove(KeyKind::Kek, &id));
        assert_eq!(Keyring::parse(&file.render()).unwrap().check_values(), before);
    }

    #[test]
    fn errors_name_the_entry_and_never_the_key() {
        let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
        let text = format!("version = 1\n[[pepper]]\nid = \"p1\"\nkey = \"{secret}\"\n");
        let error = Keyring::parse(&text).unwrap_err().to_string();
        assert!(error.contains("pepper key \"p1\""), "{error}");
        assert!(!error.contains(secret), "{error}");
        let broken = Keyring::parse(&format!("version = 1\nkey = {secret}")).unwrap_err().to_string();
        assert!(!broken.contains(secret), "{broken}");
    }

    #[test]
    fn a_missing_kind_and_a_repeated_id_are_refused() {
        let key = Entropy::system().text::<32>().unwrap();
        let one = format!("version = 1\n[[pepper]]\nid = \"a\"\nkey = \"{key}\"\n");
        assert!(matches!(Keyring::parse(&one), Err(KeyFileError::Missing(KeyKind::Kek))));
        let two = format!("{one}[[pepper]]\nid = \"a\"\nkey = \"{key}\"\n");
        assert!(matches!(Keyring::parse(&two), Err(KeyFileError::Id { .. })));
    }
}
