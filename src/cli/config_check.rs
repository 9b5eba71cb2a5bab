//! `sallyport config check`

use clap::Args;

use super::{CliError, Json, Place, output};
use crate::config::{Setting, Source};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport config check --config /etc/sallyport/sallyport.toml
  SALLYPORT_PUBLIC_URL=https://mcp.example.com sallyport config check --json
  sallyport config check --data-dir .sallyport

Secrets are shown as \"set\". Exit codes: 0 the configuration is right, 1 it is not, one line for each mistake.")]
pub(super) struct ConfigCheckArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(args: &ConfigCheckArgs) -> Result<(), CliError> {
    let config = args.place.config()?;
    if config.keys.source.is_some() {
        crate::keys::Keyring::parse(&config.keys.text()?)?;
    }
    if args.json.json {
        return output::json(&config.settings());
    }
    let file = args.place.file().map(|file| file.display().to_string()).unwrap_or_default();
    let source = |setting: &Setting| match setting.source {
        Source::Default => "default",
        Source::File => file.as_str(),
        Source::Environment => "environment",
        Source::Development => "sallyport dev",
    };
    let rows: Vec<_> = config.settings().iter().map(|s| [s.key.as_str(), s.value.as_str(), source(s)]).collect();
    output::table(&rows)
}
