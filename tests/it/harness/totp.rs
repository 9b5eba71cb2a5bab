//! An authenticator app (RFC 6238), written apart from what it is shown to.

use aws_lc_rs::hmac;

use super::{app::TestApp, browser::Page};

/// What a telephone has.
#[derive(Clone)]
pub(crate) struct Authenticator(Vec<u8>);

impl Authenticator {
    /// The key of a page, as somebody types it.
    pub(crate) fn scan(page: &Page) -> Self {
        let (_, rest) = page.body.split_once("<p class=\"secret\"><code>").expect("a key");
        let typed = rest.split("</code>").next().unwrap().replace(' ', "");
        let uri = format!("secret={typed}&");
        assert!(
            page.body.contains(&uri.replace('&', "&#38;")) || page.body.contains(&uri),
            "the link has the same key"
        );
        let mut bits = String::new();
        for letter in typed.chars() {
            let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).expect("base32");
            bits.push_str(&format!("{value:05b}"));
        }
        let bytes = bits.as_bytes().chunks_exact(8);
        Self(bytes.map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap()).collect())
    }

    /// What it shows so many steps from now.
    pub(crate) fn code(&self, app: &TestApp, steps: i64) -> String {
        let step = app.clock.unix().div_euclid(30) + steps;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}
