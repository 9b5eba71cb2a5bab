//! Passwords that commands set: generated and printed once, or out of a file or a pipe. Never on the command line, where
//! every process can read them.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{CliError, Installation, Json, output};
use crate::{
    config::secret_from_file,
    people::{Password, PasswordHash, PasswordHasher},
};

#[derive(Clone, Debug, Args)]
pub(super) struct PasswordArgs {
    /// Read the password from the first line of this file; - is standard input. Without it one is generated and printed.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A password to set.
pub(super) struct NewPassword {
    pub(super) hash: PasswordHash,
    /// The password itself, if it was generated: its owner must be told.
    generated: Option<Password>,
}

impl PasswordArgs {
    pub(super) async fn read(&self, installation: &Installation) -> Result<NewPassword, CliError> {
        let (password, generated) = match self.password_file.as_deref() {
            None => {
                let password = Password::generate(&installation.entropy)?;
                let copy = Password::chosen(password.expose())?;
                (copy, Some(password))
            }
            Some(path) if path == Path::new("-") => (Password::chosen(&from_stdin()?)?, None),
            Some(path) => (Password::chosen(secret_from_file(path)?.expose())?, None),
        };
        let hasher = PasswordHasher::new(&installation.config.login, installation.entropy.clone())?;
        Ok(NewPassword { hash: hasher.hash(password).await?, generated })
    }
}

fn from_stdin() -> Result<Zeroizing<String>, CliError> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(CliError::PasswordOnTerminal);
    }
    let mut line = Zeroizing::new(String::new());
    let failed = |source| CliError::Read { path: PathBuf::from("standard input"), source };
    stdin.lock().read_line(&mut line).map_err(failed)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

#[derive(Serialize)]
struct Printed<'a> {
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

impl NewPassword {
    /// Says what was done, and the password if nobody knows it yet: the only time it is shown.
    pub(super) fn print(&self, done: &str, username: &str, json: Json) -> Result<(), CliError> {
        let password = self.generated.as_ref().map(Password::expose);
        if json.json {
            return output::json(&Printed { username, password });
        }
        output::line(done)?;
        match password {
            Some(password) => output::line(format_args!("password: {password}   (shown this once)")),
            None => Ok(()),
        }
    }
}
