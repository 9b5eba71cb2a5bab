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
