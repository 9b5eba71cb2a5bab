//! The session id that an upstream of the legacy era chose.

/// An upstream's own session id: with it anybody could speak in the session, so it is neither printed nor sent to a client.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamSession(String);

impl UpstreamSession {
    /// The longest one taken, in bytes. Sealed for a client it stays well below the usual limits of headers.
    pub const LONGEST: usize = 1024;

    /// Reads what an upstream sent: visible ASCII of sensible length (2025-11-25 transports, "Session Management").
    pub fn parse(text: &str) -> Option<Self> {
        let ok = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        ok.then(|| Self(text.to_owned()))
    }

    /// The id, for the upstream alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::UpstreamSession;

    #[test]
    fn only_visible_ascii_of_sensible_length_is_a_session() {
        assert!(UpstreamSession::parse("a-Z_0.~!").is_some());
        assert!(UpstreamSession::parse(&"x".repeat(UpstreamSession::LONGEST)).is_some());
        for text in ["", "a b", "é", "a\n", &"x".repeat(UpstreamSession::LONGEST + 1)] {
            assert!(UpstreamSession::parse(text).is_none(), "{text:?}");
        }
    }
}
