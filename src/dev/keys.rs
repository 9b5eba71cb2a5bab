//! The key file of a development installation. Nothing but `sallyport dev` makes keys by itself.

use std::{path::Path, sync::Arc};

use super::{
    DevError,
    files::{self, FileError},
};
use crate::{
    app::{App, StartError},
    clock::Clock,
    config::{Config, KeySource},
    keys::{KeyMismatch, Keyring, generate_key_file},
    secret::{Entropy, NoEntropy},
    store::{Store, keys::KeyCheckError},
};

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum NewKeysError {
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing to make them of.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// Starts the application on the keys of the installation, which are made if this is its first start.
pub(super) async fn start_app(
    config: Config,
    store: Store,
    clock: Clock,
    entropy: Entropy,
) -> Result<Arc<App>, DevError> {
    let new = match &config.keys.source {
        Some(KeySource::File(path)) if !path.exists() => Some(path.clone()),
        _ => None,
    };
    if let Some(path) = &new {
        make(path, &entropy)?;
    }
    let keyring = Keyring::parse(&config.keys.text()?)?;
    match (App::start(config, keyring, store, clock, entropy).await, new) {
        // It was no first start: somebody took the key file away.
        (Err(StartError::Keys(KeyCheckError::Mismatch(KeyMismatch::Missing { .. }))), Some(path)) => {
            files::remove(&path)?;
            Err(DevError::KeysGone(path))
        }
        (started, _) => Ok(started?),
    }
}

fn make(path: &Path, entropy: &Entropy) -> Result<(), NewKeysError> {
    Ok(files::write(path, generate_key_file(entropy)?.as_bytes())?)
}
