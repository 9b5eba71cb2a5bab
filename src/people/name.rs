//! Names of people.

use std::fmt;

use crate::http::pages::display_text;

/// The longest name, in characters.
const MAX_CHARS: usize = 64;

/// A name to log in with: 1 to 64 characters, nothing that cannot be seen, no white space around it. Names that differ
/// in case only are one name; the database sees to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

/// A text that cannot be a username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a username has 1 to {MAX_CHARS} characters, and no control or invisible characters")]
pub struct BadUsername;

impl Username {
    /// Reads a name. White space around it does not count.
    pub fn parse(text: &str) -> Result<Self, BadUsername> {
        let text = text.trim();
        // What would be shown in another way than it is written could pass for somebody else.
        if text.is_empty() || display_text(text, MAX_CHARS) != text {
            Err(BadUsername)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The name, as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_around_a_name_does_not_count() {
        assert_eq!(Username::parse(" Ada Lovelace\n").unwrap().as_str(), "Ada Lovelace");
    }

    #[test]
    fn names_that_show_as_others_are_refused() {
        for text in ["", "  ", "ad\u{202e}a", "ad\u{200b}a", "a\tb", "a\nb", "a  b", &"x".repeat(65)] {
            assert_eq!(Username::parse(text), Err(BadUsername), "{text:?}");
        }
        assert!(Username::parse(&"é".repeat(64)).is_ok());
    }

    proptest! {
        #[test]
        fn a_name_is_read_the_same_twice(text in ".{0,70}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert_eq!(Username::parse(name.as_str()), Ok(name.clone()));
                prop_assert!(name.as_str().chars().count() <= MAX_CHARS);
                prop_assert!(!name.as_str().chars().any(char::is_control));
            }
        }
    }
}
