//! A log in memory, and exports of it.

use std::{path::Path, sync::OnceLock};

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{
    audit::{
        export::{Epoch, ExportError, Extent, Head, Included, Source, SourceError, Value, Written, write},
        log::{Checkpoint, CheckpointKey, Entry, Frontier, Hash, Origin, Tiles, VerifierKey, sign},
    },
    ids::EventId,
    store::audit::EventRow,
};

const BEGIN: OffsetDateTime = datetime!(2026-08-03 10:00 UTC);

/// A log that nobody has tampered with yet.
#[derive(Clone)]
pub(in crate::audit) struct Log {
    origin: Origin,
    seed: u8,
    events: Vec<EventRow>,
    values: Vec<Value>,
    leaves: OnceLock<Vec<Hash>>,
}

impl Log {
    /// A log by its letter, of so many entries.
    pub(in crate::audit) fn of(letter: &str, size: u64) -> Self {
        Self::signed_with(letter, size, 1)
    }

    pub(in crate::audit) fn signed_with(letter: &str, size: u64, seed: u8) -> Self {
        let tenant = uuid::Uuid::from_u128(u128::from(letter.as_bytes()[0]));
        let origin = Origin::parse(&format!("auth.example.com/audit/{tenant}")).unwrap();
        let events = (0..size).map(|n| event(letter, n)).collect();
        Self { origin, seed, events, values: Vec::new(), leaves: OnceLock::new() }
    }

    /// The next epoch of a log, of which this was known at last.
    pub(in crate::audit) fn restarted(known: &Self, epoch: u32, size: u64) -> Self {
        let base =
            known.origin.as_str().split("/audit/").map(|part| part.split('/').next().unwrap()).collect::<Vec<_>>();
        let origin = Origin::parse(&format!("{}/audit/{}/{epoch}", base[0], base[1])).unwrap();
        let checkpoint = known.checkpoint(known.size());
        let mut first = event(&format!("r{epoch}"), 0);
        first.kind = "log.restarted".to_owned();
        first.body = json!({
            "origin": known.origin.as_str(), "size": checkpoint.size, "root": checkpoint.root.to_string(),
            "checkpoint": known.note(known.size()),
        });
        let events = std::iter::once(first).chain((1..size).map(|n| event(&format!("e{epoch}"), n))).collect();
        Self { origin, seed: known.seed, events, values: Vec::new(), leaves: OnceLock::new() }
    }

    /// After the public address changed.
    pub(in crate::audit) fn at(mut self, host: &str) -> Self {
        let (_, rest) = self.origin.as_str().split_once("/audit/").unwrap();
        self.origin = Origin::parse(&format!("{host}/audit/{rest}")).unwrap();
        self
    }

    /// The same, signed with another key.
    pub(in crate::audit) fn by(mut self, seed: u8) -> Self {
        self.seed = seed;
        self
    }

    pub(in crate::audit) fn with(mut self, change: impl FnOnce(&mut Vec<EventRow>)) -> Self {
        change(&mut self.events);
        self.leaves.take();
        self
    }

    pub(in crate::audit) fn with_value(mut self, index: u64, value: Value) -> Self {
        let event = &mut self.events[usize::try_from(index).unwrap()];
        event.body["personal"] = value.commitment.clone().into();
        self.values.push(Value { index, event: event.id.to_string(), ..value });
        self.leaves.take();
        self
    }

    pub(in crate::audit) fn size(&self) -> u64 {
        self.events.len() as u64
    }

    pub(in crate::audit) fn events(&self) -> &[EventRow] {
        &self.events
    }

    pub(in crate::audit) fn entry(&self, index: u64) -> Entry {
        Entry::of(&self.events[usize::try_from(index).unwrap()]).unwrap()
    }

    /// The first so many entries.
    pub(in crate::audit) fn first(&self, size: u64) -> Self {
        let size = usize::try_from(size).unwrap();
        let leaves = self.leaves()[..size].to_vec().into();
        let events = self.events[..size].to_vec();
        Self { origin: self.origin.clone(), seed: self.seed, events, values: Vec::new(), leaves }
    }

    pub(in crate::audit) fn key(&self) -> VerifierKey {
        self.signing().verifier(&self.origin).unwrap()
    }

    fn signing(&self) -> CheckpointKey {
        CheckpointKey::of(&[self.seed; 32]).unwrap()
    }

    pub(in crate::audit) fn leaves(&self) -> &[Hash] {
        self.leaves.get_or_init(|| self.events.iter().map(|event| Entry::of(event).unwrap().leaf()).collect())
    }

    pub(in crate::audit) fn tiles(&self) -> Tiles {
        let mut tiles = Tiles::of(self.size());
        for (level, hashes) in (0..).zip(hashes(self)) {
            for (index, tile) in (0..).zip(hashes.chunks(256)) {
                tiles.add((level, index), &tile.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>()).unwrap();
            }
        }
        tiles
    }

    pub(in crate::audit) fn checkpoint(&self, size: u64) -> Checkpoint {
        let mut edge = Frontier::default();
        self.leaves().iter().take(usize::try_from(size).unwrap()).for_each(|leaf| edge.push(*leaf, |_, _, _| {}));
        Checkpoint { origin: self.origin.clone(), size, root: edge.root() }
    }

    pub(in crate::audit) fn note(&self, size: u64) -> String {
        sign(&self.checkpoint(size), &[self.signing()]).unwrap()
    }

    /// The root over hashes of entries, in base64, and a checkpoint of them, signed.
    pub(in crate::audit) fn sign(&self, leaves: &[Hash]) -> (String, String) {
        let mut edge = Frontier::default();
        leaves.iter().for_each(|leaf| edge.push(*leaf, |_, _, _| {}));
        let checkpoint = Checkpoint { origin: self.origin.clone(), size: edge.size(), root: edge.root() };
        (checkpoint.root.to_string(), sign(&checkpoint, &[self.signing()]).unwrap())
    }

    /// As it is exported.
    pub(in crate::audit) fn epoch(&self, included: Option<Included>) -> Epoch {
        let extent =
            included.map_or_else(|| Extent::all(self.size()), |range| Extent::covering(self.size(), Some(range)));
        let (checkpoint, note) = (self.checkpoint(self.size()), self.note(self.size()));
        let (cosigned, earlier, keys) = (None, Vec::new(), vec![self.key()]);
        let head = Head { checkpoint, note, cosigned, earlier, keys, extent: extent.unwrap() };
        Epoch { head, source: Box::new(self.source()) }
    }

    pub(in crate::audit) fn source(&self) -> Memory {
        Memory { tiles: hashes(self), events: self.events.clone(), values: self.values.clone() }
    }

    pub(in crate::audit) fn export(&self, dir: &Path) -> Written {
        export(dir, self.epoch(None), Vec::new()).unwrap()
    }
}

pub(in crate::audit) fn export(dir: &Path, epoch: Epoch, previous: Vec<Epoch>) -> Result<Written, ExportError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(write(dir, epoch, previous, &mut |_, _| {}))
}

/// Tiles of all levels, as plainly as can be.
fn hashes(log: &Log) -> Vec<Vec<Hash>> {
    let mut levels = vec![log.leaves().to_vec()];
    while let Some(last) = levels.last().filter(|last| last.len() >= 256) {
        levels.push(last.as_chunks::<256>().0.iter().map(|tile| crate::audit::log::subtree(tile)).collect());
    }
    levels
}

/// Where an export comes from.
pub(in crate::audit) struct Memory {
    tiles: Vec<Vec<Hash>>,
    pub(in crate::audit) events: Vec<EventRow>,
    values: Vec<Value>,
}

#[async_trait]
impl Source for Memory {
    async fn tile(&mut self, level: u8, index: u64) -> Result<Vec<u8>, SourceError> {
        let hashes = self.tiles[usize::from(level)].chunks(256).nth(usize::try_from(index).unwrap());
        Ok(hashes.unwrap().iter().flat_map(|hash| hash.0).collect())
    }

    async fn events(&mut self, first: u64, count: u64) -> Result<Vec<EventRow>, SourceError> {
        let (first, count) = (usize::try_from(first).unwrap(), usize::try_from(count).unwrap());
        Ok(self.events.iter().skip(first).take(count).cloned().collect())
    }

    async fn values(&mut self, first: u64, count: u64) -> Result<Vec<Value>, SourceError> {
        Ok(self.values.iter().filter(|value| (first..first + count).contains(&value.index)).cloned().collect())
    }
}

fn event(of: &str, n: u64) -> EventRow {
    let salt = of.bytes().fold(0_u128, |salt, byte| (salt << 8) | u128::from(byte));
    let id = uuid::Uuid::from_u128((0x01a2_0574_fdd3_79b5_b512_0000_0000_0000 ^ (salt << 64)) | u128::from(n));
    let body: Json = json!({ "n": n, "of": of });
    let kind = if n.is_multiple_of(3) { "call.intent" } else { "call.outcome" }.to_owned();
    let at = BEGIN + Duration::seconds(i64::try_from(n).unwrap());
    EventRow { id: EventId(id), at, kind, version: 1, request_id: n.is_multiple_of(2).then(|| format!("q{n}")), body }
}
