//! What an upstream must check of a token that Sallyport made for it (RFC 9068, section 4; RFC 8725, section 3).

use std::{collections::HashSet, io};

use jsonwebtoken::{Algorithm, Header, Validation, errors::ErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::{
    DemoConfig,
    jwks::{Jwks, JwksError},
};
use crate::clock::Clock;

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: i64 = 5;

/// The claims of a verified token. RFC 9068, section 2.2, requires all but `scope` and `nbf`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Claims {
    /// Who made the token.
    pub(super) iss: String,
    /// For whom the call is made.
    pub(super) sub: String,
    /// For which server the token was made: this one, and no other.
    #[serde(deserialize_with = "one_audience")]
    pub(super) aud: String,
    /// Through which client.
    pub(super) client_id: String,
    /// What the call may do, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    /// When the token was made, in seconds since 1970.
    pub(super) iat: i64,
    /// When it ends, in seconds since 1970.
    pub(super) exp: i64,
    /// When it begins, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<i64>,
    /// The token's own id.
    pub(super) jti: String,
    /// Whatever else the issuer says.
    #[serde(flatten)]
    pub(super) other: Map<String, Value>,
}

/// Why a token is not accepted. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("the token is not a JWT, or its algorithm is unknown")]
    Malformed,
    #[error("the token's typ is not at+jwt")]
    Type,
    #[error("the token has critical header extensions, and none is understood")]
    Critical,
    #[error("the token names no key")]
    NoKeyId,
    #[error(transparent)]
    Key(#[from] JwksError),
    #[error("the token's algorithm is not the one of its key")]
    Algorithm,
    #[error("the signature is wrong")]
    Signature,
    #[error("a required claim is missing or malformed")]
    Claims,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token was made for another server")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    TooEarly,
}

/// Verifies tokens of one issuer for one audience.
pub(super) struct Verifier {
    issuer: String,
    audience: String,
    jwks: Jwks,
    clock: Clock,
}

impl Verifier {
    pub(super) fn new(config: DemoConfig, clock: Clock) -> io::Result<Self> {
        let jwks = Jwks::new(config.jwks_url, clock.clone())?;
        Ok(Self { issuer: config.issuer, audience: config.audience, jwks, clock })
    }

    /// Checks everything and gives the claims.
    pub(super) async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        // `alg: none` is no algorithm to jsonwebtoken: it ends here.
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        let kid = check_header(&header)?;
        let key = self.jwks.key(kid).await?;
        if header.alg != key.algorithm {
            return Err(TokenError::Algorithm);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &signature_only(key.algorithm))
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => TokenError::Signature,
                ErrorKind::Json(_) => TokenError::Claims,
                _ => TokenError::Malformed,
            })?
            .claims;
        self.check_claims(&claims)?;
        Ok(claims)
    }

    fn check_claims(&self, claims: &Claims) -> Result<(), TokenError> {
        if [&claims.sub, &claims.client_id, &claims.jti].into_iter().any(String::is_empty) {
            return Err(TokenError::Claims);
        }
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if claims.aud != self.audience {
            return Err(TokenError::Audience);
        }
        let now = self.clock.unix();
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        if claims.iat.max(claims.nbf.unwrap_or(i64::MIN)) > now.saturating_add(LEEWAY) {
            return Err(TokenError::TooEarly);
        }
        Ok(())
    }
}

/// Checks what the header says before any key is looked for, and gives the key's id.
fn check_header(header: &Header) -> Result<&str, TokenError> {
    let typ = header.typ.as_deref().unwrap_or_default();
    if !["at+jwt", "application/at+jwt"].iter().any(|wanted| typ.eq_ignore_ascii_case(wanted)) {
        return Err(TokenError::Type);
    }
    if header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    if !matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256) {
        return Err(TokenError::Algorithm);
    }
    header.kid.as_deref().ok_or(TokenError::NoKeyId)
}

/// jsonwebtoken checks the signature only: its claim checks read the wall clock and take any one of several audiences.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// RFC 7519 allows a list, so a list of one is read as well.
fn one_audience<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        List([String; 1]),
    }
    match Audience::deserialize(deserializer) {
        Ok(Audience::One(audience) | Audience::List([audience])) => Ok(audience),
        Err(_) => Err(D::Error::custom("aud must name exactly one audience")),
    }
}
