//! The key file: TOML, mode 0600, made by `sallyport keys init` and by nothing else.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::keyring::{KEY_BYTES, KeyKind, KeySet, Keyring, NamedKey};
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
    #[error("the key file has no {0} key")]
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    key: SecretText,
}

#[derive(Serialize)]
struct NewDocument<'a> {
    version: u32,
    pepper: [NewEntry<'a>; 1],
    kek: [NewEntry<'a>; 1],
    audit_handle: [NewEntry<'a>; 1],
}

#[derive(Serialize)]
struct NewEntry<'a> {
    id: &'a str,
    key: &'a str,
}

/// The text of a new key file: one fresh key of each kind.
pub fn generate_key_file(entropy: &Entropy) -> Result<Zeroizing<String>, NoEntropy> {
    let fresh =
        || Ok::<_, NoEntropy>((format!("k{}", entropy.text::<6>()?), Zeroizing::new(entropy.text::<KEY_BYTES>()?)));
    let ((p_id, p), (k_id, k), (a_id, a)) = (fresh()?, fresh()?, fresh()?);
    let document = NewDocument {
        version: 1,
        pepper: [NewEntry { id: &p_id, key: &p }],
        kek: [NewEntry { id: &k_id, key: &k }],
        audit_handle: [NewEntry { id: &a_id, key: &a }],
    };
    let head = "# Sallyport's keys. Whoever has this file and the database has everything; whoever loses it loses every token.\n\
                # Keep it 0600, back it up apart from the database. The first key of a kind is the one in use.\n\n";
    let body = Zeroizing::new(toml::to_string(&document).unwrap_or_default());
    Ok(Zeroizing::new(format!("{head}{}", body.as_str())))
}

impl Keyring {
    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        // The parser's own message quotes the line, and the line may be a key.
        let document: Document = toml::from_str(text)
            .map_err(|_| KeyFileError::Syntax("not TOML with version, [[pepper]], [[kek]] and [[audit_handle]]"))?;
        if document.version != 1 {
            return Err(KeyFileError::Version(document.version));
        }
        Ok(Self::new(
            named(KeyKind::Pepper, document.pepper)?,
            named(KeyKind::Kek, document.kek)?,
            named(KeyKind::AuditHandle, document.audit_handle)?,
        ))
    }
}

fn named(kind: KeyKind, entries: Vec<Entry>) -> Result<KeySet, KeyFileError> {
    let mut keys: Vec<NamedKey> = Vec::with_capacity(entries.len());
    for Entry { id, key } in entries {
        let plain =
            (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain || keys.iter().any(|known| known.id() == id) {
            return Err(KeyFileError::Id { kind, id });
        }
        let bytes = URL_SAFE_NO_PAD.decode(key.expose()).map(Zeroizing::new);
        match bytes.ok().and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()) {
            Some(bytes) => keys.push(NamedKey::new(id, bytes)),
            None => return Err(KeyFileError::Value { kind, id }),
        }
    }
    let mut keys = keys.into_iter();
    let current = keys.next().ok_or(KeyFileError::Missing(kind))?;
    Ok(KeySet { current, older: keys.collect() })
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
