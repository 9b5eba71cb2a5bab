//! What a witness says of a checkpoint: that it has seen it, when, and that it goes on from all it saw before (C2SP tlog-cosignature).

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use signed_note::{Note, Signature, is_key_name_valid, key_id};

/// Timestamped Ed25519 cosignatures, in keys and signatures of signed notes.
const COSIGNATURE_V1: u8 = 4;

/// By what cosignatures of a witness are checked: `<name>+<id>+<key>`, as signed notes spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    text: String,
    name: String,
    id: u32,
    key: [u8; 32],
}

impl WitnessKey {
    /// Reads a key.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut parts = text.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let encoded = STANDARD.decode(key).ok()?;
        let key = <[u8; 32]>::try_from(encoded.strip_prefix(&[COSIGNATURE_V1])?).ok()?;
        let known = u32::from_str_radix(id, 16).ok().filter(|_| id.len() == 8)?;
        let right = is_key_name_valid(name) && key_id(name, &encoded) == known;
        right.then(|| Self { text: text.to_owned(), name: name.to_owned(), id: known, key })
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the witness signed the note last, in seconds since 1970, by the note's own lines. None: it did not.
    pub fn seen(&self, note: &str) -> Option<u64> {
        let (_, lines) = note.split_once("\n\n")?;
        lines.lines().filter_map(|line| self.signed(note, line)).max()
    }

    /// When the witness signed the note, in seconds since 1970, by a line of its answer. None: it did not, or the line is none of its.
    pub fn signed(&self, note: &str, line: &str) -> Option<u64> {
        let note = Note::from_bytes(note.as_bytes()).ok()?;
        let line = Signature::from_bytes(line.trim_end().as_bytes()).ok()?;
        if line.name() != self.name || line.id() != self.id {
            return None;
        }
        let (time, signature) = line.signature().split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        if time == 0 {
            return None;
        }
        let mut message = format!("cosignature/v1\ntime {time}\n").into_bytes();
        message.extend_from_slice(note.text());
        UnparsedPublicKey::new(&ED25519, self.key).verify(&message, signature).ok()?;
        Some(time)
    }
}

impl std::fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    const NOTE: &str = "log.example/audit/platform\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} log.example/audit/platform AAAAAAAA\n";

    fn witness(seed: u8) -> (Ed25519KeyPair, WitnessKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let encoded = [&[COSIGNATURE_V1], pair.public_key().as_ref()].concat();
        let text = format!("w.example+{:08x}+{}", key_id("w.example", &encoded), STANDARD.encode(&encoded));
        (pair, WitnessKey::parse(&text).unwrap())
    }

    fn line(pair: &Ed25519KeyPair, key: &WitnessKey, text: &str) -> String {
        let signature = pair.sign(format!("cosignature/v1\ntime 1785751200\n{text}").as_bytes());
        let bytes = [&key.id.to_be_bytes()[..], &1_785_751_200_u64.to_be_bytes(), signature.as_ref()].concat();
        format!("\u{2014} w.example {}\n", STANDARD.encode(bytes))
    }

    #[test]
    fn a_cosignature_holds_for_its_note_and_no_other() {
        let ((pair, key), (other, _)) = (witness(1), witness(2));
        let text = NOTE.split_once("\n\n").unwrap().0.to_owned() + "\n";
        assert_eq!(key.signed(NOTE, &line(&pair, &key, &text)), Some(1_785_751_200));
        assert_eq!(key.signed(&NOTE.replace("\n7\n", "\n8\n"), &line(&pair, &key, &text)), None);
        assert_eq!(key.signed(NOTE, &line(&other, &key, &text)), None);
        assert_eq!(key.signed(NOTE, &line(&pair, &key, &text).replace("w.example", "x.example")), None);
        assert_eq!(key.signed(NOTE, "\u{2014} w.example AAAAAAAA"), None);
        assert_eq!(key.signed(NOTE, ""), None);
    }

    #[test]
    fn only_keys_of_witnesses_are_read() {
        let (_, key) = witness(1);
        assert_eq!(WitnessKey::parse(&key.to_string()), Some(key.clone()));
        let text = key.to_string();
        for bad in ["", "w.example", "w.example+00000000+BA==", &text.replace("w.example", "v.example"), &text[..60]] {
            assert_eq!(WitnessKey::parse(bad), None, "{bad}");
        }
    }
}
