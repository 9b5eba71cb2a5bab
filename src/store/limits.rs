//! What the database ends by itself, so that nobody waits for somebody who is gone.
//!
//! A process can stand still, or be lost with its host, in the middle of a transaction. Whatever the transaction has locked
//! stays locked until the database ends it. Whoever holds the authority log's lock has less time still: migration 0053.

use sqlx::postgres::PgConnectOptions;

/// How long a connection may do nothing within a transaction, and how long a statement may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// For a process that serves: a request does not wait for more than seconds.
    Serving,
    /// For a command: it may count whole tables, and somebody may be reading what it has printed.
    Command,
}

/// A host that is gone is noticed: while nothing is under way, and while it is being sent something.
const HOST: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10s"),
    ("tcp_keepalives_interval", "5s"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "20s"),
];

impl Limits {
    pub(super) fn set(self, options: PgConnectOptions) -> PgConnectOptions {
        let own = match self {
            Self::Serving => [("idle_in_transaction_session_timeout", "10s"), ("statement_timeout", "60s")],
            Self::Command => [("idle_in_transaction_session_timeout", "10min"), ("statement_timeout", "0")],
        };
        options.options(HOST).options(own)
    }
}
