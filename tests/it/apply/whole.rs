//! From a file to rows: all of it or nothing, with evidence.

use sallyport::{
    apply::{Action, ApplyError, Prune},
    config::PublicUrl,
    ids::Slug,
    policy::Scope,
    tenants,
};

use super::{Bench, read};

pub(super) const ACME: &str = r#"
[[tenant]]
slug = "acme"
name = "Acme"
[tenant.settings]
default_server = "github"
[[tenant.server]]
slug = "github"
name = "GitHub"
upstream = "http://127.0.0.1:9000/mcp"
[[tenant.server]]
slug = "notes"
upstream = "http://127.0.0.1:9001/mcp"
[[tenant.person]]
username = "ada"
display_name = "Ada Lovelace"
[[tenant.client]]
id = "web"
name = "Web"
redirect_uris = ["https://a.example/cb"]
"#;

#[tokio::test]
async fn a_new_tenant_can_serve() {
    let bench = Bench::new().await;
    let plan = bench.apply(ACME).await;
    assert_eq!(plan.summary(), "5 to create; 0 stay as they are");

    let public_url = PublicUrl::parse("https://gw.example").unwrap();
    let slug = Slug::parse("acme").unwrap();
    let tenant = tenants::load(&bench.store, &bench.keyring, &public_url, &slug).await.unwrap().unwrap();
    assert_eq!(tenant.signing.published().len(), 2, "EdDSA and ES256");
    assert_eq!(tenant.default_server().unwrap().name, "GitHub");
    let server = tenant.server("notes").unwrap();
    assert_eq!(server.audience, "http://127.0.0.1:9001/mcp");
    assert_eq!(server.policy.default_scopes().to_string(), "mcp:read mcp:write");
    assert_eq!(server.policy.fallback_scope(), Some(&Scope::mcp_write()));
    assert_eq!(
        bench.events().await,
        [
            ("client/web", "created"),
            ("person", "created"),
            ("server/github", "created"),
            ("server/notes", "created"),
            ("tenant/acme", "created")
        ]
        .map(|(object, change)| (object.to_owned(), change.to_owned()))
    );
}

#[tokio::test]
async fn a_plan_reads_calmly() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let changed = ACME
        .replace("name = \"GitHub\"", "name = \"GitHub\"\ndefault_scopes = [\"mcp:read\"]")
        .replace("display_name = \"Ada Lovelace\"", "enabled = false")
        .replace("9001/mcp", "9002/mcp?key=canary\"\naudience = \"notes")
        + "[[tenant]]\nslug = \"beta\"\nname = \"Beta\"\n";
    let prepared = bench.prepare(&changed, Prune::Nothing).await.unwrap();
    let shown = prepared.plan().to_string();
    assert_eq!(
        shown,
        "\
~ server acme/github  change
    default_scopes  mcp:read mcp:write → mcp:read
~ server acme/notes   change
    upstream  http://127.0.0.1:9001/mcp → http://127.0.0.1:9002/mcp?…
    audience  http://127.0.0.1:9001/mcp → notes
- person acme/ada     disable
    display_name  Ada Lovelace → ada
+ tenant beta         create
    name  Beta

1 to create, 2 to change, 1 to disable; 2 stay as they are"
    );
    let json = serde_json::to_value(prepared.plan()).unwrap();
    assert_eq!(json["changes"][0]["action"], "change");
    assert_eq!(json["changes"][0]["kind"], "server");
    assert_eq!(json["changes"][0]["name"], "acme/github");
    assert_eq!(json["changes"][0]["fields"][0]["new"], "mcp:read");
    assert_eq!(json["unchanged"], 2);
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let bench = Bench::new().await;
    let empty = bench.dump().await;
    drop(bench.prepare(ACME, Prune::Nothing).await.unwrap());
    assert_eq!(bench.dump().await, empty);
    bench.apply(ACME).await;
    let before = bench.dump().await;
    let prepared = bench.prepare(&ACME.replace("Acme", "Acme Inc"), Prune::ObjectsAndTenants).await.unwrap();
    assert_eq!(prepared.plan().changes[0].action, Action::Change);
    drop(prepared);
    assert_eq!(bench.dump().await, before);
}

#[tokio::test]
async fn one_object_that_fails_rolls_everything_back() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let before = bench.dump().await;
    // A new tenant first, then two audiences that change places: the database refuses the second tenant's servers.
    let swapped = ACME.replace("9000/mcp\"", "9000/mcp\"\naudience = \"http://127.0.0.1:9001/mcp\"").replace(
        "upstream = \"http://127.0.0.1:9001/mcp\"",
        "upstream = \"http://127.0.0.1:9001/mcp\"\naudience = \"http://127.0.0.1:9000/mcp\"",
    );
    let text = format!("[[tenant]]\nslug = \"aaa\"\nname = \"New\"\n[[tenant.person]]\nusername = \"bob\"\n{swapped}");
    let error = bench.apply_pruning(&text, Prune::Nothing).await.unwrap_err();
    assert!(matches!(error, ApplyError::AudienceTaken), "{error}");
    assert_eq!(bench.dump().await, before);
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_nothing_written() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let before = bench.dump().await;
    let third = "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n[tenant.settings]\ndefault_server = \"gone\"\n\
                 [[tenant.server]]\nslug = \"third\"\nupstream = \"http://127.0.0.1:9000/mcp\"\n\
                 default_scopes = [\"mcp:admin\"]\n";
    let error = bench.apply_pruning(third, Prune::Nothing).await.unwrap_err().to_string();
    for part in [
        "acme.toml:1: tenant acme: settings.default_server names gone,",
        "acme.toml:6: server acme/third: has the audience of the server github:",
        "acme.toml:6: server acme/third: default_scopes names the scope mcp:admin,",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(bench.dump().await, before);
}

#[tokio::test]
async fn a_server_keeps_the_policy_that_the_file_does_not_name() {
    let bench = Bench::new().await;
    let catalogue = "name = \"GitHub\"\ncatalogue = [{ tool = \"list\", scope = \"mcp:read\", read_only = true }]";
    let plan = bench.apply(&ACME.replace("name = \"GitHub\"", catalogue)).await;
    assert!(plan.to_string().contains("tool list        mcp:read, read-only"), "{plan}");
    assert!(bench.apply(ACME).await.is_empty());
    let plan = bench.apply(&ACME.replace("name = \"GitHub\"", "name = \"GitHub\"\ncatalogue = []")).await;
    assert!(plan.to_string().contains("tool list  mcp:read, read-only → nothing"), "{plan}");
}

#[tokio::test]
async fn a_change_of_a_server_is_a_new_version_of_it_alone() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    bench.apply(&ACME.replace("9000/mcp", "9000/v2")).await;
    let versions: Vec<(String, i64)> =
        sqlx::query_as("select slug, version from server order by slug").fetch_all(&bench.db.owner).await.unwrap();
    assert_eq!(versions, [("github".to_owned(), 2), ("notes".to_owned(), 1)]);
}

#[tokio::test]
async fn somebody_who_was_shut_out_in_a_hurry_stays_out() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    bench.disable("acme", "ada").await;
    assert!(bench.apply(ACME).await.is_empty(), "the file does not say that she may");
    let plan = bench.apply(&ACME.replace("username = \"ada\"", "username = \"ada\"\nenabled = true")).await;
    assert_eq!(plan.changes[0].action, Action::Enable);
}

#[tokio::test]
async fn a_plan_that_is_no_longer_true_is_not_carried_out() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let prepared = bench.prepare(&ACME.replace("Ada Lovelace", "Ada King"), Prune::Nothing).await.unwrap();
    bench.disable("acme", "ada").await;
    let before = bench.dump().await;
    let error = prepared.commit().await.unwrap_err();
    assert!(matches!(error, ApplyError::ChangedMeanwhile(_)), "{error}");
    assert_eq!(bench.dump().await, before, "and she is still disabled");
}

#[tokio::test]
async fn a_client_that_registered_itself_is_left_alone() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    sqlx::query("update client set origin = 'registered'").execute(&bench.db.owner).await.unwrap();
    let error = bench.apply_pruning(ACME, Prune::Nothing).await.unwrap_err().to_string();
    assert!(error.contains("client acme/web: is a client that registered itself"), "{error}");
    let without = ACME.split("[[tenant.client]]").next().unwrap();
    assert!(bench.apply_pruning(without, Prune::ObjectsAndTenants).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn another_display_of_a_client_voids_its_consents() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    sqlx::query(
        "insert into consent (tenant, person, client, server, redirect_key, scopes, display_digest, client_name, redirect_uris, given_at)
         select p.tenant, p.id, c.id, s.id, 'https://a.example/cb', '{mcp:read}', c.display_digest, c.name, '{}', now()
           from person p, client c, server s where s.slug = 'github'",
    )
    .execute(&bench.db.owner)
    .await
    .unwrap();
    let valid = "select count(*) from consent where voided_at is null";
    bench.apply(&ACME.replace("id = \"web\"", "id = \"web\"\ncontacts = [\"a@a.example\"]")).await;
    assert_eq!(bench.count(valid).await, 1, "nothing of it is shown");
    bench.apply(&ACME.replace("name = \"Web\"", "name = \"Your bank\"")).await;
    assert_eq!(bench.count(valid).await, 0);
}

#[tokio::test]
async fn a_document_needs_no_file() {
    let bench = Bench::new().await;
    let mut document = read(ACME, &bench.scratch.path("")).unwrap();
    document.file.clear();
    document.tenants[0].line = None;
    document.tenants[0].settings.default_server = Some(Slug::parse("gone").unwrap());
    let error = sallyport::apply::run(bench.tools(), &document, Prune::Nothing).await.unwrap_err().to_string();
    assert!(error.starts_with("tenant acme: settings.default_server names gone"), "{error}");
}

/// The log says what was before and what is now; of a name only a commitment.
#[tokio::test]
async fn events_say_what_became_different() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let changed = ACME
        .replace("name = \"GitHub\"", "name = \"Code\"")
        .replace("display_name = \"Ada Lovelace\"", "display_name = \"Ada King\"\nroles = [\"person\", \"auditor\"]");
    bench.apply(&changed).await;
    let fields = async |object: &str| -> serde_json::Value {
        let fields = "select body->'fields' from audit_event
                       where kind = 'admin.changed' and body->>'object' like $1 and body->>'change' = 'changed'";
        sqlx::query_scalar(fields).bind(object).fetch_one(&bench.db.owner).await.unwrap()
    };
    assert_eq!(fields("server/github").await, serde_json::json!([{ "name": "name", "old": "GitHub", "new": "Code" }]));
    let person = fields("person/%").await;
    assert_eq!(
        person[1],
        serde_json::json!({ "name": "roles", "old": "person", "new": "auditor, person" }),
        "{person}"
    );
    assert_eq!(person[0]["name"], "display_name");
    for (member, name) in [("old", "Ada Lovelace"), ("new", "Ada King")] {
        let commitment = person[0][member].as_str().unwrap();
        let kept =
            "select v.value, p.username from audit_value v join person p on p.tenant = v.tenant and p.id = v.person
                     where v.commitment = $1";
        let kept: (String, String) = sqlx::query_as(kept).bind(commitment).fetch_one(&bench.db.owner).await.unwrap();
        assert_eq!(kept, (name.to_owned(), "ada".to_owned()));
    }
}
