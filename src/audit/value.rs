//! What events say of people and what is too long for them: the event has a commitment, the value is beside it.
//!
//! A commitment is `sha256:` and SHA-256 of 16 random bytes and the value. Whoever has both can check it; once they are deleted
//! it says nothing, and the tree over the events stays what it was.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    ids::PersonId,
    secret::{Entropy, NoEntropy, hex, without_handles},
};

/// The longest value of one field in an event, in bytes of JSON.
const LONGEST: usize = 8 * 1024;
/// The longest body, in bytes of JSON. The rest of an entry is short.
const MOST: usize = 56 * 1024;

/// A value that an event only commits to.
#[derive(Clone)]
pub struct Kept {
    /// What the event has in its place.
    pub commitment: String,
    /// `personal` or `large`.
    pub kind: &'static str,
    /// Whose it is, where it is somebody's who logs in here.
    pub person: Option<PersonId>,
    /// What goes before it in the digest.
    pub salt: [u8; 16],
    /// A text as it is, anything else as JSON.
    pub value: String,
}

impl Kept {
    fn new(kind: &'static str, person: Option<PersonId>, value: String, entropy: &Entropy) -> Result<Self, NoEntropy> {
        let salt = *entropy.bytes::<16>()?;
        Ok(Self { commitment: commitment(&salt, &value), kind, person, salt, value })
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.commitment)
    }
}

/// `sha256:` and the digest of salt and value.
pub fn commitment(salt: &[u8], value: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(salt);
    context.update(value.as_bytes());
    format!("sha256:{}", hex(context.finish().as_ref()))
}

/// Something personal in an event. Serialized and printed it is its commitment.
#[derive(Clone)]
pub struct Personal {
    commitment: String,
    kept: Option<Kept>,
}

impl Personal {
    /// Commits to a text, without the tokens that somebody put there by mistake. `person`: whose it is, where it is
    /// somebody's who logs in here.
    ///
    /// # Errors
    /// No random bytes.
    pub fn new(text: &str, person: Option<PersonId>, entropy: &Entropy) -> Result<Self, NoEntropy> {
        let kept = Kept::new("personal", person, without_handles(text).into_owned(), entropy)?;
        Ok(Self { commitment: kept.commitment.clone(), kept: Some(kept) })
    }

    /// What another event committed to before.
    pub fn known(commitment: String) -> Self {
        Self { commitment, kept: None }
    }

    /// The commitment.
    pub fn commitment(&self) -> &str {
        &self.commitment
    }

    /// What is to be kept beside the event.
    pub(super) fn kept(&self) -> Option<Kept> {
        self.kept.clone()
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.commitment)
    }
}

impl Serialize for Personal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.commitment)
    }
}

/// Puts commitments in the place of what is too long, the longest first, and says what is to be kept beside the event.
///
/// # Errors
/// No random bytes.
pub(super) fn shorten(body: &mut Map<String, Value>, entropy: &Entropy) -> Result<Vec<Kept>, NoEntropy> {
    let mut members: Vec<(usize, String)> =
        body.iter().map(|(name, value)| (length(value) + name.len() + 4, name.clone())).collect();
    let mut left: usize = members.iter().map(|(length, _)| length).sum();
    members.sort_unstable();
    let mut kept = Vec::new();
    while let Some((length, name)) = members.pop() {
        if length <= LONGEST && left <= MOST {
            break;
        }
        let Some(value) = body.get_mut(&name) else { continue };
        let text = match value.take() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let large = Kept::new("large", None, text, entropy)?;
        left = left.saturating_sub(length) + large.commitment.len() + name.len() + 6;
        *value = Value::String(large.commitment.clone());
        kept.push(large);
    }
    Ok(kept)
}

/// Bytes of a value in JSON.
fn length(value: &Value) -> usize {
    match value {
        // Short whatever it is made of: one character is six bytes at most.
        Value::String(text) if text.len() < 1024 => text.len() + 2,
        other => other.to_string().len(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shortened(body: Value) -> (Map<String, Value>, Vec<Kept>) {
        let Value::Object(mut body) = body else { panic!("an object") };
        let kept = shorten(&mut body, &Entropy::system()).unwrap();
        (body, kept)
    }

    #[test]
    fn short_events_stay_as_they_are() {
        let body = json!({ "a": "x".repeat(8000), "b": [1, 2], "c": "y".repeat(8000) });
        let (short, kept) = shortened(body.clone());
        assert_eq!((Value::Object(short), kept.len()), (body, 0));
    }

    #[test]
    fn long_values_become_commitments_that_can_be_checked() {
        let list: Vec<String> = (0..1000).map(|n| format!("https://client.example/{n}")).collect();
        let (short, kept) = shortened(json!({ "uris": list, "text": "\u{e4}".repeat(5000), "n": 1 }));
        assert_eq!((kept.len(), &short["n"]), (2, &json!(1)));
        for kept in &kept {
            assert_eq!(kept.commitment, commitment(&kept.salt, &kept.value));
            assert!(short.values().any(|value| *value == kept.commitment.as_str()), "{kept:?}");
        }
        let uris = kept.iter().find(|kept| kept.value.starts_with('[')).unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(&uris.value).unwrap(), list);
    }

    #[test]
    fn many_values_that_are_not_long_fit_too() {
        let body: Map<String, Value> = (0..20).map(|n| (n.to_string(), json!("x".repeat(7000)))).collect();
        let (short, kept) = shortened(Value::Object(body));
        assert!(Value::Object(short).to_string().len() <= MOST && kept.len() < 20, "{}", kept.len());
    }

    #[test]
    fn what_is_personal_is_printed_as_its_commitment() {
        let ada = Personal::new("ada lovelace", None, &Entropy::system()).unwrap();
        let again = Personal::new("ada lovelace", None, &Entropy::system()).unwrap();
        assert_ne!(ada.commitment(), again.commitment(), "each has a salt of its own");
        assert_eq!(serde_json::to_value(&ada).unwrap(), ada.commitment());
        assert!(!format!("{ada:?}{:?}", ada.kept()).contains("ada lovelace"));
    }
}
