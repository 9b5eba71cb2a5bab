//! Promise 8: no answer, and no change, without evidence.

mod changes;
mod crowd;
mod door;
mod endings;
mod killed;
mod load;
mod lost;
mod modes;
mod postgres;
mod room;
mod unwritable;

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::task::JoinHandle;

use crate::{
    gateway::world::{Token, World, error},
    harness::evidence::{self, Told},
};

/// How long something is watched that must not happen. A test cannot fail for its being too short.
const WATCHED: Duration = Duration::from_millis(300);

/// Keeps events from being written, until dropped. They can be read all the same.
struct Held(Transaction<'static, Postgres>);

impl Held {
    async fn new(world: &World) -> Self {
        let mut tx = world.app.db.owner.begin().await.unwrap();
        sqlx::query("lock table audit_event in share mode").execute(&mut *tx).await.unwrap();
        Self(tx)
    }

    /// Returns when somebody waits to write.
    async fn waited_for(&mut self) {
        let waiting = "select count(*) from pg_locks where relation = 'audit_event'::regclass and not granted";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *self.0).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn release(self) {
        self.0.rollback().await.unwrap();
    }
}

/// What the client gets: status, and the message where it is an error.
type Got = (u16, Option<String>);

/// Sends a request beside the test.
fn sent(request: RequestBuilder) -> JoinHandle<Got> {
    tokio::spawn(async move {
        let response = request.send().await.unwrap();
        match response.status().as_u16() {
            200 => (200, response.json::<Value>().await.unwrap()["error"]["message"].as_str().map(str::to_owned)),
            _ => {
                let (status, _, message) = error(response).await;
                (status, Some(message))
            }
        }
    })
}

/// Whether it has no answer, and gets none for a while.
async fn is_held(call: &mut JoinHandle<Got>) -> bool {
    tokio::time::timeout(WATCHED, call).await.is_err()
}

/// A call of a tool that no catalogue knows: it may change anything.
fn change(world: &World, token: &Token) -> RequestBuilder {
    world.call(token)
}

/// A call that the protocol defines as looking.
fn look(world: &World, token: &Token) -> RequestBuilder {
    world.modern(token, "tools/list", json!({}))
}

/// The methods that the upstream has seen.
fn seen(world: &World) -> Vec<String> {
    let method = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["method"].as_str().unwrap().to_owned();
    world.upstream.seen().iter().map(|seen| method(&seen.body)).collect()
}

/// What the log tells once all calls have ended.
async fn told(world: &World) -> Vec<Told> {
    world.app.app.calls.finish().await.unwrap();
    evidence::calls(&world.app.db.owner).await
}

async fn count(owner: &PgPool, kind: &str) -> i64 {
    let count = "select count(*) from audit_event where kind = $1";
    sqlx::query_scalar(count).bind(kind).fetch_one(owner).await.unwrap()
}
