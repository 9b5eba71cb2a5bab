//! What a policy must be to count as one.

use super::*;

#[test]
fn the_starter_is_sound() {
    let server = ServerPolicy::try_from(PolicySpec::starter()).unwrap();
    assert_eq!(server.default_scopes(), &set("mcp:read mcp:write"));
    assert_eq!(server.challenge_scopes(), &set("mcp:read mcp:write"));
    assert_eq!(server.read_scope(), &scope("mcp:read"));
    assert_eq!(server.fallback_scope(), Some(&scope("mcp:write")));
    assert_eq!(server.scopes().iter().map(|def| def.effect).collect::<Vec<_>>(), [Effect::Read, Effect::Change]);
}

#[test]
fn a_policy_is_checked_as_a_whole() {
    let bad = |change: fn(&mut PolicySpec)| {
        let mut spec = spec();
        change(&mut spec);
        ServerPolicy::try_from(spec).unwrap_err()
    };
    assert_eq!(bad(|spec| spec.default_scopes = ScopeSet::EMPTY), BadPolicy::NoScope);
    assert_eq!(bad(|spec| spec.challenge_scopes = ScopeSet::EMPTY), BadPolicy::NoScope);
    assert_eq!(bad(|spec| spec.scopes.push(spec.scopes[0].clone())), BadPolicy::ScopeTwice(scope("mcp:read")));
    for change in [
        (|spec| spec.default_scopes = set("x")) as fn(&mut PolicySpec),
        |spec| spec.challenge_scopes = set("mcp:read x"),
        |spec| spec.read_scope = scope("x"),
        |spec| spec.fallback_scope = Some(scope("x")),
        |spec| spec.catalogue[0].scope = scope("x"),
    ] {
        assert!(matches!(bad(change), BadPolicy::UndeclaredScope { scope, .. } if scope.as_str() == "x"));
    }
    let twice = bad(|spec| spec.catalogue.push(spec.catalogue[0].clone()));
    assert_eq!(twice, BadPolicy::ItemTwice("search".to_owned()));
    for name in ["", "a\nb"] {
        let mut spec = spec();
        spec.catalogue[0].name = name.to_owned();
        assert_eq!(ServerPolicy::try_from(spec).unwrap_err(), BadPolicy::ItemName);
    }
}

#[test]
fn what_is_in_effect_is_what_handle_grant_and_policy_share() {
    let server = server();
    assert_eq!(server.in_effect(&set("mcp:read admin gone"), &set("mcp:read mcp:write gone")), set("mcp:read"));
}

#[test]
fn items_are_found_under_their_scope() {
    let server = server();
    let names: Vec<_> = server.items_under(&scope("admin")).map(|item| item.name.clone()).collect();
    assert_eq!(names, ["wipe", "file:///docs/keys/*"]);
}

#[test]
fn a_spec_survives_storage() {
    let text = serde_json::to_string(&spec()).unwrap();
    assert_eq!(serde_json::from_str::<PolicySpec>(&text).unwrap(), spec());
    let unknown = text.replacen("\"kind\":\"tool\"", "\"kind\":\"tool\",\"extra\":1", 1);
    assert!(serde_json::from_str::<PolicySpec>(&unknown).is_err());
}
