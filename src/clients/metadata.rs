//! What is registered of a client, by the names of RFC 7591 §2.

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::{jwks::ClientKeys, redirect::RedirectUri, statement::SoftwareStatement};
use crate::{ids::is_document_address, upstream::FetchError};

/// How a client proves itself at the token and revocation endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all: a public client.
    None,
    /// A secret in the `Authorization` header.
    ClientSecretBasic,
    /// A secret in the body.
    ClientSecretPost,
    /// A JWT that it signs (RFC 7523).
    PrivateKeyJwt,
}

/// The name of [`GrantType::DeviceCode`].
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The grants that this server gives to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8628 §3.4.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

/// The answers that the authorization endpoint gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// An authorization code.
    Code,
}

/// What kind of program it says it is (OpenID Connect Registration §2). Nothing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// Installed on a person's computer.
    Native,
    /// On a server.
    Web,
}

/// An address of a page, a logo or a policy: `http` or `https`, without user information.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebUri(String);

/// Where a client publishes its keys (RFC 7591 §2): an address like that of a metadata document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeysUri(String);

/// The registered metadata, without what the server sets. All but the redirect URIs is the client's own claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "members are named by RFC 7591")]
pub struct Metadata {
    pub redirect_uris: Vec<RedirectUri>,
    pub token_endpoint_auth_method: AuthMethod,
    pub grant_types: Vec<GrantType>,
    pub response_types: Vec<ResponseType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<WebUri>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<WebUri>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<WebUri>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<WebUri>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<ApplicationType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<ClientKeys>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<KeysUri>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// What a trusted issuer said of it, as it came. Only one that was verified is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_statement: Option<SoftwareStatement>,
}

// === impl AuthMethod ===

impl AuthMethod {
    /// All of them, in the order of the metadata.
    pub const ALL: [Self; 4] = [Self::None, Self::PrivateKeyJwt, Self::ClientSecretBasic, Self::ClientSecretPost];

    /// Whether a secret goes with it.
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }

    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

// === impl GrantType ===

impl GrantType {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => DEVICE_CODE,
        }
    }
}

// === impl WebUri ===

impl WebUri {
    /// Reads an address of a page. None if it is no `http` or `https` address in printable ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let web = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        let plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains('\\');
        (web && plain).then(|| Self(text.to_owned()))
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host, for people.
    pub fn host(&self) -> String {
        url::Url::parse(&self.0).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }
}

// === impl KeysUri ===

impl KeysUri {
    /// Reads an address of keys.
    pub fn parse(text: &str) -> Option<Self> {
        is_document_address(text).then(|| Self(text.to_owned()))
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to be asked.
    ///
    /// # Errors
    /// It was not read by [`KeysUri::parse`].
    pub fn url(&self) -> Result<url::Url, FetchError> {
        url::Url::parse(&self.0).map_err(|_| FetchError::Answer("its address cannot be asked"))
    }
}

// === impl Metadata ===

impl Metadata {
    /// The least a client needs; the rest as RFC 7591 defaults it, and refresh tokens.
    pub fn new(redirect_uris: Vec<RedirectUri>, auth: AuthMethod) -> Self {
        Self {
            redirect_uris,
            token_endpoint_auth_method: auth,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            response_types: vec![ResponseType::Code],
            client_name: None,
            client_uri: None,
            logo_uri: None,
            tos_uri: None,
            policy_uri: None,
            contacts: Vec::new(),
            scope: None,
            application_type: None,
            jwks: None,
            jwks_uri: None,
            software_id: None,
            software_version: None,
            software_statement: None,
        }
    }

    /// The name for people: its own claim, or words that say that it made none.
    pub fn name(&self) -> &str {
        self.client_name.as_deref().unwrap_or("An application without a name")
    }

    /// SHA-256 over all that a consent rests on: what the page shows of the client, where answers go and how the client
    /// proves itself. A change voids consents. The order of redirect URIs does not count.
    pub fn display_digest(&self) -> [u8; 32] {
        let mut uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        uris.sort_unstable();
        let uri = |uri: &Option<WebUri>| uri.as_ref().map_or(String::new(), |uri| uri.as_str().to_owned());
        let mut digest = Context::new(&SHA256);
        let mut add = |part: &str| {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        };
        add(self.client_name.as_deref().unwrap_or_default());
        add(&uri(&self.client_uri));
        add(&uri(&self.logo_uri));
        add(self.token_endpoint_auth_method.name());
        // As it was before there were keys, for clients without any: their consents stay.
        if let Some(keys) = &self.jwks {
            add(&keys.canonical());
        }
        if let Some(uri) = &self.jwks_uri {
            add(uri.as_str());
        }
        if let Some(issuer) = self.software_statement.as_ref().and_then(SoftwareStatement::issuer) {
            add("vouched for by");
            add(&issuer);
        }
        uris.into_iter().for_each(add);
        let mut out = [0; 32];
        out.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        out
    }
}
