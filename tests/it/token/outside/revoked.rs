//! What is mapped is revoked like everything else.

use sallyport::{
    ids::{ClientId, FamilyId, GrantId},
    token::revoke::{self, Reason},
};
use serde_json::json;
use uuid::Uuid;

use super::{Outside, as_token, issuer::Issuer, trust};
use crate::{
    gateway::upstream::Reply,
    harness::nodes::{Nodes, Seen, poll},
};

const REVOKED: &str = "the access token was revoked";

impl Outside {
    async fn id(&self, query: &'static str) -> Uuid {
        sqlx::query_scalar(query).fetch_one(&self.world.app.db.owner).await.unwrap()
    }

    /// Ends the only grant in force.
    async fn end_grant(&self) {
        let grant = GrantId(self.id("select id from access_grant where revoked_at is null").await);
        let app = &self.world.app;
        let mut tx = app.app.store.tenant_tx(self.world.tenant.id).await.unwrap();
        let ticket = revoke::grant(&mut tx, &app.recorder(), grant, Reason::AdministratorRevoked).await.unwrap();
        tx.commit().await.unwrap();
        app.app.node.settle(ticket).await.unwrap();
    }
}

#[tokio::test]
async fn tokens_from_before_a_revocation_stay_dead_and_later_ones_begin_anew() {
    let outside = Outside::start().await;
    let now = outside.world.app.clock.unix();
    let (jwt, unseen) = (outside.token(), outside.token_with(&json!({ "jti": "unseen", "iat": now - 60 })));
    assert_eq!(outside.status(&jwt).await, 200);
    outside.later(10);
    outside.end_grant().await;
    assert_eq!(outside.refused(&jwt).await, REVOKED);
    assert_eq!(outside.refused(&unseen).await, REVOKED, "one that nobody had seen yet");
    assert_eq!(outside.rows().await, (1, 1, 1));
    // The clocks may differ: what was issued in the same moment may have been issued before.
    outside.later(30);
    assert_eq!(outside.refused(&outside.token()).await, REVOKED);
    outside.later(1);
    assert_eq!(outside.status(&outside.token()).await, 200);
    assert_eq!(outside.rows().await, (1, 2, 2));
    assert_eq!(outside.refused(&jwt).await, REVOKED);
    // For another subject nothing has changed.
    assert_eq!(outside.status(&outside.token_with(&json!({ "sub": "user-2", "iat": now }))).await, 200);
}

#[tokio::test]
async fn a_family_ends_like_a_grant() {
    let outside = Outside::start().await;
    let jwt = outside.token();
    assert_eq!(outside.status(&jwt).await, 200);
    outside.world.revoke(FamilyId(outside.id("select id from family").await)).await;
    assert_eq!(outside.refused(&jwt).await, REVOKED);
    outside.later(31);
    assert_eq!(outside.status(&outside.token()).await, 200);
    assert_eq!(outside.rows().await, (1, 1, 2));
}

#[tokio::test]
async fn a_client_that_is_taken_out_stays_out() {
    let outside = Outside::start().await;
    let jwt = outside.token();
    assert_eq!(outside.status(&jwt).await, 200);
    let app = &outside.world.app;
    let client: String =
        sqlx::query_scalar("select id from client where origin = 'outside'").fetch_one(&app.db.owner).await.unwrap();
    outside.world.change("update client set status = 'disabled' where origin = 'outside'").await;
    let mut tx = app.app.store.tenant_tx(outside.world.tenant.id).await.unwrap();
    let client = ClientId::parse(&client).unwrap();
    let ticket = revoke::all_of_client(&mut tx, &app.recorder(), &client, Reason::ClientRemoved).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    outside.later(100);
    assert_eq!(outside.refused(&jwt).await, REVOKED);
    assert_eq!(outside.refused(&outside.token()).await, REVOKED);
    assert_eq!(outside.status(&outside.token_with(&json!({ "client_id": "app-2" }))).await, 200);
}

#[tokio::test]
async fn a_stream_ends_with_what_it_rests_on() {
    let outside = Outside::start().await;
    let (reply, events) = Reply::events();
    outside.world.upstream.reply(reply);
    let mut stream = outside.call(&outside.token()).await;
    events.send("data: {}\n\n".to_owned()).unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "data: {}\n\n");
    outside.end_grant().await;
    outside.world.upstream.dropped(1).await;
    // What comes at the end is a word of ours, and nothing of the upstream.
    let _ = events.send("data: late\n\n".to_owned());
    while let Ok(Some(chunk)) = stream.chunk().await {
        assert!(!chunk.windows(4).any(|part| part == b"late"));
    }
}

#[tokio::test]
async fn a_race_of_first_calls_with_a_revocation_leaves_no_token_from_before() {
    let outside = Outside::start().await;
    assert_eq!(outside.status(&outside.token()).await, 200);
    let jwts: Vec<_> = (0..16).map(|n| outside.token_with(&json!({ "jti": n }))).collect();
    let calls = futures_util::future::join_all(jwts.iter().map(|jwt| outside.world.call(&as_token(jwt)).send()));
    let (answers, ()) = tokio::join!(calls, outside.end_grant());
    // An answer that is cut off on its way is no answer.
    for answer in answers.into_iter().flatten() {
        assert!([200, 401, 503].contains(&answer.status().as_u16()));
    }
    for jwt in &jwts {
        assert_eq!(outside.refused(jwt).await, REVOKED);
    }
    let live = outside.count("select count(*) from access_grant where revoked_at is null").await;
    assert_eq!(live, 0, "and none of them has begun another permission");
}

/// Two real processes, and a command.
#[tokio::test]
async fn a_command_ends_it_on_every_node_at_once() {
    let issuer = Issuer::start();
    let certificate = issuer.publisher.certificate().to_str().unwrap().to_owned();
    let nodes = Nodes::start_with(
        2,
        &[("SALLYPORT_UNTRUSTED__ALLOW_NETWORKS", "127.0.0.0/8"), ("SALLYPORT_UNTRUSTED__CA_FILE", &certificate)],
    )
    .await;
    trust(&nodes.app, &nodes.tenant, &nodes.server, &[json!({ "issuer": issuer.name })]).await;
    let claims = |jti: &str, iat: i64| {
        let base = issuer.claims(&format!("http://localhost/t/acme/mcp/{}", nodes.server.slug), iat);
        issuer.token(&super::with(base, &json!({ "jti": jti })))
    };
    let now = nodes.app.clock.unix();
    let (known, unseen) = (claims("known", now - 5), claims("unseen", now - 5));
    for node in 0..2 {
        poll("a node to know the issuer", async || nodes.caller(node).echo(&known).await == Seen::Accepted).await;
    }
    let list = nodes.command(&["grant", "list", "--tenant", "acme", "--json"]).await;
    assert_eq!(list.code, 0, "{}", list.err);
    let rows: serde_json::Value = serde_json::from_str(&list.out).unwrap();
    let row =
        rows.as_array().unwrap().iter().find(|row| row["subject"].as_str().unwrap().ends_with(":user-1")).unwrap();
    assert_eq!(row["client_name"], format!("app-1 at {}", issuer.name));
    let other = super::with(
        issuer.claims(&format!("http://localhost/t/acme/mcp/{}", nodes.server.slug), now),
        &json!({ "client_id": "app-2" }),
    );
    let other = issuer.token(&other);
    for node in 0..2 {
        assert_eq!(nodes.caller(node).sure(&other).await, Seen::Accepted, "at node {node}");
    }
    let said = nodes.command(&["grant", "revoke", "--tenant", "acme", row["id"].as_str().unwrap(), "--yes"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    for node in 0..2 {
        for jwt in [&known, &unseen] {
            assert_eq!(nodes.caller(node).sure(jwt).await, Seen::Refused, "at node {node}");
        }
    }
    let list = nodes.command(&["grant", "list", "--tenant", "acme", "--json"]).await;
    let rows: serde_json::Value = serde_json::from_str(&list.out).unwrap();
    let client = rows[0]["client"].as_str().unwrap();
    let said = nodes.command(&["client", "suspend", client, "--tenant", "acme"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    for node in 0..2 {
        assert_eq!(nodes.caller(node).sure(&other).await, Seen::Refused, "at node {node}");
    }
}
