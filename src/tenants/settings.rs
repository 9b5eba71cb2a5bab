//! A tenant's settings: what `apply` writes and requests obey.

use serde::{Deserialize, Serialize};

use crate::{
    clients::{Client, jwks::ClientKeys},
    ids::Slug,
};

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

/// Whose client ID metadata documents are taken: `"open"`, `"off"`, or a list of hosts, `*.example.com` for all below one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DocumentWords", into = "DocumentWords")]
pub enum MetadataDocuments {
    /// Anybody's.
    #[default]
    Open,
    /// Nobody's; it is not advertised.
    Off,
    /// Those of these hosts.
    From(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DocumentWords {
    Word(String),
    Hosts(Vec<String>),
}

impl TryFrom<DocumentWords> for MetadataDocuments {
    type Error = String;

    fn try_from(words: DocumentWords) -> Result<Self, String> {
        match words {
            DocumentWords::Word(word) if word == "open" => Ok(Self::Open),
            DocumentWords::Word(word) if word == "off" => Ok(Self::Off),
            DocumentWords::Word(word) => Err(format!("{word:?} is not \"open\", \"off\" or a list of hosts")),
            DocumentWords::Hosts(hosts) => match hosts.iter().find(|host| !is_host(host)) {
                Some(bad) => Err(format!("{bad:?} is no host in lower case, such as claude.ai or *.example.com")),
                None => Ok(Self::From(hosts)),
            },
        }
    }
}

impl From<MetadataDocuments> for DocumentWords {
    fn from(rule: MetadataDocuments) -> Self {
        match rule {
            MetadataDocuments::Open => Self::Word("open".to_owned()),
            MetadataDocuments::Off => Self::Word("off".to_owned()),
            MetadataDocuments::From(hosts) => Self::Hosts(hosts),
        }
    }
}

impl MetadataDocuments {
    /// Whether documents of this host are taken.
    pub fn allows(&self, host: &str) -> bool {
        let is = |listed: &String| match listed.strip_prefix("*.") {
            Some(above) => host.strip_suffix(above).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => listed == host,
        };
        match self {
            Self::Open => true,
            Self::Off => false,
            Self::From(hosts) => hosts.iter().any(is),
        }
    }
}

/// A host as addresses have it, or all below one.
fn is_host(text: &str) -> bool {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let plain = |url: url::Url| url.host_str() == Some(host) && url.path() == "/";
    !host.contains('*') && url::Url::parse(&format!("https://{host}/")).is_ok_and(plain)
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
    /// They may not.
    pub const OFF: Self = Self(false);

    /// Whether they may.
    pub const fn is_on(self) -> bool {
        self.0
    }
}

/// Who shows a second factor at login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Whoever has one.
    #[default]
    Optional,
    /// Whoever has one, and everybody who sees the console.
    Administrators,
    /// Everybody.
    Everybody,
}

/// How people log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginPolicy {
    /// Who shows a second factor. Whoever has to and has none sets one up at the next login.
    pub second_factor: SecondFactor,
    /// Whether passwords are taken; if not, people come through identity providers alone.
    pub passwords: bool,
    /// Hours that a login lasts. None, or more than the configuration says: as many as that says.
    pub session_hours: Option<u16>,
}

impl Default for LoginPolicy {
    fn default() -> Self {
        Self { second_factor: SecondFactor::default(), passwords: true, session_hours: None }
    }
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
    /// Whose client ID metadata documents are taken.
    pub metadata_documents: MetadataDocuments,
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
    /// Whether devices without a browser may ask; if not, that is not advertised.
    pub device_flow: DeviceFlow,
    /// Clients that cannot step up: whoever they ask is asked for all scopes of the server at once. Ids or names, `*` for all.
    pub full_scopes: Vec<String>,
    /// How people log in.
    pub login: LoginPolicy,
}

// === impl Settings ===

impl Settings {
    /// Whether this client is given all scopes at the first consent. By its own claim of a name: more than to be asked for
    /// more, on a page that shows it, comes of no lie.
    pub fn gives_full_scopes(&self, client: &Client) -> bool {
        let is =
            |named: &String| named == "*" || named == client.id.as_str() || named.eq_ignore_ascii_case(client.name());
        self.full_scopes.iter().any(is)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Result<MetadataDocuments, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn documents_are_taken_from_the_hosts_that_are_listed() {
        let rule = rule(r#"["claude.ai", "*.example.com"]"#).unwrap();
        for host in ["claude.ai", "a.example.com", "a.b.example.com"] {
            assert!(rule.allows(host), "{host}");
        }
        for host in ["example.com", "evilexample.com", ".example.com", "claude.ai.evil.example", "x.claude.ai", ""] {
            assert!(!rule.allows(host), "{host}");
        }
        assert!(MetadataDocuments::Open.allows("any.example") && !MetadataDocuments::Off.allows("any.example"));
    }

    #[test]
    fn a_rule_is_a_word_or_hosts() {
        for good in [r#""open""#, r#""off""#, "[]", r#"["a.example:8443"]"#.replace(":8443", "").as_str()] {
            let read = rule(good).unwrap();
            assert_eq!(rule(&serde_json::to_string(&read).unwrap()), Ok(read), "{good}");
        }
        for bad in
            [r#""Open""#, "true", r#"["https://a.example"]"#, r#"["A.example"]"#, r#"["a.example/x"]"#, r#"["*"]"#]
        {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }
}
