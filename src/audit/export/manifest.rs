//! What an export is, said in a file that everything else in it is compared with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Earlier, Extent, Included, VALUES};
use crate::audit::log::{Checkpoint, Origin, VerifierKey};

/// The format that this program writes and reads.
pub const FORMAT: &str = "sallyport-audit-export/1";
/// Kinds, with their versions, that are counted at most.
const MOST_KINDS: usize = 10_000;

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadManifest {
    /// Not JSON, or with other members.
    #[error("it is not a manifest of an export: {0}")]
    Form(String),
    /// Written in another way than the one.
    #[error("it is not in canonical form (RFC 8785)")]
    Canonical,
    /// Of another program, or of a newer one.
    #[error("its format is \"{0}\", and this program knows {FORMAT}: a newer sallyport may know it")]
    Format(String),
}

/// A file's length and SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// In bytes.
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// How many entries a tree has, and its root in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Entries.
    pub size: u64,
    /// In base64.
    pub root: String,
}

/// For each kind of event how many entries there are of each version of its shape.
pub type Kinds = BTreeMap<String, BTreeMap<String, u64>>;

/// There are more kinds of events than any program has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there are more than {MOST_KINDS} kinds of events")]
pub struct MostKinds;

/// What an export is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// See [`FORMAT`].
    pub format: String,
    /// The log's name.
    pub origin: String,
    /// Whose log: a tenant's id, or `platform`.
    pub tenant: String,
    /// What the checkpoint says.
    pub checkpoint: Size,
    /// Which entries are in the export.
    pub entries: Option<Included>,
    /// How many.
    pub count: u64,
    /// Of which kinds.
    pub kinds: Kinds,
    /// Keys that have signed this log, the one in use last.
    pub keys: Vec<String>,
    /// All files but this one and those below `tile/`, which `SHA256SUMS` has.
    pub files: BTreeMap<String, FileFacts>,
}

impl Manifest {
    /// Reads a manifest. Nothing is known to be true of it.
    ///
    /// # Errors
    /// See [`BadManifest`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadManifest> {
        let form = |error: serde_json::Error| BadManifest::Form(error.to_string());
        let any: serde_json::Value = serde_json::from_slice(bytes).map_err(form)?;
        match any.get("format").and_then(serde_json::Value::as_str) {
            Some(FORMAT) | None => {}
            Some(other) => return Err(BadManifest::Format(other.chars().take(60).collect())),
        }
        let manifest: Self = serde_json::from_value(any).map_err(form)?;
        if manifest.bytes() == bytes { Ok(manifest) } else { Err(BadManifest::Canonical) }
    }

    /// In canonical JSON (RFC 8785).
    pub fn bytes(&self) -> Vec<u8> {
        // Texts and integers below 2^53: there is always a canonical form.
        serde_json_canonicalizer::to_vec(self).unwrap_or_default()
    }

    /// Whether there are values beside the entries.
    pub fn has_values(&self) -> bool {
        self.files.contains_key(VALUES)
    }

    /// Counts an entry.
    ///
    /// # Errors
    /// There are too many kinds.
    pub fn count_kind(kinds: &mut Kinds, kind: &str, version: i16) -> Result<(), MostKinds> {
        let version = version.to_string();
        if let Some(count) = kinds.get_mut(kind).and_then(|versions| versions.get_mut(&version)) {
            *count += 1;
            return Ok(());
        }
        if kinds.values().map(BTreeMap::len).sum::<usize>() >= MOST_KINDS {
            return Err(MostKinds);
        }
        kinds.entry(kind.to_owned()).or_default().insert(version, 1);
        Ok(())
    }
}

/// What is known of a log before its entries are looked at.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its newest checkpoint.
    pub checkpoint: Checkpoint,
    /// That checkpoint, signed.
    pub note: String,
    /// The newest that a witness has signed, with its signature, where a witness has signed only an earlier one.
    pub cosigned: Option<String>,
    /// Earlier checkpoints, in the order of their sizes.
    pub earlier: Vec<Earlier>,
    /// Keys that have signed it, the one in use last.
    pub keys: Vec<VerifierKey>,
    /// What is to be exported.
    pub extent: Extent,
}

/// Whose log it is, as its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The name of the first epoch.
    pub base: String,
    /// A tenant's id, or `platform`.
    pub tenant: String,
    /// Which epoch, from 1.
    pub epoch: u32,
}

impl Whose {
    /// Reads `<place>/audit/<tenant>[/<epoch>]`.
    pub fn of(origin: &Origin) -> Option<Self> {
        let (place, rest) = origin.as_str().rsplit_once("/audit/")?;
        let (tenant, epoch) = match rest.split_once('/') {
            None => (rest, 1),
            Some((tenant, epoch)) => {
                let number = epoch.parse::<u32>().ok().filter(|number| *number > 1 && number.to_string() == epoch)?;
                (tenant, number)
            }
        };
        let known =
            tenant == "platform" || uuid::Uuid::parse_str(tenant).is_ok_and(|id| id.hyphenated().to_string() == tenant);
        (known && !place.is_empty()).then(|| Self {
            base: format!("{place}/audit/{tenant}"),
            tenant: tenant.to_owned(),
            epoch,
        })
    }

    /// The name of an epoch of this log.
    pub fn origin(&self, epoch: u32) -> String {
        if epoch > 1 { format!("{}/{epoch}", self.base) } else { self.base.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            origin: "auth.example.com/audit/platform".to_owned(),
            tenant: "platform".to_owned(),
            checkpoint: Size { size: 7, root: "AA==".to_owned() },
            entries: Some(Included { first: 0, last: 6 }),
            count: 7,
            kinds: Kinds::new(),
            keys: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    #[test]
    fn a_manifest_has_one_form() {
        let bytes = manifest().bytes();
        assert_eq!(Manifest::parse(&bytes), Ok(manifest()));
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            Manifest::parse(text.replace("\"count\":7", "\"count\": 7").as_bytes()),
            Err(BadManifest::Canonical)
        );
        let more = text.replace("\"count\":7", "\"count\":7,\"more\":1");
        assert!(matches!(Manifest::parse(more.as_bytes()), Err(BadManifest::Form(_))));
        let newer = text.replace("export/1", "export/2");
        assert_eq!(Manifest::parse(newer.as_bytes()), Err(BadManifest::Format("sallyport-audit-export/2".to_owned())));
    }

    #[test]
    fn a_name_says_whose_log_it_is() {
        let whose = |text: &str| Whose::of(&Origin::parse(text).unwrap()).map(|whose| (whose.tenant, whose.epoch));
        assert_eq!(whose("a.example/audit/platform"), Some(("platform".to_owned(), 1)));
        let id = "01a20574-fdd3-79b5-b512-459bcf0be0ef";
        assert_eq!(whose(&format!("a.example:8080/x/audit/{id}/3")), Some((id.to_owned(), 3)));
        for bad in
            ["a.example/audit/acme", "a.example/audit/platform/1", "a.example/audit/platform/02", "/audit/platform"]
        {
            assert_eq!(whose(bad), None, "{bad}");
        }
    }
}
