//! Another signing key: published before it signs, and after it signed.

use std::{collections::BTreeSet, time::Duration};

use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use sallyport::{
    jobs::signing_keys::round,
    keys::{SigningState, rotation::signing},
    store::keys::signing_key_rows,
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::gateway::world::{BOTH, Token, World};

const MINUTE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_secs(20);

/// An upstream's view of the key set: kept for as long as it is told, and never asked for because of an unknown key.
struct Kept {
    keys: JwkSet,
    until: OffsetDateTime,
}

impl Kept {
    async fn fetch(world: &World) -> Self {
        let url = format!("{}/jwks.json", world.tenant.issuer);
        let answer = world.app.browser().get(url).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "public, max-age=60");
        Self { keys: answer.json().await.unwrap(), until: world.app.clock.now() + MINUTE }
    }

    /// Checks a JWT as it arrived. Its key.
    fn check(&self, jwt: &str) -> String {
        let kid = jsonwebtoken::decode_header(jwt).unwrap().kid.unwrap();
        let key = self.keys.find(&kid).unwrap_or_else(|| panic!("{kid} is not in the key set that is kept"));
        let mut validation = Validation::new("EdDSA".parse().unwrap());
        // The clock of the test is not that of the library.
        (validation.validate_exp, validation.validate_aud) = (false, false);
        jsonwebtoken::decode::<Value>(jwt, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap();
        kid
    }
}

/// Calls every few seconds for a while, as the clock goes; an upstream checks each. The keys that signed, in order.
async fn call_for(world: &World, token: &Token, kept: &mut Kept, how_long: Duration) -> Vec<String> {
    let mut kids: Vec<String> = Vec::new();
    for _ in 0..(how_long.as_secs() / STEP.as_secs()) {
        world.app.clock.advance(STEP);
        round(&world.app.app).await.unwrap();
        assert_eq!(world.call(token).send().await.unwrap().status(), 200);
        if world.app.clock.now() >= kept.until {
            *kept = Kept::fetch(world).await;
        }
        let kid = kept.check(world.upstream.last().jwt());
        if kids.last() != Some(&kid) {
            kids.push(kid);
        }
    }
    kids
}

async fn states(world: &World, alg: &str) -> Vec<SigningState> {
    let mut tx = world.app.app.store.tenant_tx(world.tenant.id).await.unwrap();
    let rows = signing_key_rows(&mut tx, false).await.unwrap();
    rows.into_iter().filter(|row| row.alg.name() == alg).map(|row| row.state).collect()
}

async fn published(world: &World) -> usize {
    Kept::fetch(world).await.keys.keys.len()
}

async fn begin(world: &World) -> Vec<signing::Following> {
    let app = &world.app.app;
    let mut tx = app.store.tenant_tx(world.tenant.id).await.unwrap();
    let lead = app.config.keys.signing.lead;
    let (keys, ticket) = signing::begin(&mut tx, &app.keyring, &world.app.recorder(), lead).await.unwrap();
    tx.commit().await.unwrap();
    if let Some(ticket) = ticket {
        app.node.settle(ticket).await.unwrap();
    }
    keys
}

#[tokio::test]
async fn no_upstream_sees_a_key_that_it_could_not_know() {
    use SigningState::{Active, Next, Published, Retired};

    let world = World::start_with(|config| config.keys.signing.lead = 5 * MINUTE).await;
    let token = world.token(&BOTH).await;
    let mut kept = Kept::fetch(&world).await;
    let first = call_for(&world, &token, &mut kept, 2 * MINUTE).await;
    assert_eq!(first.len(), 1);

    let following = begin(&world).await;
    assert!(following.iter().all(|key| !key.already));
    assert!(begin(&world).await.iter().all(|key| key.already), "one at a time");
    assert_eq!(states(&world, "EdDSA").await, [Active, Next]);
    let live = world.call(&token).send().await.unwrap();
    assert_eq!(live.status(), 200);

    let kids = call_for(&world, &token, &mut kept, 6 * MINUTE).await;
    assert_eq!(kids, [first[0].clone(), following[0].kid.clone()]);
    assert_eq!(states(&world, "EdDSA").await, [Published, Active]);
    assert_eq!(published(&world).await, 4);
    assert_eq!(call_for(&world, &token, &mut kept, 4 * MINUTE).await.len(), 1);
    assert_eq!(states(&world, "EdDSA").await, [Retired, Active]);
    assert_eq!(states(&world, "ES256").await, [Retired, Active]);
    assert_eq!(published(&world).await, 2);
    let left: i64 =
        sqlx::query_scalar("select count(*) from signing_key where status = 'retired' and sealed is not null")
            .fetch_one(&world.app.db.owner)
            .await
            .unwrap();
    assert_eq!(left, 0, "the private half of a retired key is kept nowhere");
    let events = world.app.app.store.audit_recent(world.tenant.id, 1000).await.unwrap();
    let changes =
        events.iter().rev().filter(|event| event.kind == "signing_key.changed" && event.body["alg"] == "EdDSA");
    let changes: BTreeSet<String> = changes.map(|event| event.body["change"].to_string()).collect();
    assert_eq!(changes.len(), 4, "{changes:?}");
}

#[tokio::test]
async fn keys_follow_one_another_by_themselves_if_that_is_wanted() {
    let world = World::start_with(|config| {
        config.keys.signing.lead = 5 * MINUTE;
        config.keys.signing.every = Some(20 * MINUTE);
    })
    .await;
    let token = world.token(&BOTH).await;
    let mut kept = Kept::fetch(&world).await;
    assert_eq!(call_for(&world, &token, &mut kept, 55 * MINUTE).await.len(), 3, "after 25 and 50 minutes");

    let never = World::start_with(|config| config.keys.signing.every = None).await;
    never.app.clock.advance(1000 * 24 * 60 * MINUTE);
    round(&never.app.app).await.unwrap();
    assert_eq!(states(&never, "EdDSA").await, [SigningState::Active]);
}

#[tokio::test]
async fn a_rotation_cuts_no_stream_and_reaches_other_processes() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (reply, events) = crate::gateway::upstream::Reply::events();
    world.upstream.reply(reply);
    let mut stream = world.open_stream(&token).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let there = world.app.sibling().await;
    let before = there.tenant("acme").await.unwrap().unwrap().signing.published().len();

    begin(&world).await;
    events.send("data: still here\n\n".to_owned()).unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    let after = there.tenant("acme").await.unwrap().unwrap().signing.published().len();
    assert_eq!((before, after), (2, 4));
}

#[tokio::test]
async fn a_key_that_others_may_have_stops_at_once() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let old = Kept::fetch(&world).await.check(world.upstream.last().jwt());
    begin(&world).await;

    let app = &world.app.app;
    let mut tx = app.store.tenant_tx(world.tenant.id).await.unwrap();
    let (fresh, ticket) = signing::at_once(&mut tx, &app.keyring, &world.app.recorder()).await.unwrap();
    tx.commit().await.unwrap();
    app.node.settle(ticket).await.unwrap();

    let kept = Kept::fetch(&world).await;
    assert_eq!(kept.keys.keys.len(), 2, "the one that was to follow is gone, too");
    assert!(kept.keys.find(&old).is_none());
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    assert_eq!(kept.check(world.upstream.last().jwt()), fresh[0].kid);
}
