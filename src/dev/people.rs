//! The people of a development installation, and their passwords: made once, kept in `people.json`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FileError};
use crate::{
    people::Password,
    secret::{Entropy, NoEntropy, SecretText},
};

const FILE: &str = "people.json";

/// A person, and how to log in as them.
#[derive(Debug, Deserialize)]
pub(super) struct Person {
    /// The name at login.
    pub username: String,
    /// The generated password.
    pub password: SecretText,
    /// `person`, `administrator`.
    pub roles: Vec<String>,
}

/// A person as the two files of a development installation show them: the only places where a password is written down.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    username: &'a str,
    password: &'a str,
    roles: &'a [String],
}

impl Person {
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry { username: &self.username, password: self.password.expose(), roles: &self.roles }
    }

    /// Whether this is also an administrator of the platform.
    pub(super) fn is_administrator(&self) -> bool {
        self.roles.iter().any(|role| role == "administrator")
    }

    pub(super) fn generate(username: &str, roles: &[&str], entropy: &Entropy) -> Result<Self, NoEntropy> {
        let password = SecretText::new(Password::generate(entropy)?.expose().to_owned());
        Ok(Self { username: username.to_owned(), password, roles: roles.iter().map(ToString::to_string).collect() })
    }
}

/// Why there are no people.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds something else.
    #[error("{} is not what `sallyport dev` wrote: put it back, or remove the whole directory to start afresh", .0.display())]
    Unreadable(PathBuf),
    /// It is not there, though it was.
    #[error("{} is gone, and the passwords with it: put it back, or remove the whole directory to start afresh", .0.display())]
    Gone(PathBuf),
    /// No passwords.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// The people of the installation in `data_dir`, made if this is its `first` start.
pub(super) fn load_or_make(data_dir: &Path, first: bool, entropy: &Entropy) -> Result<Vec<Person>, PeopleError> {
    let path = data_dir.join(FILE);
    if let Some(text) = files::read(&path)? {
        return serde_json::from_slice(&text).map_err(|_| PeopleError::Unreadable(path));
    }
    if !first {
        return Err(PeopleError::Gone(path));
    }
    let people = vec![
        Person::generate("alex", &["person"], entropy)?,
        Person::generate("admin", &["administrator", "person"], entropy)?,
    ];
    let entries: Vec<_> = people.iter().map(Person::entry).collect();
    files::write_json(&path, &entries)?;
    Ok(people)
}
