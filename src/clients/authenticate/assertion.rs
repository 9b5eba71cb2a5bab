//! `private_key_jwt`: a client proves itself by a short JWT that it signs (RFC 7521 §4.2, RFC 7523 §3).

use std::collections::HashSet;

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Algorithm, Validation, dangerous::insecure_decode, decode, decode_header};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use crate::{
    clients::jwks::{self, ClientKeys},
    ids::ClientId,
};

/// `client_assertion_type`
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest assertion, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// The longest life from now. What is used once is remembered for as long.
const MAX_LIFE: Duration = Duration::minutes(10);
/// How far a client's clock may be from ours.
const LEEWAY: Duration = Duration::seconds(30);
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 512;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    #[serde(deserialize_with = "audiences")]
    aud: Vec<String>,
    exp: i64,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
}

/// An assertion that says whose it is, not verified. Does not print.
pub(super) struct Assertion<'a> {
    text: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
    client: ClientId,
}

/// What is remembered of a verified assertion, so that it is good once.
pub(super) struct Spent {
    /// SHA-256 of its `jti`.
    pub(super) jti: [u8; 32],
    /// Until when it would be good.
    pub(super) expires_at: OffsetDateTime,
}

/// Why an assertion proves nothing. For the client's own log; says nothing that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the words say it")]
pub enum BadAssertion {
    #[error("the client assertion is not a JWT with iss, sub, aud, exp and jti")]
    Malformed,
    #[error("the client assertion must be signed with EdDSA, ES256, PS256 or RS256")]
    Algorithm,
    #[error("the client assertion is of a type that proves no client, or asks for extensions that are not understood")]
    Header,
    #[error("iss and sub of the client assertion must both be the client_id")]
    Subject,
    #[error(
        "the client assertion is for somebody else: aud must be the issuer, or the token endpoint where that is allowed"
    )]
    Audience,
    #[error("the client assertion has expired, is not valid yet, or lives longer than ten minutes")]
    Time,
    #[error("the client assertion's signature fits no key of the client")]
    Signature,
}

// === impl Assertion ===

impl<'a> Assertion<'a> {
    /// Reads what an assertion says of itself.
    pub(super) fn read(text: &'a str) -> Result<Self, BadAssertion> {
        if text.len() > MAX_BYTES {
            return Err(BadAssertion::Malformed);
        }
        // `alg: none` is no algorithm to jsonwebtoken: it ends here.
        let header = decode_header(text).map_err(|_| BadAssertion::Malformed)?;
        if !jwks::ALGORITHMS.contains(&header.alg) {
            return Err(BadAssertion::Algorithm);
        }
        // RFC 8725 §3.11: a JWT that was made for something else is none of these.
        let typ = header.typ.as_deref().unwrap_or("JWT");
        let known = ["JWT", "client-authentication+jwt", "application/client-authentication+jwt"];
        if header.crit.is_some() || !known.iter().any(|known| typ.eq_ignore_ascii_case(known)) {
            return Err(BadAssertion::Header);
        }
        let claims = insecure_decode::<Claims>(text).map_err(|_| BadAssertion::Malformed)?.claims;
        let client = ClientId::parse(&claims.sub).map_err(|_| BadAssertion::Subject)?;
        if claims.iss != claims.sub {
            return Err(BadAssertion::Subject);
        }
        Ok(Self { text, algorithm: header.alg, kid: header.kid, client })
    }

    /// Whose it says it is.
    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    /// Checks everything but that it was not used before.
    pub(super) fn verify(
        &self,
        keys: &ClientKeys,
        audiences: &[String],
        now: OffsetDateTime,
    ) -> Result<Spent, BadAssertion> {
        let claims = keys
            .candidates(self.algorithm, self.kid.as_deref())
            .find_map(|key| decode::<Claims>(self.text, &key, &signature_only(self.algorithm)).ok())
            .ok_or(BadAssertion::Signature)?
            .claims;
        // All of them: an assertion that somebody else takes too could be replayed by them.
        if claims.aud.is_empty() || !claims.aud.iter().all(|audience| audiences.contains(audience)) {
            return Err(BadAssertion::Audience);
        }
        if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
            return Err(BadAssertion::Malformed);
        }
        let at = |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| BadAssertion::Time);
        let (end, begin) = (at(claims.exp)?, at(claims.iat.max(claims.nbf).unwrap_or(0))?);
        // The end of all time has no leeway: what ends too late is refused before anything is added to it.
        if end > now + MAX_LIFE || end + LEEWAY <= now || begin > now + LEEWAY {
            return Err(BadAssertion::Time);
        }
        let mut jti = [0; 32];
        jti.copy_from_slice(digest(&SHA256, claims.jti.as_bytes()).as_ref());
        Ok(Spent { jti, expires_at: end + LEEWAY })
    }
}

/// jsonwebtoken checks the signature only: its claim checks read the wall clock and take any one of several audiences.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// RFC 7519 §4.1.3: one text, or a list of them.
fn audiences<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        List(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::List(list) => list,
    })
}
