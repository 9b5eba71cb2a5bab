//! A lane of its own for events that strangers can cause.
//!
//! Whoever is refused before anybody knows who it is could otherwise fill the audit log at will. So such things are
//! counted in memory, which waits for nobody, and written about once a minute: one event for each thing refused and each
//! source, with a count. Both the table and what waits to be written are bounded: while the database is away, the counts
//! grow and the memory does not. Nothing of it shares a queue with the events of calls.
//!
//! A process that is killed loses what it counted since it last wrote.

mod table;

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use time::OffsetDateTime;

use self::table::{Counted, From, Place, Table};
use super::{Recorder, Refused, event::Tally};
use crate::{
    http::address::ClientAddress,
    ids::TenantId,
    keys::Keyring,
    store::{self, Store, StoreError, audit::EventRow},
};

/// Between two writings.
pub const PERIOD: Duration = Duration::from_secs(60);

/// Where things refused to strangers are counted.
#[derive(Debug, Default)]
pub struct Lane {
    table: Mutex<Table>,
    /// What was taken out of the table and is not known to be committed, by place; each place once.
    unwritten: tokio::sync::Mutex<VecDeque<(Place, Unwritten)>>,
    refused: Family<Label, Counter>,
    waiting: Gauge,
}

/// On its way out of the table into the database.
#[derive(Debug)]
enum Unwritten {
    Counted(Vec<Counted>),
    /// Rows get their ids once: who did not hear that a commit went through inserts the same rows again.
    Rows(Vec<EventRow>),
}

impl Unwritten {
    fn len(&self) -> usize {
        match self {
            Self::Counted(counted) => counted.len(),
            Self::Rows(rows) => rows.len(),
        }
    }

    /// The rows, made where there are none yet. While they cannot be made, the counts stay.
    fn rows(&mut self, place: Place, keyring: &Keyring, recorder: &Recorder) -> Result<&[EventRow], StoreError> {
        if let Self::Counted(counted) = self {
            let rows = counted.iter().map(|counted| row(place, counted, keyring, recorder));
            *self = Self::Rows(rows.collect::<Result<_, _>>()?);
        }
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Counted(_) => Ok(&[]),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    kind: &'static str,
}

impl Lane {
    /// Adds its numbers to those of the process.
    pub fn register(&self, registry: &mut Registry) {
        let help = "What was refused to somebody unknown, by the kind of its audit event";
        registry.register("refused", help, self.refused.clone());
        let help = "Audit events of things refused that the database has not taken yet";
        registry.register("refused_events_waiting", help, self.waiting.clone());
    }

    /// Counts one thing refused at a tenant, or at none, to somebody of `network`, which is not written down in clear.
    pub fn count(&self, tenant: Option<TenantId>, refused: Refused, network: IpAddr, at: OffsetDateTime) {
        self.refused.get_or_create(&Label { kind: refused.kind() }).inc();
        self.table().count(tenant, refused, network, at);
    }

    /// Writes what was counted. What the database does not take stays, and is tried again by the next call, while new
    /// counts of that tenant sum up.
    ///
    /// # Errors
    /// When something is left to be written.
    pub async fn write(&self, store: &Store, keyring: &Keyring, recorder: &Recorder) -> Result<(), StoreError> {
        let mut unwritten = self.unwritten.lock().await;
        let taken = self.table().take(|place| unwritten.iter().any(|(waiting, _)| *waiting == place));
        unwritten.extend(taken.into_iter().map(|(place, counted)| (place, Unwritten::Counted(counted))));
        let written = drain(store, keyring, recorder, &mut unwritten).await;
        let waiting = unwritten.iter().map(|(_, waiting)| waiting.len()).sum::<usize>();
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        written
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn drain(
    store: &Store,
    keyring: &Keyring,
    recorder: &Recorder,
    unwritten: &mut VecDeque<(Place, Unwritten)>,
) -> Result<(), StoreError> {
    while let Some((place, waiting)) = unwritten.front_mut() {
        let written = match waiting.rows(*place, keyring, recorder) {
            Ok(rows) => insert(store, *place, rows).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            // Another one is first next time, should it be this one's fault.
            unwritten.rotate_left(1);
            return Err(error);
        }
        unwritten.pop_front();
    }
    Ok(())
}

fn row(
    place: Place,
    &(refused, from, span): &Counted,
    keyring: &Keyring,
    recorder: &Recorder,
) -> Result<EventRow, StoreError> {
    let (source, sources) = match from {
        From::Network(network) => (source(place, &table::text(network), keyring), None),
        From::Others(sources) => ("others".to_owned(), sources),
    };
    let tally = Tally { source, sources, count: span.count, first: span.first, last: span.last };
    match place {
        Some(_) => recorder.row(&refused.event(tally)),
        None => recorder.platform_row(&refused.platform_event(tally)),
    }
}

/// What stands in a tenant's log for where somebody comes from: the same as in counts of what was refused.
pub(crate) fn source_of(keyring: &Keyring, tenant: TenantId, from: ClientAddress) -> String {
    source(Some(tenant), &table::text(from.network().into()), keyring)
}

/// What stands for a network in a log: the same as long as the audit-handle key is the same, different at each tenant,
/// and nothing that could be undone or guessed without that key.
fn source(place: Place, network: &str, keyring: &Keyring) -> String {
    let place = place.map_or([0; 16], |tenant| *tenant.0.as_bytes());
    keyring.pseudonym("audit source", &[&place, network.as_bytes()])
}

async fn insert(store: &Store, place: Place, rows: &[EventRow]) -> Result<(), StoreError> {
    match place {
        Some(tenant) => {
            let mut tx = store.tenant_tx(tenant).await?;
            store::audit::insert_batch(&mut tx, rows).await?;
            tx.commit().await
        }
        None => {
            let mut tx = store.platform_tx().await?;
            for row in rows {
                store::audit::insert_platform(&mut tx, row).await?;
            }
            tx.commit().await
        }
    }
}
