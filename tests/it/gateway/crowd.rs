//! How many calls may be in flight at the same time, and that one caller takes no room from another.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    upstream::Reply,
    world::{BOTH, World},
};
use crate::harness::evidence;

/// Returns when so many calls are in flight.
async fn in_flight(world: &World, calls: usize) {
    let reached = async {
        while world.app.app.node.in_flight() != calls {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.expect("calls end");
}

#[tokio::test]
async fn one_installation_has_only_so_many_calls_in_flight() {
    let world = World::start_with(|config| config.gateway.calls_per_token = 2).await;
    let (greedy, other) = (world.token(&BOTH).await, world.token(&BOTH).await);
    // After a refresh it is the same installation.
    let refreshed = world.token_of(&world.tenant, greedy.family, &BOTH.map(str::to_owned)).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let (reply, events) = Reply::events();
        world.upstream.reply(reply);
        open.push((world.call(&greedy).send().await.unwrap(), events));
    }
    let again = crate::gateway::world::Token { text: refreshed, family: greedy.family };
    for request in [world.call(&greedy), world.call(&again), world.legacy(&again, "tools/list", json!({}))] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "1");
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["jsonrpc"], &body["id"], &body["error"]["code"]), (&json!("2.0"), &json!(1), &json!(1010)));
        assert!(body["error"]["message"].as_str().unwrap().contains("was not executed"), "{body}");
    }
    assert_eq!(world.upstream.seen().len(), 2, "nothing of them was forwarded");
    assert_eq!(world.call(&other).send().await.unwrap().status(), 200, "others have room");

    // One ends, and there is room for one.
    drop(open.pop().unwrap());
    in_flight(&world, 1).await;
    assert_eq!(world.call(&again).send().await.unwrap().status(), 200);

    world.app.app.calls.flush().await.unwrap();
    let told = evidence::calls(&world.app.db.owner).await;
    let refused: Vec<_> = told.iter().filter(|call| call.end() == "refused").collect();
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|call| call.text("reason") == "too_many_calls" && call.status() == Some(429)));
}
