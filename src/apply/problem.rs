//! What is wrong with a file, all of it at once.

use std::fmt;

/// One mistake: where it is, what is wrong and what to do. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line in the file, from 1. None for a document that came from no file.
    pub line: Option<usize>,
    /// The object, e.g. `server acme/github`.
    pub object: String,
    /// The key and the mistake, e.g. `era must be "auto", "modern" or "legacy"`.
    pub message: String,
}

/// Everything that is wrong with a file. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// The file's name; empty for a document that came from no file.
    pub file: String,
    /// At least one, in the order of the file.
    pub problems: Vec<Problem>,
}

impl Mistakes {
    pub(super) fn of(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self { file: file.to_owned(), problems }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.problems.len() > 1 {
            writeln!(f, "nothing was changed, since {} mistakes were found:", self.problems.len())?;
        }
        for (n, problem) in self.problems.iter().enumerate() {
            let end = if n == 0 { "" } else { "\n" };
            let place = match problem.line {
                Some(line) => format!("{}:{line}: ", self.file),
                None if self.file.is_empty() => String::new(),
                None => format!("{}: ", self.file),
            };
            let object = if problem.object.is_empty() { String::new() } else { format!("{}: ", problem.object) };
            write!(f, "{end}{place}{object}{}", problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
