//! What the database knows of keys outside it, compared with a key file. Pure.

use time::OffsetDateTime;

use super::{CheckValue, KeyKind};
use crate::secret::same;

/// A key as the database knows it.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// Its kind.
    pub kind: KeyKind,
    /// Its id.
    pub id: String,
    /// Its check value.
    pub value: Vec<u8>,
    /// When it was first seen.
    pub since: OffsetDateTime,
    /// New values are made with it.
    pub in_use: bool,
    /// Since when, or when last. None: no value was ever made with it.
    pub in_use_since: Option<OffsetDateTime>,
    /// When it was retired.
    pub retired_at: Option<OffsetDateTime>,
}

/// The key file does not fit the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyMismatch {
    /// The database knows this key id with another value.
    #[error(
        "the {kind} key \"{id}\" in the key file is not the one this database was used with: start with the right key file"
    )]
    Wrong {
        /// The kind of key.
        kind: KeyKind,
        /// Its id.
        id: String,
    },
    /// The database was used with a key that the key file lacks, as with all others in it.
    #[error(
        "the key file lacks the {kind} key \"{id}\" that this database was used with: start with the right key file"
    )]
    Missing {
        /// The kind of key.
        kind: KeyKind,
        /// Its id.
        id: String,
    },
    /// The key file is one of this database, but from before the key was made, or from after it was taken out.
    #[error(
        "the key file lacks the {kind} key \"{id}\", which this database uses. After a restore: use the copy of the key file \
         from the time of the dump. Otherwise: use the file to which {id} was added"
    )]
    OtherTime {
        /// The kind of key.
        kind: KeyKind,
        /// Its id.
        id: String,
    },
    /// The key file holds none of a kind that may be used.
    #[error("every {0} key in the key file is retired: start with the newer key file")]
    AllRetired(KeyKind),
}

/// How the keys of a key file stand in the database.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    unseen: Vec<CheckValue>,
    in_use: Vec<(KeyKind, String)>,
    begins: Vec<(KeyKind, String)>,
    retired: Vec<(KeyKind, String)>,
}

impl Standing {
    /// Compares the keys of a file, `ours`, with those that the database knows.
    ///
    /// # Errors
    /// The first reason why nothing may be done with this file. A key that was never in use may be missing: the file of
    /// another process may be ahead of this one. A retired key in the file is no mistake: it is not used.
    pub fn of(ours: &[CheckValue], known: &[KnownKey]) -> Result<Self, KeyMismatch> {
        let find = |key: &KnownKey| ours.iter().find(|own| own.kind == key.kind && own.id == key.id);
        let is_ours = |key: &KnownKey| find(key).is_some_and(|own| same(&own.value, &key.value));
        let one_of_ours = known.iter().any(is_ours);
        let mut standing = Self::default();
        for key in known {
            let (kind, id) = (key.kind, key.id.clone());
            match (key.retired_at, find(key), key.in_use_since) {
                (Some(_), _, _) => standing.retired.push((kind, id)),
                (None, Some(_), _) if is_ours(key) => {
                    if key.in_use {
                        standing.in_use.push((kind, id));
                    }
                }
                (None, Some(_), _) => return Err(KeyMismatch::Wrong { kind, id }),
                (None, None, Some(_)) if one_of_ours => return Err(KeyMismatch::OtherTime { kind, id }),
                (None, None, Some(_)) => return Err(KeyMismatch::Missing { kind, id }),
                (None, None, None) => {}
            }
        }
        standing.add(ours, known)
    }

    /// Compares as far as it goes, for commands that mend what [`Standing::of`] complains of.
    ///
    /// # Errors
    /// A key of the file is not the one that the database knows by this id: that is another installation's file.
    pub fn as_far_as_possible(ours: &[CheckValue], known: &[KnownKey]) -> Result<Self, KeyMismatch> {
        let mut standing = Self::default();
        for key in known {
            let (kind, id) = (key.kind, key.id.clone());
            match ours.iter().find(|own| own.kind == kind && own.id == id) {
                _ if key.retired_at.is_some() => standing.retired.push((kind, id)),
                Some(own) if !same(&own.value, &key.value) => return Err(KeyMismatch::Wrong { kind, id }),
                Some(_) if key.in_use => standing.in_use.push((kind, id)),
                _ => {}
            }
        }
        Ok(standing)
    }

    /// A standing that says of one kind which key is in use.
    pub fn with_in_use(mut self, kind: KeyKind, id: &str) -> Self {
        self.in_use.retain(|(own, _)| *own != kind);
        self.in_use.push((kind, id.to_owned()));
        self
    }

    /// A standing in which this key, too, may never be used again.
    pub fn with_retired(mut self, kind: KeyKind, id: &str) -> Self {
        self.in_use.retain(|(own, name)| !(*own == kind && name == id));
        self.retired.push((kind, id.to_owned()));
        self
    }

    fn add(mut self, ours: &[CheckValue], known: &[KnownKey]) -> Result<Self, KeyMismatch> {
        for kind in KeyKind::ALL {
            let usable = |own: &&CheckValue| own.kind == kind && !self.is_retired(kind, &own.id);
            let first = ours.iter().find(usable).ok_or(KeyMismatch::AllRetired(kind))?.id.clone();
            if self.in_use(kind).is_none() {
                self.begins.push((kind, first.clone()));
                self.in_use.push((kind, first));
            }
        }
        let is_known = |own: &CheckValue| known.iter().any(|key| key.kind == own.kind && key.id == own.id);
        self.unseen = ours.iter().filter(|own| !is_known(own)).cloned().collect();
        Ok(self)
    }

    /// The id of the key in use. None only in a standing that was compared with nothing.
    pub fn in_use(&self, kind: KeyKind) -> Option<&str> {
        self.in_use.iter().find(|(own, _)| *own == kind).map(|(_, id)| id.as_str())
    }

    /// Keys that the database has not seen.
    pub fn unseen(&self) -> &[CheckValue] {
        &self.unseen
    }

    /// Keys that are in use from now on, since no other of their kind is.
    pub fn begins(&self) -> &[(KeyKind, String)] {
        &self.begins
    }

    /// Whether a key may never be used again.
    pub fn is_retired(&self, kind: KeyKind, id: &str) -> bool {
        self.retired.iter().any(|(own, name)| *own == kind && name == id)
    }

    /// Whether the database has to be told anything.
    pub fn is_news(&self) -> bool {
        !self.unseen.is_empty() || !self.begins.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const THEN: OffsetDateTime = datetime!(2026-08-03 10:00 UTC);

    fn own(kind: KeyKind, id: &str) -> CheckValue {
        CheckValue { kind, id: id.to_owned(), value: [id.len() as u8; 32] }
    }

    /// One key of each other kind, and these peppers.
    fn file(peppers: &[&str]) -> Vec<CheckValue> {
        let others = [KeyKind::Kek, KeyKind::AuditHandle, KeyKind::Checkpoint].map(|kind| own(kind, "k"));
        peppers.iter().map(|id| own(KeyKind::Pepper, id)).chain(others).collect()
    }

    fn known(id: &str, change: impl FnOnce(&mut KnownKey)) -> KnownKey {
        let CheckValue { kind, id, value } = own(KeyKind::Pepper, id);
        let (in_use, in_use_since, retired_at) = (false, Some(THEN), None);
        let mut key = KnownKey { kind, id, value: value.to_vec(), since: THEN, in_use, in_use_since, retired_at };
        change(&mut key);
        key
    }

    fn in_use(id: &str) -> KnownKey {
        known(id, |key| key.in_use = true)
    }

    fn pepper(ours: &[&str], known: &[KnownKey]) -> Result<String, KeyMismatch> {
        Standing::of(&file(ours), known).map(|standing| standing.in_use(KeyKind::Pepper).unwrap().to_owned())
    }

    #[test]
    fn the_database_says_which_key_is_in_use_and_else_the_first_one_is() {
        assert_eq!(pepper(&["one", "two2"], &[]).unwrap(), "one");
        assert_eq!(pepper(&["one", "two2"], &[known("one", |_| {}), in_use("two2")]).unwrap(), "two2");
        let first = Standing::of(&file(&["one", "two2"]), &[]).unwrap();
        assert_eq!((first.unseen().len(), first.begins().len()), (5, 4));
        let later = Standing::of(&file(&["one", "two2"]), &[in_use("one")]).unwrap();
        assert_eq!(later.unseen().iter().filter(|key| key.kind == KeyKind::Pepper).count(), 1);
        assert_eq!(later.begins().len(), 3, "the other kinds");
    }

    #[test]
    fn a_file_that_lacks_what_was_in_use_is_refused() {
        let kind = KeyKind::Pepper;
        let of = |id: &str| id.to_owned();
        assert_eq!(pepper(&["one"], &[in_use("two2")]), Err(KeyMismatch::Missing { kind, id: of("two2") }));
        let before = Err(KeyMismatch::OtherTime { kind, id: of("two2") });
        assert_eq!(pepper(&["one"], &[known("one", |_| {}), in_use("two2")]), before);
        let after = Err(KeyMismatch::OtherTime { kind, id: of("one") });
        assert_eq!(pepper(&["two2"], &[known("one", |_| {}), in_use("two2")]), after);
        assert_eq!(pepper(&["two2"], &[known("one", |key| key.in_use_since = None), in_use("two2")]).unwrap(), "two2");
        let other = known("one", |key| key.value = vec![0; 32]);
        assert_eq!(pepper(&["one"], &[other]), Err(KeyMismatch::Wrong { kind, id: of("one") }));
    }

    #[test]
    fn a_retired_key_in_the_file_is_not_used() {
        let retired = || known("one", |key| key.retired_at = Some(THEN));
        assert_eq!(pepper(&["two2"], &[retired(), in_use("two2")]).unwrap(), "two2");
        assert_eq!(pepper(&["one", "two2"], &[retired()]).unwrap(), "two2");
        assert_eq!(pepper(&["one"], &[retired()]), Err(KeyMismatch::AllRetired(KeyKind::Pepper)));
        // Not even if somebody gave its id to another key.
        let other = known("one", |key| (key.retired_at, key.value) = (Some(THEN), vec![0; 32]));
        assert_eq!(pepper(&["one", "two2"], &[other]).unwrap(), "two2");
    }
}
