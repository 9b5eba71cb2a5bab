//! What can go wrong with what Sallyport rests on.

use std::{fmt, sync::Mutex};

use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction, pool::PoolConnection, postgres::PgConnectOptions};
use tokio::net::{TcpListener, TcpStream};

use super::{errands::Errand, node::Node};
use crate::harness::db::TestDb;

/// Tables with what somebody could lose, and the record of what happened.
const TABLES: [&str; 14] = [
    "access_grant",
    "access_token",
    "audit_event",
    "auth_code",
    "client",
    "consent",
    "device_authorization",
    "family",
    "initial_access_token",
    "interaction",
    "login_throttle",
    "person",
    "refresh_token",
    "session",
];

/// All rows of those tables.
pub(super) async fn after_all(db: &TestDb) -> Vec<String> {
    let dump = String::from_utf8(db.dump().await).unwrap();
    let mut table = "";
    let mut rows = Vec::new();
    for line in dump.lines() {
        match line.strip_prefix("public.") {
            Some(name) if !name.contains(['\t', ' ']) => table = name,
            _ if TABLES.contains(&table) => rows.push(format!("{table} {line}")),
            _ => {}
        }
    }
    // A row that was changed and changed back has another place.
    rows.sort_unstable();
    assert!(rows.iter().any(|row| row.starts_with("access_token ")), "{rows:?}");
    rows
}

/// One way and the other.
const ALTERED: &str = "update signing_key set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)
    where alg = 'ES256' and tenant = (select id from tenant where slug = 'acme')";

/// One of them, and what is held while it lasts.
pub(super) struct Fault {
    what: &'static str,
    kind: Kind,
    held: Mutex<Held>,
}

enum Kind {
    /// Nobody listens where the database was.
    Refused,
    /// Whoever listens there takes connections and says nothing.
    Silent,
    /// Other work has all connections.
    Exhausted,
    /// The server ends all connections and takes no new ones, as when it shuts down.
    ShutDown,
    /// Connections work, and every statement waits.
    Locked,
    /// The database can be read only, as a standby.
    ReadOnly,
    /// Rows that this program could not have written, and the way back.
    Rows(&'static [&'static str], &'static [&'static str]),
    /// No random bytes.
    Dry,
    /// The clock is set by so much.
    Set(time::Duration),
}

#[derive(Default)]
struct Held {
    connections: Vec<PoolConnection<Postgres>>,
    locks: Option<Transaction<'static, Postgres>>,
    silent: Option<tokio::task::JoinHandle<()>>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

/// Those under which nothing can be told.
pub(super) fn faults() -> Vec<Fault> {
    let rows =
        |what, there: &'static [&'static str], back: &'static [&'static str]| Fault::new(what, Kind::Rows(there, back));
    vec![
        Fault::new("the database refuses connections", Kind::Refused),
        Fault::new("the database takes connections and says nothing", Kind::Silent),
        Fault::new("all connections are taken", Kind::Exhausted),
        Fault::new("the database shuts down", Kind::ShutDown),
        Fault::new("every statement waits", Kind::Locked),
        Fault::new("the clock is an hour behind", Kind::Set(time::Duration::hours(-1))),
        Fault::new("the clock is a year ahead", Kind::Set(time::Duration::days(365))),
        rows(
            "the key-encryption key of the signing keys is missing",
            &[
                "update signing_key set kek_id = 'gone-' || kek_id where tenant = (select id from tenant where slug = 'acme')",
            ],
            &[
                "update signing_key set kek_id = substr(kek_id, 6) where tenant = (select id from tenant where slug = 'acme')",
            ],
        ),
        rows("a signing key is altered", &[ALTERED], &[ALTERED]),
        rows(
            "the tenant's settings have a member that nobody knows",
            &[r#"update tenant set settings = '{"registration": "open", "registratoin": "off"}' where slug = 'acme'"#],
            &["update tenant set settings = '{}' where slug = 'acme'"],
        ),
        rows(
            "the tenant's settings are of another type",
            &["update tenant set settings = '[]' where slug = 'acme'"],
            &["update tenant set settings = '{}' where slug = 'acme'"],
        ),
        rows(
            "the fallback scope is not declared",
            &["update server set fallback_scope = 'mcp:admin'"],
            &["update server set fallback_scope = 'mcp:write'"],
        ),
        rows(
            "a scope is none",
            &["update server_scope set name = 'mcp write' where name = 'mcp:write'"],
            &["update server_scope set name = 'mcp:write' where name = 'mcp write'"],
        ),
        rows(
            "the default scopes are gone",
            &["update server set default_scopes = '{}'"],
            &["update server set default_scopes = '{mcp:read,mcp:write}'"],
        ),
        rows(
            "an upstream's address is none",
            &["update server set upstream_url = 'to ' || upstream_url"],
            &["update server set upstream_url = substr(upstream_url, 4)"],
        ),
        rows(
            "the catalogue has a kind that this program does not know",
            &[
                "alter table catalogue_item drop constraint catalogue_item_kind_check",
                "insert into catalogue_item select tenant, id, 'toolset', 'echo', 'mcp:read', true from server",
            ],
            &[
                "delete from catalogue_item",
                "alter table catalogue_item add constraint catalogue_item_kind_check check (kind in ('tool', 'prompt', 'resource'))",
            ],
        ),
    ]
}

impl Fault {
    fn new(what: &'static str, kind: Kind) -> Self {
        Self { what, kind, held: Mutex::default() }
    }

    /// Those under which some things work.
    pub(super) fn partial() -> Vec<Self> {
        const COMMIT: &[&str] = &[
            "create function no_commit() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$",
            "create constraint trigger no_commit after insert on audit_event deferrable initially deferred
                for each row execute function no_commit()",
        ];
        vec![
            Self::new("there are no random bytes", Kind::Dry),
            Self::new("the database can only be read", Kind::ReadOnly),
            Self::new(
                "no change of consequence can be committed",
                Kind::Rows(COMMIT, &["drop trigger no_commit on audit_event", "drop function no_commit"]),
            ),
            Self::new(
                "what clients registered cannot be read",
                Kind::Rows(
                    &["update client set metadata = jsonb_build_object('was', metadata)"],
                    &["update client set metadata = coalesce(metadata -> 'was', metadata)"],
                ),
            ),
            Self::new(
                "password hashes are none",
                Kind::Rows(
                    &["update person set password_hash = 'x' || password_hash"],
                    &["update person set password_hash = substr(password_hash, 2)"],
                ),
            ),
            Self::new(
                "the scopes of what was issued are none",
                Kind::Rows(
                    &[
                        "update access_token set scopes = array_append(scopes, 'two words')",
                        "update refresh_token set scopes = array_append(scopes, 'two\"words')",
                        "update auth_code set scopes = array_append(scopes, 'two\"words')",
                    ],
                    &[
                        "update access_token set scopes = array_remove(scopes, 'two words')",
                        "update refresh_token set scopes = array_remove(scopes, 'two\"words')",
                        "update auth_code set scopes = array_remove(scopes, 'two\"words')",
                    ],
                ),
            ),
        ]
    }

    /// Whether `errand` must be refused.
    pub(super) fn concerns(&self, errand: &Errand) -> bool {
        match self.kind {
            Kind::Set(_) => errand.goes_by_time(),
            Kind::Rows(..) => errand.needs_a_tenant(),
            _ => errand.needs_the_store(),
        }
    }

    /// Errands that cannot be done under a partial one: it would be none otherwise.
    pub(super) fn must_refuse(&self) -> &'static [&'static str] {
        match self.what {
            "there are no random bytes" => {
                &["redeem a code", "refresh", "register", "log in", "call a tool", "swap a token", "approve"]
            }
            "the database can only be read" => &["redeem a code", "refresh", "register", "log in", "approve", "revoke"],
            "no change of consequence can be committed" => {
                &["redeem a code", "refresh", "register", "log in", "log out", "approve", "revoke", "take a grant back"]
            }
            "what clients registered cannot be read" => {
                &["redeem a code", "refresh", "revoke", "ask for a code", "read"]
            }
            "password hashes are none" => &["log in"],
            "the scopes of what was issued are none" => &["redeem a code", "refresh", "call a tool"],
            other => unreachable!("{other}"),
        }
    }

    pub(super) async fn begin(&self, db: &TestDb, node: &Node) {
        let mut held = Held::default();
        match &self.kind {
            Kind::Refused => node.connects_by(PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(9)),
            Kind::Silent => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let port = listener.local_addr().unwrap().port();
                held.silent = Some(tokio::spawn(async move {
                    let mut taken: Vec<TcpStream> = Vec::new();
                    while let Ok((stream, _)) = listener.accept().await {
                        taken.push(stream);
                    }
                }));
                node.connects_by(PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port));
            }
            Kind::Exhausted => held.connections = node.exhaust().await,
            Kind::ShutDown => db.takes_connections(false).await,
            Kind::Locked => held.locks = Some(lock(&db.owner).await),
            Kind::ReadOnly => {
                node.connects_by(db.options().options([("default_transaction_read_only", "on")]));
            }
            Kind::Rows(there, _) => run(&db.owner, there).await,
            Kind::Dry => node.entropy.run_dry(true),
            Kind::Set(by) => node.clock.set_by(*by),
        }
        *self.held.lock().unwrap() = held;
    }

    pub(super) async fn end(&self, db: &TestDb, node: &Node) {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        match &self.kind {
            Kind::Refused | Kind::Silent | Kind::ReadOnly => node.is_mended(db.options()),
            Kind::ShutDown => db.takes_connections(true).await,
            Kind::Rows(_, back) => run(&db.owner, back).await,
            Kind::Dry => node.entropy.run_dry(false),
            Kind::Set(by) => node.clock.set_by(-*by),
            Kind::Exhausted | Kind::Locked => {}
        }
        if let Some(silent) = held.silent {
            silent.abort();
        }
        if let Some(locks) = held.locks {
            locks.rollback().await.unwrap();
        }
    }
}

async fn run(pool: &PgPool, statements: &[&'static str]) {
    for statement in statements {
        sqlx::query(AssertSqlSafe(*statement)).execute(pool).await.unwrap();
    }
}

/// Holds every table of ours.
async fn lock(owner: &PgPool) -> Transaction<'static, Postgres> {
    let tables = "select string_agg(format('%I', relname), ', ' order by relname) from pg_class
                   where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')";
    let mut tx = owner.begin().await.unwrap();
    let tables: String = sqlx::query_scalar(tables).fetch_one(&mut *tx).await.unwrap();
    let lock = format!("lock table {tables} in access exclusive mode");
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *tx).await.unwrap();
    tx
}
