//! What is wrong with a configuration.

/// One wrong setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Problem {
    /// The setting's name, its variable, or the file.
    pub key: String,
    /// What is wrong with it, and what to do.
    pub message: String,
}

/// Everything that is wrong with a configuration: one line each, never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    pub(super) fn one(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Problem { key: key.into(), message: message.into() }])
    }

    /// The problems, in the order of the settings.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let end = if n == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
