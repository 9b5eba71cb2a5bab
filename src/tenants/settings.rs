//! A tenant's settings: what `apply` writes and requests obey.

use serde::{Deserialize, Serialize};

use crate::ids::Slug;

/// Who may register a client (RFC 7591).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationRule {
    /// Anybody, within limits.
    #[default]
    Open,
    /// Only with an initial access token.
    InitialAccessToken,
    /// Nobody; the endpoint is not advertised.
    Off,
}

/// Whom a client assertion may be made for (RFC 7523 §3, `aud`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer, as the newer rules want it, or the token endpoint, as many clients do it.
    #[default]
    IssuerOrTokenEndpoint,
    /// The issuer only.
    Issuer,
}

/// When the intent of a call must be durable. In both cases before the client sees anything of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Before the call is forwarded, unless its accepted definition says that it changes nothing: then it is made durable
    /// while the upstream works.
    #[default]
    Overlap,
    /// Before the call is forwarded, whatever it is.
    Before,
}

/// Whether devices without a browser may ask (RFC 8628).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceFlow(bool);

impl Default for DeviceFlow {
    fn default() -> Self {
        Self(true)
    }
}

impl DeviceFlow {
    /// Whether they may.
    pub const fn is_on(self) -> bool {
        self.0
    }
}

/// A tenant's settings. Unknown members are refused: a typo must not silently mean the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The server meant by an authorization request without `resource`. None: such a request is `invalid_target`.
    pub default_server: Option<Slug>,
    /// Who may register a client.
    pub registration: RegistrationRule,
    /// Custom redirect schemes to allow beside the known ones, e.g. `myeditor`.
    pub redirect_schemes: Vec<String>,
    /// Origins of web pages that may call MCP endpoints, e.g. `https://inspector.example`.
    pub allowed_origins: Vec<String>,
    /// When the intent of a call must be durable.
    pub evidence: Evidence,
    /// Whom assertions of clients may be made for.
    pub assertion_audience: AssertionAudience,
    /// Whether devices without a browser may ask; if not, that is not advertised.
    pub device_flow: DeviceFlow,
}
