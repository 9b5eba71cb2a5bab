//! Issuers outside whose access tokens a server accepts beside ours: what `apply` writes and requests obey.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

use crate::{
    clients::{jwks, metadata::KeysUri},
    config::PublicUrl,
    policy::{Scope, ScopeSet},
};

/// The longest issuer, audience, or name of a claim or scope, in bytes.
const MAX_TEXT: usize = 512;
/// The most of anything that is a list.
const MAX_ITEMS: usize = 100;
/// The longest life of a token that can be allowed, in seconds.
const MAX_LIFETIME: u32 = 30 * 86_400;

/// An issuer that is trusted for one server. Unknown members are refused: a typo must not silently mean the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideIssuer {
    /// `iss`, byte for byte.
    pub issuer: String,
    /// `aud`: one of them must be in it. Empty: the server's resource.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Where its keys are. None: as its metadata says.
    #[serde(default)]
    pub jwks_uri: Option<KeysUri>,
    /// What it may sign with.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Whether tokens are accepted that do not say by `typ` that they are access tokens (RFC 9068 §2.1).
    #[serde(default)]
    pub allow_plain_jwt: bool,
    /// The claims that hold scopes: texts with spaces, or lists.
    #[serde(default = "scope_claims")]
    pub scope_claims: Vec<String>,
    /// What its scopes are here. Those that are not in it are nothing. None: each is the scope of the same name.
    #[serde(default)]
    pub scope_map: Option<BTreeMap<String, Vec<Scope>>>,
    /// The claim that says who it is about.
    #[serde(default = "subject_claim")]
    pub subject_claim: String,
    /// The claims that say whose software presents it; the first that is there counts.
    #[serde(default = "client_claims")]
    pub client_claims: Vec<String>,
    /// Whose software may come. Empty: any.
    #[serde(default)]
    pub clients: Vec<String>,
    /// Claims that must have, or hold, these values.
    #[serde(default)]
    pub required_claims: BTreeMap<String, String>,
    /// The longest life of a token, from `iat` to `exp`, in seconds.
    #[serde(default = "max_lifetime")]
    pub max_lifetime: u32,
}

fn algorithms() -> Vec<Algorithm> {
    jwks::ALGORITHMS.to_vec()
}

fn scope_claims() -> Vec<String> {
    ["scope", "scp"].map(str::to_owned).into()
}

fn subject_claim() -> String {
    "sub".to_owned()
}

fn client_claims() -> Vec<String> {
    ["client_id", "azp", "appid"].map(str::to_owned).into()
}

const fn max_lifetime() -> u32 {
    86_400
}

/// What is wrong with it: the key, and words that fit behind it.
pub(crate) type Wrong = (&'static str, String);

impl OutsideIssuer {
    /// What subjects of this issuer are called by here. Of a fixed length and without a colon, so that no two subjects of
    /// different issuers are one; a digest, so that an issuer is never given the name of another, even if that is gone.
    pub fn name(&self) -> String {
        short(&[b"outside issuer", self.issuer.as_bytes()])
    }

    /// `sub` here. Nobody else's begins so.
    pub fn subject(&self, claim: &str) -> String {
        format!("issuer:{}:{claim}", self.name())
    }

    /// The `client_id` here of a client there.
    pub fn client_id(&self, claim: &str) -> String {
        format!("o_{}", short(&[b"outside client", self.issuer.as_bytes(), claim.as_bytes()]))
    }

    /// Whether a token for any of `audiences` is for the server with this resource.
    pub fn is_for(&self, audiences: &[&str], resource: &str) -> bool {
        if self.audiences.is_empty() {
            return audiences.contains(&resource);
        }
        self.audiences.iter().any(|own| audiences.contains(&own.as_str()))
    }

    /// What the scopes of a token are here. Policy bounds them further.
    pub fn map<'a>(&self, scopes: impl Iterator<Item = &'a str>, declared: &ScopeSet) -> ScopeSet {
        let mapped = scopes.flat_map(|scope| match &self.scope_map {
            Some(map) => map.get(scope).cloned().unwrap_or_default(),
            None => Scope::new(scope).into_iter().collect(),
        });
        mapped.filter(|scope| declared.contains(scope.as_str())).collect()
    }

    /// Checks what can be wrong with what an administrator wrote.
    ///
    /// # Errors
    /// The first mistake.
    pub(crate) fn check(&self, own: &PublicUrl) -> Result<(), Wrong> {
        self.check_addresses(own)?;
        if self.algorithms.is_empty() || self.algorithms.iter().any(|named| !jwks::ALGORITHMS.contains(named)) {
            return Err(("algorithms", "must hold some of RS256, PS256, ES256 and EdDSA".to_owned()));
        }
        if self.scope_map.as_ref().is_some_and(|map| map.is_empty() || map.values().any(Vec::is_empty)) {
            return Err(("scope_map", "must map scopes of the issuer to lists of scopes of the server".to_owned()));
        }
        let mapped = self.scope_map.iter().flat_map(BTreeMap::keys);
        let lists: [(&'static str, Vec<&String>); 6] = [
            ("audiences", self.audiences.iter().collect()),
            ("scope_claims", self.scope_claims.iter().collect()),
            ("scope_map", mapped.collect()),
            ("subject_claim", vec![&self.subject_claim]),
            ("client_claims", self.client_claims.iter().collect()),
            ("clients", self.clients.iter().collect()),
        ];
        for (key, texts) in lists {
            if texts.len() > MAX_ITEMS || texts.iter().any(|text| !is_plain(text)) {
                return Err((key, "must be of 1 to 512 printable characters each, and not too many".to_owned()));
            }
        }
        for (key, claims) in [("scope_claims", &self.scope_claims), ("client_claims", &self.client_claims)] {
            if claims.is_empty() {
                return Err((key, "must name a claim".to_owned()));
            }
        }
        if self.max_lifetime == 0 || self.max_lifetime > MAX_LIFETIME {
            return Err(("max_lifetime", format!("must be 1 to {MAX_LIFETIME} seconds")));
        }
        Ok(())
    }

    fn check_addresses(&self, own: &PublicUrl) -> Result<(), Wrong> {
        let issuer = url::Url::parse(&self.issuer).ok().filter(|url| {
            url.scheme() == "https" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty()
        });
        if issuer.is_none() || !is_plain(&self.issuer) {
            return Err(("issuer", "must be an https address without query and fragment, as in the tokens".to_owned()));
        }
        if is_ours(&self.issuer, own) {
            return Err((
                "issuer",
                "is below Sallyport's own address: tokens of ours are never taken from outside".to_owned(),
            ));
        }
        if self.jwks_uri.as_ref().is_some_and(|uri| KeysUri::parse(uri.as_str()).is_none()) {
            return Err(("jwks_uri", "must be an https address in its plain spelling".to_owned()));
        }
        if self.jwks_uri.as_ref().is_some_and(|uri| is_ours(uri.as_str(), own)) {
            return Err(("jwks_uri", "is below Sallyport's own address: its keys are ours".to_owned()));
        }
        Ok(())
    }

    /// Whether an audience of it could be meant for another resource of ours.
    ///
    /// # Errors
    /// That it could.
    pub(crate) fn check_audiences(&self, own: &PublicUrl, resource: &str) -> Result<(), Wrong> {
        match self.audiences.iter().find(|audience| is_ours(audience, own) && *audience != resource) {
            Some(audience) => {
                Err(("audiences", format!("must not hold {audience}, which is another resource of ours")))
            }
            None => Ok(()),
        }
    }
}

/// Whether an address lies below ours, however it is spelled.
pub fn is_ours(text: &str, own: &PublicUrl) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let Ok(ours) = url::Url::parse(own.as_str()) else { return true };
    let host = |url: &url::Url| url.host_str().map(|host| host.trim_end_matches('.').to_ascii_lowercase());
    // Whatever its scheme: the host and port are ours.
    host(&url) == host(&ours) && url.port_or_known_default() == ours.port_or_known_default()
}

fn is_plain(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control) && text.trim() == text
}

/// Half a digest of several texts.
fn short(parts: &[&[u8]]) -> String {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    let digest = digest(&SHA256, &joined);
    URL_SAFE_NO_PAD.encode(digest.as_ref().get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn own() -> PublicUrl {
        PublicUrl::parse("https://gw.example").unwrap()
    }

    fn with(member: &str, value: Value) -> OutsideIssuer {
        let mut settings = json!({ "issuer": "https://login.example/a" });
        settings[member] = value;
        serde_json::from_value(settings).unwrap()
    }

    #[test]
    fn no_spelling_of_our_own_address_is_an_issuer() {
        for issuer in [
            "https://gw.example",
            "https://gw.example/t/acme",
            "https://GW.example/t/acme",
            "https://gw.example./t/acme",
            "https://gw.example:443/t/other",
            "https://gw.example/x/../t/acme",
            "https://user@gw.example/t/acme",
            "http://login.example",
            "https://login.example/?a",
            "https://login.example/#a",
            " https://login.example",
            "login.example",
            "",
        ] {
            assert_eq!(with("issuer", json!(issuer)).check(&own()).map_err(|(key, _)| key), Err("issuer"), "{issuer}");
        }
        for issuer in ["https://login.example", "https://login.example/", "https://gw.example:8443/realms/a"] {
            assert_eq!(with("issuer", json!(issuer)).check(&own()), Ok(()), "{issuer}");
        }
        for uri in
            ["https://gw.example/t/acme/jwks.json", "http://login.example/keys", "https://login.example/../keys", ""]
        {
            assert_eq!(with("jwks_uri", json!(uri)).check(&own()).map_err(|(key, _)| key), Err("jwks_uri"), "{uri}");
        }
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        for (member, value) in [
            ("algorithms", json!([])),
            ("algorithms", json!(["HS256"])),
            ("scope_map", json!({})),
            ("scope_map", json!({ "a": [] })),
            ("scope_claims", json!([])),
            ("client_claims", json!([])),
            ("subject_claim", json!("")),
            ("audiences", json!([""])),
            ("max_lifetime", json!(0)),
        ] {
            assert_eq!(with(member, value).check(&own()).map_err(|(key, _)| key), Err(member));
        }
        assert!(
            serde_json::from_value::<OutsideIssuer>(json!({ "issuer": "https://a.example", "audience": "b" })).is_err()
        );
        assert!(
            serde_json::from_value::<OutsideIssuer>(json!({ "issuer": "https://a.example", "algorithms": ["none"] }))
                .is_err()
        );
    }

    #[test]
    fn an_audience_is_never_another_resource_of_ours() {
        let issuer = with("audiences", json!(["api://notes", "https://gw.example/t/a/mcp/notes"]));
        assert_eq!(issuer.check_audiences(&own(), "https://gw.example/t/a/mcp/notes"), Ok(()));
        assert!(issuer.check_audiences(&own(), "https://gw.example/t/a/mcp/tools").is_err());
    }

    #[test]
    fn a_map_is_all_there_is() {
        let declared = ScopeSet::parse("notes:read notes:write").unwrap();
        let map = |issuer: &OutsideIssuer, scopes: &str| issuer.map(scopes.split(' '), &declared).to_string();
        let plain = with("allow_plain_jwt", json!(false));
        assert_eq!(map(&plain, "notes:read other openid \"bad\""), "notes:read");
        let mapped = with("scope_map", json!({ "Notes.Read": ["notes:read", "undeclared"] }));
        assert_eq!(map(&mapped, "Notes.Read notes:write"), "notes:read");
        assert_eq!(map(&mapped, "notes:write"), "");
    }

    proptest! {
        #[test]
        fn no_subject_is_one_of_two_issuers_or_of_ours(a in ".{0,20}", b in ".{0,20}", other in "[a-z:]{0,12}") {
            let (one, two) = (with("issuer", json!("https://a.example")), with("issuer", json!(format!("https://a.example/{other}"))));
            prop_assert_ne!(one.subject(&a), two.subject(&b));
            prop_assert!(one.subject(&a) != one.subject(&b) || a == b);
            prop_assert!(!one.subject(&a).starts_with("person:") && !one.subject(&a).starts_with("client:"));
            prop_assert!(crate::ids::ClientId::parse(&one.client_id(&a)).is_ok());
        }
    }
}
