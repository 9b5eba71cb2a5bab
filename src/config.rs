//! Configuration: one TOML file and `SALLYPORT_*` environment, read once, checked whole, and kept as types.
//!
//! A setting is named by its place in the file, `http.trusted_proxies`. Its variable is that name in capitals, with two
//! underscores for the dot: `SALLYPORT_HTTP__TRUSTED_PROXIES`. The variable wins. A list in a variable has commas.
//! A relative path in the file starts at the file's directory, one in a variable at the working directory.
//!
//! Nothing else in the crate reads the environment, and each section reads its own files.

mod anchor;
mod audit;
mod authorization;
mod database;
mod dev;
mod environment;
mod gateway;
mod http;
mod keys;
mod listen;
mod log;
mod login;
mod problems;
mod public_url;
mod reader;
mod registration;
mod secrets;
mod ship;
mod terminal;
mod tls;
mod tokens;
mod untrusted;
mod upstream;

use std::path::Path;

pub use anchor::{AnchorKind, AnchorTarget, Bucket};
pub use audit::Audit;
pub use authorization::Authorization;
pub use database::Database;
pub use environment::Environment;
pub use gateway::Gateway;
pub use http::Http;
pub use keys::{KeySource, Keys, KeysError, SigningRotation};
pub use listen::{BadListen, Listen, ListenAddress};
pub use log::{Log, LogFormat};
pub use login::{Argon2, Login, Throttle};
pub use problems::{ConfigErrors, Problem};
pub use public_url::{BadPublicUrl, PublicUrl};
pub use reader::{Setting, Source};
pub use registration::Registration;
pub use secrets::{SecretError, secret_from_environment, secret_from_file};
pub use ship::{Remote, ShipFormat, ShipKind, ShipTarget};
pub use terminal::{colour, screen};
pub use tls::{Tls, TlsError, TlsFiles, TlsStamp};
pub use tokens::Tokens;
pub use untrusted::Untrusted;
pub use upstream::Upstream;

use reader::Reader;

/// Every setting, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every identifier is built from: issuers, resources, pages.
    pub public_url: PublicUrl,
    /// Where the public listener opens. Never part of an identifier.
    pub listen: Listen,
    /// The store.
    pub database: Database,
    /// Keys outside the database.
    pub keys: Keys,
    /// The log that an auditor can check.
    pub audit: Audit,
    /// The edge: proxies, TLS, limits.
    pub http: Http,
    /// What one caller may take.
    pub gateway: Gateway,
    /// Connections to upstream servers.
    pub upstream: Upstream,
    /// Addresses that strangers name.
    pub untrusted: Untrusted,
    /// Passwords and browser sessions.
    pub login: Login,
    /// How long what is issued lives.
    pub tokens: Tokens,
    /// Limits of authorization requests.
    pub authorization: Authorization,
    /// Limits of dynamic client registration.
    pub registration: Registration,
    /// Logging.
    pub log: Log,
    settings: Vec<Setting>,
}

impl Config {
    /// Reads `file` and then `environment` over it.
    ///
    /// # Errors
    /// Every setting that is missing, unknown or wrong, all at once.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::open(file, environment)?;
        let public_url = reader.required("public_url", PublicUrl::parse);
        let config = Self::sections(public_url.unwrap_or_else(|| PublicUrl::localhost(0)), &mut reader);
        let settings = reader.finish()?;
        Ok(Self { settings, ..config })
    }

    /// The settings of a development installation: the defaults, on this computer only.
    ///
    /// `listen` has its real port by now, since the port is part of the public URL. The private Postgres has no URL.
    pub fn dev(data_dir: &Path, listen: Listen) -> Self {
        let public_url = PublicUrl::localhost(listen.port());
        let mut reader = Reader::default();
        let defaults = Self::sections(public_url, &mut reader);
        let config = Self {
            listen,
            keys: Keys { source: Some(KeySource::File(data_dir.join("keys.toml"))), ..defaults.keys },
            http: Http { operations_listen: None, shutdown: std::time::Duration::from_secs(5), ..defaults.http },
            upstream: Upstream { allow_networks: upstream::loopback(), ..defaults.upstream },
            log: Log { format: LogFormat::Human, filter: "warn,sqlx=error,rmcp=error".to_owned() },
            ..defaults
        };
        // Defaults are never wrong.
        let settings = config.as_shown_in_dev(data_dir, reader.finish().unwrap_or_default());
        Self { settings, ..config }
    }

    /// The defaults, and what a development installation has instead of them.
    fn as_shown_in_dev(&self, data_dir: &Path, mut settings: Vec<Setting>) -> Vec<Setting> {
        let list = |items: Vec<String>| items.join(", ");
        let own = [
            ("public_url", self.public_url.to_string()),
            ("listen", list(self.listen.addresses().map(|address| address.to_string()).collect())),
            ("keys.file", data_dir.join("keys.toml").display().to_string()),
            ("http.operations_listen", "off".to_owned()),
            ("http.shutdown_seconds", self.http.shutdown.as_secs().to_string()),
            ("upstream.allow_networks", list(self.upstream.allow_networks.iter().map(ToString::to_string).collect())),
            ("log.format", self.log.format.to_string()),
            ("log.filter", self.log.filter.clone()),
        ];
        for (n, (key, value)) in own.into_iter().enumerate() {
            let setting = Setting { key: key.to_owned(), value, source: Source::Development };
            match settings.iter_mut().find(|known| known.key == key) {
                Some(known) => *known = setting,
                None => settings.insert(n, setting),
            }
        }
        settings
    }

    /// The settings of the development installation in `data_dir`. Its port is the one `sallyport dev` had last.
    ///
    /// # Errors
    /// When its `dev.json` cannot be read.
    pub fn of_dev_installation(data_dir: &Path) -> Result<Self, ConfigErrors> {
        let listen = dev::last_listen(data_dir)?;
        Ok(Self::dev(data_dir, listen))
    }

    fn sections(public_url: PublicUrl, reader: &mut Reader) -> Self {
        Self {
            public_url,
            listen: Listen::read(reader),
            database: Database::read(reader),
            keys: Keys::read(reader),
            http: Http::read(reader),
            gateway: Gateway::read(reader),
            upstream: Upstream::read(reader),
            untrusted: Untrusted::read(reader),
            login: Login::read(reader),
            tokens: Tokens::read(reader),
            authorization: Authorization::read(reader),
            registration: Registration::read(reader),
            audit: Audit::read(reader),
            log: Log::read(reader),
            settings: Vec::new(),
        }
    }

    /// Every setting that took effect, in order, secrets as "set".
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}
