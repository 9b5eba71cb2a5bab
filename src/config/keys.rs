//! `[keys]`: where the key file is. What it says is for `crate::keys` to read.

use std::{io::Read as _, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use zeroize::Zeroizing;

use super::{
    environment,
    reader::{Reader, Source},
};
use crate::secret::SecretText;

/// The keys that live outside the database.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Where they come from. `serve` needs one and never makes it.
    pub source: Option<KeySource>,
    /// How signing keys, which are in the database, follow one another.
    pub signing: SigningRotation,
}

/// How a tenant's signing keys follow one another.
#[derive(Clone, Copy, Debug)]
pub struct SigningRotation {
    /// How long a key signs until another one follows. None: until somebody says so.
    pub every: Option<Duration>,
    /// How long a key is published before it signs: longer than upstreams keep the key set.
    pub lead: Duration,
}

/// Where key text comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file that only its owner can read.
    File(PathBuf),
    /// The text itself, from the variable `SALLYPORT_KEYS`.
    Text(SecretText),
}

/// There is no key text to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Nothing is configured.
    #[error(
        "keys.file: is not set; make a file with `sallyport keys init --out FILE` and name it there, or put its text into SALLYPORT_KEYS"
    )]
    NotSet,
    /// There is no such file.
    #[error("keys.file: there is no {0:?}; put it back, or make it, once, with `sallyport keys init`")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("keys.file: cannot read {path:?}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else could read the file.
    #[error("keys.file: {path:?} has mode {mode:04o}, so that others can read or change it; run `chmod 600` on it")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl Keys {
    /// The text of the key file.
    ///
    /// # Errors
    /// When none is configured, or it cannot be read, or others than its owner could.
    pub fn text(&self) -> Result<Zeroizing<String>, KeysError> {
        match &self.source {
            None => Err(KeysError::NotSet),
            Some(KeySource::Text(text)) => Ok(Zeroizing::new(text.expose().to_owned())),
            Some(KeySource::File(path)) => {
                let unreadable = |source: std::io::Error| match source.kind() {
                    std::io::ErrorKind::NotFound => KeysError::Missing(path.clone()),
                    _ => KeysError::Read { path: path.clone(), source },
                };
                // Mode and text come from one open file, so that they cannot be of two.
                let mut file = std::fs::File::open(path).map_err(unreadable)?;
                let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
                if mode & 0o077 != 0 {
                    return Err(KeysError::Open { path: path.clone(), mode });
                }
                let mut text = Zeroizing::new(String::new());
                file.read_to_string(&mut text).map_err(unreadable)?;
                Ok(text)
            }
        }
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let file = reader.path("keys.file");
        let text = reader.inline_keys();
        let from = if text.is_some() { Source::Environment } else { Source::Default };
        reader.know_secret(environment::KEYS, text.is_some(), from);
        let source = match (file, text) {
            (Some(_), Some(_)) => {
                reader.problem("keys.file", format!("is set as well as {}; keep one", environment::KEYS));
                None
            }
            (Some(path), None) => Some(KeySource::File(path)),
            (None, text) => text.map(KeySource::Text),
        };
        let every = reader.duration("keys.signing_rotate_days", 86_400, 90, 0..=3650);
        let lead = reader.duration("keys.signing_lead_minutes", 60, 60, 2..=10_080);
        let every = Some(every).filter(|every| !every.is_zero());
        if every.is_some_and(|every| every <= 2 * lead) {
            reader.problem("keys.signing_lead_minutes", "is more than half of keys.signing_rotate_days");
        }
        Self { source, signing: SigningRotation { every, lead } }
    }
}
