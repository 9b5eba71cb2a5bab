//! The commands of the `sallyport` binary.

mod admin;
mod api_token;
mod apply;
mod audit;
mod client;
mod config_check;
mod dev;
mod error;
mod grant;
mod healthcheck;
mod initial_token;
mod installation;
mod keys;
mod logging;
mod migrate;
mod output;
mod password;
mod person;
mod probe;
mod serve;
mod server;
mod session;
mod tenant;
mod r#try;

use std::{process::ExitCode, sync::OnceLock};

use clap::{Args, Parser, Subcommand};

pub use error::CliError;
pub use installation::{Installation, Place};
pub use logging::harmless;

/// Authorization server and gateway for the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(name = "sallyport", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sallyport dev                              look around, on this computer only
  sallyport keys init --out keys.toml        make the keys, once
  sallyport config check --config FILE       see what a configuration means
  sallyport migrate --config FILE            bring the database up to date, as its owner
  sallyport admin create ada --config FILE   make the first administrator
  sallyport apply acme.toml --dry-run        see what a file of tenants would change
  sallyport serve --config FILE              serve
  sallyport try https://host/mcp             see what is wrong with any MCP server's login

Settings come from --config FILE and from SALLYPORT_* variables, which win: \
http.trusted_proxies is SALLYPORT_HTTP__TRUSTED_PROXIES.

Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a development installation: private PostgreSQL, a demo server, and a tour.
    Dev(dev::DevArgs),
    /// Serve people, clients and upstream servers.
    Serve(serve::ServeArgs),
    /// Bring the database's schema up to date, as its owner.
    Migrate(migrate::MigrateArgs),
    /// Ask a running `serve` whether it can serve.
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Make tenants, servers, people and clients be what a file says.
    Apply(apply::ApplyArgs),
    /// Administrators of the platform.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// People of a tenant.
    #[command(subcommand)]
    Person(person::PersonCommand),
    /// Clients: those that registered, and those that an administrator writes down.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Servers that are published.
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// What people allowed which client on which server.
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// Logins of people in their browsers.
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Tokens with which clients register where a tenant wants one (RFC 7591).
    #[command(subcommand)]
    InitialToken(initial_token::InitialTokenCommand),
    /// Tokens with which programs use the admin API.
    #[command(subcommand)]
    ApiToken(api_token::ApiTokenCommand),
    /// The log that auditors can check.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Try any MCP server's login as a client would, and say what is wrong with it.
    Try(Box<r#try::TryArgs>),
    /// The keys that live outside the database.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and print every setting with its source.
    Check(config_check::ConfigCheckArgs),
}

/// Output for programs.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Reads the command line, runs the command, and says in one line what went wrong.
pub fn run() -> ExitCode {
    // Without a provider, the first TLS client would panic.
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));

    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match tokio::runtime::Runtime::new()
        .map_err(CliError::Runtime)
        .and_then(|runtime| runtime.block_on(cli.command.run()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.code())
        }
    }
}

/// clap writes help to standard output with 0, and mistakes to standard error with 2.
fn usage(error: &clap::Error) -> ExitCode {
    // When the text cannot be written, the code still says it.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::from(2), ExitCode::from)
}

impl Command {
    async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Dev(args) => dev::run(args).await,
            Self::Serve(args) => serve::run(args).await,
            Self::Migrate(args) => migrate::run(args).await,
            Self::Healthcheck(args) => healthcheck::run(args).await,
            Self::Apply(args) => apply::run(args).await,
            Self::Admin(command) => admin::run(command).await,
            Self::Person(command) => person::run(command).await,
            Self::Client(command) => client::run(command).await,
            Self::Server(command) => server::run(&command),
            Self::Grant(command) => grant::run(command).await,
            Self::Session(command) => session::run(command).await,
            Self::ApiToken(command) => api_token::run(command).await,
            Self::InitialToken(command) => initial_token::run(command).await,
            Self::Audit(command) => audit::run(command).await,
            Self::Try(args) => r#try::run(*args).await,
            Self::Keys(command) => keys::run(command).await,
            Self::Config(ConfigCommand::Check(args)) => config_check::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn all(command: &clap::Command) -> Vec<&clap::Command> {
        std::iter::once(command).chain(command.get_subcommands().flat_map(all)).collect()
    }

    /// A text that was broken into lines here would be broken once more in a narrow terminal.
    #[test]
    fn sentences_below_a_help_are_wrapped_by_nobody_but_the_terminal() {
        let commands = Cli::command();
        for command in all(&commands) {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let examples = lines.iter().filter(|line| line.starts_with(' '));
            examples.for_each(|line| assert!(line.chars().count() <= 100, "{line}"));
            for pair in lines.windows(2) {
                let [line, next] = pair else { continue };
                let goes_on = !next.is_empty() && !next.starts_with(' ') && !line.is_empty() && !line.starts_with(' ');
                assert!(!goes_on || line.ends_with(['.', ':']), "{}: {line}", command.get_name());
            }
        }
    }
}
