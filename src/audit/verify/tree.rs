//! Tiles, each against the one above it, and the uppermost against the root.

use std::path::Path;

use super::{Fault, Refusal, files::read};
use crate::audit::{
    export::{Extent, FileFacts, Tile, digest},
    log::{BadTile, Frontier, Hash, Tiles, WIDTH, subtree},
};

/// The length of a full tile.
const FULL: u64 = WIDTH * 32;

/// Tiles that were found to be right and are needed further on: one a level.
pub(super) struct Tree<'a> {
    dir: &'a Path,
    prefix: &'a str,
    extent: Extent,
    /// Tiles that are not full.
    edges: Vec<(Tile, Vec<Hash>)>,
    /// The last full one of each level.
    held: Vec<(Tile, Vec<Hash>)>,
    /// What the roots of smaller trees are made of.
    kept: Tiles,
    marks: &'a [u64],
}

impl<'a> Tree<'a> {
    /// Reads the right edge. `marks`: sizes of smaller trees whose roots will be asked for.
    pub(super) fn open(
        (dir, prefix): (&'a Path, &'a str),
        extent: Extent,
        root: Hash,
        (marks, checkpoint): (&'a [u64], &str),
    ) -> Result<(Self, Vec<(String, FileFacts)>), Refusal> {
        let (edges, held, kept) = (Vec::new(), Vec::new(), Tiles::of(extent.size()));
        let mut tree = Self { dir, prefix, extent, edges, held, kept, marks };
        let mut facts = Vec::new();
        for tile in extent.edges() {
            let (hashes, fact) = tree.read(tile)?;
            facts.push((extent.path(tile), fact));
            tree.edges.push((tile, hashes));
        }
        let highest = tree.edges.first().map_or(0, |(tile, _)| usize::from(tile.level) + 1);
        let mut levels = vec![Vec::new(); highest];
        for (tile, hashes) in &tree.edges {
            if let Some(level) = levels.get_mut(usize::from(tile.level)) {
                level.clone_from(hashes);
            }
        }
        let found = Frontier::of(extent.size(), levels).map(|edge| edge.root());
        if found == Some(root) { Ok((tree, facts)) } else { Err(Fault::Root.at(checkpoint)) }
    }

    /// The hashes of the tile of level 0 that is not full.
    pub(super) fn rest(&self) -> &[Hash] {
        self.edges.iter().find(|(tile, _)| tile.level == 0).map_or(&[], |(_, hashes)| hashes)
    }

    /// Checks a full tile whose parent was checked before.
    pub(super) fn check(&mut self, tile: Tile) -> Result<(Vec<Hash>, FileFacts), Refusal> {
        let (hashes, facts) = self.read(tile)?;
        if self.parent(tile) != Some(subtree(&hashes)) {
            let entries = WIDTH.saturating_pow(u32::from(tile.level) + 1);
            let first = tile.index * entries;
            return Err(Fault::Hashes { first, last: first + entries - 1 }.at(&self.name(tile)));
        }
        self.held.retain(|(held, _)| held.level != tile.level);
        if tile.level > 0 {
            self.held.push((tile, hashes.clone()));
        }
        Ok((hashes, facts))
    }

    /// The root of the first `size` entries; else the tile that is not in the export.
    pub(super) fn root(&self, size: u64) -> Result<Hash, String> {
        self.kept.root(size).map_err(|(level, index)| self.extent.path(Tile { level, index }))
    }

    fn name(&self, tile: Tile) -> String {
        format!("{}{}", self.prefix, self.extent.path(tile))
    }

    fn parent(&self, tile: Tile) -> Option<Hash> {
        let above = Tile { level: tile.level + 1, index: tile.index / WIDTH };
        let (_, hashes) = self.held.iter().chain(&self.edges).find(|(known, _)| *known == above)?;
        hashes.get(usize::try_from(tile.index % WIDTH).ok()?).copied()
    }

    fn read(&mut self, tile: Tile) -> Result<(Vec<Hash>, FileFacts), Refusal> {
        let name = self.name(tile);
        let bytes = read(self.dir, &name, FULL)?;
        let expected = self.extent.width(tile);
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() as u64 != expected {
            return Err(Fault::Tile(BadTile::Length { expected, found: bytes.len() }).at(&name));
        }
        let marked = |size: &u64| {
            let shifted = |level: u32| size.checked_shr(level * WIDTH.ilog2()).unwrap_or(0);
            let level = u32::from(tile.level);
            !shifted(level).is_multiple_of(WIDTH) && shifted(level + 1) == tile.index
        };
        if self.marks.iter().any(marked) {
            self.kept.add((tile.level, tile.index), &bytes).map_err(|error| Fault::Tile(error).at(&name))?;
        }
        Ok((hashes.iter().map(|hash| Hash(*hash)).collect(), digest(&bytes)))
    }
}
