//! `apply` against a real database, as the role that serves.

mod authority;
mod idempotence;
mod manual;
mod probe;
mod providers;
mod prune;
mod read;
mod registration;
mod secrets;
mod whole;

use std::path::Path;

use sallyport::{
    apply::{self, ApplyError, Document, Mistakes, Plan, Prepared, Prune, ReadContext, Tools},
    audit::Recorder,
    clock::Clock,
    cluster::Ticket,
    config::{Argon2, Config, Listen, ListenAddress, Login, PublicUrl},
    ids::TenantId,
    keys::{Keyring, generate_key_file},
    people::{self, PasswordHasher, Username},
    secret::Entropy,
    store::{Store, tenants::TenantRow},
};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use time::macros::datetime;

use crate::harness::{db::TestDb, scratch::Scratch};

/// An installation without a running server.
pub(crate) struct Bench {
    db: TestDb,
    store: Store,
    keyring: Keyring,
    hasher: PasswordHasher,
    recorder: Recorder,
    scratch: Scratch,
}

/// All rows of all tables.
type Dump = Vec<(String, Value)>;

impl Bench {
    pub(crate) async fn new() -> Self {
        let db = TestDb::new().await;
        let entropy = Entropy::system();
        let clock = Clock::manual(datetime!(2026-08-03 10:00 UTC));
        Self {
            store: Store::over(db.app.clone()),
            keyring: Keyring::parse(&generate_key_file(&entropy).unwrap()).unwrap(),
            hasher: PasswordHasher::new(&cheap(), entropy.clone()).unwrap(),
            recorder: Recorder { clock, entropy, request_id: None, actor: None },
            scratch: Scratch::new(),
            db,
        }
    }

    pub(crate) fn tools(&self) -> Tools<'_> {
        Tools { store: &self.store, keyring: &self.keyring, hasher: &self.hasher, recorder: &self.recorder }
    }

    fn read(&self, text: &str) -> Result<Document, Mistakes> {
        read(text, &self.scratch.path(""))
    }

    async fn prepare(&self, text: &str, prune: Prune) -> Result<Prepared<'_>, ApplyError> {
        apply::prepare(self.tools(), &self.read(text)?, prune).await
    }

    async fn apply_pruning(&self, text: &str, prune: Prune) -> Result<(Plan, Option<Ticket>), ApplyError> {
        apply::run(self.tools(), &self.read(text)?, prune).await
    }

    async fn apply(&self, text: &str) -> Plan {
        self.apply_pruning(text, Prune::Nothing).await.unwrap().0
    }

    /// Everything in the database, as its owner sees it.
    async fn dump(&self) -> Dump {
        let tables: Vec<String> =
            sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'public' order by 1")
                .fetch_all(&self.db.owner)
                .await
                .unwrap();
        let mut dump = Vec::new();
        for table in tables {
            let rows = format!("select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)), '[]') from {table} t");
            dump.push((table, sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&self.db.owner).await.unwrap()));
        }
        dump
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.db.owner).await.unwrap()
    }

    async fn tenant(&self, slug: &str) -> TenantRow {
        self.store.tenant(slug).await.unwrap().unwrap()
    }

    async fn tenant_id(&self, slug: &str) -> TenantId {
        self.tenant(slug).await.id
    }

    /// `sallyport person disable`
    async fn disable(&self, tenant: &str, username: &str) {
        let mut tx = self.store.tenant_tx(self.tenant_id(tenant).await).await.unwrap();
        let username = Username::parse(username).unwrap();
        drop(people::disable(&mut tx, &self.recorder, &username).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// The entries of the authority log, oldest first.
    async fn log(&self) -> Vec<Value> {
        self.store.authority_after(0).await.unwrap().into_iter().map(|row| row.entry).collect()
    }

    /// Object and change of each administrative event, sorted. Ids of people are cut off.
    async fn events(&self) -> Vec<(String, String)> {
        sqlx::query_as(
            "select regexp_replace(body->>'object', '^person/.*', 'person'), body->>'change' from audit_event
              where kind = 'admin.changed' order by 1, 2",
        )
        .fetch_all(&self.db.owner)
        .await
        .unwrap()
    }
}

pub(crate) fn read(text: &str, directory: &Path) -> Result<Document, Mistakes> {
    let public_url = PublicUrl::parse("https://gw.example").unwrap();
    Document::read(text, ReadContext { file: "acme.toml", directory, public_url: &public_url })
}

/// Passwords that cost nothing to hash.
fn cheap() -> Login {
    let listen = Listen::on(ListenAddress::Socket(([127, 0, 0, 1], 1).into()));
    let mut login = Config::dev(Path::new("/nowhere"), listen).login;
    login.argon2 = Argon2 { memory_kib: 64, iterations: 1, lanes: 1 };
    login
}
