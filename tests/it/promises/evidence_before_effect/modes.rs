//! When the intent is on the disk: before the call leaves, or before anything of its answer arrives.

use serde_json::json;

use super::{Held, change, is_held, look, seen, sent, told};
use crate::{
    gateway::world::{BOTH, Token, World},
    harness::evidence::{self, Told},
};

async fn world(settings: serde_json::Value) -> (World, Token) {
    let world = World::start().await;
    let accept = "insert into catalogue_item (tenant, server, kind, name, scope, read_only)
                  select tenant, id, 'tool', 'look', 'mcp:read', true from server where slug = 'tools'";
    world.change(accept).await;
    world.change(&format!("update tenant set settings = '{settings}'")).await;
    let token = world.token(&BOTH).await;
    // Caches are warm: nothing but evidence is waited for.
    assert_eq!(look(&world, &token).send().await.unwrap().status(), 200);
    (world, token)
}

/// Method, whether it is read-only, and when its intent had to be on the disk.
fn modes(told: &[Told]) -> Vec<(&str, bool, &str)> {
    let mode = |told: &Told| told.body["read_only"].as_bool().unwrap();
    told.iter().map(|told| (told.text("method"), mode(told), told.text("evidence"))).collect()
}

#[tokio::test]
async fn a_change_leaves_after_its_intent_and_a_look_is_answered_after_its_own() {
    let (world, token) = world(json!({})).await;
    world.app.app.calls.finish().await.unwrap();
    let mut held = Held::new(&world).await;
    let mut change = sent(change(&world, &token));
    held.waited_for().await;
    let mut look = sent(look(&world, &token));
    world.upstream.asked(2).await;
    assert!(is_held(&mut look).await, "it was answered before its intent was on the disk");
    assert!(is_held(&mut change).await);
    assert_eq!(seen(&world), ["tools/list", "tools/list"], "the change left before its intent was on the disk");

    held.release().await;
    assert_eq!(change.await.unwrap(), (200, None));
    assert_eq!(look.await.unwrap(), (200, None));
    assert_eq!(seen(&world), ["tools/list", "tools/list", "tools/call"]);
    let told = told(&world).await;
    let mut modes = modes(&told);
    modes.sort_unstable();
    let looked = ("tools/list", true, "overlap");
    assert_eq!(modes, [("tools/call", false, "before"), looked, looked]);
    assert!(told.iter().all(|told| told.end() == "answered"));
}

#[tokio::test]
async fn a_tenant_may_want_every_intent_before_its_call() {
    let (world, token) = world(json!({ "evidence": "before" })).await;
    world.app.app.calls.finish().await.unwrap();
    let mut held = Held::new(&world).await;
    let mut call = sent(look(&world, &token));
    held.waited_for().await;
    assert!(is_held(&mut call).await);
    assert_eq!(seen(&world).len(), 1);
    held.release().await;
    assert_eq!(call.await.unwrap(), (200, None));
    assert!(modes(&told(&world).await).iter().all(|mode| *mode == ("tools/list", true, "before")));
}

#[tokio::test]
async fn a_tool_is_read_only_if_an_administrator_accepted_it_as_such() {
    let (world, token) = world(json!({})).await;
    // Whether the answer says so plays no part: nobody asks the upstream.
    for tool in ["look", "lookup"] {
        let call = world.modern(&token, "tools/call", json!({ "name": tool, "arguments": {} }));
        assert_eq!(call.send().await.unwrap().status(), 200);
    }
    let told = told(&world).await;
    let calls: Vec<_> = told.into_iter().filter(|told| told.text("method") == "tools/call").collect();
    let mut modes: Vec<_> = calls.iter().map(|call| call.text("name")).zip(modes(&calls)).collect();
    modes.sort_unstable();
    assert_eq!(modes, [("look", ("tools/call", true, "overlap")), ("lookup", ("tools/call", false, "before"))]);
}

/// At the moment a change arrives, the upstream looks into the database.
#[tokio::test]
async fn a_change_finds_its_intent_in_the_database_when_it_arrives() {
    let (world, token) = world(json!({})).await;
    for number in 2..12 {
        let (reply, answer) = crate::gateway::upstream::Reply::events();
        world.upstream.reply(reply);
        let call = tokio::spawn(change(&world, &token).send());
        world.upstream.asked(number).await;
        let request = world.upstream.last().header("x-request-id").unwrap().to_owned();
        let told = evidence::calls(&world.app.db.owner).await;
        assert!(told.iter().any(|told| told.request_id.as_ref() == Some(&request)), "call {number}");
        drop(answer);
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
}
