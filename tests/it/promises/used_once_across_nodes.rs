//! Used once is used once, also when the tries come to three processes at the same moment.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::harness::{
    flow::{CALLBACK, Flow, TestClient, Tokens, oauth_error},
    nodes::{Nodes, Seen},
};

/// At each of the three processes.
const TRIES: usize = 6;
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_and_a_refresh_token_are_used_once_by_three_processes() {
    let nodes = Nodes::start(3).await;
    let flow = Flow::new(&nodes.app, &nodes.tenant);
    for _ in 0..ROUNDS {
        let client = flow.client().await;
        one_redemption(&nodes, &flow, &client).await;
        one_successor(&nodes, &flow, &client).await;
    }
}

/// Posts the same form many times to each process, all at once.
async fn at_once(nodes: &Nodes, client: &TestClient, form: &[(&str, &str)]) -> Vec<Response> {
    let tries = (0..TRIES * nodes.count()).map(|at| nodes.post(at % nodes.count(), "token", &client.id, form));
    join_all(tries).await
}

/// One wins; each other is a second use with everything right, which ends what the first one got.
async fn one_redemption(nodes: &Nodes, flow: &Flow<'_>, client: &TestClient) {
    let code = flow.code(client).await;
    let (issued, before) = (count(nodes, "token.issued").await, rows(nodes, "access_token").await);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", &flow.verifier),
        ("redirect_uri", CALLBACK),
        ("resource", &flow.tenant.server.resource),
    ];
    let mut winners = Vec::new();
    for answer in at_once(nodes, client, &form).await {
        if answer.status() == StatusCode::OK {
            winners.push(Tokens::read(&answer.json().await.unwrap()));
        } else {
            assert_eq!(oauth_error(answer).await, (StatusCode::BAD_REQUEST, "invalid_grant".to_owned()));
        }
    }
    let [winner] = &winners[..] else { panic!("{} won", winners.len()) };
    assert_eq!(count(nodes, "token.issued").await - issued, 1);
    assert_eq!(rows(nodes, "access_token").await - before, 1);
    for node in 0..nodes.count() {
        let seen = nodes.caller_of(node, &nodes.tenant.server.slug).sure(&winner.access).await;
        assert_eq!(seen, Seen::Refused, "the second use was answered, so node {node} knows of it");
        let again = refresh(nodes, node, client, &winner.refresh).await;
        assert_eq!(oauth_error(again).await.1, "invalid_grant");
    }
}

/// Tries at once are retries of one another: all get the same successor, which is the only one.
async fn one_successor(nodes: &Nodes, flow: &Flow<'_>, client: &TestClient) {
    let mut tokens = flow.tokens(client).await;
    for _ in 0..2 {
        let before = rows(nodes, "refresh_token").await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
        let mut successors = BTreeSet::new();
        for answer in at_once(nodes, client, &form).await {
            assert_eq!(answer.status(), StatusCode::OK);
            let next = Tokens::read(&answer.json::<Value>().await.unwrap());
            successors.insert(next.refresh.clone());
            tokens = next;
        }
        assert_eq!(successors.len(), 1);
        assert_eq!(rows(nodes, "refresh_token").await - before, 1);
    }
    let others = join_all((0..nodes.count()).map(|node| refresh(nodes, node, client, &tokens.refresh))).await;
    assert!(others.iter().all(|answer| answer.status() == StatusCode::OK), "the family lives on");
}

async fn refresh(nodes: &Nodes, node: usize, client: &TestClient, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    nodes.post(node, "token", &client.id, &form).await
}

/// How many audit events of this kind there are.
async fn count(nodes: &Nodes, kind: &str) -> usize {
    let events = nodes.app.app.store.audit_recent(nodes.tenant.id, 1000).await.unwrap();
    events.iter().filter(|event| event.kind == kind).count()
}

async fn rows(nodes: &Nodes, table: &str) -> i64 {
    let count = format!("select count(*) from {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&nodes.app.db.owner).await.unwrap()
}
