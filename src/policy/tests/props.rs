//! Properties of decisions over generated policies and calls.

use proptest::prelude::*;

use super::*;

const SCOPES: [&str; 4] = ["mcp:read", "mcp:write", "a", "b"];

/// Some of the scopes.
fn some() -> impl Strategy<Value = ScopeSet> {
    prop::sample::subsequence(SCOPES.as_slice(), 0..=SCOPES.len())
        .prop_map(|tokens| tokens.into_iter().map(scope).collect())
}

fn policy() -> impl Strategy<Value = ServerPolicy> {
    let kinds = prop::sample::select(vec![ItemKind::Tool, ItemKind::Prompt, ItemKind::Resource]);
    let items = prop::collection::btree_map(
        (kinds, "(x:/)?[ab]{1,2}\\*?"),
        (prop::sample::select(&SCOPES), any::<bool>()),
        0..8,
    );
    (items, prop::option::of(prop::sample::select(&SCOPES))).prop_map(|(items, fallback)| {
        let mut spec = PolicySpec::starter();
        spec.scopes.extend(["a", "b"].map(|name| ScopeDef {
            name: scope(name),
            effect: Effect::Change,
            description: name.to_owned(),
            max_auth_age: None,
        }));
        spec.fallback_scope = fallback.map(scope);
        spec.catalogue =
            items.into_iter().map(|((kind, name), (needs, read_only))| item(kind, &name, needs, read_only)).collect();
        spec.try_into().unwrap()
    })
}

fn call() -> impl Strategy<Value = Call> {
    let name = "(x:/)?[ab]{1,3}(/\\.\\.|%61|\\?|\\*)?";
    prop_oneof![
        name.prop_map(|name| tool(&name)),
        name.prop_map(|name| legacy("prompts/get", json!({ "name": name }))),
        name.prop_map(|uri| read(&uri)),
        name.prop_map(|uri| legacy(
            "completion/complete",
            json!({ "ref": { "type": "ref/resource", "uri": uri + "{v}" } })
        )),
        prop::collection::vec(name, 0..3).prop_map(|uris| modern(
            "subscriptions/listen",
            json!({ "notifications": { "resourceSubscriptions": uris } })
        )),
        Just(legacy("tools/list", json!({}))),
        Just(legacy("tasks/list", json!({}))),
    ]
}

/// The same policy, with limits to the age of a login.
fn with_limits(server: &ServerPolicy, limits: &[Option<u32>]) -> ServerPolicy {
    let mut spec = PolicySpec::starter();
    spec.scopes = server.scopes().to_vec();
    for (scope, limit) in spec.scopes.iter_mut().zip(limits) {
        scope.max_auth_age = *limit;
    }
    spec.fallback_scope = server.fallback_scope().cloned();
    spec.catalogue = server.items().to_vec();
    spec.try_into().unwrap()
}

proptest! {
    #[test]
    fn a_permit_needs_every_scope_it_names(server in policy(), scopes in some(), call in call()) {
        match decide(&server, &scopes, &call) {
            Ok(permit) => {
                prop_assert!(permit.needed().is_subset(&scopes));
                prop_assert!(!scopes.is_empty());
                // Without any one of them it would have been denied.
                for missing in permit.needed().iter() {
                    let fewer = scopes.iter().filter(|scope| *scope != missing).cloned().collect();
                    prop_assert!(decide(&server, &fewer, &call).is_err());
                }
            }
            Err(Denial::InsufficientScope { needed, challenge }) => {
                prop_assert!(!needed.is_subset(&scopes));
                prop_assert_eq!(&challenge, &needed.union(&scopes));
                // One round is enough.
                prop_assert!(decide(&server, &challenge, &call).is_ok());
            }
            Err(Denial::StaleLogin { .. }) => prop_assert!(false, "no scope asks for a fresh login"),
            Err(Denial::Forbidden { .. }) => prop_assert!(decide(&server, server.declared(), &call).is_err()),
        }
    }

    #[test]
    fn more_scopes_never_turn_a_permit_into_a_denial(
        server in policy(), scopes in some(), more in some(), foreign: bool, call in call(),
    ) {
        if decide(&server, &scopes, &call).is_ok() {
            let mut wider = scopes.union(&more);
            if foreign {
                wider = wider.union(&set("not:of:this:server"));
            }
            prop_assert!(decide(&server, &wider, &call).is_ok());
        }
    }

    #[test]
    fn a_login_helps_exactly_as_long_as_it_is_fresh(
        server in policy(), limits in prop::collection::vec(prop::option::of(1..100u32), 4), scopes in some(),
        age in prop::option::of(0..100u64), call in call(),
    ) {
        let aged = with_limits(&server, &limits);
        let held = |auth_age| Held { scopes: &scopes, auth_age };
        match decide(&aged, held(age), &call) {
            Ok(permit) => {
                let limit = aged.max_auth_age(permit.needed());
                prop_assert!(limit.is_none_or(|limit| age.is_some_and(|age| age <= limit.into())));
                prop_assert!(decide(&aged, held(Some(0)), &call).is_ok());
            }
            Err(Denial::StaleLogin { needed, max_age }) => {
                prop_assert!(age.is_none_or(|age| age > max_age.into()));
                prop_assert!(needed.is_subset(&scopes));
                prop_assert!(decide(&aged, held(Some(max_age.into())), &call).is_ok());
                prop_assert!(decide(&aged, held(Some(u64::from(max_age) + 1)), &call).is_err());
            }
            // Scopes come first: a login is not asked for in vain.
            Err(denial) => prop_assert_eq!(decide(&server, &scopes, &call).unwrap_err(), denial),
        }
    }

    #[test]
    fn an_item_is_never_used_without_its_scope(server in policy(), at: prop::sample::Index, scopes in some()) {
        prop_assume!(!server.items().is_empty());
        let item = &server.items()[at.index(server.items().len())];
        let call = match item.kind {
            ItemKind::Tool => tool(&item.name),
            ItemKind::Prompt => legacy("prompts/get", json!({ "name": item.name })),
            ItemKind::Resource => read(&item.name),
        };
        let permitted = decide(&server, &scopes, &call);
        prop_assert_eq!(permitted.is_ok(), scopes.contains(item.scope.as_str()));
        if let Ok(permit) = permitted {
            prop_assert_eq!(permit.read_only(), item.read_only);
        }
    }

    #[test]
    fn sets_survive_being_written(scopes in some()) {
        prop_assert_eq!(set(&scopes.to_string()), scopes);
    }

    #[test]
    fn reading_scopes_never_panics(text: String) {
        if let Ok(scopes) = ScopeSet::parse(&text) {
            prop_assert_eq!(set(&scopes.to_string()), scopes);
        }
    }
}
