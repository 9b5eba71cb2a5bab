//! Which tiles and entries an export has, and in which order.

use serde::{Deserialize, Serialize};

use crate::audit::log::{MOST, WIDTH, path, path_of_entries, width};

/// Levels that a tree can have: `MOST` is below 256 to the power of this.
const LEVELS: u8 = 7;

/// A part of a log: whole bundles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Included {
    /// The index of the first entry.
    pub first: u64,
    /// That of the last.
    pub last: u64,
}

impl Included {
    /// How many entries.
    pub fn count(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What an export has of a tree: all tiles above the entries' own, and of those the ones of its entries and the one that is not full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    size: u64,
    included: Option<Included>,
}

/// A place in the tree: the tile's level and its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// 0: hashes of entries.
    pub level: u8,
    /// From the left.
    pub index: u64,
}

impl Extent {
    /// Of a tree of `size` entries, the whole bundles that cover `included`. None where there are no such entries.
    pub fn covering(size: u64, included: Option<Included>) -> Option<Self> {
        let wider = |range: Included| {
            let end = (range.last / WIDTH + 1).saturating_mul(WIDTH).min(size);
            (range.first <= range.last && range.last < size)
                .then(|| Included { first: range.first / WIDTH * WIDTH, last: end - 1 })
        };
        let included = match included {
            None => None,
            Some(range) => Some(wider(range)?),
        };
        (size <= MOST).then_some(Self { size, included })
    }

    /// All of a tree.
    pub fn all(size: u64) -> Option<Self> {
        Self::covering(size, (size > 0).then(|| Included { first: 0, last: size.saturating_sub(1) }))
    }

    /// Exactly `included`. None where that is not made of whole bundles of the tree.
    pub fn exactly(size: u64, included: Option<Included>) -> Option<Self> {
        Self::covering(size, included).filter(|extent| extent.included == included)
    }

    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Entries that the export has.
    pub fn included(&self) -> Option<Included> {
        self.included
    }

    /// Hashes in a tile.
    pub fn width(&self, tile: Tile) -> u64 {
        width(self.size, tile.level, tile.index)
    }

    /// The file of a tile.
    pub fn path(&self, tile: Tile) -> String {
        path(tile.level, tile.index, self.width(tile))
    }

    /// The file of the entries below a tile of level 0.
    pub fn path_of_entries(&self, index: u64) -> String {
        path_of_entries(index, width(self.size, 0, index))
    }

    /// Tiles that are not full, at most one a level, from above.
    pub fn edges(&self) -> impl Iterator<Item = Tile> {
        let size = self.size;
        (0..LEVELS).rev().filter_map(move |level| {
            let hashes = size >> (u32::from(level) * WIDTH.ilog2());
            (!hashes.is_multiple_of(WIDTH)).then_some(Tile { level, index: hashes / WIDTH })
        })
    }

    /// Full tiles, each after the one that has its hash, and so that entries come in their order.
    pub fn walk(&self) -> Walk {
        let below = self.edges().filter(|tile| tile.level > 0).map(|tile| {
            let first = tile.index * WIDTH;
            (tile.level - 1, first, first + self.width(tile))
        });
        let mut stack: Vec<_> = below.collect();
        stack.reverse();
        Walk { extent: *self, stack }
    }

    /// Whether entries of the bundle of this index are in the export.
    pub fn has_entries(&self, index: u64) -> bool {
        self.included.is_some_and(|range| (range.first / WIDTH..=range.last / WIDTH).contains(&index))
    }

    /// Whether a file below `tile/` belongs to the export.
    pub fn has(&self, file: &str) -> bool {
        let Some((level, number)) = file.strip_prefix("tile/").and_then(|rest| rest.split_once('/')) else {
            return false;
        };
        let Some(index) = index(number) else { return false };
        if level == "entries" {
            return self.has_entries(index) && file == self.path_of_entries(index);
        }
        let Ok(level) = level.parse::<u8>() else { return false };
        let tile = Tile { level, index };
        let width = self.width(tile);
        let wanted = level > 0 || self.has_entries(index) || width < WIDTH;
        level < LEVELS && width > 0 && wanted && file == self.path(tile)
    }
}

/// The index in `x001/x234/067[.p/5]`; what is written otherwise is found by writing it again.
fn index(number: &str) -> Option<u64> {
    let number = number.split_once(".p/").map_or(number, |(number, _)| number);
    number.split('/').try_fold(0_u64, |index, part| {
        let digits = part.strip_prefix('x').unwrap_or(part);
        index.checked_mul(1000)?.checked_add(digits.parse::<u16>().ok()?.into())
    })
}

/// Whether a name is that of a tile or bundle of some log.
pub(super) fn is_tile(file: &str) -> bool {
    let Some((level, number)) = file.strip_prefix("tile/").and_then(|rest| rest.split_once('/')) else { return false };
    let Some(index) = index(number) else { return false };
    let width = match number.split_once(".p/") {
        None => WIDTH,
        Some((_, width)) => match width.parse() {
            Ok(width) if (1..WIDTH).contains(&width) => width,
            _ => return false,
        },
    };
    if level == "entries" {
        return file == path_of_entries(index, width);
    }
    level.parse().is_ok_and(|level| level < LEVELS && file == path(level, index, width))
}

/// See [`Extent::walk`].
#[derive(Debug)]
pub struct Walk {
    extent: Extent,
    /// Tiles that are still to come: their level, from which index, to which.
    stack: Vec<(u8, u64, u64)>,
}

impl Iterator for Walk {
    type Item = Tile;

    fn next(&mut self) -> Option<Tile> {
        loop {
            let (level, from, to) = self.stack.pop()?;
            let (first, end) = match (level, self.extent.included) {
                (0, Some(range)) => (from.max(range.first / WIDTH), to.min(range.last / WIDTH + 1)),
                (0, None) => (0, 0),
                _ => (from, to),
            };
            if first >= end {
                continue;
            }
            self.stack.push((level, first + 1, end));
            if level > 0 {
                self.stack.push((level - 1, first * WIDTH, (first + 1) * WIDTH));
            }
            return Some(Tile { level, index: first });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn files(extent: &Extent) -> Vec<String> {
        extent.edges().chain(extent.walk()).map(|tile| extent.path(tile)).collect()
    }

    #[test]
    fn tiles_come_from_above_and_entries_in_order() {
        let extent = Extent::all(3 * 256 + 5).unwrap();
        assert_eq!(files(&extent), ["tile/1/000.p/3", "tile/0/003.p/5", "tile/0/000", "tile/0/001", "tile/0/002"],);
        assert!(files(&Extent::all(0).unwrap()).is_empty());
        assert_eq!(files(&Extent::all(256).unwrap()), ["tile/1/000.p/1", "tile/0/000"]);
        assert_eq!(files(&Extent::all(65_536).unwrap())[..3], ["tile/2/000.p/1", "tile/1/000", "tile/0/000"]);
    }

    #[test]
    fn a_part_has_whole_bundles_and_all_that_is_above() {
        let part = |first, last| Extent::covering(700, Some(Included { first, last }));
        let extent = part(300, 300).unwrap();
        assert_eq!(extent.included(), Some(Included { first: 256, last: 511 }));
        assert_eq!(files(&extent), ["tile/1/000.p/2", "tile/0/002.p/188", "tile/0/001"]);
        assert_eq!(part(600, 600).unwrap().included(), Some(Included { first: 512, last: 699 }));
        assert!(part(600, 700).is_none() && part(2, 1).is_none());
        assert!(Extent::exactly(700, Some(Included { first: 256, last: 510 })).is_none());
        let none = Extent::covering(700, None).unwrap();
        assert_eq!(files(&none), ["tile/1/000.p/2", "tile/0/002.p/188"]);
        assert!(!none.has("tile/entries/002.p/188") && none.has("tile/0/002.p/188"));
    }

    proptest! {
        #[test]
        fn it_has_what_it_walks_over_and_nothing_else(size in 1_u64..140_000, from in 0_u64..140_000, length in 1_u64..2_000) {
            let (first, last) = (from % size, (from % size + length).min(size) - 1);
            let extent = Extent::covering(size, Some(Included { first, last: last.max(first) })).unwrap();
            let walked: BTreeSet<String> = files(&extent).into_iter().collect();
            prop_assert_eq!(walked.len(), files(&extent).len());
            for level in 0..3_u8 {
                for index in 0..(size >> (8 * u32::from(level))).div_ceil(256) {
                    let tile = Tile { level, index };
                    prop_assert_eq!(extent.has(&extent.path(tile)), walked.contains(&extent.path(tile)));
                    prop_assert!(is_tile(&extent.path(tile)));
                }
            }
        }

        #[test]
        fn no_name_makes_it_panic(name in "tile/[0-9a-z]{0,3}/[x0-9./p]{0,20}") {
            let extent = Extent::all(70_000).unwrap();
            prop_assert!(is_tile(&name) || !extent.has(&name), "{}", name);
        }
    }
}
