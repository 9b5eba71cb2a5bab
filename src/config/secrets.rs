//! Secrets that settings and `apply` files name by where they are, never by what they are.

use std::{
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::secret::SecretText;

/// A secret is not where it was said to be.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read {path:?}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The variable is not set, or is no UTF-8.
    #[error("the variable {0} is not set")]
    Variable(String),
    /// Somebody else could read it.
    #[error(
        "{path:?} holds a password and has mode {mode:04o}, so that others can read or change it; run `chmod 600` on it"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There, and empty.
    #[error("{0} is empty")]
    Empty(String),
}

/// The first line of `path`.
pub fn secret_from_file(path: &Path) -> Result<SecretText, SecretError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| SecretError::File { path: path.to_owned(), source })?;
    first_line(&text).ok_or_else(|| SecretError::Empty(format!("{path:?}")))
}

/// A URL, the first line of `path`. With a password in it the file is for its owner alone, as the key file is.
pub(super) fn url_from_file(path: &Path) -> Result<SecretText, SecretError> {
    let (url, mode) = line_and_mode(path)?;
    if has_password(url.expose()) { for_its_owner(path, url, mode) } else { Ok(url) }
}

/// A secret, the first line of `path`, which is for its owner alone.
pub(super) fn own_secret_from_file(path: &Path) -> Result<SecretText, SecretError> {
    let (secret, mode) = line_and_mode(path)?;
    for_its_owner(path, secret, mode)
}

fn line_and_mode(path: &Path) -> Result<(SecretText, u32), SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    // Mode and text come from one open file, so that they cannot be of two.
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    let line = first_line(&text).ok_or_else(|| SecretError::Empty(format!("{path:?}")))?;
    Ok((line, mode))
}

fn for_its_owner(path: &Path, line: SecretText, mode: u32) -> Result<SecretText, SecretError> {
    if mode & 0o077 == 0 { Ok(line) } else { Err(SecretError::Open { path: path.to_owned(), mode }) }
}

fn has_password(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
}

/// The variable `name`.
#[expect(clippy::disallowed_methods, reason = "config is the reader of the environment")]
pub fn secret_from_environment(name: &str) -> Result<SecretText, SecretError> {
    let text = std::env::var(name).map(Zeroizing::new).map_err(|_| SecretError::Variable(name.to_owned()))?;
    first_line(&text).ok_or_else(|| SecretError::Empty(format!("the variable {name}")))
}

fn first_line(text: &str) -> Option<SecretText> {
    text.lines().next().filter(|line| !line.is_empty()).map(|line| SecretText::new(line.to_owned()))
}
