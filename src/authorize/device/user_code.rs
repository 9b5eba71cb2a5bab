//! User codes: what a person reads from one screen and types into another (RFC 8628 §6.1).

use crate::{
    ids::TenantId,
    keys::Keyring,
    secret::{Entropy, Letters, NoEntropy},
};

const LABEL: &str = "user code";

/// The text is no user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code has eight letters, without vowels")]
pub struct NoUserCode;

/// Eight letters of twenty, which are 34 bits: guesses are counted. Whoever has it can decide for a device, so it prints
/// nowhere but on the page and in the answer to the device.
pub struct UserCode(Letters<8>);

impl UserCode {
    /// A new code.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        Letters::generate(entropy).map(Self)
    }

    /// Reads what a person typed.
    pub fn parse(text: &str) -> Result<Self, NoUserCode> {
        Letters::parse(text).map(Self).ok_or(NoUserCode)
    }

    /// As it is shown: `BCDF-GHJK`.
    pub fn show(&self) -> String {
        self.0.show()
    }

    /// The letters alone.
    pub(super) fn letters(&self) -> &[u8] {
        self.0.bytes()
    }

    /// What the store keeps of it: a hash under the pepper in use.
    pub(super) fn stored(&self, keyring: &Keyring, tenant: TenantId) -> [u8; 32] {
        keyring.keyed(LABEL, &[tenant.0.as_bytes(), self.0.bytes()])
    }

    /// What the store may keep of it: a hash under each pepper.
    pub(super) fn lookup(&self, keyring: &Keyring, tenant: TenantId) -> Vec<[u8; 32]> {
        keyring.keyed_by_any(LABEL, &[tenant.0.as_bytes(), self.0.bytes()])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::secret::{ALPHABET, MAX};

    #[test]
    fn a_new_code_reads_back_and_every_letter_comes_up() {
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let code = UserCode::generate(&Entropy::system()).unwrap();
            let shown = code.show();
            assert!(UserCode::parse(&shown).unwrap().0 == code.0 && shown.len() == 9 && &shown[4..5] == "-", "{shown}");
            seen.extend(code.letters().to_vec());
        }
        assert!(seen.into_iter().eq(ALPHABET.iter().copied().collect::<BTreeSet<_>>()));
        assert!(!ALPHABET.iter().any(|letter| b"AEIOUY01".contains(letter)));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["", "BCDF-GHJ", "BCDF-GHJKL", "BCDA-GHJK", "BCD1-GHJK", "BCDF-GHJ\u{212a}", "BCDF/GHJK", "%%%%"] {
            assert!(UserCode::parse(text).is_err(), "{text}");
        }
        assert!(UserCode::parse(&format!("BCDFGHJK{}", " ".repeat(MAX))).is_err());
    }

    proptest! {
        #[test]
        fn case_dashes_and_blanks_do_not_matter(
            letters in prop::collection::vec((0_usize..20, any::<bool>(), "[-_. \u{2010}\u{2013}\u{2014}\u{a0}\t]{0,1}"), 8),
            before in " {0,3}",
        ) {
            let mut typed = before;
            for (letter, lower, separator) in &letters {
                let letter = char::from(ALPHABET[*letter]);
                typed.push(if *lower { letter.to_ascii_lowercase() } else { letter });
                typed.push_str(separator);
            }
            let plain: Vec<u8> = letters.iter().map(|(letter, ..)| ALPHABET[*letter]).collect();
            prop_assert_eq!(UserCode::parse(&typed).unwrap().letters().to_vec(), plain);
        }

        #[test]
        fn anything_may_be_typed(text in "\\PC{0,80}") {
            if let Ok(code) = UserCode::parse(&text) {
                prop_assert!(UserCode::parse(&code.show()).is_ok());
                prop_assert!(code.letters().iter().all(|letter| ALPHABET.contains(letter)));
            }
        }
    }
}
