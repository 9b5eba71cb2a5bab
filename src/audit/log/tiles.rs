//! Tiles of a tree, and bundles of entries, as files (C2SP tlog-tiles).

use std::collections::HashMap;

use tlog_tiles::{
    Error, Hash, HashReader, TreeProof, node_hash, prove_record, prove_tree, split_stored_hash_index, tree_hash,
};

use super::MOST;

/// Hashes in a full tile, and entries in a full bundle.
pub const WIDTH: u64 = 256;

/// Why bytes are no tile.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadTile {
    /// Another number of hashes than the tree has there.
    #[error("{found} bytes, where {expected} hashes of 32 bytes belong")]
    Length {
        /// In hashes.
        expected: u64,
        /// In bytes.
        found: usize,
    },
    /// A bundle that ends within an entry, or has too few or too many.
    #[error("a bundle of entries that is not made of {0} entries")]
    Bundle(u64),
}

/// The path of a tile: `tile/<level>/<index>[.p/<width>]`.
pub fn path(level: u8, index: u64, width: u64) -> String {
    format!("tile/{level}/{}", numbered(index, width))
}

/// The path of a bundle of entries: `tile/entries/<index>[.p/<width>]`.
pub fn path_of_entries(index: u64, width: u64) -> String {
    format!("tile/entries/{}", numbered(index, width))
}

/// Digits in threes, so that no directory has more than a thousand of anything.
fn numbered(index: u64, width: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH { format!("{text}.p/{width}") } else { text }
}

/// Hashes in the tile at this place of a tree of `size` entries; 0 where there is none.
pub fn width(size: u64, level: u8, index: u64) -> u64 {
    let of_level = size.checked_shr(u32::from(level) * WIDTH.ilog2()).unwrap_or(0);
    of_level.saturating_sub(index.saturating_mul(WIDTH)).min(WIDTH)
}

/// The root of a number of hashes that is a power of two.
pub(crate) fn subtree(hashes: &[Hash]) -> Hash {
    let mut hashes = hashes.to_vec();
    while hashes.len() > 1 {
        hashes = hashes.chunks(2).filter_map(|pair| Some(node_hash(*pair.first()?, *pair.get(1)?))).collect();
    }
    hashes.first().copied().unwrap_or_default()
}

/// Entries as a bundle: each after its length, as two bytes, big-endian.
pub fn bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        // An entry has 60 KiB at most.
        out.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(entry);
    }
    out
}

/// The entries of a bundle that has `count` of them.
///
/// # Errors
/// [`BadTile::Bundle`].
pub fn unbundle(mut bytes: &[u8], count: u64) -> Result<Vec<&[u8]>, BadTile> {
    let bad = BadTile::Bundle(count);
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let Some((entry, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into()) else { return Err(bad) };
        entries.push(entry);
        bytes = rest;
    }
    if bytes.is_empty() && entries.len() as u64 == count { Ok(entries) } else { Err(bad) }
}

/// Tiles that are at hand, of a tree of some size. What is asked for and is not at hand is named, so that it can be fetched.
///
/// Nothing says that the tiles are right: what is made of them is to be checked against a checkpoint.
#[derive(Debug, Default)]
pub struct Tiles {
    size: u64,
    known: HashMap<(u8, u64), Vec<Hash>>,
}

/// A tile that is not at hand: its level, and its index.
pub type Missing = (u8, u64);

impl Tiles {
    /// Of a tree of `size` entries.
    pub fn of(size: u64) -> Self {
        Self { size: size.min(MOST), known: HashMap::new() }
    }

    /// Takes a tile as it is stored. More hashes than the tree has there are left out: it has grown since.
    ///
    /// # Errors
    /// [`BadTile::Length`].
    pub fn add(&mut self, (level, index): Missing, bytes: &[u8]) -> Result<(), BadTile> {
        let expected = width(self.size, level, index);
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || (hashes.len() as u64) < expected {
            return Err(BadTile::Length { expected, found: bytes.len() });
        }
        let hashes = hashes.iter().take(usize::try_from(expected).unwrap_or(0)).map(|hash| Hash(*hash)).collect();
        self.known.insert((level, index), hashes);
        Ok(())
    }

    /// The hash of an entry.
    pub fn leaf(&self, index: u64) -> Result<Hash, Missing> {
        self.hash(0, index)
    }

    /// The root of the tree's first `size` entries.
    ///
    /// # Errors
    /// The first tile that is missing.
    pub fn root(&self, size: u64) -> Result<Hash, Missing> {
        self.with(|reader| tree_hash(size.min(self.size), reader))
    }

    /// The proof that an entry is in the tree of the first `size` entries (RFC 6962 §2.1.1).
    ///
    /// # Errors
    /// The first tile that is missing.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<TreeProof, Missing> {
        self.with(|reader| prove_record(size.min(self.size), index, reader))
    }

    /// The proof that the tree of `old` entries is the beginning of that of `size` (RFC 6962 §2.1.2).
    ///
    /// # Errors
    /// The first tile that is missing.
    pub fn consistency(&self, old: u64, size: u64) -> Result<TreeProof, Missing> {
        self.with(|reader| prove_tree(size.min(self.size), old, reader))
    }

    fn with<T: Default>(&self, ask: impl FnOnce(&Reader<'_>) -> Result<T, Error>) -> Result<T, Missing> {
        let reader = Reader { tiles: self, missing: std::cell::Cell::new(None) };
        match ask(&reader) {
            Ok(found) => Ok(found),
            // What is asked wrongly (an entry beyond the tree) has no proof.
            Err(_) => reader.missing.get().map_or_else(|| Ok(T::default()), Err),
        }
    }

    fn hash(&self, level: u8, n: u64) -> Result<Hash, Missing> {
        let bits = u8::try_from(WIDTH.ilog2()).unwrap_or(8);
        let (tile, within) = (level / bits, level % bits);
        // The leftmost hash of the tile's own level below this one.
        let first = n << within;
        let place = (tile, first / WIDTH);
        let hashes = self.known.get(&place).ok_or(place)?;
        let from = usize::try_from(first % WIDTH).unwrap_or(usize::MAX);
        hashes.get(from..).and_then(|rest| rest.get(..1 << within)).map(subtree).ok_or(place)
    }
}

struct Reader<'a> {
    tiles: &'a Tiles,
    missing: std::cell::Cell<Option<Missing>>,
}

impl HashReader for Reader<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let hash = |index: &u64| {
            let (level, n) = split_stored_hash_index(*index);
            self.tiles.hash(level, n).map_err(|missing| {
                self.missing.set(Some(missing));
                Error::InvalidTile
            })
        };
        indexes.iter().map(hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tlog_tiles::{check_record, check_tree, record_hash};

    use super::*;
    use crate::audit::log::Frontier;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(1, 0, 3), "tile/1/000.p/3");
        assert_eq!(path_of_entries(999, 256), "tile/entries/999");
        assert_eq!(path_of_entries(1000, 17), "tile/entries/x001/000.p/17");
    }

    #[test]
    fn widths_follow_from_the_size() {
        assert_eq!((width(0, 0, 0), width(1, 0, 0), width(256, 0, 0), width(256, 0, 1)), (0, 1, 256, 0));
        assert_eq!((width(257, 0, 1), width(257, 1, 0), width(65_536, 2, 0), width(65_535, 2, 0)), (1, 1, 1, 0));
        assert_eq!(width(u64::MAX, 8, 0), 0);
    }

    #[test]
    fn a_bundle_is_taken_apart_again() {
        let entries: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = bundle(entries);
        assert_eq!(bytes.get(..5), Some(&b"\0\x03one"[..]));
        assert_eq!(unbundle(&bytes, 3).unwrap(), entries);
        for (bad, count) in [(&bytes[..], 2), (&bytes[..], 4), (&bytes[..bytes.len() - 1], 3), (&bytes[..6], 1)] {
            assert_eq!(unbundle(bad, count), Err(BadTile::Bundle(count)));
        }
    }

    /// A tree of so many entries, with all its tiles.
    pub(super) fn tree(size: u64) -> (Frontier, Tiles) {
        let (mut frontier, mut tiles) = (Frontier::default(), Tiles::of(size));
        let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
        for n in 0..size {
            frontier.push(record_hash(&n.to_be_bytes()), |level, index, tile| {
                tiles.add((level, index), &bytes(tile)).unwrap();
            });
        }
        for level in 0..frontier.depth() {
            let tile = u8::try_from(level).unwrap();
            let index = size.checked_shr(8 * (u32::from(tile) + 1)).unwrap_or(0);
            tiles.add((tile, index), &bytes(frontier.level(level))).unwrap();
        }
        (frontier, tiles)
    }

    #[test]
    fn a_tile_that_is_missing_is_named_and_a_short_one_refused() {
        let (_, mut tiles) = tree(700);
        tiles.known.remove(&(0, 1));
        assert_eq!(tiles.inclusion(300, 700), Err((0, 1)));
        assert_eq!(tiles.add((0, 1), &[0; 32]), Err(BadTile::Length { expected: 256, found: 32 }));
        assert_eq!(tiles.add((0, 1), &[0; 33]), Err(BadTile::Length { expected: 256, found: 33 }));
        tiles.add((0, 2), &[1; 256 * 32]).unwrap();
        assert_eq!(tiles.known[&(0, 2)].len(), 700 - 512);
    }

    proptest! {
        #[test]
        fn proofs_hold_and_proofs_of_others_do_not(size in 1_u64..1_200, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
            let (frontier, tiles) = tree(size);
            let at = |index: &prop::sample::Index| index.index(usize::try_from(size).unwrap()) as u64;
            let (index, old) = (at(&a), at(&b) + 1);
            prop_assert_eq!(tiles.root(size).unwrap(), frontier.root());
            let proof = tiles.inclusion(index, size).unwrap();
            let leaf = tiles.leaf(index).unwrap();
            prop_assert_eq!(leaf, record_hash(&index.to_be_bytes()));
            prop_assert!(check_record(&proof, size, frontier.root(), index, leaf).is_ok());
            prop_assert!(check_record(&proof, size, frontier.root(), index, record_hash(b"x")).is_err());
            let (before, proof) = (tiles.root(old).unwrap(), tiles.consistency(old, size).unwrap());
            prop_assert!(check_tree(&proof, size, frontier.root(), old, before).is_ok());
            prop_assert!(old == size || check_tree(&proof, size, frontier.root(), old, frontier.root()).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), count in 0_u64..4) {
            let _ = unbundle(&bytes, count);
        }
    }
}
