//! `sallyport keys init`

use std::path::{Path, PathBuf};

use clap::Args;

use super::file;
use crate::{
    cli::{CliError, Place, output},
    config::KeySource,
    keys::generate_key_file,
    secret::Entropy,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport keys init --out /etc/sallyport/keys.toml
  sallyport keys init --config /etc/sallyport/sallyport.toml    writes what keys.file names
  sallyport keys init --out - | vault kv put secret/sallyport keys=-

Whoever loses this file loses every token, secret and signing key. Back it up apart from the database.")]
pub(crate) struct InitArgs {
    #[command(flatten)]
    place: Place,
    /// Where to write it, mode 0600; - is standard output. Without it: where keys.file says.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &InitArgs) -> Result<(), CliError> {
    let path = match &args.out {
        Some(path) => path.clone(),
        None => match args.place.config().map(|config| config.keys.source) {
            Ok(Some(KeySource::File(path))) => path,
            Ok(_) | Err(CliError::NoInstallation) => return Err(CliError::NoKeyFile),
            Err(error) => return Err(error),
        },
    };
    let text = generate_key_file(&Entropy::system())?;
    file::write_new(&path, &text)?;
    if path == Path::new("-") {
        return Ok(());
    }
    output::line(format_args!("wrote {}: back it up, apart from the database", path.display()))
}
