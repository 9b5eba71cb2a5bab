//! The newest checkpoints that a process knows, outside the database.

use std::{
    collections::HashMap,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{
    audit::log::{Checkpoint, CheckpointKey, ours},
    ids::TenantId,
    store::audit_log::PLATFORM,
};

/// Why it cannot be remembered what was signed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// A file cannot be read or written.
    #[error("audit.state_dir: {path:?}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What it holds is no checkpoint, or none that any of our keys has signed.
    #[error(
        "audit.state_dir: {0:?} holds no checkpoint that was signed with a key of the key file; if that key is lost, see \
         `sallyport audit restart-log`"
    )]
    NotOurs(PathBuf),
    /// What is to be remembered is no checkpoint of ours.
    #[error("a checkpoint in the database was not signed with a key of the key file")]
    NotSigned,
    /// What is to be remembered does not go on from what is remembered.
    #[error("a checkpoint in the database has {found} entries, and one of {known} was signed for the same log")]
    Back {
        /// In the database.
        found: u64,
        /// Remembered.
        known: u64,
    },
}

/// What is remembered of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The newest checkpoint.
    pub checkpoint: Checkpoint,
    /// Whether a key of the key file has signed it. Else that key was lost, and the log must have begun anew since.
    pub ours: bool,
}

/// What a process remembers: in files where there is a directory for them, else as long as it runs.
#[derive(Debug, Default)]
pub struct Memory {
    directory: Option<PathBuf>,
    known: Mutex<HashMap<TenantId, Known>>,
}

impl Memory {
    /// With this directory, which is made where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(directory: Option<&Path>) -> Result<Self, MemoryError> {
        if let Some(directory) = directory {
            std::fs::create_dir_all(directory)
                .map_err(|source| MemoryError::File { path: directory.to_owned(), source })?;
        }
        Ok(Self { directory: directory.map(Path::to_owned), known: Mutex::default() })
    }

    /// The newest checkpoint of a log.
    ///
    /// # Errors
    /// There is a file, and it cannot be used: then nothing may be signed.
    pub fn newest(&self, log: TenantId, keys: &[CheckpointKey]) -> Result<Option<Known>, MemoryError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = known.get(&log) {
            return Ok(Some(newest.clone()));
        }
        let (Some(path), Some(note)) = (self.path(log), self.note(log)?) else { return Ok(None) };
        let checkpoint = Checkpoint::unverified(&note).map_err(|_| MemoryError::NotOurs(path))?;
        let newest = Known { ours: ours(&note, keys).is_some(), checkpoint };
        known.insert(log, newest.clone());
        Ok(Some(newest))
    }

    /// That nothing may be signed by what the file of a log holds.
    pub(super) fn not_ours(&self, log: TenantId) -> MemoryError {
        self.path(log).map_or(MemoryError::NotSigned, MemoryError::NotOurs)
    }

    /// The newest signed note of a log that there is a file of.
    ///
    /// # Errors
    /// There is a file, and it cannot be read.
    pub fn note(&self, log: TenantId) -> Result<Option<String>, MemoryError> {
        let Some(path) = self.path(log) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MemoryError::File { path, source }),
        }
    }

    /// Remembers a checkpoint that continues the one before.
    ///
    /// # Errors
    /// It cannot be written, is not signed with any of our keys, or is of the same log and shorter, or as long and another.
    pub fn keep(&self, log: TenantId, note: &str, keys: &[CheckpointKey]) -> Result<(), MemoryError> {
        let checkpoint = ours(note, keys).ok_or(MemoryError::NotSigned)?;
        if let Some(Known { checkpoint: before, ours }) = self.newest(log, keys)? {
            match () {
                () if before.origin != checkpoint.origin => {}
                () if !ours => return Err(self.not_ours(log)),
                () if before == checkpoint => return Ok(()),
                () if before.size >= checkpoint.size => {
                    return Err(MemoryError::Back { found: checkpoint.size, known: before.size });
                }
                () => {}
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = self.path(log) {
            write(&path, note).map_err(|source| MemoryError::File { path, source })?;
        }
        known.insert(log, Known { checkpoint, ours: true });
        Ok(())
    }

    fn path(&self, log: TenantId) -> Option<PathBuf> {
        let name = if log == PLATFORM { "platform".to_owned() } else { log.to_string() };
        Some(self.directory.as_ref()?.join(format!("{name}.checkpoint")))
    }
}

/// Whole or not at all, and on the disk.
fn write(path: &Path, note: &str) -> std::io::Result<()> {
    let new = path.with_added_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    match path.parent() {
        Some(directory) => std::fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::log::{Hash, Origin, sign};

    fn note(size: u64, key: CheckpointKey) -> String {
        let origin = Origin::parse("auth.example.com/audit/platform").unwrap();
        sign(&Checkpoint { origin, size, root: Hash([7; 32]) }, &[key]).unwrap()
    }

    fn keys() -> [CheckpointKey; 1] {
        [CheckpointKey::of(&[1; 32]).unwrap()]
    }

    #[test]
    fn what_one_process_kept_the_next_one_knows() {
        let directory = std::env::temp_dir().join(format!("sallyport-memory-{}", std::process::id()));
        let memory = Memory::open(Some(&directory)).unwrap();
        assert_eq!(memory.newest(PLATFORM, &keys()).unwrap(), None);
        let [key] = keys();
        memory.keep(PLATFORM, &note(3, key), &keys()).unwrap();
        let other = CheckpointKey::of(&[2; 32]).unwrap();
        assert!(matches!(memory.keep(PLATFORM, &note(4, other), &keys()), Err(MemoryError::NotSigned)));
        let next = Memory::open(Some(&directory)).unwrap();
        let [key] = keys();
        assert!(matches!(next.keep(PLATFORM, &note(2, key), &keys()), Err(MemoryError::Back { found: 2, known: 3 })));
        let known = next.newest(PLATFORM, &keys()).unwrap().unwrap();
        assert_eq!((known.checkpoint.size, known.ours), (3, true));
        let lost = Memory::open(Some(&directory)).unwrap();
        let other = || [CheckpointKey::of(&[2; 32]).unwrap()];
        assert!(!lost.newest(PLATFORM, &other()).unwrap().unwrap().ours);
        let [key] = other();
        assert!(matches!(lost.keep(PLATFORM, &note(9, key), &other()), Err(MemoryError::NotOurs(_))));
        std::fs::write(directory.join("platform.checkpoint"), "nonsense").unwrap();
        let next = Memory::open(Some(&directory)).unwrap();
        assert!(matches!(next.newest(PLATFORM, &keys()), Err(MemoryError::NotOurs(_))));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
