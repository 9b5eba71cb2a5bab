//! `docs/apply.md` is true.

use std::collections::BTreeSet;

use sallyport::{
    apply::Prune,
    people::oidc::ProviderSettings,
    policy::Scope,
    secret::{Entropy, Handle, HandleKind},
    tenants::{OutsideIssuer, Settings},
};

use super::{Bench, read};
use crate::harness::scratch::Scratch;

const MANUAL: &str = include_str!("../../../docs/apply.md");

const README: &str = include_str!("../../../README.md");

/// The first TOML of a document.
fn first_toml(document: &'static str) -> &'static str {
    document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()
}

fn example() -> &'static str {
    first_toml(MANUAL)
}

/// The keys in the tables of the section with this title.
fn written(title: &str) -> BTreeSet<&'static str> {
    let section = MANUAL.split("\n## ").find(|section| section.starts_with(title)).expect(title);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    rows.flat_map(|keys| keys.split(", ")).map(|key| key.trim_matches('`')).collect()
}

/// The keys that a table of the file may have, by the words for one that it may not have.
fn known(table: &str) -> BTreeSet<String> {
    let text = format!("[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n{table}\nunknown = 1\n");
    let problems = read(&text, &Scratch::new().path("")).unwrap_err().problems;
    let list = problems.iter().find_map(|problem| problem.message.split_once("known ones are ")).unwrap().1;
    list.split(", ").map(str::to_owned).collect()
}

/// The same for outside issuers, which are read as requests read them.
fn of_issuers() -> BTreeSet<String> {
    let issuer = serde_json::from_value::<OutsideIssuer>(serde_json::json!({ "issuer": "https://a.example" })).unwrap();
    serde_json::to_value(&issuer).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn the_manuals_example_can_be_applied() {
    let bench = Bench::new().await;
    bench.scratch.write("ada.password", "a horse of another colour\n");
    let secret = Handle::generate(HandleKind::ClientSecret, &Entropy::system()).unwrap();
    bench.scratch.write("intranet.secret", secret.expose());
    bench.scratch.write("nightly.secret", secret.expose());
    let plan = bench.apply_pruning(example(), Prune::Nothing).await.unwrap().0;
    assert_eq!(plan.summary(), "7 to create; 0 stay as they are");
    assert!(bench.apply(example()).await.is_empty());

    let document = bench.read(example()).unwrap();
    let [tenant] = document.tenants.as_slice() else { panic!("one tenant") };
    let notes = tenant.servers.iter().find(|server| server.slug.as_str() == "notes").unwrap();
    assert_eq!(notes.policy.fallback_scope, Some(Some(Scope::new("notes:write").unwrap())));
    assert_eq!(notes.policy.catalogue.as_ref().unwrap().len(), 3);
}

#[tokio::test]
async fn the_readmes_example_can_be_applied() {
    let plan = Bench::new().await.apply(first_toml(README)).await;
    assert_eq!(plan.summary(), "2 to create; 0 stay as they are");
}

#[test]
fn the_manual_lists_every_key() {
    for (table, own) in [
        ("[[tenant.server]]", "slug = \"s\"\nupstream = \"http://127.0.0.1/mcp\""),
        ("[[tenant.person]]", "username = \"ada\""),
        ("[[tenant.client]]", "id = \"web\"\nname = \"Web\"\nredirect_uris = [\"https://a.example/cb\"]"),
    ] {
        let known = known(&format!("{table}\n{own}"));
        assert_eq!(written(&format!("`{table}`")), known.iter().map(String::as_str).collect(), "{table}");
    }
    let mut provider =
        known("[[tenant.provider]]\nslug = \"p\"\nname = \"P\"\nissuer = \"https://a.example\"\nclient_id = \"c\"");
    assert!(provider.remove("settings"));
    let of_providers = serde_json::to_value(ProviderSettings::default()).unwrap();
    provider.extend(of_providers.as_object().unwrap().keys().map(|key| format!("settings.{key}")));
    assert_eq!(written("`[[tenant.provider]]`"), provider.iter().map(String::as_str).collect());
    assert_eq!(written("`[[tenant.server.issuer]]`"), of_issuers().iter().map(String::as_str).collect());
    let settings = serde_json::to_value(Settings::default()).unwrap();
    let settings = settings.as_object().unwrap().keys().map(|key| format!("settings.{key}"));
    let tenant: BTreeSet<String> = settings.chain(["slug", "name", "enabled"].map(str::to_owned)).collect();
    assert_eq!(written("`[[tenant]]`"), tenant.iter().map(String::as_str).collect());
}
