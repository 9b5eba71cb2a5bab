//! The first connection of a process: there at once, or a word why not.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use super::StoreError;
use crate::http::words::why;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// There is no connection, and nothing was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to PostgreSQL at {place} as {role}: {}", reason(.source))]
pub struct NoConnection {
    /// Host and port, or socket. Nothing else of the options: they hold a password.
    place: String,
    role: String,
    source: sqlx::Error,
}

/// One connection. A pool would say of the same trouble no more than that time is up, and only then.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connected = tokio::time::timeout(PATIENCE, options.connect()).await;
    let late = |_| Err(sqlx::Error::Io(std::io::Error::other(format!("no answer in {} seconds", PATIENCE.as_secs()))));
    connected.unwrap_or_else(late).map_err(|source| {
        let role = options.get_username().to_owned();
        StoreError::NoConnection(Box::new(NoConnection { place: place(options), role, source }))
    })
}

/// Connects and ends the connection.
pub(super) async fn try_out(options: &PgConnectOptions) -> Result<(), StoreError> {
    Ok(connect(options).await?.close().await?)
}

fn place(options: &PgConnectOptions) -> String {
    let (host, port) = (options.get_host(), options.get_port());
    match options.get_socket() {
        Some(socket) => format!("{}/.s.PGSQL.{port}", socket.display()),
        None if host.starts_with('/') => format!("{host}/.s.PGSQL.{port}"),
        None if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        None => format!("{host}:{port}"),
    }
}

/// What went wrong, without what only the driver's and PostgreSQL's own authors want to know.
pub(super) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => why(error),
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Tls(error) => format!("TLS: {error}"),
        sqlx::Error::PoolTimedOut => "no connection to it was free or could be made in time".to_owned(),
        error => error.to_string(),
    }
}

impl NoConnection {
    /// What the driver said.
    pub(super) fn cause(&self) -> &sqlx::Error {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_no_password() {
        for (url, expected) in [
            ("postgres://app:geheim@db.internal/x", "db.internal:5432"),
            ("postgres://app:geheim@[::1]:6000/x", "[::1]:6000"),
            ("postgres://app:geheim@localhost:6000/x?host=/run/pg", "/run/pg/.s.PGSQL.6000"),
        ] {
            assert_eq!(place(&url.parse().unwrap()), expected);
        }
    }
}
