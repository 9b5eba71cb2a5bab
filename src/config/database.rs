//! `[database]`

use std::time::Duration;

use super::{reader::Reader, secrets::url_from_file};
use crate::secret::SecretText;

/// The Postgres that holds everything but the keys. A development installation has neither URL.
#[derive(Clone, Debug)]
pub struct Database {
    /// How `sallyport_app` connects: `postgres://sallyport_app@db.internal/sallyport?sslmode=verify-full`.
    pub url: Option<SecretText>,
    /// How `sallyport_owner` connects. Only `sallyport migrate` and `sallyport audit restart-log`
    /// use it: give it to nothing else.
    pub owner_url: Option<SecretText>,
    /// Connections that one process opens at most, beside one that writes events of calls and two for a lease.
    pub max_connections: u32,
    /// How long a request may wait for the database in all. Then it is refused with 503.
    pub answer: Duration,
}

impl Database {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            url: url(reader, "database.url"),
            owner_url: url(reader, "database.owner_url"),
            max_connections: reader.number("database.max_connections", 16, 2..=1000),
            // A revocation may wait 1.1 s for a process that is gone, and must not be refused for that.
            answer: reader.duration("database.answer_seconds", 1, 15, 2..=300),
        }
    }
}

/// A URL that may hold a password, so it can come from a file of its own: `database.url_file`.
fn url(reader: &mut Reader, key: &str) -> Option<SecretText> {
    let inline = reader.secret(key);
    let file_key = format!("{key}_file");
    let file = reader.path(&file_key);
    let url = match (inline, file) {
        (Some(_), Some(_)) => {
            reader.problem(&file_key, format!("is set as well as {key}; keep one"));
            None
        }
        (inline, None) => inline,
        (None, Some(path)) => url_from_file(&path).map_err(|error| reader.problem(&file_key, error.to_string())).ok(),
    }?;
    let scheme = url::Url::parse(url.expose()).map(|url| url.scheme().to_owned());
    if matches!(scheme.as_deref(), Ok("postgres" | "postgresql")) {
        Some(url)
    } else {
        reader.problem(key, "must be an address such as postgres://sallyport_app@db.internal/sallyport");
        None
    }
}
