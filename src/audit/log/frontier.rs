//! The right edge of a tree: all that it takes to add entries to it and to know its root.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash};

use super::tiles::{WIDTH, subtree};

/// The tiles of a tree that are not full, from the level of entries upwards.
///
/// Memory grows with the logarithm of the tree, to the base of 256.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frontier {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Frontier {
    /// The edge of a tree of `size` entries, of what its rightmost tiles hold: for each level the hashes of the tile that is not full.
    /// None where they do not belong to a tree of that size.
    pub fn of(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let mut left = size;
        for level in &levels {
            if u64::try_from(level.len()).ok()? != left % WIDTH {
                return None;
            }
            left /= WIDTH;
        }
        (left == 0 && levels.last().is_none_or(|top| !top.is_empty() || levels.len() == depth(size)))
            .then_some(Self { size, levels })
    }

    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the tile of a level that is not full.
    pub fn level(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// How many levels of tiles there are.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Adds an entry. `full` is given each tile that has become full: its level, its index, its hashes.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(u8, u64, &[Hash])) {
        let mut hash = leaf;
        let mut index = self.size;
        self.size += 1;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let Some(tile) = self.levels.get_mut(at) else { return };
            tile.push(hash);
            if (tile.len() as u64) < WIDTH {
                return;
            }
            index /= WIDTH;
            full(level, index, tile);
            hash = subtree(tile);
            tile.clear();
        }
    }

    /// The hash of the tree (RFC 6962 §2.1).
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for tile in &self.levels {
            // Subtrees of a tile are full, and smaller to the right.
            let mut end = tile.len();
            while end > 0 {
                let part = 1 << end.trailing_zeros();
                let Some(hashes) = tile.get(end - part..end) else { break };
                let left = subtree(hashes);
                root = Some(root.map_or(left, |right| node_hash(left, right)));
                end -= part;
            }
        }
        root.unwrap_or(EMPTY_HASH)
    }
}

/// Levels of tiles in a tree of this size.
fn depth(size: u64) -> usize {
    let (mut size, mut depth) = (size, 0);
    while size > 0 {
        size /= WIDTH;
        depth += 1;
    }
    depth
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use tlog_tiles::{Error, HashReader, record_hash, split_stored_hash_index, stored_hashes, tree_hash};

    use super::*;

    struct Stored(Vec<Hash>);

    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
        }
    }

    /// RFC 6962 §2.1, word for word.
    fn plain(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => EMPTY_HASH,
            1 => leaves[0],
            n => {
                let k = n.next_power_of_two() / 2;
                node_hash(plain(&leaves[..k]), plain(&leaves[k..]))
            }
        }
    }

    #[test]
    fn it_has_the_root_of_the_rfc_and_of_tlog_at_every_size() {
        let (mut frontier, mut stored, mut leaves) = (Frontier::default(), Stored(Vec::new()), Vec::new());
        let mut tiles: HashMap<(u8, u64), Vec<Hash>> = HashMap::new();
        for n in 0..=1100_u64 {
            if n < 600 || n % 97 == 0 {
                assert_eq!(frontier.root(), plain(&leaves), "{n}");
            }
            assert_eq!(frontier.root(), tree_hash(n, &stored).unwrap(), "{n}");
            assert_eq!(frontier.size(), n);
            let levels = (0..frontier.depth()).map(|level| frontier.level(level).to_vec()).collect();
            assert_eq!(Frontier::of(n, levels).unwrap(), frontier, "{n}");
            let data = n.to_be_bytes();
            stored.0.extend(stored_hashes(n, &data, &stored).unwrap());
            leaves.push(record_hash(&data));
            frontier.push(record_hash(&data), |level, index, tile| {
                assert!(tiles.insert((level, index), tile.to_vec()).is_none());
            });
        }
        assert_eq!(tiles.len(), 4);
        for (index, hash) in stored.0.iter().enumerate() {
            let (level, n) = split_stored_hash_index(index as u64);
            if level == 0 && n < 1024 {
                assert_eq!(tiles[&(0, n / 256)][usize::try_from(n % 256).unwrap()], *hash);
            }
        }
    }

    #[test]
    fn the_edge_of_another_tree_is_none() {
        let hash = record_hash(b"");
        assert!(Frontier::of(2, vec![vec![hash]]).is_none());
        assert!(Frontier::of(0, vec![vec![hash]]).is_none());
        assert!(Frontier::of(257, vec![vec![hash]]).is_none());
        assert!(Frontier::of(257, vec![vec![hash], vec![hash]]).is_some());
        assert!(Frontier::of(256, vec![vec![], vec![hash]]).is_some());
        assert!(Frontier::of(256, vec![vec![], vec![hash], vec![]]).is_none());
        assert!(Frontier::of(0, vec![]).is_some());
    }

    proptest! {
        #[test]
        fn trees_that_differ_in_an_entry_differ_in_their_roots(size in 1_u64..600, at in any::<prop::sample::Index>()) {
            let at = at.index(usize::try_from(size).unwrap()) as u64;
            let (mut one, mut other) = (Frontier::default(), Frontier::default());
            for n in 0..size {
                one.push(record_hash(&n.to_be_bytes()), |_, _, _| {});
                other.push(record_hash(&(n ^ u64::from(n == at) << 40).to_be_bytes()), |_, _, _| {});
            }
            prop_assert_ne!(one.root(), other.root());
        }
    }
}
