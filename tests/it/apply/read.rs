//! Reading: everything that is wrong with a file, at once, with its line and what to do.

use proptest::prelude::*;
use sallyport::{
    apply::Document,
    policy::{Effect, ItemKind},
    tenants::{Evidence, RegistrationRule},
};

use super::read;
use crate::harness::scratch::Scratch;

fn document(text: &str) -> Document {
    read(text, &Scratch::new().path("")).unwrap()
}

/// The mistakes, one a line: `12 server acme/github: …`
fn mistakes(text: &str) -> Vec<String> {
    let problems = read(text, &Scratch::new().path("")).unwrap_err().problems;
    problems.into_iter().map(|p| format!("{} {}: {}", p.line.unwrap(), p.object, p.message)).collect()
}

#[track_caller]
fn one_mistake(text: &str, begins: &str) {
    let found = mistakes(text);
    assert!(matches!(found.as_slice(), [one] if one.starts_with(begins)), "{found:#?}");
}

const TENANT: &str = "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n";

fn server(lines: &str) -> String {
    format!("{TENANT}[[tenant.server]]\nslug = \"s\"\nupstream = \"http://127.0.0.1:9000/mcp\"\n{lines}\n")
}

fn client(lines: &str) -> String {
    format!(
        "{TENANT}[[tenant.client]]\nid = \"web\"\nname = \"Web\"\nredirect_uris = [\"https://a.example/cb\"]\n{lines}\n"
    )
}

#[test]
fn every_key_is_read() {
    let document = document(
        r#"
        [[tenant]]
        slug = "acme"
        name = "Acme"
        enabled = true
        [tenant.settings]
        default_server = "github"
        registration = "off"
        redirect_schemes = ["myeditor"]
        evidence = "before"
        allowed_origins = ["https://inspector.example"]
        [[tenant.server]]
        slug = "github"
        name = "GitHub"
        description = "Issues."
        upstream = "http://127.0.0.1:9000/mcp"
        audience = "https://github.internal/"
        era = "legacy"
        signing = "ES256"
        scopes = [{ name = "issues:read", effect = "read", description = "See issues." }]
        default_scopes = ["issues:read"]
        fallback_scope = false
        catalogue = [{ tool = "list", scope = "issues:read", read_only = true }, { resource = "issue://*", scope = "issues:read" }]
        enabled = false
        [[tenant.person]]
        username = "Ada"
        display_name = "Ada Lovelace"
        roles = ["administrator", "person"]
        password = { hash = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }
        [[tenant.client]]
        id = "editor"
        name = "Editor"
        redirect_uris = ["myeditor://callback", "http://localhost/callback"]
        client_uri = "https://editor.example"
        application_type = "native"
        contacts = ["ops@editor.example"]
        "#,
    );
    let [tenant] = document.tenants.as_slice() else { panic!("one tenant") };
    assert_eq!((tenant.slug.as_str(), tenant.name.as_str(), tenant.line), ("acme", "Acme", Some(2)));
    assert_eq!(tenant.settings.registration, RegistrationRule::Off);
    assert_eq!(tenant.settings.evidence, Evidence::Before);
    let server = &tenant.servers[0];
    assert_eq!(server.audience, "https://github.internal/");
    assert_eq!((server.era.name(), server.signing.name(), server.enabled), ("legacy", "ES256", Some(false)));
    assert_eq!(server.policy.scopes.as_ref().unwrap()[0].effect, Effect::Read);
    assert_eq!(server.policy.fallback_scope, Some(None));
    let catalogue = server.policy.catalogue.as_ref().unwrap();
    assert_eq!((catalogue[0].kind, catalogue[0].read_only), (ItemKind::Tool, true));
    assert_eq!((catalogue[1].kind, catalogue[1].read_only), (ItemKind::Resource, false));
    assert_eq!(tenant.people[0].display_name, "Ada Lovelace");
    assert!(tenant.people[0].password.is_some());
    assert_eq!(tenant.clients[0].metadata.redirect_uris.len(), 2);
}

#[test]
fn what_is_left_out_has_defaults() {
    let document = document(&format!("{}[[tenant.person]]\nusername = \"ada\"\n", server("")));
    let server = &document.tenants[0].servers[0];
    assert_eq!((server.name.as_str(), server.audience.as_str()), ("s", "http://127.0.0.1:9000/mcp"));
    assert_eq!((server.era.name(), server.signing.name(), server.enabled), ("auto", "EdDSA", None));
    assert!(server.policy.scopes.is_none() && server.policy.catalogue.is_none());
    let person = &document.tenants[0].people[0];
    assert_eq!((person.display_name.as_str(), person.roles.as_slice()), ("ada", ["person".to_owned()].as_slice()));
    assert!(person.password.is_none());
}

#[test]
fn unknown_keys_are_named_with_the_known_ones() {
    one_mistake(
        &server("upstraem = \"x\""),
        "7 server acme/s: there is no key \"upstraem\" here; known ones are slug, ",
    );
    one_mistake("[[tenants]]\nslug = \"a\"", "1 : there is no key \"tenants\" here; known ones are tenant");
    one_mistake(
        &format!("{TENANT}[tenant.settings]\nregistrations = \"off\""),
        "5 tenant acme: settings: unknown field",
    );
    one_mistake(
        &server("catalogue = [{ tool = \"t\", scope = \"mcp:read\", readonly = true }]"),
        "7 server acme/s, catalogue item 1: there is no key \"readonly\"",
    );
}

#[test]
fn all_mistakes_are_found_at_once() {
    let text = r#"[[tenant]]
slug = "Acme"
[[tenant.server]]
slug = "a"
upstream = "ftp://a"
era = "old"
[[tenant.server]]
slug = "b"
upstream = "http://127.0.0.1/?key=1"
[[tenant.person]]
username = ""
roles = ["root"]
[[tenant.client]]
id = "c_1"
name = "C"
redirect_uris = ["https://a.example/#x", "http://b.example/"]
auth_method = "client_secret_basic"
"#;
    let found = mistakes(text);
    let expected = [
        "1 tenant 1: name is required",
        "2 tenant 1: slug is wrong: a name in an address is",
        "5 server tenant 1/a: upstream is wrong: the upstream URL must begin with https:// or http://",
        "6 server tenant 1/a: era must be \"auto\", \"modern\" or \"legacy\"",
        "7 server tenant 1/b: audience is required where the upstream has a query",
        "11 person 1 of tenant 1: username is empty",
        "12 person 1 of tenant 1: roles holds something wrong: a role is one of person, administrator, auditor",
        "13 client tenant 1/c_1: secret is required with this auth_method",
        "14 client tenant 1/c_1: id must not begin with c_",
        "16 client tenant 1/c_1: redirect_uris holds something wrong",
        "16 client tenant 1/c_1: redirect_uris holds something wrong",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} is not {expected}");
    }
    let shown = read(text, &Scratch::new().path("")).unwrap_err().to_string();
    assert!(
        shown.starts_with("nothing was changed, since 11 mistakes were found:\nacme.toml:1: tenant 1: "),
        "{shown}"
    );
}

#[test]
fn no_audience_and_no_upstream_is_ours() {
    for own in [
        "https://gw.example/t/acme",
        "https://gw.example",
        "https://GW.example:443/t/acme/mcp/s",
        "https://gw.example/x",
    ] {
        one_mistake(
            &server(&format!("audience = \"{own}\"")),
            "7 server acme/s: audience is wrong: it is below Sallyport's own",
        );
        let text = format!("{TENANT}[[tenant.server]]\nslug = \"s\"\nupstream = \"{own}\"\naudience = \"a\"\n");
        one_mistake(&text, "6 server acme/s: upstream is wrong: this is Sallyport's own address");
    }
    for other in
        ["https://gw.example.com/t/acme", "http://gw.example/", "https://gw.example:8443/", "urn:acme:github", "github"]
    {
        document(&server(&format!("audience = \"{other}\"")));
    }
}

#[test]
fn an_object_is_named_once() {
    let twice = |kind: &str, lines: &str| format!("{TENANT}[[tenant.{kind}]]\n{lines}\n[[tenant.{kind}]]\n{lines}\n");
    one_mistake(&twice("person", "username = \"ada\""), "6 tenant acme: person ada is here twice");
    one_mistake(
        &format!("{TENANT}[[tenant.person]]\nusername = \"ada\"\n[[tenant.person]]\nusername = \"ADA\"\n"),
        "6 tenant acme: person ADA",
    );
    one_mistake(&format!("{TENANT}{TENANT}"), "4 : tenant acme is here twice");
    let found = mistakes(&twice("server", "slug = \"s\"\nupstream = \"http://127.0.0.1/\""));
    assert_eq!(found, ["7 tenant acme: server s is here twice; keep one"]);
}

#[test]
fn settings_are_checked() {
    let settings = |line: &str| format!("{TENANT}[tenant.settings]\n{line}");
    one_mistake(&settings("registration = \"maybe\""), "5 tenant acme: settings: unknown variant");
    one_mistake(&settings("evidence = \"after\""), "5 tenant acme: settings: unknown variant");
    one_mistake(
        &settings("redirect_schemes = [\"javascript\"]"),
        "5 tenant acme: redirect_schemes holds something wrong",
    );
    one_mistake(
        &settings("allowed_origins = [\"https://a.example/\"]"),
        "5 tenant acme: allowed_origins must hold origins",
    );
    one_mistake(&format!("{TENANT}settings = 1"), "4 tenant acme: settings must be a table");
}

#[test]
fn what_is_no_toml_is_no_crash() {
    one_mistake("[[tenant]\nslug = \"a\"", "1 : this is not TOML");
    assert!(mistakes("tenant = 1\n")[0].starts_with("1 : tenant must be a list of tables"));
}

#[test]
fn a_secret_goes_with_its_method() {
    one_mistake(&client("secret = { env = \"PATH\" }"), "8 client acme/web: secret is of no use with this auth_method");
    let basic = "auth_method = \"client_secret_basic\"\n";
    one_mistake(
        &client(&format!("{basic}secret = {{ hash = \"abc\" }}")),
        "9 client acme/web: secret cannot be a hash",
    );
    one_mistake(
        &client(&format!("{basic}secret = {{ env = \"PATH\" }}")),
        "9 client acme/web: secret is wrong: it is no client secret",
    );
    one_mistake(
        &client(&format!("{basic}secret = {{ file = \"nothing\" }}")),
        "9 client acme/web: secret is missing: cannot read",
    );
}

proptest! {
    #[test]
    fn no_text_is_a_crash(text in "(\\[\\[tenant(\\.(server|person|client))?\\]\\]|slug|name|=|\"acme\"|\\{|\\}|\\[|\\]|,|\n| |é|[a-z]){0,40}") {
        let lines = text.lines().count().max(1);
        if let Err(mistakes) = read(&text, std::path::Path::new("/")) {
            prop_assert!(!mistakes.problems.is_empty());
            prop_assert!(mistakes.problems.iter().all(|problem| problem.line.is_none_or(|line| (1..=lines + 1).contains(&line))));
        }
    }
}
