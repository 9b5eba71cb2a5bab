//! Codes that people read from a screen or from paper and type in.

use zeroize::ZeroizeOnDrop;

use super::{Entropy, NoEntropy};

/// Letters that are not mistaken for others, and that make no words.
pub(crate) const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// The longest text that is read: a code with blanks and dashes all over.
pub(crate) const MAX: usize = 64;
const GROUP: usize = 4;

/// So many letters of twenty. They print nowhere but where [`Letters::show`] is called.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Letters<const N: usize>([u8; N]);

impl<const N: usize> Letters<N> {
    /// New ones; each is as likely as any other.
    ///
    /// # Errors
    /// No random bytes.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let mut letters = Self([0; N]);
        for letter in &mut letters.0 {
            *letter = random_letter(entropy)?;
        }
        Ok(letters)
    }

    /// Reads what a person typed, in upper or lower case, with dashes and blanks anywhere or nowhere.
    pub fn parse(text: &str) -> Option<Self> {
        let mut typed = (text.len() <= MAX).then_some(text)?.chars().filter(|c| !is_separator(*c));
        let mut letters = Self([0; N]);
        for letter in &mut letters.0 {
            *letter = typed.next().and_then(known_letter)?;
        }
        typed.next().is_none().then_some(letters)
    }

    /// In groups of four: `BCDF-GHJK`. Letters and dashes: nothing to escape anywhere.
    pub fn show(&self) -> String {
        let groups = self.0.chunks(GROUP).map(|group| group.iter().copied().map(char::from).collect::<String>());
        groups.collect::<Vec<_>>().join("-")
    }

    /// The letters alone.
    pub fn bytes(&self) -> &[u8] {
        &self.0
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
