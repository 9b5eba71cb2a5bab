//! Software statements (RFC 7591 §2.3): what somebody whom the tenant trusts says of a software, signed.
//!
//! A statement travels with the software, so everybody can have it. It is therefore worth something only as far as it goes
//! itself: it must name the software, what people are shown of it and where answers go. Members of the statement take the
//! place of the client's own (§3.1.1), and what people are shown is taken from the statement alone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::{
    jwks::ClientKeys,
    jws::{BadJws, Jws},
    metadata::{DEVICE_CODE, Metadata},
    registration::{InvalidMetadata, Members},
};
use crate::tenants::{RegistrationRule, Settings, Tenant};

/// The longest statement, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// How far an issuer's clock may be from ours.
const LEEWAY: Duration = Duration::seconds(60);
/// The members of the metadata (RFC 7591 §2). What else a statement holds says nothing here.
const MEMBERS: [&str; 16] = [
    "redirect_uris",
    "token_endpoint_auth_method",
    "grant_types",
    "response_types",
    "client_name",
    "client_uri",
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "contacts",
    "scope",
    "application_type",
    "jwks",
    "jwks_uri",
    "software_id",
    "software_version",
];
/// Without these a statement would vouch for whoever copied it.
const REQUIRED: [&str; 3] = ["software_id", "client_name", "redirect_uris"];
/// What people may be shown: from the statement or not at all.
const SHOWN: [&str; 4] = ["client_uri", "logo_uri", "tos_uri", "policy_uri"];

/// A statement that was verified when it was stored. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SoftwareStatement(String);

/// Why a statement says nothing (RFC 7591 §3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the words say it")]
pub enum BadStatement {
    #[error("this tenant registers software that carries a software_statement of an issuer that it trusts")]
    Missing,
    #[error("the software_statement is not a JWT with iss and the metadata of a software")]
    Malformed,
    #[error("the software_statement must be signed with EdDSA, ES256, PS256 or RS256")]
    Algorithm,
    #[error("the software_statement is a JWT of another type, or asks for extensions that are not understood")]
    Header,
    #[error("this tenant does not trust the issuer of the software_statement")]
    Issuer,
    #[error("the software_statement's signature fits no key of its issuer")]
    Signature,
    #[error("the software_statement has expired, is not valid yet, or is from the future")]
    Time,
    #[error("the software_statement is for other servers than this one (aud)")]
    Audience,
    #[error("the software_statement must hold software_id, client_name and redirect_uris itself")]
    Incomplete,
}

impl BadStatement {
    /// The error on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Issuer => "unapproved_software_statement",
            _ => "invalid_software_statement",
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    exp: Option<i64>,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    aud: Option<Value>,
    #[serde(flatten)]
    members: Map<String, Value>,
}

// === impl SoftwareStatement ===

impl SoftwareStatement {
    /// Who made it, by its own account.
    pub fn issuer(&self) -> Option<String> {
        Unverified::read(&self.0).ok().map(|read| read.claims.iss)
    }

    /// Whether it says itself that devices may use the software. Their answers go to no address that it names but to whoever
    /// began, so whoever copied it must not add that.
    pub fn is_for_devices(&self) -> bool {
        let Ok(read) = Unverified::read(&self.0) else { return false };
        let grants = read.claims.members.get("grant_types").and_then(Value::as_array);
        grants.is_some_and(|grants| grants.iter().any(|grant| grant == DEVICE_CODE))
    }
}

/// Who vouches for a client today: the issuer of its statement, if the tenant still trusts it and the key.
pub fn vouched_by(metadata: &Metadata, settings: &Settings) -> Option<String> {
    let text = &metadata.software_statement.as_ref()?.0;
    let read = Unverified::read(text).ok()?;
    let keys = trusted(settings, &read.claims.iss)?;
    read.signed_by(keys).ok().map(|claims| claims.iss)
}

/// What a registration says once its statement has spoken, and the statement. A tenant that asks for none takes one of an
/// issuer that it trusts, and overlooks any other.
///
/// # Errors
/// [`BadStatement`], and a member that is no text.
pub fn heed(
    tenant: &Tenant,
    members: Members,
    now: OffsetDateTime,
) -> Result<(Members, Option<SoftwareStatement>), StatementError> {
    let settings = &tenant.settings;
    let required = settings.registration == RegistrationRule::SoftwareStatement;
    if settings.software_statements.is_empty() && !required {
        return Ok((members, None));
    }
    let Some(text) = members.text("software_statement", MAX_BYTES)?.map(str::to_owned) else {
        return if required { Err(BadStatement::Missing.into()) } else { Ok((members, None)) };
    };
    match verify(&text, tenant, now) {
        Ok(said) => Ok((members.replaced(said, &SHOWN), Some(SoftwareStatement(text)))),
        Err(BadStatement::Issuer) if !required => Ok((members, None)),
        Err(bad) => Err(bad.into()),
    }
}

/// Why a registration with a statement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The statement.
    #[error(transparent)]
    Statement(#[from] BadStatement),
    /// The member is no text.
    #[error(transparent)]
    Member(#[from] InvalidMetadata),
}

/// The members that a good statement has.
fn verify(text: &str, tenant: &Tenant, now: OffsetDateTime) -> Result<Map<String, Value>, BadStatement> {
    let read = Unverified::read(text)?;
    let keys = trusted(&tenant.settings, &read.claims.iss).ok_or(BadStatement::Issuer)?;
    let claims = read.signed_by(keys)?;
    let at = |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| BadStatement::Time);
    let over = claims.exp.map(at).transpose()?.is_some_and(|end| end <= now - LEEWAY);
    let early = claims.iat.max(claims.nbf).map(at).transpose()?.is_some_and(|begin| begin > now + LEEWAY);
    if over || early {
        return Err(BadStatement::Time);
    }
    let ours = |value: &Value| value.as_str() == Some(&tenant.issuer);
    let meant =
        claims.aud.as_ref().is_none_or(|aud| ours(aud) || aud.as_array().is_some_and(|all| all.iter().any(ours)));
    if !meant {
        return Err(BadStatement::Audience);
    }
    let said: Map<String, Value> =
        claims.members.into_iter().filter(|(name, _)| MEMBERS.contains(&name.as_str())).collect();
    let complete = REQUIRED.iter().all(|name| match said.get(*name) {
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        _ => false,
    });
    if complete { Ok(said) } else { Err(BadStatement::Incomplete) }
}

/// The keys of an issuer. Keys that have to be fetched would come in here.
fn trusted<'s>(settings: &'s Settings, issuer: &str) -> Option<&'s ClientKeys> {
    settings.software_statements.iter().find(|trusted| trusted.issuer == issuer).map(|trusted| &trusted.jwks)
}

/// A statement that says whose it is.
struct Unverified<'a> {
    jws: Jws<'a>,
    claims: Claims,
}

impl From<BadJws> for BadStatement {
    fn from(bad: BadJws) -> Self {
        match bad {
            BadJws::Malformed => Self::Malformed,
            BadJws::Algorithm => Self::Algorithm,
            BadJws::Critical => Self::Header,
        }
    }
}

impl<'a> Unverified<'a> {
    fn read(text: &'a str) -> Result<Self, BadStatement> {
        let jws = Jws::read_up_to(text, MAX_BYTES)?;
        // RFC 8725 §3.11: a JWT that was made for something else is none of these.
        let typ = jws.typ.as_deref().unwrap_or("JWT");
        let known = ["JWT", "software-statement+jwt", "application/software-statement+jwt"];
        if !known.iter().any(|known| typ.eq_ignore_ascii_case(known)) {
            return Err(BadStatement::Header);
        }
        Ok(Self { claims: jws.claims()?, jws })
    }

    fn signed_by(self, keys: &ClientKeys) -> Result<Claims, BadStatement> {
        let Self { jws, claims } = self;
        let signed = keys.candidates(jws.algorithm, jws.kid.as_deref()).any(|key| jws.is_signed_by(&key));
        if signed { Ok(claims) } else { Err(BadStatement::Signature) }
    }
}

/// Fuzz target: a statement that anybody sends. See [`crate::fuzzing`].
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(read) = Unverified::read(text) {
        assert!(text.len() <= MAX_BYTES, "too long");
        assert_eq!(SoftwareStatement(text.to_owned()).issuer(), Some(read.claims.iss), "one issuer");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}", a in "[A-Za-z0-9_-]{0,40}", b in "[A-Za-z0-9_-]{0,40}") {
            let _ = Unverified::read(&text).is_ok();
            let unsigned = format!("{a}.{b}.");
            prop_assert!(Unverified::read(&unsigned).is_err());
            let _ = SoftwareStatement(text).issuer();
        }
    }
}
