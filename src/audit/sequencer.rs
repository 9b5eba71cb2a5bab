//! Puts events into their log: the next entries of the tree, in one transaction, by whichever process comes first.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::log::{BadEntry, Entry, Frontier, Hash, Origin, Tiles, WIDTH, width};
use crate::{
    config::PublicUrl,
    ids::TenantId,
    store::{
        Store, StoreError, TenantTx,
        audit::EventRow,
        audit_log::{self, Growth, Head},
    },
};

/// Events that one transaction puts into a log.
const BATCH: i64 = 1_000;

/// What came of a try.
#[derive(Clone, Debug)]
pub enum Advance {
    /// Somebody else is at it.
    Busy,
    /// So many events were put into the log, and there may be more.
    Grown(usize),
    /// All events that there were to be seen are in the log.
    Level(Head),
}

/// Puts the next events of a tenant, or of the platform, into the log.
///
/// # Errors
/// A fault of ours; nothing was changed.
pub async fn advance(
    store: &Store,
    (public_url, log): (&PublicUrl, TenantId),
    now: OffsetDateTime,
) -> Result<Advance, StoreError> {
    let mut tx = store.tenant_tx(log).await?;
    if !audit_log::try_turn(&mut tx).await? {
        tx.commit().await?;
        return Ok(Advance::Busy);
    }
    let head = begun(&mut tx, public_url, now).await?;
    if !head.here {
        return Err(StoreError::Moved);
    }
    let events = audit_log::next_events(&mut tx, head.cursor, BATCH).await?;
    if events.is_empty() {
        tx.commit().await?;
        return Ok(Advance::Level(head));
    }
    let count = events.len();
    let grown = append(&mut tx, &head, &events, now).await?;
    tx.commit().await?;
    Ok(if grown { Advance::Grown(count) } else { Advance::Busy })
}

/// The log's head; the log begins where there is none.
pub(super) async fn begun(tx: &mut TenantTx, public_url: &PublicUrl, now: OffsetDateTime) -> Result<Head, StoreError> {
    if let Some(head) = audit_log::head(tx).await? {
        return Ok(head);
    }
    let origin = Origin::of(public_url, tx.tenant(), 1);
    audit_log::begin(tx, &origin, Frontier::default().root(), now).await?;
    audit_log::head(tx).await?.ok_or_else(|| StoreError::corrupt("a log that does not begin"))
}

/// Adds the events that follow to the log, in this order. False: it has moved on meanwhile.
pub(super) async fn append(
    tx: &mut TenantTx,
    head: &Head,
    events: &[EventRow],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut frontier = edge(tx, head).await?;
    let (growth, root) = grow(&mut frontier, events).map_err(StoreError::corrupt)?;
    audit_log::append(tx, head, root, &growth, now).await
}

/// The right edge of the tree as it is stored. What is stored must have the root that the head says: a tree is not built on any other.
async fn edge(tx: &mut TenantTx, head: &Head) -> Result<Frontier, StoreError> {
    let mut places = Vec::new();
    let mut below = head.size;
    for level in 0_u8.. {
        if below == 0 {
            break;
        }
        places.push((level, below / WIDTH));
        below /= WIDTH;
    }
    let stored: BTreeMap<_, _> = audit_log::tiles(tx, head.epoch, &places).await?.into_iter().collect();
    let level = |place: &(u8, u64)| {
        let bytes = stored.get(place).map_or(&[][..], Vec::as_slice);
        let expected = usize::try_from(width(head.size, place.0, place.1)).unwrap_or(0);
        bytes.as_chunks::<32>().0.iter().take(expected).map(|hash| Hash(*hash)).collect()
    };
    let frontier = Frontier::of(head.size, places.iter().map(level).collect());
    frontier
        .filter(|frontier| frontier.root() == head.root)
        .ok_or_else(|| StoreError::corrupt("a tree without its root"))
}

/// What changes when events are added, and the root of the tree then.
fn grow(frontier: &mut Frontier, events: &[EventRow]) -> Result<(Growth, Hash), BadEntry> {
    let before: Vec<usize> = (0..frontier.depth()).map(|level| frontier.level(level).len()).collect();
    let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
    let mut growth = Growth::default();
    let mut completed = Vec::new();
    for event in events {
        let leaf = Entry::of(event)?.leaf();
        growth.events.push(event.id.0);
        frontier.push(leaf, |level, index, tile| {
            completed.push(level);
            growth.tiles.push((level, index, bytes(tile)));
        });
    }
    for level in 0..frontier.depth() {
        let hashes = frontier.level(level);
        let Ok(level) = u8::try_from(level) else { break };
        let touched = completed.contains(&level) || before.get(usize::from(level)) != Some(&hashes.len());
        if touched && !hashes.is_empty() {
            let index = frontier.size() >> (WIDTH.ilog2() * (u32::from(level) + 1)).min(63);
            growth.tiles.push((level, index, bytes(hashes)));
        }
    }
    Ok((growth, frontier.root()))
}

/// Fetches tiles of an epoch until `ask` has all that it needs.
///
/// # Errors
/// A tile is missing, or too short for a tree of this size.
pub async fn with_tiles<T>(
    tx: &mut TenantTx,
    (epoch, size): (i32, u64),
    ask: impl Fn(&Tiles) -> Result<T, (u8, u64)>,
) -> Result<T, StoreError> {
    let mut tiles = Tiles::of(size);
    // Each round names one more, and no path through a tree is longer.
    for _ in 0..256 {
        let place = match ask(&tiles) {
            Ok(found) => return Ok(found),
            Err(missing) => missing,
        };
        let stored = audit_log::tiles(tx, epoch, &[place]).await?.pop();
        let (_, bytes) = stored.ok_or_else(|| StoreError::corrupt("a tree without one of its tiles"))?;
        tiles.add(place, &bytes).map_err(StoreError::corrupt)?;
    }
    Err(StoreError::corrupt("a tree that never ends"))
}
