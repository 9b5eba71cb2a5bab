//! Events to a collector.

use super::{
    BadTarget, DeliverError, PATIENCE, Step, batch::Batch, elastic, loki, remote::Web, splunk, syslog::Syslog,
};
use crate::{
    app::App,
    config::{ShipFormat, ShipKind, ShipTarget},
    ids::TenantId,
    store::audit_ship::{self, Kind, Place},
};

/// Entries that are read at once.
const BATCH: u32 = 256;

/// Brings events to a collector.
#[derive(Debug)]
pub struct Ship {
    name: String,
    format: ShipFormat,
    host: String,
    index: Option<String>,
    to: Collector,
}

#[derive(Debug)]
enum Collector {
    Syslog(Syslog),
    Splunk(Web),
    Loki(Web),
    Elastic(Web),
}

impl Ship {
    /// For a target of the configuration. `host` is how this installation names itself.
    ///
    /// # Errors
    /// The target cannot be used as it is configured.
    pub fn new(target: &ShipTarget, host: &str) -> Result<Self, BadTarget> {
        let web = |scheme| Web::new(&target.name, &target.remote, Some(scheme));
        let to = match target.kind {
            ShipKind::Syslog => Collector::Syslog(Syslog::new(&target.name, &target.remote, host)?),
            ShipKind::SplunkHec => Collector::Splunk(web("Splunk")?),
            ShipKind::Loki => Collector::Loki(web("Bearer")?),
            ShipKind::ElasticBulk => Collector::Elastic(web("ApiKey")?),
        };
        let (name, index) = (target.name.clone(), target.index.clone());
        Ok(Self { name, format: target.format, host: host.to_owned(), index, to })
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of collector it is, as the configuration has it.
    pub const fn sort(&self) -> &'static str {
        match &self.to {
            Collector::Syslog(_) => "syslog",
            Collector::Splunk(_) => "splunk_hec",
            Collector::Loki(_) => "loki",
            Collector::Elastic(_) => "elastic_bulk",
        }
    }

    /// Sends the next entries of a log.
    pub(super) async fn step(&self, app: &App, log: TenantId) -> Result<Step, DeliverError> {
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut tx = app.store.tenant_tx(log).await?;
        let claimed = audit_ship::claim(&mut tx, Kind::Ship, &self.name, app.process.0).await?;
        let Some(place) = claimed else {
            tx.commit().await?;
            return Ok(Step::Busy);
        };
        let entries = audit_ship::entries(&mut tx, place, BATCH).await?;
        tx.commit().await?;
        let Some(entries) = entries else { return Ok(Step::Level) };
        if place.next >= entries.size {
            if entries.last_epoch {
                return Ok(Step::Level);
            }
            self.advance(app, log, place, Place { epoch: place.epoch + 1, next: 0 }).await?;
            return Ok(Step::Sent(0, None));
        }
        let end = entries.size.min(place.next + u64::from(BATCH));
        let missing = end - place.next - u64::try_from(entries.events.len()).unwrap_or(0);
        if missing > 0 {
            tracing::error!(%log, target = self.name, missing, "entries are not in the database any more and are not sent");
        }
        let batch = Batch::of(entries.origin, self.format, &entries.events);
        let sending = tokio::time::timeout_at(until, self.send(&batch));
        let (accepted, trouble) = sending.await.map_err(|_| DeliverError::Late)??;
        // What follows the last accepted line is next; entries that are missing are passed over.
        let next = entries.events.get(accepted).map_or(end, |(index, _)| *index);
        let moved = self.advance(app, log, place, Place { next, ..place }).await?;
        if !moved {
            return Ok(Step::Busy);
        }
        Ok(Step::Sent(u64::try_from(accepted).unwrap_or(u64::MAX), trouble))
    }

    /// How many of the first lines are there now, and what is wrong with the next.
    async fn send(&self, batch: &Batch) -> Result<(usize, Option<DeliverError>), DeliverError> {
        let all = batch.lines.len();
        if all == 0 {
            return Ok((0, None));
        }
        match &self.to {
            Collector::Syslog(syslog) => syslog.send(batch).await?,
            Collector::Splunk(web) => {
                let body = splunk::body(batch, &self.host, self.index.as_deref());
                web.post("application/json", body).await?.success()?;
            }
            Collector::Loki(web) => {
                web.post("application/json", loki::body(batch)).await?.success()?;
            }
            Collector::Elastic(web) => {
                let body = elastic::body(batch, self.index.as_deref());
                let answer = web.post("application/x-ndjson", body).await?.success()?;
                return elastic::accepted(&answer.body, all);
            }
        }
        Ok((all, None))
    }

    async fn advance(&self, app: &App, log: TenantId, from: Place, to: Place) -> Result<bool, DeliverError> {
        let mut tx = app.store.tenant_tx(log).await?;
        let moved =
            audit_ship::advance(&mut tx, (Kind::Ship, &self.name), app.process.0, (from, to), app.clock.now()).await?;
        tx.commit().await?;
        Ok(moved)
    }
}
