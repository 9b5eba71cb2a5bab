//! Whatever takes authority away goes to the authority log, and a node that follows it obeys at once.

use sallyport::apply::{Prune, Tools};
use serde_json::{Value, json};

use super::{Bench, whole::ACME};
use crate::harness::app::TestApp;

/// With a policy that the file states whole, so that applying it undoes every change.
fn stated() -> String {
    ACME.replace(
        "name = \"GitHub\"",
        "name = \"GitHub\"\nscopes = [{ name = \"see\", effect = \"read\", description = \"See.\" }, \
         { name = \"do\", effect = \"change\", description = \"Do.\" }]\n\
         default_scopes = [\"see\", \"do\"]\nfallback_scope = \"do\"\n\
         catalogue = [{ tool = \"list\", scope = \"see\", read_only = true }]",
    )
}

#[tokio::test]
async fn what_takes_authority_away_is_in_the_log() {
    let bench = Bench::new().await;
    let stated = stated();
    bench.apply(&stated).await;
    let id = async |query: &'static str| {
        let id: String = sqlx::query_scalar(query).fetch_one(&bench.db.owner).await.unwrap();
        id
    };
    let github = json!({ "server": id("select id::text from server where slug = 'github'").await });
    let ada = json!({ "person": id("select id::text from person").await });
    for (from, to, entry) in [
        ("default_scopes = [\"see\", \"do\"]", "default_scopes = [\"see\"]", &github),
        (
            ", { name = \"do\", effect = \"change\", description = \"Do.\" }]\ndefault_scopes = [\"see\", \"do\"]\nfallback_scope = \"do\"",
            "]\ndefault_scopes = [\"see\"]\nfallback_scope = false",
            &github,
        ),
        ("scope = \"see\", read_only = true", "scope = \"do\"", &github),
        ("fallback_scope = \"do\"", "fallback_scope = false", &github),
        ("9000/mcp", "9000/v2", &github),
        ("name = \"GitHub\"", "name = \"GitHub\"\nsigning = \"ES256\"", &github),
        ("name = \"Web\"", "name = \"Web\"\nenabled = false", &json!({ "client": "web" })),
        ("a.example/cb", "b.example/cb", &json!({ "client": "web" })),
        ("username = \"ada\"", "username = \"ada\"\nenabled = false", &ada),
        ("default_server = \"github\"", "registration = \"off\"", &json!("tenant")),
        ("name = \"Acme\"", "name = \"Acme\"\nenabled = false", &json!("tenant")),
    ] {
        let before = bench.log().await.len();
        let changed = stated.replace(from, to);
        assert_ne!(changed, stated, "{from}");
        bench.apply(&changed).await;
        assert_eq!(&bench.log().await[before..], std::slice::from_ref(entry), "{to}");
        bench.apply(&stated).await;
    }
}

#[tokio::test]
async fn a_person_who_only_gets_another_name_loses_nothing() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let before = bench.log().await;
    let (plan, ticket) = bench.apply_pruning(&ACME.replace("Ada Lovelace", "Ada King"), Prune::Nothing).await.unwrap();
    assert!(!plan.is_empty() && ticket.is_none());
    assert_eq!(bench.log().await, before);
}

#[tokio::test]
async fn each_removal_is_in_the_log() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let before = bench.log().await.len();
    crate::cluster::held::forbid_work_under_the_lock(&bench.db.owner).await;
    bench.apply_pruning("[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n", Prune::Objects).await.unwrap();
    let log = bench.log().await;
    let kind = |entry: &Value| match entry {
        Value::Object(entry) => entry.keys().next().unwrap().clone(),
        whole => whole.as_str().unwrap().to_owned(),
    };
    let kinds: Vec<_> = log[before..].iter().map(kind).collect();
    assert_eq!(kinds, ["server", "server", "person", "client", "tenant"]);
}

#[tokio::test]
async fn a_node_obeys_once_the_ticket_is_settled() {
    let test = TestApp::start().await;
    let app = &test.app;
    let recorder = test.recorder();
    let tools = Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
    let apply = async |text: &str, prune| {
        let document = super::read(text, std::path::Path::new("/nowhere")).unwrap();
        let (_, ticket) = sallyport::apply::run(tools, &document, prune).await.unwrap();
        app.node.settle(ticket.unwrap()).await.unwrap();
    };
    apply(ACME, Prune::Nothing).await;
    let tenant = app.tenant("acme").await.unwrap().unwrap();
    assert_eq!(tenant.server("github").unwrap().policy.default_scopes().len(), 2);

    apply(&ACME.replace("name = \"GitHub\"", "name = \"GitHub\"\ndefault_scopes = [\"mcp:read\"]"), Prune::Nothing)
        .await;
    let tenant = app.tenant("acme").await.unwrap().unwrap();
    assert_eq!(tenant.server("github").unwrap().policy.default_scopes().to_string(), "mcp:read");

    let more = format!("{ACME}[[tenant.server]]\nslug = \"more\"\nupstream = \"http://127.0.0.1:9009/mcp\"\n");
    apply(&more, Prune::Nothing).await;
    assert!(app.tenant("acme").await.unwrap().unwrap().server("more").is_some());
    apply(ACME, Prune::Objects).await;
    assert!(app.tenant("acme").await.unwrap().unwrap().server("more").is_none());

    apply(&ACME.replace("name = \"Acme\"", "name = \"Acme\"\nenabled = false"), Prune::Nothing).await;
    assert!(app.tenant("acme").await.unwrap().is_none());
}
