//! Secrets: named by where they are, never by what they are.

use std::path::Path;

use toml::de::DeValue;

use super::Item;
use crate::{
    config::{secret_from_environment, secret_from_file},
    secret::SecretText,
};

/// A secret as the file gives it.
pub(super) enum Given {
    /// Read out of a file or a variable.
    Clear(SecretText),
    /// A hash, unread.
    Hash(String),
}

/// Reads `key = { file = "…" }`, `{ env = "…" }` or `{ hash = "…" }`. Says nothing of what it read.
pub(super) fn read(item: &Item<'_>, key: &'static str, directory: &Path) -> Option<Given> {
    let (value, _) = item.value(key)?;
    read_value(item, key, value, directory)
}

/// The same, of a value of `key`.
pub(super) fn read_value(item: &Item<'_>, key: &'static str, value: &DeValue<'_>, directory: &Path) -> Option<Given> {
    let DeValue::Table(table) = value else {
        item.problem(
            key,
            "is written here in clear, where backups and version control keep it; \
             put it into a file or a variable and write { file = \"…\" } or { env = \"…\" }, and choose a new one",
        );
        return None;
    };
    let mut members = table.iter().map(|(name, value)| (name.get_ref().as_ref(), value.get_ref().as_str()));
    match (members.next(), members.next()) {
        (Some(("file", Some(path))), None) => {
            let secret = secret_from_file(&directory.join(path));
            secret.map(Given::Clear).map_err(|error| item.problem(key, format_args!("is missing: {error}"))).ok()
        }
        // A secret that stands here by mistake is not repeated.
        (Some(("env", Some(name))), None) if !is_variable(name) => {
            item.problem(key, "names no variable: env must be letters, digits and _");
            None
        }
        (Some(("env", Some(name))), None) => {
            let secret = secret_from_environment(name);
            secret.map(Given::Clear).map_err(|error| item.problem(key, format_args!("is missing: {error}"))).ok()
        }
        (Some(("hash", Some(hash))), None) => Some(Given::Hash(hash.to_owned())),
        _ => {
            item.problem(key, "must have exactly one member, file, env or hash, and that a text in quotes");
            None
        }
    }
}

fn is_variable(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(good) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}
