//! Secrets that must not turn up anywhere, and a search for them in every form that a careless program gives them.
//!
//! A secret counts as found when any twelve characters of it that follow one another are there: in clear, backwards, in
//! hexadecimal, percent-encoded, as JSON escapes or in base64, and the bytes behind a handle in clear, hexadecimal or base64.

use std::collections::HashMap;

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{
        GeneralPurpose,
        general_purpose::{NO_PAD, URL_SAFE_NO_PAD},
    },
};

/// The shortest piece that counts, in characters.
const WINDOW: usize = 12;
/// So many bytes decide at least that many characters of base64, wherever they begin.
const RAW_WINDOW: usize = 10;

/// Whether a short word is there by itself: a part of a request id or of anything else that is random is none.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(|part| part == word)
}

/// What to look for.
#[derive(Clone, Default)]
pub(crate) struct Canaries {
    pieces: Vec<Piece>,
    /// The pieces by their first four bytes.
    index: HashMap<[u8; 4], Vec<usize>>,
}

#[derive(Clone)]
struct Piece {
    bytes: Vec<u8>,
    what: String,
}

impl Canaries {
    /// Adds a secret. Of a handle the part after its prefix is the secret.
    pub(crate) fn add(&mut self, name: &str, secret: &str) {
        let tail = match secret.strip_prefix("sp_") {
            Some(rest) => rest.split_once('_').expect("a handle").1,
            None => secret,
        };
        assert!(tail.is_ascii() && tail.len() >= WINDOW, "{name} is no canary");
        for window in tail.as_bytes().windows(WINDOW) {
            self.text(name, window);
        }
        if let (true, Ok(raw)) = (tail != secret, URL_SAFE_NO_PAD.decode(tail)) {
            for window in raw.windows(RAW_WINDOW) {
                self.raw(name, window);
            }
        }
    }

    /// Adds a secret that is bytes.
    pub(crate) fn add_bytes(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= RAW_WINDOW, "{name} is no canary");
        for window in secret.windows(RAW_WINDOW) {
            self.raw(name, window);
        }
    }

    fn text(&mut self, name: &str, window: &[u8]) {
        let each = |form: fn(u8) -> String| window.iter().map(|byte| form(*byte)).collect::<String>().into_bytes();
        self.piece(name, "in clear", window.to_vec());
        self.piece(name, "backwards", window.iter().rev().copied().collect());
        self.piece(name, "percent-encoded", each(|byte| format!("%{byte:02X}")));
        self.piece(name, "percent-encoded", each(|byte| format!("%{byte:02x}")));
        self.piece(name, "in JSON escapes", each(|byte| format!("\\u{byte:04x}")));
        self.piece(name, "in JSON escapes", each(|byte| format!("\\u{byte:04X}")));
        self.encoded(name, window);
    }

    fn raw(&mut self, name: &str, window: &[u8]) {
        self.piece(name, "as bytes", window.to_vec());
        self.encoded(name, window);
    }

    fn encoded(&mut self, name: &str, window: &[u8]) {
        let each = |form: fn(u8) -> String| window.iter().map(|byte| form(*byte)).collect::<String>().into_bytes();
        self.piece(name, "in hexadecimal", each(|byte| format!("{byte:02x}")));
        self.piece(name, "in hexadecimal", each(|byte| format!("{byte:02X}")));
        for alphabet in [STANDARD, URL_SAFE] {
            for before in 0..3 {
                self.piece(name, "in base64", base64_core(&alphabet, before, window));
            }
        }
    }

    fn piece(&mut self, name: &str, form: &str, bytes: Vec<u8>) {
        let first = bytes.first_chunk::<4>().copied().expect("a piece has more than four bytes");
        self.index.entry(first).or_default().push(self.pieces.len());
        self.pieces.push(Piece { bytes, what: format!("{name} {form}") });
    }

    /// The first secret that is in `text`, and where.
    pub(crate) fn find(&self, text: &[u8]) -> Option<String> {
        text.windows(4).enumerate().find_map(|(at, first)| {
            let candidates = self.index.get(first)?;
            let piece = candidates.iter().map(|piece| &self.pieces[*piece]);
            let found = piece.into_iter().find(|piece| text[at..].starts_with(&piece.bytes))?;
            let (from, to) = (at.saturating_sub(120), (at + found.bytes.len() + 60).min(text.len()));
            Some(format!("{}: …{}…", found.what, String::from_utf8_lossy(&text[from..to])))
        })
    }

    /// Fails where a secret is in `text`, which comes from `place`.
    pub(crate) fn assert_absent(&self, place: &str, text: impl AsRef<[u8]>) {
        assert!(!self.pieces.is_empty(), "there is nothing to look for");
        if let Some(found) = self.find(text.as_ref()) {
            panic!("{place} has {found}");
        }
    }
}

/// The characters of base64 that `window` alone decides, `before` bytes after a boundary of three.
fn base64_core(alphabet: &base64::alphabet::Alphabet, before: usize, window: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(window);
    let text = GeneralPurpose::new(alphabet, NO_PAD).encode(&bytes).into_bytes();
    text[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_vec()
}

#[test]
fn a_secret_is_found_in_every_form_and_position() {
    let mut canaries = Canaries::default();
    let tail = URL_SAFE_NO_PAD.encode((0_u8..36).map(|byte| byte.wrapping_mul(151)).collect::<Vec<_>>());
    canaries.add("the token", &format!("sp_at_{tail}"));
    let raw = URL_SAFE_NO_PAD.decode(&tail).unwrap();
    let engines =
        [GeneralPurpose::new(&STANDARD, Default::default()), GeneralPurpose::new(&URL_SAFE, Default::default())];
    for from in 0..=tail.len() - WINDOW {
        let part = &tail[from..from + WINDOW];
        let mut forms = vec![
            part.to_owned(),
            part.chars().rev().collect(),
            part.bytes().map(|byte| format!("%{byte:02x}")).collect(),
            part.bytes().map(|byte| format!("\\u{byte:04X}")).collect(),
            sallyport::secret::hex(part.as_bytes()),
        ];
        for before in ["", "a", "ab", "abc"] {
            forms.extend(engines.iter().map(|engine| engine.encode(format!("{before}{part}z"))));
        }
        for form in forms {
            assert!(canaries.find(format!("x{form}y").as_bytes()).is_some(), "{part} as {form}");
        }
        assert!(canaries.find(&part.as_bytes()[1..]).is_none(), "eleven characters are no secret");
    }
    for from in 0..=raw.len() - RAW_WINDOW {
        let part = &raw[from..from + RAW_WINDOW];
        assert!(canaries.find(part).is_some());
        assert!(canaries.find(sallyport::secret::hex(part).as_bytes()).is_some());
    }
    assert!(canaries.find(b"sp_at_ is how every access token begins").is_none());
}
