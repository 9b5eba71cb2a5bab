//! The issuer's key set: rotation, and what happens when it cannot be had.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::{
    World,
    issuer::{Issuer, SigningKey},
};

const REFETCH_AFTER: Duration = Duration::from_secs(5);
const MAX_AGE: Duration = Duration::from_secs(300);

impl World {
    async fn status_by(&self, key: &SigningKey) -> u16 {
        self.status(&key.token(&key.header(), &self.claims("ann"))).await
    }
}

#[tokio::test]
async fn a_new_key_is_picked_up_and_an_old_one_dropped() {
    let world = World::start().await;
    let second = SigningKey::p256("second");
    assert_eq!(world.status_by(&world.key).await, 200);

    world.issuer.publish(&[&world.key, &second]);
    world.clock.advance(REFETCH_AFTER);
    assert_eq!(world.status_by(&second).await, 200);
    assert_eq!(world.status_by(&world.key).await, 200);

    // Nothing makes the demo ask again, until what it has is too old.
    world.issuer.publish(&[&second]);
    assert_eq!(world.status_by(&world.key).await, 200);
    world.clock.advance(MAX_AGE);
    assert_eq!(world.status_by(&world.key).await, 401);
    assert_eq!(world.status_by(&second).await, 200);
    assert_eq!(world.issuer.hits(), 3);
}

#[tokio::test]
async fn made_up_key_ids_do_not_make_the_demo_hammer_the_issuer() {
    let world = World::start().await;
    for round in 1..=2 {
        for number in 0..10 {
            assert_eq!(world.status_by(&SigningKey::ed25519(&format!("made-up-{number}"))).await, 401);
        }
        assert_eq!(world.issuer.hits(), round);
        world.clock.advance(REFETCH_AFTER);
    }
}

#[tokio::test]
async fn many_first_calls_cause_one_fetch() {
    let world = World::start().await;
    let token = world.token("ann");
    let statuses = futures_util::future::join_all((0..20).map(|_| world.status(&token))).await;
    assert_eq!(statuses, [200; 20]);
    assert_eq!(world.issuer.hits(), 1);
}

#[tokio::test]
async fn without_keys_the_fault_is_not_the_tokens() {
    let world = World::start().await;
    let elsewhere = Issuer::start().await;
    elsewhere.publish(&[&world.key]);
    let two_of_one_id = json!({"keys": [world.key.jwk, world.key.jwk]}).to_string();
    let faults: [&dyn Fn(); 5] = [
        &|| world.issuer.fail_with(StatusCode::INTERNAL_SERVER_ERROR),
        &|| world.issuer.redirect_to(elsewhere.jwks_url()),
        &|| world.issuer.publish_text("{".to_owned()),
        &|| world.issuer.publish_text(two_of_one_id.clone()),
        &|| world.issuer.publish_text(format!("{{\"keys\": []{}}}", " ".repeat(64 * 1024))),
    ];
    for (number, fault) in faults.iter().enumerate() {
        fault();
        let response = world.upstream.whoami(&world.token("ann")).await;
        assert_eq!(response.status(), 503, "fault {number}");
        assert!(response.headers().contains_key("retry-after"));
        assert!(!response.headers().contains_key("www-authenticate"));
    }
    assert_eq!(elsewhere.hits(), 0);

    // It is over as soon as the issuer is back, and a set too old counts for nothing when the issuer is gone again.
    world.issuer.publish(&[&world.key]);
    assert_eq!(world.status_by(&world.key).await, 200);
    world.issuer.fail_with(StatusCode::NOT_FOUND);
    assert_eq!(world.status_by(&world.key).await, 200);
    world.clock.advance(MAX_AGE);
    assert_eq!(world.status_by(&world.key).await, 503);
}
