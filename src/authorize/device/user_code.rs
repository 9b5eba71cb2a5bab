//! User codes: what a person reads from one screen and types into another (RFC 8628 §6.1).

use zeroize::ZeroizeOnDrop;

use crate::{
    ids::TenantId,
    keys::Keyring,
    secret::{Entropy, NoEntropy},
};

/// Letters that are not mistaken for others, and that make no words.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS: usize = 8;
/// The longest text that is read: a code with blanks and dashes all over.
const MAX: usize = 64;
const LABEL: &str = "user code";

/// The text is no user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code has eight letters, without vowels")]
pub struct NoUserCode;

/// Eight letters of twenty, which are 34 bits: guesses are counted. Whoever has it can decide for a device, so it prints
/// nowhere but on the page and in the answer to the device.
#[derive(ZeroizeOnDrop)]
pub struct UserCode([u8; LETTERS]);

impl UserCode {
    /// A new code; each letter is as likely as any other.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let mut letters = [0; LETTERS];
        for letter in &mut letters {
            *letter = random_letter(entropy)?;
        }
        Ok(Self(letters))
    }

    /// Reads what a person typed, in upper or lower case, with dashes and blanks anywhere or nowhere.
    pub fn parse(text: &str) -> Result<Self, NoUserCode> {
        if text.len() > MAX {
            return Err(NoUserCode);
        }
        let mut typed = text.chars().filter(|c| !is_separator(*c));
        let mut letters = [0; LETTERS];
        for letter in &mut letters {
            *letter = typed.next().and_then(known_letter).ok_or(NoUserCode)?;
        }
        match typed.next() {
            None => Ok(Self(letters)),
            Some(_) => Err(NoUserCode),
        }
    }

    /// As it is shown: `BCDF-GHJK`. Letters and a dash: nothing to escape anywhere.
    pub fn show(&self) -> String {
        let (left, right) = self.0.split_at(LETTERS / 2);
        let text = |letters: &[u8]| letters.iter().copied().map(char::from).collect::<String>();
        format!("{}-{}", text(left), text(right))
    }

    /// The letters alone.
    pub(super) fn letters(&self) -> &[u8] {
        &self.0
    }

    /// What the store keeps of it: a hash under the pepper in use.
    pub(super) fn stored(&self, keyring: &Keyring, tenant: TenantId) -> [u8; 32] {
        keyring.keyed(LABEL, &[tenant.0.as_bytes(), &self.0])
    }

    /// What the store may keep of it: a hash under each pepper.
    pub(super) fn lookup(&self, keyring: &Keyring, tenant: TenantId) -> Vec<[u8; 32]> {
        keyring.keyed_by_any(LABEL, &[tenant.0.as_bytes(), &self.0])
    }
}

fn random_letter(entropy: &Entropy) -> Result<u8, NoEntropy> {
    loop {
        let [byte] = *entropy.bytes::<1>()?;
        // 240 is twelve times twenty: above it some letters would be more likely.
        if byte < 240
            && let Some(letter) = ALPHABET.get(usize::from(byte) % ALPHABET.len())
        {
            return Ok(*letter);
        }
    }
}

fn known_letter(c: char) -> Option<u8> {
    let letter = u8::try_from(c.to_ascii_uppercase()).ok()?;
    ALPHABET.contains(&letter).then_some(letter)
}

/// Blanks, and what keyboards and clipboards make of a dash.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '_' | '.' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{ff0d}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_code_reads_back_and_every_letter_comes_up() {
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let code = UserCode::generate(&Entropy::system()).unwrap();
            let shown = code.show();
            assert!(UserCode::parse(&shown).unwrap().0 == code.0 && shown.len() == 9 && &shown[4..5] == "-", "{shown}");
            seen.extend(code.0);
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
            prop_assert_eq!(UserCode::parse(&typed).unwrap().0.to_vec(), plain);
        }

        #[test]
        fn anything_may_be_typed(text in "\\PC{0,80}") {
            if let Ok(code) = UserCode::parse(&text) {
                prop_assert!(UserCode::parse(&code.show()).is_ok());
                prop_assert!(code.0.iter().all(|letter| ALPHABET.contains(letter)));
            }
        }
    }
}
