//! Which item governs a resource.

use super::*;

#[test]
fn the_longest_beginning_wins() {
    let server = server();
    assert_eq!(needed(&server, &read("file:///docs/a")), "mcp:read");
    assert_eq!(needed(&server, &read("file:///docs/My%20file.md?v=1")), "mcp:read");
    assert_eq!(needed(&server, &read("file:///docs/keys/k")), "admin");
    assert_eq!(needed(&server, &read("file:///elsewhere")), "mcp:write");
    assert_eq!(needed(&server, &read("note://today")), "mcp:read");
}

#[test]
fn an_ambiguous_spelling_needs_what_any_resource_needs() {
    let server = server();
    for uri in [
        "file:///docs/./keys/k",
        "file:///docs/x/../keys/k",
        "file:///docs/..",
        "file:///docs/%6beys/k",
        "file:///docs/%2e%2e/etc",
        "file:///docs/a%2fb",
        "file:///docs/a%2Fb",
        "file:///docs/%252e%252e/etc",
        "file:///docs/%e4",
        "file:///docs/100%",
        "file:///docs/%00",
        "file:///docs//keys/k",
        "file:////docs/keys/k",
        "FILE:///docs/keys/k",
        "file:/docs/keys/k",
        "file:///docs\\keys\\k",
        "file:///docs/ä",
        "note:today/../x",
        "note://today#part",
        "note://today?x",
        "note://toda%C3%BF",
        "docs/keys/k",
        " file:///docs/keys/k",
    ] {
        assert_eq!(needed(&server, &read(uri)), "admin mcp:read mcp:write", "{uri}");
        assert!(!decide(&server, server.declared(), &read(uri)).unwrap().read_only());
    }
}

#[test]
fn a_spelling_that_careless_readers_take_for_another_resource_needs_what_that_one_needs() {
    let mut spec = spec();
    spec.catalogue.push(item(ItemKind::Resource, "file:///docs/plan.txt", "admin", true));
    let server: ServerPolicy = spec.try_into().unwrap();
    // `fileURLToPath` drops query and fragment, `path.resolve` the last slash; many file systems do not mind case.
    for uri in [
        "file:///docs/plan.txt?x",
        "file:///docs/plan.txt#x",
        "file:///docs/plan.txt/",
        "file:///docs/Plan.txt",
        "file:///docs/KEYS/k",
        "file:///Docs/keys/k",
    ] {
        assert!(needed(&server, &read(uri)).starts_with("admin"), "{uri}");
    }
    assert_eq!(needed(&server, &read("file:///docs/plan.txt.old")), "mcp:read");
    assert_eq!(needed(&server, &read("file:///docs/Keyring/k")), "mcp:read");
    assert_eq!(needed(&server, &read("file:///docs/keys/K?x")), "admin");
    assert_eq!(needed(&server, &read("note://Today/")), "mcp:read mcp:write");
}

#[test]
fn a_resource_that_a_template_may_stand_for_needs_what_the_template_needs() {
    let mut spec = spec();
    spec.catalogue.push(item(ItemKind::Resource, "item://shop/{id}/text", "admin", true));
    let server: ServerPolicy = spec.try_into().unwrap();
    assert_eq!(needed(&server, &read("item://shop/5/text")), "admin mcp:write");
    assert_eq!(needed(&server, &read("item://else/5")), "mcp:write");
    assert_eq!(needed(&server, &read("file:///docs/a")), "mcp:read");
}

#[test]
fn what_an_administrator_named_exactly_is_meant_exactly() {
    let mut spec = spec();
    spec.catalogue.push(item(ItemKind::Resource, "My notes/../all", "mcp:read", true));
    let server: ServerPolicy = spec.try_into().unwrap();
    assert_eq!(needed(&server, &read("My notes/../all")), "mcp:read");
}

#[test]
fn a_star_means_something_in_resources_only() {
    let mut spec = spec();
    spec.catalogue.push(item(ItemKind::Tool, "*", "mcp:read", true));
    let server: ServerPolicy = spec.try_into().unwrap();
    assert_eq!(needed(&server, &tool("new")), "mcp:write");
    assert_eq!(needed(&server, &tool("*")), "mcp:read");
}

#[test]
fn a_template_needs_what_it_may_stand_for() {
    let mut spec = spec();
    spec.catalogue.push(item(ItemKind::Resource, "item://{id}/text", "admin", true));
    spec.catalogue.push(item(ItemKind::Resource, "page://site/*", "mcp:read", true));
    let server: ServerPolicy = spec.try_into().unwrap();
    let complete = |uri: &str| {
        let call = legacy("completion/complete", json!({ "ref": { "type": "ref/resource", "uri": uri } }));
        needed(&server, &call)
    };
    assert_eq!(complete("item://{id}/text"), "admin");
    assert_eq!(complete("page://site/{name}"), "mcp:read");
    assert_eq!(complete("page://site/sub/{name}"), "mcp:read");
    assert_eq!(complete("file:///docs/{name}"), "admin mcp:read mcp:write");
    assert_eq!(complete("file:///docs/keys/{name}"), "admin");
    assert_eq!(complete("new://host/{name}"), "mcp:write");
    assert_eq!(complete("file:///{name}"), "admin mcp:read mcp:write");
    assert_eq!(complete("{scheme}://x"), "admin mcp:read mcp:write");
}
