//! The same trees, proofs and exports by an implementation that is neither ours nor `tlog_tiles`: the crate `ct-merkle`.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256, digest::Output};

use super::{Scratch, log::Log};
use crate::audit::log::{Hash, unbundle};

fn theirs(hash: Hash) -> Output<Sha256> {
    hash.0.into()
}

#[test]
fn the_entries_of_an_export_make_the_root_of_its_checkpoint() {
    let (log, scratch) = (Log::of("a", 700), Scratch::new("others"));
    log.export(scratch.path());
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for (file, count) in [("000", 256), ("001", 256), ("002.p/188", 188)] {
        let bytes = fs::read(scratch.file("tile/entries").join(file)).unwrap();
        unbundle(&bytes, count).unwrap().into_iter().for_each(|entry| tree.push(entry.to_vec()));
    }
    let checkpoint = fs::read_to_string(scratch.file("checkpoint")).unwrap();
    let lines: Vec<&str> = checkpoint.lines().collect();
    assert_eq!((lines[1], lines[2]), ("700", STANDARD.encode(tree.root().as_bytes()).as_str()));
    for line in fs::read_to_string(scratch.file("SHA256SUMS")).unwrap().lines() {
        let (digest, file) = line.split_once("  ").unwrap();
        let found = Sha256::digest(fs::read(scratch.file(file)).unwrap());
        assert_eq!(digest, found.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn proofs_of_ours_hold_for_others(size in 1_u64..800, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let log = Log::of("a", size);
        let tiles = log.tiles();
        let within = |index: &prop::sample::Index| index.index(usize::try_from(size).unwrap()) as u64;
        let (index, old) = (within(&a), within(&b) + 1);
        let root = RootHash::<Sha256>::new(theirs(tiles.root(size).unwrap()), size);
        let proof: Vec<_> = tiles.inclusion(index, size).unwrap().into_iter().map(theirs).collect();
        let proof = InclusionProof::<Sha256>::from_digests(&proof);
        prop_assert!(root.verify_inclusion(&log.entry(index).bytes(), index, &proof).is_ok());
        prop_assert!(root.verify_inclusion(&b"another", index, &proof).is_err());
        let before = RootHash::<Sha256>::new(theirs(tiles.root(old).unwrap()), old);
        let proof: Vec<_> = tiles.consistency(old, size).unwrap().into_iter().map(theirs).collect();
        prop_assert!(root.verify_consistency(&before, &ConsistencyProof::from_digests(&proof)).is_ok());
        let other = RootHash::<Sha256>::new(theirs(log.checkpoint(old).root), old);
        prop_assert!(before == other);
    }
}
