//! Brings events to collectors and checkpoints to anchors, each at its own pace.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    deliver::{Courier, Pace, Round},
    ids::TenantId,
    store::audit_log::PLATFORM,
};

/// Works until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut targets = JoinSet::new();
    for courier in &app.couriers {
        let (app, courier, stop) = (app.clone(), courier.clone(), stop.clone());
        targets.spawn(async move { stop.run_until_cancelled(deliver(&app, &courier)).await });
    }
    // A panic has been logged where it happened.
    while targets.join_next().await.is_some() {}
}

/// What is on its way when this is dropped comes once more.
async fn deliver(app: &App, courier: &Courier) {
    let mut pace = Pace::default();
    let mut complaints = Complaints::default();
    loop {
        let more = match courier.round(app, &mut pace).await {
            Ok(round) => {
                complaints.say(courier, &round);
                round.more
            }
            Err(error) => {
                complaints.of(courier, PLATFORM, &error.to_string());
                false
            }
        };
        if !more {
            tokio::time::sleep(pace.pause()).await;
        }
    }
}

/// What is wrong with which log. It is said once, not at every try; where the target is away, once for all of them.
#[derive(Default)]
struct Complaints(HashMap<TenantId, String>);

impl Complaints {
    fn say(&mut self, courier: &Courier, round: &Round) {
        for (log, error) in &round.troubles {
            self.of(courier, if round.away { PLATFORM } else { *log }, &error.to_string());
        }
        if round.troubles.is_empty() && round.waiting == 0 && !self.0.is_empty() {
            self.0.clear();
            let (target, kind) = (courier.name(), courier.kind());
            tracing::info!(target, ?kind, "the target accepts again what it is sent");
        }
    }

    fn of(&mut self, courier: &Courier, log: TenantId, error: &str) {
        match self.0.entry(log) {
            Entry::Occupied(said) if said.get() == error => return,
            said => drop(said.insert_entry(error.to_owned())),
        }
        let (target, kind) = (courier.name(), courier.kind());
        tracing::warn!(target, ?kind, %log, error, "the target did not accept what it was sent; it is tried again");
    }
}
