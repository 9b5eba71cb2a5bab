//! Checkpoints to an anchor.

use super::{
    BadTarget, DeliverError, PATIENCE, Step, remote::Web, s3::S3, syslog::Syslog, webhook::Webhook, witness::Witness,
};
use crate::{
    app::App,
    audit::log::{Checkpoint, Origin, VerifierKey, ours},
    config::{AnchorKind, AnchorTarget},
    ids::TenantId,
    store::{
        StoreError, TenantTx, audit_export,
        audit_ship::{self, Kind, Place, Signed},
    },
};

/// Brings checkpoints to an anchor.
#[derive(Debug)]
pub struct Anchor {
    name: String,
    to: To,
}

#[derive(Debug)]
enum To {
    Webhook(Webhook),
    S3(S3),
    Syslog(Syslog),
    Witness(Witness),
}

impl Anchor {
    /// For an anchor of the configuration. `host` is how this installation names itself.
    ///
    /// # Errors
    /// The anchor cannot be used as it is configured.
    pub fn new(target: &AnchorTarget, host: &str) -> Result<Self, BadTarget> {
        let (name, remote) = (target.name.clone(), &target.remote);
        let to = match &target.kind {
            AnchorKind::Webhook => {
                To::Webhook(Webhook { web: Web::new(&name, remote, None)?, secret: remote.secret.clone() })
            }
            AnchorKind::S3(bucket) => To::S3(S3::new(Web::new(&name, remote, None)?, bucket, remote.secret.clone())),
            AnchorKind::Syslog => To::Syslog(Syslog::new(&name, remote, host)?),
            AnchorKind::Witness(key) => {
                To::Witness(Witness { web: Web::new(&name, remote, Some("Bearer"))?, key: key.clone() })
            }
        };
        Ok(Self { name, to })
    }

    /// The anchor's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of anchor it is, as the configuration has it.
    pub const fn sort(&self) -> &'static str {
        match &self.to {
            To::Webhook(_) => "webhook",
            To::S3(_) => "s3",
            To::Syslog(_) => "syslog",
            To::Witness(_) => "witness",
        }
    }

    /// Tells the next checkpoint of a log, or to a witness the newest one.
    pub(super) async fn step(&self, app: &App, log: TenantId) -> Result<Step, DeliverError> {
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut tx = app.store.tenant_tx(log).await?;
        let claimed = audit_ship::claim(&mut tx, Kind::Anchor, &self.name, app.process.0).await?;
        let Some(place) = claimed else {
            tx.commit().await?;
            return Ok(Step::Busy);
        };
        let newest = matches!(self.to, To::Witness(_));
        let next = audit_ship::checkpoint_after(&mut tx, place, newest).await?;
        let Some(Signed { origin, place: to, note }) = next else {
            tx.commit().await?;
            return Ok(Step::Level);
        };
        if !is_ours(app, &mut tx, &note, (&origin, to.next)).await? {
            let entries = to.next;
            tracing::error!(%origin, entries, "a checkpoint in the database was not signed by us, and no anchor is told of it");
            let moved = self.advance(app, &mut tx, (place, to)).await?;
            tx.commit().await?;
            return Ok(if moved { Step::Sent(0, None) } else { Step::Busy });
        }
        tx.commit().await?;
        let telling = tokio::time::timeout_at(until, self.tell(app, log, (place, to), &note));
        let cosigned = telling.await.map_err(|_| DeliverError::Late)??;

        let mut tx = app.store.tenant_tx(log).await?;
        if let Some((key, line)) = cosigned {
            audit_ship::keep_cosignature(&mut tx, to, (&key, &line), app.clock.now()).await?;
        }
        let moved = self.advance(app, &mut tx, (place, to)).await?;
        tx.commit().await?;
        Ok(if moved { Step::Sent(1, None) } else { Step::Busy })
    }

    async fn advance(&self, app: &App, tx: &mut TenantTx, places: (Place, Place)) -> Result<bool, StoreError> {
        audit_ship::advance(tx, (Kind::Anchor, &self.name), app.process.0, places, app.clock.now()).await
    }

    /// What a witness has signed: its key, and the line.
    async fn tell(
        &self,
        app: &App,
        log: TenantId,
        (from, to): (Place, Place),
        note: &str,
    ) -> Result<Option<(String, String)>, DeliverError> {
        let now = app.clock.now();
        let checkpoint = || Checkpoint::unverified(note).map_err(|error| DeliverError::Odd(error.to_string()));
        match &self.to {
            To::Webhook(webhook) => webhook.tell(note).await?,
            To::S3(bucket) => bucket.put(&checkpoint()?, note, now).await?,
            To::Syslog(syslog) => {
                let checkpoint = checkpoint()?;
                let line = serde_json::json!({
                    "log": checkpoint.origin.as_str(), "size": checkpoint.size,
                    "root": checkpoint.root.to_string(), "note": note,
                });
                syslog.send_one(now, "checkpoint", &line.to_string()).await?;
            }
            To::Witness(witness) => return witness.ask(app, log, (from, to), note).await.map(Some),
        }
        Ok(None)
    }
}

/// Whether a note is over so many entries of this log, and signed with one of our keys, or with one that the log says was in use.
async fn is_ours(app: &App, tx: &mut TenantTx, note: &str, (origin, size): (&Origin, u64)) -> Result<bool, StoreError> {
    let is = |checkpoint: Checkpoint| checkpoint.origin == *origin && checkpoint.size == size;
    if let Some(checkpoint) = ours(note, &app.keyring.checkpoint_keys()) {
        return Ok(is(checkpoint));
    }
    let said = audit_export::keys_said(tx, origin).await?;
    let mut said = said.iter().filter_map(|key| VerifierKey::parse(key));
    Ok(said.any(|key| Checkpoint::verified(note, &key).is_ok_and(is)))
}
