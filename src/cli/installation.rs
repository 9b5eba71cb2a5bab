//! What a command works on: a configured installation, or a development one, running or not.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use sqlx::postgres::PgConnectOptions;

use super::{CliError, output};
use crate::{
    app::App,
    audit::{Actor, Recorder},
    clock::{Clock, ClocksDiffer},
    config::{Config, Environment},
    dev::{
        self,
        postgres::{Attached, DbRole, attach},
    },
    keys::Keyring,
    secret::{Entropy, SecretText},
    store::{Limits, Store, StoreError, schema::connect_options},
};

/// How often the database is asked for the time: an answer that comes late says nothing.
const CLOCK_TRIES: usize = 5;

/// Where the installation is.
#[derive(Clone, Debug, Args)]
#[group(id = "installation", multiple = false)]
pub struct Place {
    /// The configuration file. Without it: $SALLYPORT_CONFIG, or SALLYPORT_* variables alone.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The directory of a development installation, whether `sallyport dev` is running or not.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl Place {
    /// The configuration file, if there is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| Environment::of_process().config_file().map(PathBuf::from))
    }

    /// Reads the configuration of this place.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn config(&self) -> Result<Config, CliError> {
        if let Some(data_dir) = &self.data_dir {
            return Ok(Config::of_dev_installation(data_dir)?);
        }
        let environment = Environment::of_process();
        let file = self.file();
        if file.is_none() && environment.says_nothing() {
            return Err(CliError::NoInstallation);
        }
        Ok(Config::load(file.as_deref(), &environment)?)
    }
}

/// An installation that a command works on.
#[derive(Debug)]
pub struct Installation {
    /// Its settings.
    pub config: Config,
    /// The machine's clock.
    pub clock: Clock,
    /// The operating system's randomness.
    pub entropy: Entropy,
    /// Which command works on it.
    command: &'static str,
    /// The private Postgres of a development installation.
    private: Option<Attached>,
}

impl Installation {
    /// Reads the configuration. Starts the private Postgres of a development installation, unless it runs.
    ///
    /// # Errors
    /// When the configuration is wrong, or the private Postgres does not start.
    pub async fn open(place: &Place, command: &'static str) -> Result<Self, CliError> {
        let config = place.config()?;
        let private = match &place.data_dir {
            Some(data_dir) => Some(attach(data_dir).await?),
            None => None,
        };
        Ok(Self { config, clock: Clock::system(), entropy: Entropy::system(), command, private })
    }

    /// How the role that serves connects.
    pub fn app_options(&self) -> Result<PgConnectOptions, CliError> {
        self.options(DbRole::App, self.config.database.url.as_ref(), "database.url")
    }

    /// How the role that migrates connects.
    pub fn owner_options(&self) -> Result<PgConnectOptions, CliError> {
        self.options(DbRole::Owner, self.config.database.owner_url.as_ref(), "database.owner_url")
    }

    fn options(&self, role: DbRole, url: Option<&SecretText>, key: &'static str) -> Result<PgConnectOptions, CliError> {
        match (&self.private, url) {
            (Some(private), _) => Ok(private.connector().connect_options(role, dev::DATABASE)),
            (None, Some(url)) => Ok(connect_options(url)?),
            (None, None) => Err(CliError::Setting { key, command: self.command }),
        }
    }

    /// The keys outside the database.
    pub fn keyring(&self) -> Result<Keyring, CliError> {
        Ok(Keyring::parse(&self.config.keys.text()?)?)
    }

    /// The store, once role and schema are found to be right, and the clock, by which commands go.
    pub async fn store(&self) -> Result<Store, CliError> {
        let store = self.connect(Limits::Command).await?;
        for _ in 0..CLOCK_TRIES {
            store.compare_clock(&self.clock).await?;
            if !self.clock.is_odd() {
                return Ok(store);
            }
        }
        Err(StoreError::OddClock.into())
    }

    /// The same for a command that does nothing but take away: it does so by a wrong clock, too, and says that it is wrong.
    pub async fn store_to_take_away(&self) -> Result<Store, CliError> {
        let store = self.connect(Limits::Command).await?;
        if let Err(ClocksDiffer(by)) = store.compare_clock(&self.clock).await {
            output::warning(format_args!(
                "this machine's clock and the database's differ by {} seconds: what this command does is done all the same, and \
                 is written down with this machine's time",
                by.whole_seconds().abs()
            ));
        }
        Ok(store)
    }

    async fn connect(&self, limits: Limits) -> Result<Store, CliError> {
        let store = Store::connect(self.app_options()?, self.config.database.max_connections, limits).await?;
        store.check_role().await?;
        store.check_schema().await?;
        Ok(store)
    }

    /// The application, once keys, role and schema are found to be right.
    pub async fn app(&self) -> Result<Arc<App>, CliError> {
        let keyring = self.keyring()?;
        // By a wrong clock it starts, and answers that it is not sure until the clock is right.
        let store = self.connect(Limits::Serving).await?;
        Ok(App::start(self.config.clone(), keyring, store, self.clock.clone(), self.entropy.clone()).await?)
    }

    /// Who writes audit events for this command.
    pub(super) fn recorder(&self) -> Recorder {
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        Recorder { clock, entropy, request_id: None, actor: Some(Actor::Command { command: self.command }) }
    }

    /// Stops the private Postgres if it was started for this command.
    pub async fn close(self) -> Result<(), CliError> {
        match self.private {
            Some(private) => Ok(private.close().await?),
            None => Ok(()),
        }
    }
}
