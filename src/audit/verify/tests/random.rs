//! Logs of all sizes, above all those where tiles begin and end.

use std::fs;

use proptest::prelude::*;

use super::{
    Scratch, alone, files,
    log::{Log, export},
    since,
};
use crate::audit::export::Included;

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1_u64), 254_u64..259, 510_u64..515, 1_u64..900]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_part_of_every_log_holds_and_no_changed_one(
        size in size(), parts in any::<(prop::sample::Index, prop::sample::Index)>(),
        older in any::<prop::sample::Index>(), file in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let scratch = Scratch::new("random");
        let log = Log::of("a", size);
        let at = |index: prop::sample::Index| index.index(usize::try_from(size).unwrap()) as u64;
        let (one, two) = (at(parts.0), at(parts.1));
        let included = Included { first: one.min(two), last: one.max(two) };
        export(scratch.path(), log.epoch(Some(included)), Vec::new()).unwrap();
        let report = alone(scratch.path()).unwrap();
        let found = report.epochs[0].entries.unwrap();
        prop_assert!(found.first <= included.first && included.last <= found.last);

        // Sizes that the tiles at hand can tell of.
        let older = found.first + older.index(usize::try_from(found.count()).unwrap()) as u64;
        prop_assert!(since(scratch.path(), &log.key(), &log.note(older)).is_ok());
        let forged = log.clone().with(|events| events[0].body["n"] = 99.into());
        prop_assert!(older == 0 || since(scratch.path(), &log.key(), &forged.note(older)).is_err());

        let files = files(scratch.path());
        let path = &files[file.index(files.len())];
        let mut bytes = fs::read(path).unwrap();
        let at = byte.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        fs::write(path, &bytes).unwrap();
        prop_assert!(alone(scratch.path()).is_err(), "{path:?} at {at}");
    }
}

/// Where a third level of tiles begins.
#[test]
fn a_log_of_more_than_65536_entries_holds() {
    let scratch = Scratch::new("large");
    let log = Log::of("a", 65_537);
    for size in [65_535, 65_536, 65_537] {
        let included = Included { first: 65_279, last: size - 1 };
        export(scratch.path(), log.first(size).epoch(Some(included)), Vec::new()).unwrap();
        for older in [65_279, 65_280, 65_535, 65_536].into_iter().filter(|older| *older <= size) {
            assert!(since(scratch.path(), &log.key(), &log.note(older)).is_ok(), "{older} of {size}");
        }
    }
    let middle = scratch.file("tile/1/000");
    let mut bytes = fs::read(&middle).unwrap();
    bytes[32 * 7] ^= 1;
    fs::write(&middle, bytes).unwrap();
    let said = alone(scratch.path()).unwrap_err().to_string();
    let [begin, end] = ["tile/1/000: its hashes are not those that the tree has there", "the entries 0 to 65535"];
    assert!(said.starts_with(begin) && said.ends_with(end), "{said}");
}
