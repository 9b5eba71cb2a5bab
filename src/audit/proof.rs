//! The proof that one entry is in a log, in one file (C2SP [tlog-proof](https://c2sp.org/tlog-proof)). Its extra data is the entry.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tlog_tiles::check_record;

use super::{
    log::{BadCheckpoint, BadEntry, Checkpoint, Entry, Hash, VerifierKey},
    verify::of_log,
};
use crate::store::audit::EventRow;

const FORMAT: &str = "c2sp.org/tlog-proof@v1";
/// The longest proof: an entry in base64, hashes, and a checkpoint.
pub const LONGEST: usize = 256 * 1024;
/// Hashes in a proof: a tree has fewer levels.
const MOST: usize = 63;

/// Why a text proves nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadProof {
    /// Of another format.
    #[error("it is not a proof ({FORMAT})")]
    Form,
    /// A proof of something else than an entry of Sallyport.
    #[error("the entry in it: {0}")]
    Entry(#[from] BadEntry),
    /// Its checkpoint is none, or was not signed by the key.
    #[error("the checkpoint in it: {0}")]
    Checkpoint(#[from] BadCheckpoint),
    /// None of the keys is of its log.
    #[error("none of the keys given is of its log, {0}")]
    OtherKey(String),
    /// The entry is not where it says.
    #[error("the entry is not in that tree at that place")]
    Wrong,
}

/// The proof that an entry is in a log. Nothing is known of it before [`Proof::check`].
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// The entry.
    pub entry: Entry,
    /// Its index.
    pub index: u64,
    /// The way from the entry up to the root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub note: String,
}

/// What a proof has proved.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The event that is in the log.
    pub event: EventRow,
    /// Of which log and tree.
    pub checkpoint: Checkpoint,
    /// The keys given that have signed it.
    pub signers: Vec<String>,
}

impl Proof {
    /// The text.
    pub fn text(&self) -> String {
        let extra = STANDARD.encode(self.entry.bytes());
        let hashes: String = self.hashes.iter().map(|hash| format!("{}\n", STANDARD.encode(hash.0))).collect();
        format!("{FORMAT}\nextra {extra}\nindex {}\n{hashes}\n{}", self.index, self.note)
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// [`BadProof::Form`] and [`BadProof::Entry`].
    pub fn parse(text: &str) -> Result<Self, BadProof> {
        let (head, note) = text.split_once("\n\n").filter(|_| text.len() <= LONGEST).ok_or(BadProof::Form)?;
        let mut lines = head.split('\n');
        let mut line = |prefix: &str| lines.next().and_then(|line| line.strip_prefix(prefix)).ok_or(BadProof::Form);
        line(FORMAT)?;
        let extra = STANDARD.decode(line("extra ")?).map_err(|_| BadProof::Form)?;
        let index = line("index ")?.parse().map_err(|_| BadProof::Form)?;
        let hash = |line: &str| STANDARD.decode(line).ok().and_then(|bytes| Some(Hash(bytes.try_into().ok()?)));
        let hashes: Vec<Hash> = lines.map(hash).collect::<Option<_>>().ok_or(BadProof::Form)?;
        let proof = Self { entry: Entry::parse(&extra)?.0, index, hashes, note: note.to_owned() };
        // There is one way to write it.
        if proof.hashes.len() <= MOST && proof.text() == text { Ok(proof) } else { Err(BadProof::Form) }
    }

    /// Checks it. Where keys are given, one of them must have signed the checkpoint.
    ///
    /// # Errors
    /// See [`BadProof`].
    pub fn check(&self, keys: &[VerifierKey]) -> Result<Proved, BadProof> {
        let checkpoint = Checkpoint::unverified(&self.note)?;
        let own = of_log(keys, &checkpoint.origin);
        if own.is_empty() && !keys.is_empty() {
            return Err(BadProof::OtherKey(checkpoint.origin.to_string()));
        }
        let mut signers = Vec::new();
        let mut unsigned = None;
        for key in own {
            match Checkpoint::verified(&self.note, &key) {
                Ok(_) => signers.push(key.to_string()),
                Err(error @ BadCheckpoint::Unsigned(_)) => unsigned = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        if let (true, Some(error)) = (signers.is_empty(), unsigned) {
            return Err(error.into());
        }
        let (_, event) = Entry::parse(self.entry.bytes())?;
        check_record(&self.hashes, checkpoint.size, checkpoint.root, self.index, self.entry.leaf())
            .map_err(|_| BadProof::Wrong)?;
        Ok(Proved { event, checkpoint, signers })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::verify::tests::log::Log;

    fn proof(log: &Log, index: u64) -> Proof {
        let (tiles, size) = (log.tiles(), log.size());
        let hashes = tiles.inclusion(index, size).unwrap();
        Proof { entry: log.entry(index), index, hashes, note: log.note(size) }
    }

    #[test]
    fn a_proof_says_what_is_in_the_log_and_who_signed() {
        let log = Log::of("a", 300);
        let proof = proof(&log, 257);
        let text = proof.text();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra ey"), "{text}");
        let read = Proof::parse(&text).unwrap();
        assert_eq!(read, proof);
        let proved = read.check(&[log.key()]).unwrap();
        assert_eq!((proved.event.id, proved.checkpoint.size), (log.events()[257].id, 300));
        assert_eq!(proved.signers, [log.key().to_string()]);
        assert!(read.check(&[]).unwrap().signers.is_empty());
        let other = Log::signed_with("a", 1, 9);
        assert!(matches!(read.check(&[other.key()]), Err(BadProof::Checkpoint(BadCheckpoint::Unsigned(_)))));
        assert!(matches!(read.check(&[Log::of("b", 1).key()]), Err(BadProof::OtherKey(_))));
        assert!(read.check(&[other.key(), log.key()]).is_ok());
        // The key of a log that was begun anew is that of the log before, under another name.
        assert!(read.check(&[Log::restarted(&log, 2, 1).key()]).is_ok());
    }

    #[test]
    fn the_only_entry_of_a_log_needs_no_hashes() {
        let log = Log::of("a", 1);
        let proof = proof(&log, 0);
        assert!(proof.text().contains("\nindex 0\n\n"), "{}", proof.text());
        assert!(Proof::parse(&proof.text()).unwrap().check(&[log.key()]).is_ok());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let log = Log::of("a", 5);
        let text = proof(&log, 3).text();
        for at in 0..text.len() {
            for bit in [0, 3, 5] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let refused = Proof::parse(&changed).and_then(|proof| proof.check(&[log.key()]).map(drop));
                assert!(refused.is_err(), "{at}.{bit}: {changed}");
            }
        }
    }

    #[test]
    fn another_place_is_not_proved() {
        let log = Log::of("a", 300);
        let mut other = proof(&log, 7);
        other.index = 8;
        assert_eq!(other.check(&[]).unwrap_err(), BadProof::Wrong);
        other.index = u64::MAX;
        assert_eq!(other.check(&[]).unwrap_err(), BadProof::Wrong);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", index in any::<u64>(), hashes in 0_usize..70) {
            let _ = Proof::parse(&text);
            let mut proof = proof(&Log::of("a", 3), 1);
            proof.index = index;
            proof.hashes = vec![Hash::default(); hashes];
            let _ = Proof::parse(&proof.text());
            prop_assert!(proof.check(&[]).is_err());
        }
    }
}
