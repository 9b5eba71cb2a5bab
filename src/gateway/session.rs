//! Sessions and event ids of the legacy era, bound to who holds them. Stateless: nothing is stored.
//!
//! A client never sees an upstream's session id. It gets one that only the same tenant, server and family can use, so
//! a stolen or guessed one is worth nothing, and it is looked at only after the token was found good. Event ids, with
//! which a client resumes a stream, are bound likewise: some upstreams replay any stream to whoever names its event.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    ids::{FamilyId, ServerId, TenantId},
    keys::Keyring,
    secret::{self, Entropy, NoEntropy},
    upstream::UpstreamSession,
};

/// The longest event id of an upstream that is kept, in bytes.
pub(super) const LONGEST_EVENT: usize = 1024;
/// The longest text presented by a client that is looked at: above what becomes of the longest id.
const LONGEST_PRESENTED: usize = 2048;
const TAG: usize = 16;
const EVENT: &str = "mcp event id";

/// Who a session belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The tenant.
    pub(super) tenant: TenantId,
    /// The server.
    pub(super) server: ServerId,
    /// The family: it stays the same when tokens are refreshed.
    pub(super) family: FamilyId,
}

impl Holder {
    fn place(&self) -> Vec<u8> {
        format!("mcp session/{}/{}/{}", self.tenant, self.server, self.family).into_bytes()
    }

    /// What the client gets instead of the upstream's id: visible ASCII.
    pub(super) fn seal(
        &self,
        session: &UpstreamSession,
        keyring: &Keyring,
        entropy: &Entropy,
    ) -> Result<String, NoEntropy> {
        Ok(URL_SAFE_NO_PAD.encode(keyring.seal(&self.place(), session.expose().as_bytes(), entropy)?.bytes))
    }

    /// The upstream's id, if this holder was given `presented`.
    pub(super) fn open(&self, presented: &str, keyring: &Keyring) -> Option<UpstreamSession> {
        let sealed = decode(presented)?;
        let plain = keyring.open_any(&self.place(), &sealed).ok()?;
        UpstreamSession::parse(std::str::from_utf8(&plain).ok()?)
    }

    /// Names an event of a stream in `session` for the client.
    pub(super) fn bind_event(&self, session: Option<&UpstreamSession>, event: &[u8], keyring: &Keyring) -> String {
        let tag = keyring.keyed(EVENT, &self.event_parts(session, event));
        let mut bytes = tag.get(..TAG).unwrap_or(&tag).to_vec();
        bytes.extend_from_slice(event);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The upstream's own event id, if this holder was given `presented` in this session.
    pub(super) fn unbind_event(
        &self,
        session: Option<&UpstreamSession>,
        presented: &str,
        keyring: &Keyring,
    ) -> Option<String> {
        let bytes = decode(presented)?;
        let (tag, event) = bytes.split_at_checked(TAG)?;
        let tags = keyring.keyed_by_any(EVENT, &self.event_parts(session, event));
        let genuine = tags.iter().any(|whole| secret::same(tag, whole.get(..TAG).unwrap_or(whole)));
        if genuine { String::from_utf8(event.to_vec()).ok() } else { None }
    }

    fn event_parts<'a>(&'a self, session: Option<&'a UpstreamSession>, event: &'a [u8]) -> [&'a [u8]; 5] {
        let session = session.map_or("", UpstreamSession::expose);
        let (tenant, server, family) = (self.tenant.0.as_bytes(), self.server.0.as_bytes(), self.family.0.as_bytes());
        [tenant, server, family, session.as_bytes(), event]
    }
}

fn decode(presented: &str) -> Option<Vec<u8>> {
    if presented.len() > LONGEST_PRESENTED {
        return None;
    }
    URL_SAFE_NO_PAD.decode(presented).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::keys::generate_key_file;

    fn keyring() -> Keyring {
        Keyring::parse(&generate_key_file(&Entropy::system()).unwrap()).unwrap()
    }

    fn holder(tenant: u128, server: u128, family: u128) -> Holder {
        Holder {
            tenant: TenantId(Uuid::from_u128(tenant)),
            server: ServerId(Uuid::from_u128(server)),
            family: FamilyId(Uuid::from_u128(family)),
        }
    }

    const STRANGERS: [(u128, u128, u128); 4] = [(9, 2, 3), (1, 9, 3), (1, 2, 9), (2, 1, 3)];

    #[test]
    fn a_session_opens_for_its_holder_only() {
        let (keys, own) = (keyring(), holder(1, 2, 3));
        let session = UpstreamSession::parse("upstream-1").unwrap();
        let sealed = own.seal(&session, &keys, &Entropy::system()).unwrap();
        assert!(sealed.bytes().all(|b| b.is_ascii_graphic()));
        assert!(!sealed.contains("upstream"));
        assert_eq!(own.open(&sealed, &keys).unwrap().expose(), "upstream-1");
        for (tenant, server, family) in STRANGERS {
            assert!(holder(tenant, server, family).open(&sealed, &keys).is_none());
        }
        assert!(own.open(&sealed, &keyring()).is_none());
        assert!(own.open("upstream-1", &keys).is_none());
        assert!(own.open("", &keys).is_none());
    }

    #[test]
    fn the_longest_session_opens_again() {
        let (keys, own) = (keyring(), holder(1, 2, 3));
        let session = UpstreamSession::parse(&"x".repeat(UpstreamSession::LONGEST)).unwrap();
        let sealed = own.seal(&session, &keys, &Entropy::system()).unwrap();
        assert!(own.open(&sealed, &keys).is_some());
    }

    #[test]
    fn an_event_belongs_to_its_holder_and_session() {
        let (keys, own) = (keyring(), holder(1, 2, 3));
        let (one, two) = (UpstreamSession::parse("one"), UpstreamSession::parse("two"));
        let bound = own.bind_event(one.as_ref(), "1_é".as_bytes(), &keys);
        assert_eq!(own.unbind_event(one.as_ref(), &bound, &keys).as_deref(), Some("1_é"));
        assert_eq!(own.unbind_event(two.as_ref(), &bound, &keys), None);
        assert_eq!(own.unbind_event(None, &bound, &keys), None);
        for (tenant, server, family) in STRANGERS {
            assert_eq!(holder(tenant, server, family).unbind_event(one.as_ref(), &bound, &keys), None);
        }
        assert_eq!(own.unbind_event(one.as_ref(), "1", &keys), None);
    }

    proptest! {
        #[test]
        fn a_changed_character_never_opens(at in 0_usize..60, to in "[A-Za-z0-9_-]") {
            let (keys, own) = (keyring(), holder(1, 2, 3));
            let session = UpstreamSession::parse("a-session-id-of-some-length").unwrap();
            let sealed = own.seal(&session, &keys, &Entropy::system()).unwrap();
            let mut altered = sealed.clone();
            altered.replace_range(at..=at, &to);
            prop_assert_eq!(own.open(&altered, &keys).is_some(), altered == sealed);
        }
    }
}
