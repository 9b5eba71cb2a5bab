//! What the thread does: renew, apply, and watch the others.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Node,
        others::{Judgement, Others},
    },
    link::{Link, limited},
};
use crate::{
    clock::Clock,
    ids::NodeId,
    secret::Entropy,
    store::{Store, StoreError, authority::AuthorityRow, nodes::Renewal},
};

/// How often the lease is renewed.
const EVERY: Duration = Duration::from_millis(250);
/// How soon again after it could not be asked for.
const AGAIN: Duration = Duration::from_millis(250);
/// How often the other nodes are looked at.
const OTHERS: Duration = Duration::from_secs(1);
/// How late the end of a lease, or of a read of the store, is noticed by those who do not ask at each step.
const SWEEP: Duration = Duration::from_millis(50);

pub(super) struct Work {
    node: Arc<Node>,
    clock: Clock,
    entropy: Entropy,
    link: Link,
    others: Others,
    /// When they were looked at.
    looked: Option<Instant>,
    /// Whether the last renewal went as it should, so that trouble is said once.
    well: bool,
}

/// When to ask again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    AtOnce,
    InTime,
    Never,
}

impl Work {
    pub(super) fn new(node: Arc<Node>, store: &Store, clock: &Clock, entropy: &Entropy) -> Self {
        let (clock, entropy) = (clock.clone(), entropy.clone());
        Self { node, clock, entropy, link: Link::new(store), others: Others::default(), looked: None, well: true }
    }

    /// Keeps the lease until `stop`, and gives it up.
    pub(super) async fn run(mut self, stop: &CancellationToken) {
        let (node, store, renewed) = (self.node.clone(), self.link.store().clone(), self.link.renewed());
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.renew() => {}
            () = sweep(&node) => {}
            () = hear(&node, &store, &renewed) => {}
        }
        self.leave().await;
    }

    async fn renew(&mut self) {
        loop {
            let began = tokio::time::Instant::now();
            let next = match self.round().await {
                Ok(next) => {
                    if next != Next::Never && !std::mem::replace(&mut self.well, true) {
                        tracing::info!("the lease can be asked for again");
                    }
                    next
                }
                Err(error) => {
                    self.trouble(&error).await;
                    continue;
                }
            };
            match next {
                Next::AtOnce => {}
                Next::InTime => {
                    tokio::select! {
                        () = tokio::time::sleep_until(began + EVERY) => {}
                        () = self.node.asked.notified() => {}
                    }
                }
                Next::Never => std::future::pending().await,
            }
        }
    }

    /// Asks for a lease once.
    async fn round(&mut self) -> Result<Next, StoreError> {
        let (Some(id), applied) = self.node.standing() else { return self.register().await };
        // What has run out must be gone before there can be another.
        self.node.lapse();
        let connection = self.link.get().await?;
        let sent = self.clock.boot();
        match limited(connection.renew(id, applied)).await? {
            Renewal::Granted { head } => {
                self.node.saw_head(head);
                self.node.granted(sent);
                self.look_at_others(id).await?;
                Ok(Next::InTime)
            }
            Renewal::Missing { head, entries } => {
                self.node.saw_head(head);
                if self.apply(applied.seq, &entries)? == head {
                    self.node.granted(sent);
                }
                // Asking again is what acknowledges them.
                Ok(Next::AtOnce)
            }
            Renewal::Unregistered => {
                tracing::warn!("this process was given up for dead: it begins anew");
                self.node.unregistered();
                Ok(Next::AtOnce)
            }
            Renewal::Lost => {
                tracing::error!(
                    applied = applied.seq,
                    "the database has lost entries of the authority log that were applied here: nothing is served until \
                     this process is started again"
                );
                self.node.lost();
                limited(connection.leave(id)).await.ok();
                Ok(Next::Never)
            }
        }
    }

    /// Applies what was missing; says up to which entry. Nothing at all if one is left out.
    fn apply(&self, applied: i64, entries: &[AuthorityRow]) -> Result<i64, StoreError> {
        let in_order = entries.iter().zip(applied + 1..).all(|(entry, seq)| entry.seq == seq);
        let Some(last) = entries.last().filter(|_| in_order) else {
            return Err(StoreError::corrupt("authority_log: an entry is missing"));
        };
        self.node.apply(entries);
        Ok(last.seq)
    }

    async fn register(&mut self) -> Result<Next, StoreError> {
        let id = NodeId::new(&self.clock, &self.entropy)?;
        let connection = self.link.get().await?;
        let head = limited(connection.register(id, self.node.process, self.clock.now())).await?;
        self.node.registered(id, head);
        Ok(Next::AtOnce)
    }

    async fn look_at_others(&mut self, own: NodeId) -> Result<(), StoreError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < OTHERS) {
            return Ok(());
        }
        let connection = self.link.get().await?;
        let rows = limited(connection.others(own)).await?;
        let now = Instant::now();
        // Without a lease in between nothing is known: nobody may have been able to renew.
        if self.looked.is_none_or(|looked| now.saturating_duration_since(looked) > 2 * OTHERS) {
            self.others.forget();
        }
        self.looked = Some(now);
        for judgement in self.others.judge(&rows, now) {
            match judgement {
                Judgement::Suspect(row) => {
                    if limited(connection.suspect(row.id, row.beat)).await? {
                        tracing::warn!(node = %row.id, "a node is silent: it is given up for dead");
                    }
                }
                Judgement::Remove(id) => {
                    if limited(connection.remove_suspect(id)).await? {
                        tracing::warn!(node = %id, "a dead node was removed: nobody waits for it any more");
                    }
                }
            }
        }
        Ok(())
    }

    async fn trouble(&mut self, error: &StoreError) {
        if std::mem::replace(&mut self.well, false) {
            tracing::warn!(%error, "the lease cannot be renewed");
        }
        if !error.is_stated() {
            self.link.drop();
        }
        tokio::time::sleep(AGAIN).await;
    }

    /// Serving has stopped.
    async fn leave(mut self) {
        let (registration, _) = self.node.standing();
        self.node.unregistered();
        let Some(id) = registration else { return };
        let leaving = async {
            self.link.get().await?.leave(id).await?;
            self.link.close().await
        };
        if let Err(error) = limited(leaving).await {
            tracing::debug!(%error, "this process stays registered until others give it up for dead");
        }
    }
}

/// Ends what the lease, or a read of the store, does not vouch for any more, also while a renewal is under way.
async fn sweep(node: &Node) {
    loop {
        tokio::time::sleep(SWEEP).await;
        node.lapse();
    }
}

/// Has the lease renewed at once when the log has grown.
async fn hear(node: &Node, store: &Store, renewed: &Notify) {
    loop {
        if let Ok(mut hints) = limited(store.authority_hints()).await {
            loop {
                // One may have been missed before.
                node.asked.notify_one();
                let heard = tokio::select! {
                    heard = hints.next() => heard,
                    // What broke one connection may have silenced the other.
                    () = renewed.notified() => break,
                };
                if heard.is_err() {
                    break;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
