//! Applying twice is applying once.

use proptest::{prelude::*, test_runner::TestRunner};
use sallyport::apply::Prune;

use super::{Bench, whole::ACME};

#[tokio::test]
async fn a_second_run_has_nothing_to_do_and_writes_nothing() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    let before = bench.dump().await;
    let (plan, ticket) = bench.apply_pruning(ACME, Prune::ObjectsAndTenants).await.unwrap();
    assert_eq!(plan.summary(), "nothing to do; 5 stay as they are");
    assert!(ticket.is_none());
    assert_eq!(bench.dump().await, before);
}

/// Whoever reads such a file takes what it names for something that works.
#[tokio::test]
async fn what_is_disabled_and_not_said_to_be_is_noted() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    for rows in ["tenant", "server where slug = 'notes'", "person", "client"] {
        let (table, these) = rows.split_once(' ').unwrap_or((rows, ""));
        let disable = format!("update {table} set status = 'disabled' {these}");
        sqlx::query(sqlx::AssertSqlSafe(disable)).execute(&bench.db.owner).await.unwrap();
    }
    let (plan, _) = bench.apply_pruning(ACME, Prune::Nothing).await.unwrap();
    assert_eq!(plan.summary(), "nothing to do; 5 stay as they are");
    assert_eq!(plan.notes.len(), 4, "{:?}", plan.notes);
    let note = "\nnote: tenant acme is disabled, and the file does not say whether it should be\n";
    assert!(plan.to_string().contains(note), "{plan}");
    let said = ACME.replacen("slug = \"acme\"", "slug = \"acme\"\nenabled = false", 1);
    let (plan, _) = bench.apply_pruning(&said, Prune::Nothing).await.unwrap();
    assert_eq!((plan.is_empty(), plan.notes.len()), (true, 3), "{plan}");
}

fn flag() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.8)
}

fn words(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(all.to_vec(), 0..=all.len())
}

/// Servers with audiences of their own, so that no two of them ever exchange theirs.
fn server(slug: &'static str) -> impl Strategy<Value = String> {
    let policy = prop_oneof![
        Just(String::new()),
        Just("default_scopes = [\"mcp:read\"]\n".to_owned()),
        (words(&["one", "two", "*three"]), flag()).prop_map(|(tools, read_only)| {
            let scope = if read_only { "x:read" } else { "x:do" };
            let items: Vec<_> = tools
                .iter()
                .map(|tool| format!("{{ tool = \"{tool}\", scope = \"{scope}\", read_only = {read_only} }}"))
                .collect();
            format!(
                "scopes = [{{ name = \"x:do\", effect = \"change\", description = \"Do.\" }}, \
                 {{ name = \"x:read\", effect = \"read\", description = \"See.\" }}]\n\
                 default_scopes = [\"x:read\"]\nfallback_scope = false\ncatalogue = [{}]\n",
                items.join(", ")
            )
        }),
    ];
    let era = prop::sample::select(&["auto", "modern", "legacy"]);
    let alg = prop::sample::select(&["EdDSA", "ES256"]);
    ("[a-z]{1,8}", 1_u16..9, era, alg, policy, flag()).prop_map(move |(name, port, era, alg, policy, enabled)| {
        format!(
            "[[tenant.server]]\nslug = \"{slug}\"\nname = \"{name}\"\nupstream = \"http://127.0.0.1:{port}/{slug}\"\n\
             era = \"{era}\"\nsigning = \"{alg}\"\nenabled = {enabled}\n{policy}"
        )
    })
}

fn person(username: &'static str) -> impl Strategy<Value = String> {
    let password = prop::option::of(Just("password = { file = \"password\" }\n"));
    let roles = prop::sample::select(&["[\"person\"]", "[\"auditor\", \"person\"]", "[\"person\", \"administrator\"]"]);
    ("[A-Z][a-z]{0,8}", roles, password, flag()).prop_map(move |(name, roles, password, enabled)| {
        let password = password.unwrap_or_default();
        format!("[[tenant.person]]\nusername = \"{username}\"\ndisplay_name = \"{name}\"\nroles = {roles}\nenabled = {enabled}\n{password}")
    })
}

fn client(id: &'static str) -> impl Strategy<Value = String> {
    let secret = prop::option::of(Just("auth_method = \"client_secret_basic\"\nsecret = { file = \"secret\" }\n"));
    ("[A-Z][a-z]{0,8}", "[a-z]{1,5}", secret, flag()).prop_map(move |(name, path, secret, enabled)| {
        let secret = secret.unwrap_or_default();
        format!("[[tenant.client]]\nid = \"{id}\"\nname = \"{name}\"\nredirect_uris = [\"https://a.example/{path}\", \"http://localhost/{path}\"]\nenabled = {enabled}\n{secret}")
    })
}

fn tenant(slug: &'static str) -> impl Strategy<Value = String> {
    let some =
        |strategy: BoxedStrategy<String>| prop::option::weighted(0.7, strategy).prop_map(Option::unwrap_or_default);
    let registration = prop::sample::select(&["open", "off", "initial_access_token"]);
    (
        "[A-Z][a-z]{0,8}",
        registration,
        flag(),
        some(server("s1").boxed()),
        some(server("s2").boxed()),
        some(person("ada").boxed()),
        some(person("bob").boxed()),
        some(client("web").boxed()),
    )
        .prop_map(move |(name, registration, enabled, a, b, c, d, e)| {
            format!(
                "[[tenant]]\nslug = \"{slug}\"\nname = \"{name}\"\nenabled = {enabled}\n\
                 [tenant.settings]\nregistration = \"{registration}\"\n{a}{b}{c}{d}{e}"
            )
        })
}

/// Documents are applied one after the other to one database, so that each meets what all before it left.
#[test]
fn any_document_applied_twice_is_applied_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = runtime.block_on(Bench::new());
    bench.scratch.write("password", "a password for all");
    let secret = sallyport::secret::Handle::generate(
        sallyport::secret::HandleKind::ClientSecret,
        &sallyport::secret::Entropy::system(),
    );
    bench.scratch.write("secret", secret.unwrap().expose());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() });
    let documents = (tenant("t1"), tenant("t2"), any::<bool>());
    runner
        .run(&documents, |(one, two, prune)| {
            let text = format!("{one}{two}");
            let prune = if prune { Prune::Objects } else { Prune::Nothing };
            runtime.block_on(async {
                let before = bench.dump().await;
                if let Err(error) = bench.apply_pruning(&text, prune).await {
                    // A part of a policy that does not go with the rest, which the document before brought in.
                    prop_assert!(error.to_string().contains("which the server does not declare"), "{error}\n{text}");
                    prop_assert_eq!(bench.dump().await, before);
                    return Ok(());
                }
                let once = bench.dump().await;
                let (plan, ticket) = bench.apply_pruning(&text, prune).await.unwrap();
                prop_assert!(plan.is_empty() && ticket.is_none(), "{plan}\n{text}");
                prop_assert_eq!(bench.dump().await, once);
                Ok(())
            })
        })
        .unwrap();
}
