//! Secrets that settings and `apply` files name by where they are, never by what they are.

use std::path::{Path, PathBuf};

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

/// The variable `name`.
#[expect(clippy::disallowed_methods, reason = "config is the reader of the environment")]
pub fn secret_from_environment(name: &str) -> Result<SecretText, SecretError> {
    let text = std::env::var(name).map(Zeroizing::new).map_err(|_| SecretError::Variable(name.to_owned()))?;
    first_line(&text).ok_or_else(|| SecretError::Empty(format!("the variable {name}")))
}

fn first_line(text: &str) -> Option<SecretText> {
    text.lines().next().filter(|line| !line.is_empty()).map(|line| SecretText::new(line.to_owned()))
}
