//! `grant list` and `grant revoke`, as an operator types them, beside a process that serves.

use std::{sync::Arc, time::Instant};

use sallyport::{
    app::App,
    clock::Clock,
    cluster,
    secret::{Handle, HandleKind},
    store::{Store, grants::many::Selection},
    token::{self, kill_switch},
};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use crate::{
    cluster::silent_node,
    harness::{
        app::{TestApp, TestPerson, TestServer, TestTenant},
        db::TestDb,
        flow::{Flow, TestClient, Tokens, oauth_error},
        process::{Said, run},
    },
};

/// A process that serves, and commands beside it. By the machine's clock, as commands go by that.
pub(super) struct Site {
    pub(super) app: TestApp,
    url: String,
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::by(Clock::system()).await
    }

    /// Commands go by the system's clock, whatever this one says.
    pub(super) async fn by(clock: Clock) -> Self {
        let db = TestDb::new().await;
        let url = db.options().to_url_lossy().to_string();
        let store = Store::over(db.app.clone());
        let app = TestApp::over(db, store, clock, |_| {}).await;
        Self { app, url }
    }

    pub(super) fn run(&self, args: &[&str]) -> Said {
        run(args, &self.variables())
    }

    pub(super) fn variables(&self) -> [(&str, &str); 3] {
        [
            ("SALLYPORT_PUBLIC_URL", self.app.base.as_str()),
            ("SALLYPORT_KEYS", self.app.key_file.as_str()),
            ("SALLYPORT_DATABASE__URL", &self.url),
        ]
    }

    #[track_caller]
    pub(super) fn done(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        said.out
    }

    #[track_caller]
    pub(super) fn fails(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}: {}", said.err);
        said.err
    }

    fn list(&self, more: &[&str]) -> Vec<Value> {
        serde_json::from_str(&self.done(&[&["grant", "list", "--json"], more].concat())).unwrap()
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.app.db.owner).await.unwrap()
    }
}

/// Somebody's grant for a client on a server, with the tokens of one installation.
struct Held {
    client: TestClient,
    tokens: Tokens,
    server: String,
    tenant: String,
}

async fn allow(flow: &Flow<'_>, client: &TestClient) -> Held {
    let tokens = flow.tokens(client).await;
    let held = Held {
        client: client.clone(),
        tokens,
        server: flow.tenant.server.slug.clone(),
        tenant: flow.tenant.slug.clone(),
    };
    assert!(held.works(&flow.app.app).await, "the token works, and is in the cache");
    held
}

impl Held {
    async fn works(&self, app: &Arc<App>) -> bool {
        let tenant = app.tenant(&self.tenant).await.unwrap().unwrap();
        let server = tenant.server(&self.server).unwrap();
        let handle = Handle::parse(HandleKind::AccessToken, &self.tokens.access).unwrap();
        token::verify(app, &tenant, server, &handle).await.is_ok()
    }
}

/// Which of them work at this moment: whoever revokes has waited for this process.
async fn work(site: &Site, all: &[&Held]) -> Vec<bool> {
    let mut works = Vec::new();
    for held in all {
        works.push(held.works(&site.app.app).await);
    }
    works
}

/// The same tenant with another server, for flows to it.
fn at(tenant: &TestTenant, server: TestServer, person: TestPerson) -> TestTenant {
    TestTenant { id: tenant.id, slug: tenant.slug.clone(), issuer: tenant.issuer.clone(), server, person }
}

/// ada and bob, two clients, two servers, and another tenant.
struct Town {
    site: Site,
    acme: TestTenant,
    notes: TestTenant,
    bobs: TestTenant,
    other: TestTenant,
}

/// Who allowed what: ada the editor on demo and on notes, bob the editor on demo and the web on demo, ada elsewhere.
struct Grants {
    ada_demo: Held,
    ada_notes: Held,
    bob_demo: Held,
    bob_web: Held,
    elsewhere: Held,
}

impl Town {
    async fn new() -> Self {
        let site = Site::new().await;
        let acme = site.app.tenant("acme").await;
        let other = site.app.tenant("other").await;
        let notes = site.app.server(acme.id, "acme", "notes", "http://127.0.0.1:9/notes").await;
        let ada = TestPerson { id: acme.person.id, username: "ada".into(), password: acme.person.password.clone() };
        let notes = at(&acme, notes, ada);
        let bob = site.app.person(acme.id, "bob").await;
        let demo = TestServer { id: acme.server.id, slug: "demo".into(), resource: acme.server.resource.clone() };
        let bobs = at(&acme, demo, bob);
        Self { site, acme, notes, bobs, other }
    }

    async fn grants(&self) -> Grants {
        let app = &self.site.app;
        let (ada, ada_notes, bob) =
            (Flow::new(app, &self.acme), Flow::new(app, &self.notes), Flow::new(app, &self.bobs));
        let elsewhere = Flow::new(app, &self.other);
        let (editor, web, foreign) =
            (ada.client().await, ada.client_with(&["https://web.example/cb"], true).await, elsewhere.client().await);
        Grants {
            ada_demo: allow(&ada, &editor).await,
            ada_notes: allow(&ada_notes, &editor).await,
            bob_demo: allow(&bob, &editor).await,
            bob_web: allow(&bob, &web).await,
            elsewhere: allow(&elsewhere, &foreign).await,
        }
    }
}

impl Grants {
    fn all(&self) -> [&Held; 5] {
        [&self.ada_demo, &self.ada_notes, &self.bob_demo, &self.bob_web, &self.elsewhere]
    }
}

#[tokio::test]
async fn a_list_names_everything_and_is_narrowed_by_any_of_it() {
    let town = Town::new().await;
    let Town { site, .. } = &town;
    assert_eq!(site.done(&["grant", "list", "--tenant", "acme"]), "no grant in force in acme\n");
    let grants = town.grants().await;
    let names = |more: &[&str]| -> Vec<String> {
        let rows = site.list(&[&["--tenant", "acme"], more].concat());
        let mut names: Vec<_> = rows
            .iter()
            .map(|row| format!("{} {}", row["person"].as_str().unwrap(), row["server"].as_str().unwrap()))
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&[]), ["ada demo", "ada notes", "bob demo", "bob demo"]);
    assert_eq!(names(&["--person", "ADA"]), ["ada demo", "ada notes"]);
    assert_eq!(names(&["--server", "notes"]), ["ada notes"]);
    let web = grants.bob_web.client.id.as_str();
    assert_eq!(names(&["--client", web]), ["bob demo"]);
    assert_eq!(names(&["--client", web, "--person", "ada"]), Vec::<String>::new());
    assert_eq!(site.list(&["--all-tenants"]).len(), 5);

    let row = site.list(&["--tenant", "acme", "--client", web]).remove(0);
    assert_eq!(
        (&row["tenant"], &row["client"], &row["client_name"]),
        (&"acme".into(), &web.into(), &"Test client".into())
    );
    assert_eq!((&row["scopes"], &row["installations"]), (&serde_json::json!(["mcp:read", "mcp:write"]), &1.into()));
    assert!(row["last_token"].as_str() >= row["since"].as_str(), "{row}");
    let table = site.done(&["grant", "list", "--tenant", "acme", "--client", web]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("GRANT ") && lines[1].contains(" bob "), "{table}");
    assert!(!table.contains(&grants.bob_web.tokens.access));
}

#[tokio::test]
async fn a_named_grant_ends_and_nothing_else() {
    let town = Town::new().await;
    let (grants, Town { site, .. }) = (town.grants().await, &town);
    let id = site.list(&["--tenant", "acme", "--server", "notes"])[0]["id"].as_str().unwrap().to_owned();
    let unknown = uuid::Uuid::nil().to_string();
    let said = site.fails(&["grant", "revoke", &id, &unknown, "--tenant", "acme"]);
    assert_eq!(said, format!("sallyport: no grant {unknown} is in force in acme; nothing was revoked\n"));
    let said = site.fails(&["grant", "revoke", &id, "--tenant", "other"]);
    assert!(said.contains("is in force in other"), "{said}");
    assert_eq!(work(site, &grants.all()).await, [true; 5], "nothing was revoked");

    let said = site.done(&["grant", "revoke", &id, "--tenant", "acme"]);
    assert!(
        said.starts_with("Revoked 1 grant (1 installation) in ")
            && said.ends_with(" s: no node accepts them any more.\n"),
        "{said}"
    );
    assert_eq!(work(site, &grants.all()).await, [true, false, true, true, true]);
    let flow = Flow::new(&site.app, &town.notes);
    let refreshed = flow.refresh(&grants.ada_notes.client, &grants.ada_notes.tokens.refresh).await;
    assert_eq!(oauth_error(refreshed).await.1, "invalid_grant");
    let events = site.app.app.store.audit_recent(town.acme.id, 3).await.unwrap();
    let event = events.iter().find(|event| event.kind == "grant.revoked").unwrap();
    let expected = serde_json::json!({
        "grant": id, "reason": "administrator_revoked", "person": town.notes.person.id, "server": town.notes.server.id,
        "client": grants.ada_notes.client.id, "actor": { "kind": "command", "command": "grant revoke" },
    });
    assert_eq!(event.body, expected);
    assert_eq!(site.count("select count(*) from consent where voided_at is not null").await, 1, "she is asked again");
    assert!(site.fails(&["grant", "revoke", &id, "--tenant", "acme"]).contains("is in force"), "it has ended");
}

#[tokio::test]
async fn whoever_or_whatever_is_named_loses_it_all() {
    let town = Town::new().await;
    let (grants, Town { site, .. }) = (town.grants().await, &town);
    let editor = grants.ada_demo.client.id.as_str();
    let said = site.done(&["grant", "revoke", "--client", editor, "--server", "demo", "--tenant", "acme", "--yes"]);
    assert!(said.starts_with("Revoked 2 grants (2 installations) in "), "{said}");
    assert_eq!(work(site, &grants.all()).await, [false, true, false, true, true]);

    let json = site.done(&["grant", "revoke", "--person", "bob", "--tenant", "acme", "--yes", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["grants"], &json["installations"]), (&1.into(), &1.into()));
    assert!(json["seconds"].as_f64().unwrap() >= 0.0);
    assert_eq!(work(site, &grants.all()).await, [false, true, false, false, true]);
    let again = site.done(&["grant", "revoke", "--person", "bob", "--tenant", "acme", "--yes"]);
    assert_eq!(again, "nothing to revoke: no such grant is in force in acme\n");

    // A typing error does not say that all is well.
    for (args, why) in [
        (["--person", "boob"], "nobody in this tenant has the username \"boob\""),
        (["--client", "c_0"], "there is no client \"c_0\" here"),
        (["--server", "note"], "there is no server \"note\" here; there are demo, notes"),
    ] {
        for place in [&["--tenant", "acme"][..], &["--all-tenants"]] {
            let said = site.fails(&[&["grant", "revoke", "--yes"], &args[..], place].concat());
            assert!(said.contains(why) && said.lines().count() == 1, "{said}");
        }
    }
    // One tenant has her and that is enough; the other one has no such server.
    let said = site.done(&["grant", "revoke", "--server", "notes", "--all-tenants", "--yes"]);
    assert!(said.starts_with("Revoked 1 grant "), "{said}");
    assert_eq!(work(site, &grants.all()).await, [false, false, false, false, true]);
}

#[tokio::test]
async fn the_kill_switch_asks_first_and_leaves_nothing() {
    let town = Town::new().await;
    let (grants, Town { site, acme, .. }) = (town.grants().await, &town);
    // A code on its way.
    let flow = Flow::new(&site.app, acme);
    let late = flow.client().await;
    let code = flow.code(&late).await;

    let said = site.run(&["grant", "revoke", "--all", "--tenant", "acme"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let asked = "This takes back 5 grants (5 installations) in acme: what 2 people gave 3 clients.\n";
    assert!(said.err.starts_with(asked) && said.err.contains("nothing was changed: type yes"), "{}", said.err);
    assert_eq!(work(site, &grants.all()).await, [true; 5]);

    let said = site.done(&["grant", "revoke", "--all", "--tenant", "acme", "--yes"]);
    assert!(said.starts_with("Revoked 5 grants (5 installations) in "), "{said}");
    assert_eq!(work(site, &grants.all()).await, [false, false, false, false, true]);
    assert_eq!(oauth_error(flow.redeem(&late, &code).await).await.1, "invalid_grant");
    assert_eq!(site.done(&["grant", "list", "--tenant", "acme"]), "no grant in force in acme\n");

    let said = site.done(&["grant", "revoke", "--all", "--all-tenants", "--yes"]);
    assert!(said.starts_with("Revoked 1 grant (1 installation) in "), "{said}");
    assert_eq!(work(site, &grants.all()).await, [false; 5]);
}

#[tokio::test]
async fn thousands_are_a_matter_of_seconds() {
    let site = Site::new().await;
    let acme = site.app.tenant("acme").await;
    let flow = Flow::new(&site.app, &acme);
    let client = flow.client().await;
    let held = allow(&flow, &client).await;
    sqlx::query(
        "with grants as (
             insert into access_grant (tenant, id, subject, client, server, scopes, created_at)
             select tenant, gen_random_uuid(), 'machine:' || n, client, server, scopes, now()
               from access_grant, generate_series(1, 6000) n returning tenant, id)
         insert into family (tenant, id, grant_id, created_at, expires_at)
         select tenant, gen_random_uuid(), id, now(), now() + '1 day' from grants, generate_series(1, 2)",
    )
    .execute(&site.app.db.owner)
    .await
    .unwrap();
    crate::cluster::held::forbid_work_under_the_lock(&site.app.db.owner).await;
    let said = site.done(&["grant", "revoke", "--all", "--tenant", "acme", "--yes"]);
    assert!(said.starts_with("Revoked 6 001 grants (12 001 installations) in "), "{said}");
    assert_eq!(site.count("select count(*) from access_grant where revoked_at is null").await, 0);
    assert_eq!(site.count("select count(*) from audit_event where kind = 'grant.revoked'").await, 6001);
    assert_eq!(site.count("select count(*) from authority_log where entry ? 'grants'").await, 2, "few entries");
    assert_eq!(work(&site, &[&held]).await, [false]);
}

/// Somebody else took it back, and has not waited for all nodes yet.
#[tokio::test]
async fn that_there_is_nothing_to_revoke_is_said_when_it_is_true_everywhere() {
    let town = Town::new().await;
    let (_, Town { site, acme, .. }) = (town.grants().await, &town);
    let id = site.list(&["--tenant", "acme", "--server", "notes"])[0]["id"].as_str().unwrap().to_owned();
    let (store, all) = (&site.app.app.store, [(acme.id, Selection::default())]);
    // Nobody but the silent one is there, and nobody gives it up for dead.
    site.app.app.lease.end().await;
    for args in [&["--all", "--yes"][..], &[&id]] {
        sqlx::query("delete from node").execute(&site.app.db.owner).await.unwrap();
        silent_node(&site.app.db.owner).await;
        sqlx::query("select authority_append(null, '\"signing_keys\"', now())")
            .execute(&site.app.db.app)
            .await
            .unwrap();
        let (_, _unsettled) = kill_switch::revoke(store, &site.app.recorder(), &all).await.unwrap();
        let begun = Instant::now();
        let said = site.run(&[&["grant", "revoke"], args, &["--tenant", "acme"]].concat());
        assert!(said.out.contains("nothing to revoke") || said.err.contains("nothing was revoked"), "{}", said.err);
        assert!(begun.elapsed() >= cluster::LONGEST_WAIT, "it waited for the silent node: {:?}", begun.elapsed());
    }
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let grant = uuid::Uuid::nil().to_string();
    for args in [
        &["revoke", "--tenant", "acme"][..],
        &["revoke", "--all", "--tenant", "acme", "--all-tenants"],
        &["revoke", "--all", "--person", "ada", "--tenant", "acme"],
        &["revoke", &grant, "--all-tenants"],
        &["revoke", &grant, "--all", "--tenant", "acme"],
        &["revoke", "nonsense", "--tenant", "acme"],
    ] {
        let said = run(&[&["grant"], args].concat(), &[]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
    }
    for args in [&["grant", "revoke", "--all", "--yes"][..], &["grant", "list"], &["session", "end", "--all"]] {
        let said = run(args, &[]);
        assert_eq!((said.code, said.out.as_str()), (2, ""));
        assert_eq!(said.err, "sallyport: say --tenant NAME or --all-tenants\n");
    }
    let nonsense = run(&["grant", "revoke", "blah", "--tenant", "acme"], &[]).err;
    assert!(nonsense.contains("'blah'") && nonsense.contains("not a grant id: `sallyport grant list`"), "{nonsense}");
}
