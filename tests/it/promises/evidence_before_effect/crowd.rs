//! Clients and people, all at the same time.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{changes::Changes, door::Door, load::Calls};
use crate::gateway::world::Token;

/// Everybody at once.
pub(super) fn everybody(
    door: &Door,
    calls: &Arc<Calls>,
    changes: &Arc<Changes>,
    tokens: &Arc<Vec<Token>>,
) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for at in 0..tokens.len() {
        let (door, calls, tokens) = (door.clone(), calls.clone(), tokens.clone());
        clients.spawn(async move { calls.go_on(&door, &tokens[at]).await });
    }
    for at in 0..changes.holders() {
        let (door, changes) = (door.clone(), changes.clone());
        clients.spawn(async move { changes.renew(&door, at).await });
    }
    let (there, consenting) = (door.clone(), changes.clone());
    clients.spawn(async move {
        consenting.consent(&there).await;
        std::future::pending().await
    });
    let (there, registering) = (door.clone(), changes.clone());
    clients.spawn(async move { registering.register(&there).await });
    clients
}

/// Stops clients, none of which may have failed.
pub(super) async fn ended(mut clients: JoinSet<()>) {
    clients.abort_all();
    while let Some(client) = clients.join_next().await {
        assert!(client.is_err_and(|error| error.is_cancelled()), "a client failed: see above");
    }
}
