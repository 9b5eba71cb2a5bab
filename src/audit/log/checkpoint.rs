//! Checkpoints: what a tree is, signed (C2SP tlog-checkpoint, signed-note).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use signed_note::{Note, NoteError, Signature, StandardVerifier, Verifier as _, VerifierList, key_id};
use tlog_tiles::Hash;

use super::{MOST, Origin};

/// Ed25519, in keys and signatures of signed notes.
const ED25519: u8 = 1;
/// The longest checkpoint with all its signatures, in bytes.
const LONGEST: usize = 64 * 1024;

/// Why a text is no checkpoint, or none of this key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadCheckpoint {
    /// Not a signed note, or what it says is no checkpoint.
    #[error("it is not a checkpoint")]
    Form,
    /// Larger than a log can be.
    #[error("it is of a tree that is larger than any")]
    Size,
    /// Nobody with the key has signed it.
    #[error("it carries no signature by the key {0}")]
    Unsigned(String),
    /// A signature that claims to be by the key is not.
    #[error("its signature by the key {0} is wrong")]
    Forged(String),
}

/// What a log was at some time: which log, how many entries, and the root of the tree over them.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// Entries.
    pub size: u64,
    /// The root (RFC 6962 §2.1).
    pub root: Hash,
}

impl Checkpoint {
    /// Reads a signed checkpoint without looking at any signature.
    ///
    /// # Errors
    /// [`BadCheckpoint::Form`] and [`BadCheckpoint::Size`].
    pub fn unverified(note: &str) -> Result<Self, BadCheckpoint> {
        Self::of(&read(note)?)
    }

    /// Reads a checkpoint that is signed by `key`, whose name must be the origin.
    ///
    /// # Errors
    /// See [`BadCheckpoint`].
    pub fn verified(note: &str, key: &VerifierKey) -> Result<Self, BadCheckpoint> {
        let read = read(note)?;
        key.signed(&read)?;
        let checkpoint = Self::of(&read)?;
        if checkpoint.origin.as_str() == key.name() {
            Ok(checkpoint)
        } else {
            Err(BadCheckpoint::Unsigned(key.to_string()))
        }
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    fn of(note: &Note) -> Result<Self, BadCheckpoint> {
        let read = tlog_tiles::Checkpoint::from_bytes(note.text()).map_err(|_| BadCheckpoint::Form)?;
        let origin = Origin::parse(read.origin()).ok_or(BadCheckpoint::Form)?;
        if read.size() > MOST {
            return Err(BadCheckpoint::Size);
        }
        Ok(Self { origin, size: read.size(), root: *read.hash() })
    }
}

fn read(note: &str) -> Result<Note, BadCheckpoint> {
    if note.len() > LONGEST {
        return Err(BadCheckpoint::Form);
    }
    Note::from_bytes(note.as_bytes()).map_err(|_| BadCheckpoint::Form)
}

/// What checkpoints are signed with. No Debug.
pub struct CheckpointKey(Ed25519KeyPair);

impl CheckpointKey {
    /// A key by its 32 secret bytes (RFC 8032 §5.1.5).
    pub fn of(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// By what others check the checkpoints of a log. None, which does not happen, where there is no such key.
    pub fn verifier(&self, origin: &Origin) -> Option<VerifierKey> {
        let (name, key) = (origin.as_str(), self.encoded());
        VerifierKey::parse(&format!("{name}+{:08x}+{}", key_id(name, &key), STANDARD.encode(&key)))
    }

    /// As notes have it: the algorithm, then the public key.
    fn encoded(&self) -> Vec<u8> {
        let mut encoded = vec![ED25519];
        encoded.extend_from_slice(self.0.public_key().as_ref());
        encoded
    }
}

/// The signed note of a checkpoint, with a signature by each of the keys.
///
/// # Errors
/// [`BadCheckpoint::Form`] where there is no key.
pub fn sign(checkpoint: &Checkpoint, keys: &[CheckpointKey]) -> Result<String, BadCheckpoint> {
    if keys.is_empty() {
        return Err(BadCheckpoint::Form);
    }
    let (text, name) = (checkpoint.text(), checkpoint.origin.as_str());
    let signature = |key: &CheckpointKey| {
        let signature = key.0.sign(text.as_bytes());
        Signature::new(name.to_owned(), key_id(name, &key.encoded()), signature.as_ref().to_vec())
    };
    let signatures: Vec<Signature> =
        keys.iter().map(signature).collect::<Result<_, _>>().map_err(|_| BadCheckpoint::Form)?;
    let note = Note::new(text.as_bytes(), &signatures).map_err(|_| BadCheckpoint::Form)?;
    String::from_utf8(note.to_bytes()).map_err(|_| BadCheckpoint::Form)
}

/// A checkpoint that is signed with one of these keys, of whichever log.
pub fn ours(note: &str, keys: &[CheckpointKey]) -> Option<Checkpoint> {
    let origin = Checkpoint::unverified(note).ok()?.origin;
    keys.iter().find_map(|key| Checkpoint::verified(note, &key.verifier(&origin)?).ok())
}

/// By what a checkpoint is checked: `<name>+<id>+<key>`, as signed notes spell it.
#[derive(Clone)]
pub struct VerifierKey {
    text: String,
    verifier: StandardVerifier,
}

impl VerifierKey {
    /// Reads a key.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let verifier = StandardVerifier::new(text).ok()?;
        Origin::parse(verifier.name())?;
        Some(Self { text: text.to_owned(), verifier })
    }

    /// The same key under the name of another log.
    pub fn renamed(&self, origin: &Origin) -> Option<Self> {
        let encoded = STANDARD.decode(self.text.splitn(3, '+').nth(2)?).ok()?;
        let name = origin.as_str();
        Self::parse(&format!("{name}+{:08x}+{}", key_id(name, &encoded), STANDARD.encode(&encoded)))
    }

    /// Whose it is: the origin of a log, or the name of a witness.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// Whether it has signed a note.
    fn signed(&self, note: &Note) -> Result<(), BadCheckpoint> {
        match note.verify(&VerifierList::new(vec![Box::new(self.verifier.clone())])) {
            Ok(_) => Ok(()),
            Err(NoteError::InvalidSignature { .. }) => Err(BadCheckpoint::Forged(self.to_string())),
            Err(_) => Err(BadCheckpoint::Unsigned(self.to_string())),
        }
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tlog_tiles::record_hash;

    use super::*;

    fn checkpoint() -> Checkpoint {
        let origin = Origin::parse("auth.example.com/audit/platform").unwrap();
        Checkpoint { origin, size: 7, root: record_hash(b"root") }
    }

    /// The example of C2SP signed-note.
    #[test]
    fn a_published_note_is_read() {
        let key = VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let good = format!(
            "{text}\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(key.signed(&read(&good).unwrap()), Ok(()));
        let forged = good.replace("answer", "Answer");
        assert_eq!(key.signed(&read(&forged).unwrap()), Err(BadCheckpoint::Forged(key.to_string())));
    }

    /// The key pair of the first test of RFC 8032 §7.1.
    #[test]
    fn a_key_is_spelled_as_signed_notes_do() {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
            0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
        ];
        let key = CheckpointKey::of(&seed).unwrap();
        let verifier = key.verifier(&checkpoint().origin).unwrap();
        let (name, rest) = verifier.to_string().split_once('+').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(name, "auth.example.com/audit/platform");
        assert!(rest.ends_with("+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"), "{rest}");
    }

    #[test]
    fn a_checkpoint_holds_for_its_key_and_its_log_alone() {
        let (one, two) = (CheckpointKey::of(&[1; 32]).unwrap(), CheckpointKey::of(&[2; 32]).unwrap());
        let checkpoint = checkpoint();
        let note = sign(&checkpoint, std::slice::from_ref(&one)).unwrap();
        let (own, other) = (one.verifier(&checkpoint.origin).unwrap(), two.verifier(&checkpoint.origin).unwrap());
        assert_eq!(Checkpoint::verified(&note, &own), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::verified(&note, &other), Err(BadCheckpoint::Unsigned(other.to_string())));
        let elsewhere = one.verifier(&Origin::parse("auth.example.com/audit/other").unwrap()).unwrap();
        assert_eq!(Checkpoint::verified(&note, &elsewhere), Err(BadCheckpoint::Unsigned(elsewhere.to_string())));
        let larger = note.replace("\n7\n", "\n8\n");
        assert_eq!(Checkpoint::verified(&larger, &own), Err(BadCheckpoint::Forged(own.to_string())));
        assert_eq!(Checkpoint::unverified(&larger).unwrap().size, 8);
        let huge = note.replace("\n7\n", &format!("\n{}\n", MOST + 1));
        assert_eq!(Checkpoint::unverified(&huge), Err(BadCheckpoint::Size));
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let key = CheckpointKey::of(&[1; 32]).unwrap();
        let checkpoint = checkpoint();
        let note = sign(&checkpoint, std::slice::from_ref(&key)).unwrap();
        let verifier = key.verifier(&checkpoint.origin).unwrap();
        for (at, bit) in (0..note.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Checkpoint::verified(&changed, &verifier).is_err(), "{at}.{bit}: {changed}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", lines in prop::collection::vec("[ -~]*", 0..8)) {
            let key = CheckpointKey::of(&[1; 32]).unwrap().verifier(&checkpoint().origin).unwrap();
            let _ = Checkpoint::verified(&text, &key);
            let _ = Checkpoint::verified(&lines.join("\n"), &key);
            let _ = VerifierKey::parse(&text);
        }
    }
}
