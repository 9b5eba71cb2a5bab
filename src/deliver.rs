//! Tells others what the logs have: collectors get each event, anchors each checkpoint.
//!
//! For every log and target the database remembers how far it is. That moves on after the target has accepted what it was sent, so
//! nothing is lost when a process or a target ends; what was on its way then comes twice. A process takes a target of a log for
//! itself for a minute and sends for less than that, so two processes that live never send the same. While something is being sent
//! no connection to the database is held.

mod anchor;
mod batch;
mod elastic;
mod loki;
mod numbers;
mod pace;
mod remote;
mod s3;
mod ship;
pub mod sigv4;
mod splunk;
mod syslog;
mod webhook;
mod witness;

use std::time::Duration;

pub use anchor::Anchor;
pub use numbers::Numbers;
pub use pace::Pace;
pub use ship::Ship;
use tokio::time::Instant;
pub use webhook::SIGNATURE_HEADER;

use crate::{
    app::App,
    config::TlsError,
    ids::TenantId,
    store::{
        StoreError,
        audit_ship::{self, HELD_SECONDS, Kind},
    },
};

/// How long one sending may take: less than a target is held.
const PATIENCE: Duration = Duration::from_secs(45);
const _: () = assert!(PATIENCE.as_secs() + 10 <= HELD_SECONDS as u64, "somebody else would send the same");
/// What one log gets sent before it is the next one's turn.
const TURNS: usize = 16;
/// After so many logs that did not get through, one after the other, the target is taken to be away: whoever is not there is not there for the
/// others either.
const AWAY: usize = 3;

/// Why something was not accepted. Never with what the target said beyond a number: it may say our secret to us.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// There is no connection, or it broke.
    #[error("it was not reached: {0}")]
    Unreachable(String),
    /// It did not take it in time.
    #[error("it did not take it in time")]
    Late,
    /// It answered something else than that it has it.
    #[error("it did not accept it: {0}")]
    Refused(String),
    /// What it answered is not what such a target answers.
    #[error("its answer cannot be right: {0}")]
    Odd(String),
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A target cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BadTarget {
    /// Its certificate authorities.
    #[error(transparent)]
    Authorities(#[from] TlsError),
    /// A certificate that is none of an authority.
    #[error("{0}: ca_file holds a certificate that is none of an authority")]
    Tls(String),
    /// A secret that cannot be sent in a header.
    #[error("{0}: the user or the secret has characters that no header can have")]
    Header(String),
}

/// What came of one sending.
#[derive(Debug)]
enum Step {
    /// It has everything.
    Level,
    /// Another process sends.
    Busy,
    /// So many entries or checkpoints were accepted, and what came after them was not.
    Sent(u64, Option<DeliverError>),
}

/// Who brings it there.
#[derive(Debug)]
pub enum Courier {
    /// Events to a collector.
    Ship(Ship),
    /// Checkpoints to an anchor.
    Anchor(Anchor),
}

/// What came of one round through the logs.
#[derive(Debug, Default)]
pub struct Round {
    /// Entries or checkpoints that were accepted.
    pub sent: u64,
    /// There is more to send at once.
    pub more: bool,
    /// What went wrong, and for which logs.
    pub troubles: Vec<(TenantId, DeliverError)>,
    /// Nothing got through to the target.
    pub away: bool,
    /// Logs that were not sent, since they were not accepted a moment ago.
    pub waiting: usize,
}

impl Courier {
    /// All that the configuration names.
    ///
    /// # Errors
    /// A target cannot be used as it is configured.
    pub fn all(config: &crate::config::Config) -> Result<Vec<Self>, BadTarget> {
        let host = config.public_url.authority();
        let ships = config.audit.ship.iter().map(|target| Ship::new(target, host).map(Self::Ship));
        let anchors = config.audit.anchors.iter().map(|target| Anchor::new(target, host).map(Self::Anchor));
        ships.chain(anchors).collect()
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ship(ship) => ship.name(),
            Self::Anchor(anchor) => anchor.name(),
        }
    }

    /// What kind of anchor or collector it is, as the configuration has it.
    pub const fn sort(&self) -> &'static str {
        match self {
            Self::Ship(ship) => ship.sort(),
            Self::Anchor(anchor) => anchor.sort(),
        }
    }

    /// What the target is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ship(_) => Kind::Ship,
            Self::Anchor(_) => Kind::Anchor,
        }
    }

    async fn step(&self, app: &App, log: TenantId) -> Result<Step, DeliverError> {
        match self {
            Self::Ship(ship) => ship.step(app, log).await,
            Self::Anchor(anchor) => anchor.step(app, log).await,
        }
    }

    /// Sends what the target has not been told, of every log some.
    ///
    /// # Errors
    /// A fault of ours; what went wrong with the target is in the [`Round`].
    pub async fn round(&self, app: &App, pace: &mut Pace) -> Result<Round, StoreError> {
        let mut behind = app.store.shipments_behind(self.kind(), &[self.name().to_owned()]).await?;
        let mut round = Round::default();
        let missing: u64 = behind.iter().map(|log| log.behind).sum();
        app.deliveries.behind(self, missing);
        pace.order(&mut behind);
        let (now, mut reached, mut in_a_row) = (Instant::now(), false, 0);
        for log in behind {
            let log = log.log;
            if pace.waits(log, now) {
                round.waiting += 1;
                continue;
            }
            let done = self.turn(app, log, &mut round).await;
            // What another process holds stays held.
            let mut tx = app.store.tenant_tx(log).await?;
            if matches!(&done, Err(error) if !matches!(error, DeliverError::Store(_))) {
                audit_ship::refused(&mut tx, (self.kind(), self.name()), app.clock.now()).await?;
            }
            audit_ship::release(&mut tx, self.kind(), self.name(), app.process.0).await?;
            tx.commit().await?;
            let Err(error) = done else {
                (reached, in_a_row) = (true, 0);
                pace.accepted(log);
                continue;
            };
            app.deliveries.failed(self);
            if matches!(error, DeliverError::Unreachable(_) | DeliverError::Late) {
                in_a_row += 1;
            } else {
                (reached, in_a_row) = (true, 0);
            }
            round.troubles.push((log, error));
            if in_a_row == AWAY {
                break;
            }
        }
        round.away = !reached && !round.troubles.is_empty();
        pace.away(round.away);
        for (log, _) in round.troubles.iter().filter(|_| !round.away) {
            pace.refused(*log, now);
        }
        app.deliveries.behind(self, missing.saturating_sub(round.sent));
        Ok(round)
    }

    async fn turn(&self, app: &App, log: TenantId, round: &mut Round) -> Result<(), DeliverError> {
        for _ in 0..TURNS {
            match self.step(app, log).await? {
                Step::Level | Step::Busy => return Ok(()),
                Step::Sent(count, trouble) => {
                    round.sent += count;
                    app.deliveries.sent(self, count);
                    if let Some(error) = trouble {
                        return Err(error);
                    }
                }
            }
        }
        round.more = true;
        Ok(())
    }
}
