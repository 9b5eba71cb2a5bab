//! A tenant's settings: what `apply` writes and requests obey.

use serde::{Deserialize, Serialize};

use crate::{clients::jwks::ClientKeys, ids::Slug};

/// Registered clients of a tenant that does not say how many it may have.
const CLIENTS: u32 = 10_000;
/// Days that a client is kept that registered and was never used, where the tenant does not say.
const UNUSED_CLIENT_DAYS: u16 = 30;

/// Who may register a client (RFC 7591).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationRule {
    /// Anybody, within limits.
    #[default]
    Open,
    /// Only with an initial access token.
    InitialAccessToken,
    /// Only software that somebody vouches for whom the tenant trusts (RFC 7591 §2.3).
    SoftwareStatement,
    /// Anybody, but nothing comes of it before an administrator has allowed the client.
    Approval,
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

/// Who is trusted to vouch for software (RFC 7591 §2.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementIssuer {
    /// `iss` of its statements.
    pub issuer: String,
    /// The keys that it signs them with.
    #[serde(deserialize_with = "keys")]
    pub jwks: ClientKeys,
}

/// The rules for keys of clients hold for these, too.
fn keys<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ClientKeys, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    ClientKeys::read(&value).map_err(|bad| serde::de::Error::custom(format_args!("jwks {bad}")))
}

/// A tenant's settings. Unknown members are refused: a typo must not silently mean the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The server meant by an authorization request without `resource`. None: such a request is `invalid_target`.
    pub default_server: Option<Slug>,
    /// Who may register a client.
    pub registration: RegistrationRule,
    /// Who is trusted to vouch for software that registers.
    pub software_statements: Vec<StatementIssuer>,
    /// How many registered clients there may be at a time. None: as many as [`Settings::most_clients`] says.
    pub max_registered_clients: Option<u32>,
    /// For how many days a client is kept that registered and was never used. None: [`Settings::unused_clients_kept`].
    pub unused_client_days: Option<u16>,
    /// Custom redirect schemes to allow beside the known ones, e.g. `myeditor`.
    pub redirect_schemes: Vec<String>,
    /// Origins of web pages that may call MCP endpoints, e.g. `https://inspector.example`.
    pub allowed_origins: Vec<String>,
    /// When the intent of a call must be durable.
    pub evidence: Evidence,
    /// Whom assertions of clients may be made for.
    pub assertion_audience: AssertionAudience,
}

// === impl Settings ===

impl Settings {
    /// Whether a client could register at all: then the endpoint is advertised.
    pub fn lets_register(&self) -> bool {
        match self.registration {
            RegistrationRule::Open | RegistrationRule::InitialAccessToken | RegistrationRule::Approval => true,
            RegistrationRule::SoftwareStatement => !self.software_statements.is_empty(),
            RegistrationRule::Off => false,
        }
    }

    /// How many registered clients there may be at a time.
    pub fn most_clients(&self) -> u32 {
        self.max_registered_clients.unwrap_or(CLIENTS)
    }

    /// For how long a client is kept that registered and was never used.
    pub fn unused_clients_kept(&self) -> time::Duration {
        time::Duration::days(self.unused_client_days.unwrap_or(UNUSED_CLIENT_DAYS).into())
    }
}
