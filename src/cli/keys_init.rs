//! `sallyport keys init`

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{CliError, Place, output};
use crate::{config::KeySource, keys::generate_key_file, secret::Entropy};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport keys init --out /etc/sallyport/keys.toml
  sallyport keys init --config /etc/sallyport/sallyport.toml      writes the file that keys.file names
  sallyport keys init --out - | vault kv put secret/sallyport keys=-

Whoever loses this file loses every token, secret and signing key. Back it up apart from the database.")]
pub(super) struct KeysInitArgs {
    #[command(flatten)]
    place: Place,
    /// Where to write it, mode 0600; - is standard output. Without it: where keys.file says.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &KeysInitArgs) -> Result<(), CliError> {
    let path = match &args.out {
        Some(path) => path.clone(),
        None => match args.place.config().map(|config| config.keys.source) {
            Ok(Some(KeySource::File(path))) => path,
            Ok(_) | Err(CliError::NoInstallation) => return Err(CliError::NoKeyFile),
            Err(error) => return Err(error),
        },
    };
    let text = generate_key_file(&Entropy::system())?;
    if path == Path::new("-") {
        return io::stdout().lock().write_all(text.as_bytes()).map_err(CliError::Output);
    }
    write_new(&path, text.as_bytes())?;
    output::line(format_args!("wrote {}: back it up, apart from the database", path.display()))
}

/// Writes a file that did not exist, readable by its owner only, and sees it on the disk.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |source| CliError::Write { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| {
        if source.kind() == ErrorKind::AlreadyExists { CliError::KeysExist(path.to_owned()) } else { failed(source) }
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}
