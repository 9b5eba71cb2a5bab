//! Identifiers. Each noun has a type of its own, so that none can stand in another's place.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    clock::Clock,
    secret::{Entropy, NoEntropy},
};

/// A new UUID of version 7: ordered by time, unguessable in its lower 74 bits.
pub fn new_uuid(clock: &Clock, entropy: &Entropy) -> Result<Uuid, NoEntropy> {
    let random = entropy.bytes::<10>()?;
    Ok(uuid_at(clock.now(), &random))
}

fn uuid_at(at: OffsetDateTime, random: &[u8; 10]) -> Uuid {
    let millis = u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid()
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh identifier.
            pub fn new(clock: &Clock, entropy: &Entropy) -> Result<Self, NoEntropy> {
                new_uuid(clock, entropy).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

uuid_ids! {
    /// An identity provider through which people log in.
    ProviderId,
    /// A tenant: owns an issuer, keys, people, clients, servers and policy.
    TenantId,
    /// An upstream MCP server, published as a protected resource.
    ServerId,
    /// A person who logs in.
    PersonId,
    /// The standing permission of a subject for a client on a server.
    GrantId,
    /// What one installation holds: one code redeemed, and its tokens.
    FamilyId,
    /// An access token. Not the token: that is a handle, and its stored hash changes with the pepper.
    AccessTokenId,
    /// A browser session of a person.
    SessionId,
    /// A link by which a person sets a password.
    LinkId,
    /// Of a passkey.
    PasskeyId,
    /// A bearer token of the admin API.
    ApiTokenId,
    /// One authorization request on its way through login and consent.
    InteractionId,
    /// One device authorization request (RFC 8628), from the device's first request to its tokens.
    DeviceId,
    /// An audit event.
    EventId,
    /// A running process of Sallyport.
    ProcessId,
    /// One registration of a process that serves. A process that was given up for dead gets another.
    NodeId,
}

impl EventId {
    /// A fresh identifier for the intent of a call: its last bit is not set.
    pub fn of_intent(clock: &Clock, entropy: &Entropy) -> Result<Self, NoEntropy> {
        let Self(id) = Self::new(clock, entropy)?;
        Ok(Self(Uuid::from_u128(id.as_u128() & !1)))
    }

    /// The identifier of the outcome of the call whose intent this is. There is but one, so no intent has two outcomes.
    #[must_use]
    pub fn outcome(self) -> Self {
        Self(Uuid::from_u128(self.0.as_u128() | 1))
    }
}

/// An OAuth `client_id`: `c_` and a UUID for clients that registered, a name for those an administrator wrote down, and for those
/// that a document describes its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct ClientId(String);

impl ClientId {
    /// Reads a `client_id` from outside: 1 to 128 characters of `A-Z a-z 0-9 . _ ~ -`, or the address of a metadata document.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let ok =
            (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b));
        if ok || is_document_address(text) { Ok(Self(text.to_owned())) } else { Err(BadName::Client) }
    }

    /// A fresh id for a client that registers itself.
    pub fn new(clock: &Clock, entropy: &Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(format!("c_{}", new_uuid(clock, entropy)?.simple())))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the address of a metadata document.
    pub fn is_document(&self) -> bool {
        self.0.starts_with("https:")
    }
}

/// The longest address of a document, in bytes.
const MAX_ADDRESS: usize = 1024;

/// Whether a text can be the address of a client ID metadata document, or of keys: `https`, with a host and a path, without user
/// information, fragment, `.` and `..` segments, and in the one spelling that a parser gives back as it is, since addresses are
/// compared byte by byte.
pub fn is_document_address(text: &str) -> bool {
    let plain = text.len() <= MAX_ADDRESS && text.bytes().all(|b| b.is_ascii_graphic());
    let Some(url) = url::Url::parse(text).ok().filter(|url| plain && url.as_str() == text) else { return false };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https"
        && !host.is_empty()
        && !host.ends_with('.')
        && url.username().is_empty()
        && url.password().is_none()
        && !text.contains(['#', '@', '*', '\\', '"', '\'', '<', '>'])
}

impl std::fmt::Display for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that cannot be used where it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Not a slug.
    #[error(
        "a name in an address is 1 to 63 characters of a-z, 0-9 and '-', and begins and ends with a letter or digit"
    )]
    Slug,
    /// Not a client id.
    #[error(
        "a client_id is 1 to 128 characters of letters, digits and '.', '_', '~', '-', or the https address of its metadata"
    )]
    Client,
}

/// A name in an address: tenant or server. Lower case, no dots, so that URLs built from it are byte-stable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Slug(String);

impl Slug {
    /// Reads a slug: `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let edges = !text.starts_with('-') && !text.ends_with('-');
        if inner && edges && (1..=63).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(BadName::Slug) }
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_uuid_carries_its_time() {
        let at = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let id = uuid_at(at, &[7; 10]);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_800_000_000);
    }

    #[test]
    fn an_intent_has_one_outcome_of_another_id() {
        let (clock, entropy) = (Clock::system(), Entropy::system());
        for _ in 0..16 {
            let intent = EventId::of_intent(&clock, &entropy).unwrap();
            assert_ne!(intent.outcome(), intent);
            assert_eq!(intent.outcome().outcome(), intent.outcome());
            assert_eq!(intent.outcome().0.get_version_num(), 7);
        }
    }

    #[test]
    fn the_address_of_a_document_has_one_spelling() {
        for good in [
            "https://app.example/client.json",
            "https://app.example/",
            "https://app.example:8443/a/b?v=1",
            "https://claude.ai/oauth/claude-code-client-metadata",
            "https://xn--bcher-kva.example/c",
        ] {
            assert!(is_document_address(good), "{good}");
            assert!(ClientId::parse(good).unwrap().is_document());
        }
        for bad in [
            "http://app.example/c",
            "https://app.example",
            "https:/app.example/c",
            "HTTPS://app.example/c",
            "https://App.example/c",
            "https://app.example:443/c",
            "https://app.example./c",
            "https://user@app.example/c",
            "https://u:p@app.example/c",
            "https://app.example/c#f",
            "https://app.example/a/../c",
            "https://app.example/a/./c",
            "https://app.example/a/%2e%2E/c",
            "https://app.example\\c",
            "https://b\u{fc}cher.example/c",
            "https://0x7f.1/c",
            "https://2130706433/c",
            "https:///c",
            "https://app.example/c d",
            "https://app.example/\"c",
            "javascript:https://app.example/c",
            &format!("https://app.example/{}", "c".repeat(1024)),
        ] {
            assert!(!is_document_address(bad), "{bad}");
            assert!(ClientId::parse(bad).is_err(), "{bad}");
        }
        assert!(!ClientId::parse("c_1").unwrap().is_document());
    }

    proptest! {
        #[test]
        fn an_address_is_what_a_parser_makes_of_it(text in "https://[a-zA-Z0-9.@:%/?#_-]{0,40}") {
            if is_document_address(&text) {
                let url = url::Url::parse(&text).unwrap();
                prop_assert_eq!(url.as_str(), &text);
                prop_assert!(url.username().is_empty() && url.fragment().is_none());
            }
        }

        #[test]
        fn a_slug_survives_a_url(text in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?") {
            let slug = Slug::parse(&text).unwrap();
            let url = url::Url::parse(&format!("http://localhost/t/{slug}")).unwrap();
            prop_assert_eq!(url.path(), format!("/t/{text}"));
        }

        #[test]
        fn nothing_else_is_a_slug(text in ".*") {
            let ok = Slug::parse(&text).is_ok();
            let plain = !text.is_empty() && text.len() < 64 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            prop_assert!(!ok || plain);
        }
    }
}
