//! Tiles, each against the one above it, and the uppermost against the root.

use std::{collections::BTreeMap, path::Path};

use super::{Fault, Refusal, files::read};
use crate::audit::{
    export::{Extent, FileFacts, Tile, digest},
    log::{BadTile, Frontier, Hash, WIDTH, subtree},
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
    /// Sizes of smaller trees whose roots are needed, and those that are known. They are made when the last tile goes by that it takes, so
    /// that no tile is kept for them.
    roots: BTreeMap<u64, Option<Hash>>,
}

impl<'a> Tree<'a> {
    /// Reads the right edge. `marks`: sizes of smaller trees whose roots will be asked for.
    pub(super) fn open(
        (dir, prefix): (&'a Path, &'a str),
        extent: Extent,
        root: Hash,
        (marks, checkpoint): (&[u64], &str),
    ) -> Result<(Self, Vec<(String, FileFacts)>), Refusal> {
        let (edges, held) = (Vec::new(), Vec::new());
        let roots = marks.iter().map(|size| (*size, (*size == 0).then(|| Frontier::default().root()))).collect();
        let mut tree = Self { dir, prefix, extent, edges, held, roots };
        let mut facts = Vec::new();
        for tile in extent.edges() {
            let (hashes, fact) = tree.read(tile)?;
            facts.push((extent.path(tile), fact));
            tree.edges.push((tile, hashes));
            if let Some((_, hashes)) = tree.edges.last().cloned() {
                tree.raise(tile, &hashes);
            }
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
        self.raise(tile, &hashes);
        self.held.retain(|(held, _)| held.level != tile.level);
        if tile.level > 0 {
            self.held.push((tile, hashes.clone()));
        }
        Ok((hashes, facts))
    }

    /// The root of the first `size` entries; else the tile that is not in the export.
    pub(super) fn root(&self, size: u64) -> Result<Hash, String> {
        let known = self.roots.get(&size).copied().flatten();
        known.ok_or_else(|| {
            let level = lowest(size);
            self.extent.path(Tile { level, index: hashes_of(size, level) / WIDTH })
        })
    }

    /// Makes the roots of the smaller trees that end in this tile and in none below it.
    fn raise(&mut self, tile: Tile, hashes: &[Hash]) {
        let below = |index: u64| index.saturating_mul(WIDTH.saturating_pow(u32::from(tile.level) + 1));
        let range = below(tile.index)..below(tile.index + 1);
        let ends: Vec<u64> = self
            .roots
            .range(range)
            .map(|(size, _)| *size)
            .filter(|size| *size > 0 && lowest(*size) == tile.level)
            .collect();
        for size in ends {
            let root = self.made(size, tile, hashes);
            self.roots.insert(size, root);
        }
    }

    fn made(&self, size: u64, tile: Tile, hashes: &[Hash]) -> Option<Hash> {
        let mut levels = Vec::new();
        for level in (0..).take_while(|level| hashes_of(size, *level) > 0) {
            let of_level = hashes_of(size, level);
            let (index, count) = (of_level / WIDTH, usize::try_from(of_level % WIDTH).ok()?);
            let known = self.held.iter().chain(&self.edges).find(|(held, _)| *held == Tile { level, index });
            let held =
                if tile == (Tile { level, index }) { Some(hashes) } else { known.map(|(_, hashes)| &hashes[..]) };
            levels.push(if count == 0 { Vec::new() } else { held?.get(..count)?.to_vec() });
        }
        Some(Frontier::of(size, levels)?.root())
    }

    fn name(&self, tile: Tile) -> String {
        format!("{}{}", self.prefix, self.extent.path(tile))
    }

    fn parent(&self, tile: Tile) -> Option<Hash> {
        let above = Tile { level: tile.level + 1, index: tile.index / WIDTH };
        let (_, hashes) = self.held.iter().chain(&self.edges).find(|(known, _)| *known == above)?;
        hashes.get(usize::try_from(tile.index % WIDTH).ok()?).copied()
    }

    fn read(&self, tile: Tile) -> Result<(Vec<Hash>, FileFacts), Refusal> {
        let name = self.name(tile);
        let bytes = read(self.dir, &name, FULL)?;
        let expected = self.extent.width(tile);
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() as u64 != expected {
            return Err(Fault::Tile(BadTile::Length { expected, found: bytes.len() }).at(&name));
        }
        Ok((hashes.iter().map(|hash| Hash(*hash)).collect(), digest(&bytes)))
    }
}

/// How many hashes of a level a tree of `size` entries has.
fn hashes_of(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * WIDTH.ilog2()).unwrap_or(0)
}

/// The lowest level on which a tree of so many entries has a tile that is not full.
fn lowest(size: u64) -> u8 {
    (0..8).find(|level| !hashes_of(size, *level).is_multiple_of(WIDTH)).unwrap_or(0)
}
