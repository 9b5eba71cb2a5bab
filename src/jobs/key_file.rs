//! Follows the key file and what the database says of its keys, so that another key can be put in use without a restart.
//!
//! A changed file is read within seconds. One that does not fit the database changes nothing: the keys that were read before
//! stay. But a process that lacks a key with which others make tokens would take these for invalid, and clients would throw
//! them away: it ends.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::{
    app::App,
    config::{KeySource, KeysError},
    keys::{CheckValue, KeyFileError, KeyMismatch, Keyring},
    store::keys::{self as rows, KeyCheckError},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Why another key file is not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error(transparent)]
    Unreadable(#[from] KeysError),
    #[error(transparent)]
    NotOne(#[from] KeyFileError),
    #[error(transparent)]
    Unfit(#[from] KeyCheckError),
}

/// What was seen of the key file, and what others were told.
#[derive(Default)]
pub struct Watch {
    /// The text that was taken, or was found wanting.
    text: Option<Zeroizing<String>>,
    complaint: String,
    reported: Vec<CheckValue>,
}

/// Looks now and then, until `stop`.
///
/// # Errors
/// This process lacks a key that it needs.
pub async fn run(app: Arc<App>, stop: CancellationToken) -> Result<(), KeyMismatch> {
    let mut watch = Watch::default();
    let looks = async {
        loop {
            watch.look(&app).await?;
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(looks).await.unwrap_or(Ok(()))
}

impl Watch {
    /// Takes over another key file and what the database says, and reports both to the other processes.
    ///
    /// # Errors
    /// This process lacks a key that it needs.
    pub async fn look(&mut self, app: &App) -> Result<(), KeyMismatch> {
        if let Err(error) = self.read_again(app).await {
            self.complain(&error.to_string());
        }
        match app.store.check_keys(&app.keyring, &app.recorder(None)).await {
            Ok(_) => {}
            Err(KeyCheckError::Mismatch(mismatch)) => return Err(mismatch),
            // Without the database nothing is made or looked up either.
            Err(KeyCheckError::Store(error)) => {
                self.complain(&error.to_string());
                return Ok(());
            }
        }
        let keys = app.keyring.check_values();
        if keys != self.reported {
            match rows::report(&app.store, app.process, &app.keyring, app.clock.now()).await {
                Ok(()) => self.reported = keys,
                Err(error) => self.complain(&error.to_string()),
            }
        }
        Ok(())
    }

    async fn read_again(&mut self, app: &App) -> Result<(), NotTaken> {
        let Some(KeySource::File(_)) = &app.config.keys.source else { return Ok(()) };
        let text = app.config.keys.text()?;
        if self.text.as_ref().is_some_and(|known| *known == text) {
            return Ok(());
        }
        let fresh = Keyring::parse(&text);
        let outcome = match fresh {
            Ok(fresh) => self.take(app, &fresh).await,
            Err(error) => Err(error.into()),
        };
        // After a fault of the database, look again.
        if !matches!(outcome, Err(NotTaken::Unfit(KeyCheckError::Store(_)))) {
            self.text = Some(text);
        }
        outcome
    }

    async fn take(&mut self, app: &App, fresh: &Keyring) -> Result<(), NotTaken> {
        app.store.check_keys(fresh, &app.recorder(None)).await?;
        if fresh.check_values() != app.keyring.check_values() {
            app.keyring.replace(fresh);
            tracing::info!("the key file was read again");
        }
        Ok(())
    }

    /// Says what is wrong once, not at every look.
    fn complain(&mut self, what: &str) {
        if self.complaint != what {
            tracing::error!(error = what, "the keys stay as they are");
            what.clone_into(&mut self.complaint);
        }
    }
}
