//! Server-sent events on their way through: bytes pass as they come, only `id` fields are renamed.
//!
//! Nothing is collected but the value of an `id` field, so an event arrives as soon as the upstream sent it.

use super::session::LONGEST_EVENT;

const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Gives the client's name for an upstream's event id.
pub(super) type Rename = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// Where in the stream we are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// At the very start, after this many bytes of a byte order mark.
    Start(usize),
    /// In the first characters of a line, which may yet become `id`.
    Name(Vec<u8>),
    /// In the value of an `id` field. `None`: it is too long to keep.
    Id(Option<Vec<u8>>),
    /// In another line.
    Other,
}

/// Follows one stream.
pub(super) struct Events {
    rename: Rename,
    at: At,
    /// Whether the event that began has not been ended by an empty line.
    open: bool,
    after_cr: bool,
}

impl Events {
    /// A stream at its beginning.
    pub(super) fn new(rename: Rename) -> Self {
        Self { rename, at: At::Start(0), open: false, after_cr: false }
    }

    /// What the client gets for `bytes`.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 64);
        let mut rest = bytes;
        while let Some((byte, tail)) = rest.split_first() {
            // Nearly all bytes are in the middle of a data line.
            let plain =
                if self.at == At::Other { rest.iter().take_while(|b| !matches!(b, b'\r' | b'\n')).count() } else { 0 };
            if plain > 0 {
                let (line, tail) = rest.split_at(plain);
                out.extend_from_slice(line);
                (self.after_cr, rest) = (false, tail);
            } else {
                self.step(*byte, &mut out);
                rest = tail;
            }
        }
        out
    }

    /// Whether the last event is complete, so that another may follow.
    pub(super) fn is_between(&self) -> bool {
        let fresh = match &self.at {
            At::Start(seen) => *seen == 0,
            At::Name(name) => name.is_empty(),
            At::Id(_) | At::Other => false,
        };
        fresh && !self.open
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        // The second half of CR LF ends no line of its own.
        if byte == b'\n' && after_cr {
            return out.push(byte);
        }
        if let At::Start(seen) = self.at {
            if BOM.get(seen) == Some(&byte) {
                out.push(byte);
                self.at = if seen + 1 == BOM.len() { At::Name(Vec::new()) } else { At::Start(seen + 1) };
                return;
            }
            // Half a mark is the beginning of an unknown field.
            self.at = if seen == 0 { At::Name(Vec::new()) } else { At::Other };
        }
        if matches!(byte, b'\r' | b'\n') { self.end_line(byte, out) } else { self.within(byte, out) }
    }

    fn within(&mut self, byte: u8, out: &mut Vec<u8>) {
        match &mut self.at {
            At::Name(name) => {
                name.push(byte);
                if name == b"id:" {
                    self.at = At::Id(Some(Vec::new()));
                } else if !b"id:".starts_with(name) {
                    out.append(name);
                    self.at = At::Other;
                }
            }
            At::Id(value) => {
                if let Some(kept) = value {
                    kept.push(byte);
                    // One more for the space that is no part of the value.
                    if kept.len() > LONGEST_EVENT + 1 {
                        *value = None;
                    }
                }
            }
            At::Start(_) | At::Other => out.push(byte),
        }
    }

    fn end_line(&mut self, end: u8, out: &mut Vec<u8>) {
        self.open = match std::mem::replace(&mut self.at, At::Name(Vec::new())) {
            At::Name(name) if name.is_empty() => false,
            At::Name(mut name) => {
                out.append(&mut name);
                true
            }
            At::Id(value) => {
                out.extend_from_slice(b"id:");
                let value = value.unwrap_or_default();
                let value = value.strip_prefix(b" ").unwrap_or(&value);
                // An empty id clears the last one; one with NUL is ignored by every reader.
                if !value.is_empty() && value.len() <= LONGEST_EVENT && !value.contains(&0) {
                    out.push(b' ');
                    out.extend_from_slice(&(self.rename)(value));
                }
                true
            }
            At::Start(_) | At::Other => true,
        };
        out.push(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brackets() -> Rename {
        Box::new(|id| [b"<", id, b">"].concat())
    }

    fn pass(pieces: &[&[u8]]) -> String {
        let mut events = Events::new(brackets());
        let out = pieces.iter().flat_map(|piece| events.pass(piece)).collect();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ids_are_renamed_and_nothing_else() {
        assert_eq!(pass(&[b"id: 7\ndata: x\n\n"]), "id: <7>\ndata: x\n\n");
        assert_eq!(pass(&[b"id:7\r\ndata: id: 8\r\n\r\n"]), "id: <7>\r\ndata: id: 8\r\n\r\n");
        assert_eq!(pass(&[b"id: 7\rdata: x\r\r"]), "id: <7>\rdata: x\r\r");
        assert_eq!(
            pass(&[b": comment\nidx: 1\n id: 2\nid\nid:\ndata\n\n"]),
            ": comment\nidx: 1\n id: 2\nid\nid:\ndata\n\n"
        );
        assert_eq!(pass(&[b"id:  7\n\n"]), "id: < 7>\n\n");
        assert_eq!(pass(&[b"\xef\xbb\xbfid: 7\n\n"]), "\u{feff}id: <7>\n\n");
        assert_eq!(pass(&[b"id: a\0b\n\n"]), "id:\n\n");
    }

    #[test]
    fn an_endless_id_is_dropped_not_kept() {
        let long = "x".repeat(LONGEST_EVENT + 1);
        assert_eq!(pass(&[format!("id: {long}\ndata: y\n\n").as_bytes()]), "id:\ndata: y\n\n");
        assert_eq!(pass(&[format!("id: {}\n\n", "x".repeat(LONGEST_EVENT)).as_bytes()]).len(), LONGEST_EVENT + 8);
    }

    #[test]
    fn it_knows_when_an_event_is_complete() {
        let mut events = Events::new(brackets());
        assert!(events.is_between());
        for (piece, between) in [
            ("da", false),
            ("ta: x\n", false),
            ("\n", true),
            ("i", false),
            ("d: 1\r\n", false),
            ("\r\n", true),
            (": c\n", false),
        ] {
            events.pass(piece.as_bytes());
            assert_eq!(events.is_between(), between, "{piece:?}");
        }
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(text in "(id: ?[a-z]{0,3}|data: [a-z]{0,3}|i|id|:|\r|\n|\r\n){0,12}", cut in 0_usize..40) {
            let bytes = text.as_bytes();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(pass(&[head, tail]), pass(&[bytes]));
        }

        #[test]
        fn streams_without_ids_pass_as_they_are(text in "(data: [a-z]{0,9}\n|event: m\n|: c\n|retry: 5\r\n|\n){0,12}") {
            prop_assert_eq!(pass(&[text.as_bytes()]), text);
        }
    }
}
