//! A JWT as a client presented it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The longest one, in bytes. Tokens that name a person's groups are long.
const MAX_BYTES: usize = 16 * 1024;

/// Something in the shape of a signed JWT (RFC 7515 §3.1). Nothing of it is verified; neither printable nor clonable.
pub struct OutsideToken(Zeroizing<String>);

impl OutsideToken {
    /// Reads one by its shape: three parts, none of them empty. Not our handles, which have no dots.
    pub fn parse(text: &str) -> Option<Self> {
        let part =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let parts = text.split('.').count();
        (text.len() <= MAX_BYTES && parts == 3 && text.split('.').all(part))
            .then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// All of it, for the signature and the cache's key.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The part of this number, decoded.
    pub(super) fn part(&self, number: usize) -> Option<Zeroizing<Vec<u8>>> {
        let part = self.0.split('.').nth(number)?;
        URL_SAFE_NO_PAD.decode(part).ok().map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_three_parts_in_base64url_are_one() {
        assert!(OutsideToken::parse("eyJh.eyJi.c2ln").is_some());
        for text in ["", "a.b", "a.b.", ".b.c", "a.b.c.d", "a.b.c.d.e", "a.b.c=", "a.b+.c", "a b.c.d", "sp_at_x"] {
            assert!(OutsideToken::parse(text).is_none(), "{text}");
        }
        let long = "a".repeat(MAX_BYTES);
        assert!(OutsideToken::parse(&format!("{long}.b.c")).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            if let Some(token) = OutsideToken::parse(&text) {
                let _ = token.part(0);
                prop_assert_eq!(token.expose(), text);
            }
        }
    }
}
