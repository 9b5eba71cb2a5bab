//! `SHA256SUMS`, as `sha256sum --check` reads it.

use super::FileFacts;

/// The line of a file, with its newline.
pub fn line(file: &str, facts: &FileFacts) -> String {
    format!("{}  {file}\n", facts.sha256)
}
