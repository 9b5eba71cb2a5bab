//! Whatever is taken away, at whatever level and in whatever combination, is inactive in every form at the next question.

use futures_util::future::join_all;
use reqwest::StatusCode;
use sallyport::{
    cluster::Entry,
    ids::GrantId,
    token::revoke::{self, Reason},
};

use super::{FORMS, asker, is_active, is_active_in_every_form, taken, world};
use crate::{
    gateway::world::{BOTH, Token, World},
    harness::flow::Flow,
};

/// Where authority can be taken away.
const LEVELS: [&str; 5] = ["token", "family", "grant", "client", "person"];

async fn rows(world: &World, statement: &str, token: &Token) {
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    let done = sqlx::query(statement).bind(token.family.0).execute(&world.app.db.owner).await.unwrap();
    assert!(done.rows_affected() > 0);
}

/// Takes away at a level, with nothing but the database to say so.
async fn take(world: &World, level: &str, token: &Token) {
    let grant = "select grant_id from family where id = $1";
    let of_grant = format!("(select g.client from access_grant g where g.id = ({grant}))");
    match level {
        "token" => rows(world, "update access_token set revoked_at = now() where family = $1", token).await,
        "family" => {
            let set = "update family set revoked_at = now(), revoke_reason = 'person_revoked' where id = $1";
            rows(world, set, token).await;
        }
        "grant" => {
            rows(world, &format!("update access_grant set revoked_at = now() where id = ({grant})"), token).await
        }
        "client" => rows(world, &format!("update client set status = 'disabled' where id = {of_grant}"), token).await,
        "person" => {
            let person = format!("(select g.person from access_grant g where g.id = ({grant}))");
            rows(world, &format!("update person set status = 'disabled' where id = {person}"), token).await;
        }
        _ => unreachable!("{level}"),
    }
}

async fn give_back(world: &World, level: &str) {
    match level {
        "client" => world.change("update client set status = 'active'").await,
        "person" => world.change("update person set status = 'active'").await,
        _ => {}
    }
}

/// Keycloak once looked at one level only where another was set (CVE-2026-8922): here each set of levels is tried, also
/// where one of them is lifted again.
#[tokio::test]
async fn any_combination_of_levels_is_enough() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    for set in 1_u32..32 {
        let token = world.token(&BOTH).await;
        assert!(is_active(&asker, &token.text, FORMS[set as usize % 3]).await);
        let levels: Vec<&str> =
            LEVELS.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0).map(|(_, l)| *l).collect();
        for level in &levels {
            take(&world, level, &token).await;
        }
        taken(&world, Entry::Family(token.family)).await.unwrap();
        assert!(!is_active_in_every_form(&asker, &token.text).await, "{levels:?}");
        for level in &levels {
            give_back(&world, level).await;
        }
        taken(&world, Entry::Family(token.family)).await.unwrap();
        let lifted = levels.iter().all(|level| ["client", "person"].contains(level));
        assert_eq!(is_active_in_every_form(&asker, &token.text).await, lifted, "{levels:?} lifted");
    }
}

/// The ways that people and clients have, each of which answers when it is done everywhere.
#[tokio::test]
async fn a_revocation_that_has_answered_is_seen_by_the_next_question() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let app = &world.app.app;

    let family = world.token(&BOTH).await;
    assert!(is_active_in_every_form(&asker, &family.text).await);
    world.revoke(family.family).await;
    assert!(!is_active_in_every_form(&asker, &family.text).await);

    let granted = world.token(&BOTH).await;
    assert!(is_active_in_every_form(&asker, &granted.text).await);
    let grant: uuid::Uuid = sqlx::query_scalar("select grant_id from family where id = $1")
        .bind(granted.family.0)
        .fetch_one(&world.app.db.owner)
        .await
        .unwrap();
    let mut tx = app.store.tenant_tx(world.tenant.id).await.unwrap();
    let ticket = revoke::grant(&mut tx, &world.app.recorder(), GrantId(grant), Reason::PersonRevoked).await.unwrap();
    tx.commit().await.unwrap();
    app.node.settle(ticket).await.unwrap();
    assert!(!is_active_in_every_form(&asker, &granted.text).await);
}

/// RFC 7009 by the client itself; a refresh token is none that a server could be shown.
#[tokio::test]
async fn a_client_revokes_what_a_server_was_told_of() {
    let (world, _) = world().await;
    let secret = world.app.server_secret(world.tenant.id, world.tenant.server.id).await;
    let asker = crate::harness::introspect::Asker { server: "demo".into(), ..asker(&world, &secret) };
    let flow = Flow::new(&world.app, &world.tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    assert!(is_active_in_every_form(&asker, &tokens.access).await);
    assert!(!is_active_in_every_form(&asker, &tokens.refresh).await, "not for servers");
    let answer = flow.client_post("revoke", &client, &[("token", &tokens.access)]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!is_active_in_every_form(&asker, &tokens.access).await);
    assert_eq!(flow.refresh(&client, &tokens.refresh).await.status(), StatusCode::OK, "asking used nothing up");
}

/// A server that is disabled asks about nothing any more, and a tenant that is disabled answers nobody.
#[tokio::test]
async fn with_its_server_or_tenant_the_question_itself_ends() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    let status = async || {
        let mut seen = Vec::new();
        for form in FORMS {
            let answer = asker(&world, &secret).ask(&token.text, form).send().await.unwrap();
            seen.push(answer.status().as_u16());
            assert!(!answer.text().await.unwrap().contains("person:"));
        }
        seen
    };
    world.change("update server set status = 'disabled' where slug = 'tools'").await;
    taken(&world, Entry::Server(world.server.id)).await.unwrap();
    assert_eq!(status().await, [401; 3]);
    world.change("update server set status = 'active'").await;
    world.change("update tenant set status = 'disabled'").await;
    taken(&world, Entry::Tenant).await.unwrap();
    assert_eq!(status().await, [404; 3]);
}

/// Sixteen ask while the token is taken back: whoever asks after the answer is told so, whatever was under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn questions_beside_a_revocation_leave_nothing_behind() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    for round in 0..6 {
        let token = world.token(&BOTH).await;
        let beside = join_all((0..16).map(|_| is_active(&asker, &token.text, FORMS[round % 3])));
        tokio::join!(beside, world.revoke(token.family));
        let after = join_all((0..16).map(|n| is_active(&asker, &token.text, FORMS[n % 3]))).await;
        assert_eq!(after, [false; 16]);
    }
}
