//! Why a command failed.

use std::{io, path::PathBuf};

use crate::{
    api::token::ApiTokenError,
    app::StartError,
    apply::ApplyError,
    audit::{
        export::{ExportError, NoLog},
        proof::BadProof,
        restart::RestartError,
        signer::MemoryError,
        verify::Refusal,
    },
    clients::{initial_token::InitialTokenError, standing::StandingError},
    clock::ClocksDiffer,
    config::{ConfigErrors, KeysError, SecretError},
    dev::{DevError, postgres::PostgresError},
    http::server::{BindError, CertificateError},
    ids::{EventId, GrantId},
    keys::{
        KeyFileError, KeyKind,
        rotation::{RotationError, listed},
    },
    people::{BadPassword, BadUsername, HashError, PersonError, platform::AdministratorError},
    secret::NoEntropy,
    store::{
        StoreError,
        keys::{KeyCheckError, Process},
        schema::{MigrateError, RoleError, SchemaError},
    },
    trial::Verdict,
};

/// Why a command failed: one line, or one a setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// Neither a file nor a directory nor a variable.
    #[error(
        "which installation? Name its configuration with --config FILE or SALLYPORT_CONFIG, or with --data-dir DIR one of \
         `sallyport dev`, which uses .sallyport if it is not told otherwise"
    )]
    NoInstallation,
    /// Wrong settings.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A setting that this command cannot do without.
    #[error("{key}: is required for `sallyport {command}`")]
    Setting {
        /// The setting.
        key: &'static str,
        /// The command.
        command: &'static str,
    },
    /// The key file cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key file holds something else.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A legal hold stands.
    #[error("a legal hold stands: see `sallyport audit hold list`")]
    Held,
    /// There is no such hold.
    #[error("no hold {0} stands: see `sallyport audit hold list`")]
    NoHold(uuid::Uuid),
    /// What is said of a hold is too long, or nothing.
    #[error("the reason of a hold has 1 to 1000 characters, and who places it 1 to 200")]
    HoldText,
    /// What is given as a checkpoint is none, or none of ours.
    #[error("{0}: not a checkpoint that was signed with a key of the key file")]
    Checkpoint(String),
    /// A log does not begin anew.
    #[error(transparent)]
    Restart(#[from] RestartError),
    /// The newest checkpoints that are kept outside the database cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What goes by the clock is not done by a wrong one.
    #[error(transparent)]
    Clock(#[from] ClocksDiffer),
    /// The role must not serve.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The schema is another one.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The application does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The private Postgres failed.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificate cannot be served.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No randomness.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// `keys init` has nowhere to write to.
    #[error("keys.file: is not set; name it in the configuration, or say where to write with --out FILE")]
    NoKeyFile,
    /// The new key file cannot be written.
    #[error("cannot write {path:?}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There are keys already.
    #[error("{0:?} exists already, and keys are never replaced: choose another name, or keep that file")]
    KeysExist(PathBuf),
    /// Standard output is closed.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    /// Serving ended by itself.
    #[error("serving ended: {0}")]
    Serve(io::Error),
    /// A development installation does not start, or ended.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// Nobody to ask.
    #[error("http.operations_listen: is off, so there is nobody to ask")]
    NoOperations,
    /// `serve` cannot serve.
    #[error("not ready: {0}")]
    NotReady(String),
    /// `serve` does not run.
    #[error("nobody answers at {address}: {why}")]
    NobodyAnswers {
        /// Where it was asked for.
        address: std::net::SocketAddr,
        /// What the operating system says.
        why: String,
    },
    /// The keys are not those of the database.
    #[error(transparent)]
    KeyCheck(#[from] KeyCheckError),
    /// Nothing was applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A file that the command line names cannot be read.
    #[error("cannot read {path:?}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such tenant.
    #[error("there is no tenant \"{asked}\"; there {}", known_tenants(.known))]
    NoTenant {
        /// The name asked for.
        asked: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// One tenant or all of them?
    #[error("say --tenant NAME or --all-tenants")]
    WhichTenants,
    /// There is no such client.
    #[error("there is no client \"{0}\" here; `sallyport client list` has their ids")]
    NoClient(String),
    /// Several clients begin like this.
    #[error("\"{asked}\" is the beginning of several ids: {}", .known.join(", "))]
    SeveralClients {
        /// What was asked for.
        asked: String,
        /// Some of those that are there.
        known: Vec<String>,
    },
    /// Nothing was decided about a client.
    #[error(transparent)]
    Standing(#[from] StandingError),
    /// There is no such server.
    #[error("there is no server \"{asked}\" here; there {}", known_servers(.known))]
    NoServer {
        /// The name asked for.
        asked: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// There is no such grant, or it has ended.
    #[error("no grant {grant} is in force in {place}; nothing was revoked")]
    NoGrant {
        /// The id asked for.
        grant: GrantId,
        /// Where.
        place: String,
    },
    /// The person at the keyboard thought better of it, or there is none.
    #[error("nothing was changed: type yes when asked, or say --yes")]
    NotConfirmed,
    /// A name that cannot be one.
    #[error(transparent)]
    Username(#[from] BadUsername),
    /// A password that cannot be one.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// A password could not be read.
    #[error(transparent)]
    PasswordFile(#[from] SecretError),
    /// A password would be typed where everybody can see it.
    #[error("--password-file - reads a password from a pipe, not from a terminal, where everybody could read it")]
    PasswordOnTerminal,
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A person could not be made or changed.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// An administrator could not be made.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
    /// An initial access token could not be made or taken back.
    #[error(transparent)]
    InitialToken(#[from] InitialTokenError),
    /// A token of the admin API could not be made or taken back.
    #[error(transparent)]
    ApiToken(#[from] ApiTokenError),
    /// A key stays as it is.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The key file cannot be changed.
    #[error(
        "cannot change {path:?}, which is as it was: {source}. Write the new one elsewhere with --out FILE and bring it there, \
         or run this as the owner of the file"
    )]
    KeysNotChanged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The keys come from the environment.
    #[error(
        "the keys come from SALLYPORT_KEYS, which no command can change: write the new text with --out FILE, bring it there, \
         and run this again"
    )]
    KeysInVariable,
    /// There is a new key already.
    #[error("the {kind} key \"{id}\" is in the key file and was never used: run this again without --out to use it")]
    KeyWaits {
        /// Its kind.
        kind: KeyKind,
        /// Its id.
        id: String,
    },
    /// The new key is there, and not every node has it.
    #[error(
        "{} of {processes} known processes do not have the {kind} key \"{id}\" yet, so it is not used: bring the key file to \
         every node, which reads it within seconds, and run this again. They log \"serving\" with these ids: {}",
        .lacking.len(),
        listed(.lacking)
    )]
    KeyNotEverywhere {
        /// Its kind.
        kind: KeyKind,
        /// Its id.
        id: String,
        /// Processes that do not know it.
        lacking: Vec<Process>,
        /// Processes that serve, as far as is known.
        processes: i64,
    },
    /// A log cannot be exported.
    #[error(transparent)]
    NoLog(#[from] NoLog),
    /// An export was not finished.
    #[error("{0}")]
    Export(#[from] Box<ExportError>),
    /// An export does not hold.
    #[error("NOT verified: {0}")]
    Refused(#[from] Box<Refusal>),
    /// A proof does not hold.
    #[error("{path:?} proves nothing: {source}")]
    Proof {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BadProof,
    },
    /// An event is not in its log.
    #[error("event {0} is not in this log: there is none, or it happened a moment ago, or it is in another log")]
    NoEntry(EventId),
    /// An event is in its log, and nobody has signed for it yet.
    #[error("event {0} is in the log, and no checkpoint over it was signed yet: try again in some seconds")]
    NotYetSigned(EventId),
    /// `try` cannot begin.
    #[error(transparent)]
    Client(#[from] crate::trial::ClientError),
    /// `try` found something; the report says what.
    #[error("{}", if *.0 == Verdict::Stopped { "it could not go on" } else { "something is wrong" })]
    Tried(Verdict),
    /// No threads.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl CliError {
    /// 2 for wrong usage and where `try` could not go on, 1 for all else.
    pub(super) fn code(&self) -> u8 {
        if matches!(self, Self::WhichTenants | Self::Tried(Verdict::Stopped)) { 2 } else { 1 }
    }
}

fn known_servers(known: &[String]) -> String {
    match known {
        [] => "are none".to_owned(),
        [one] => format!("is \"{one}\""),
        many => format!("are {}", many.join(", ")),
    }
}

fn known_tenants(known: &[String]) -> String {
    match known {
        [] => "are none yet: `sallyport apply` makes them".to_owned(),
        [one] => format!("is \"{one}\""),
        many => format!("are {}", many.join(", ")),
    }
}
