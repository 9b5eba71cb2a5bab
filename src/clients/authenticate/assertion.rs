//! `private_key_jwt`: a client proves itself by a short JWT that it signs (RFC 7521 §4.2, RFC 7523 §3).

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use crate::{
    clients::{
        jwks::ClientKeys,
        jws::{BadJws, Jws},
    },
    ids::ClientId,
};

/// `client_assertion_type`
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

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
    jws: Jws<'a>,
    claims: Claims,
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

impl From<BadJws> for BadAssertion {
    fn from(bad: BadJws) -> Self {
        match bad {
            BadJws::Malformed => Self::Malformed,
            BadJws::Algorithm => Self::Algorithm,
            BadJws::Critical => Self::Header,
        }
    }
}

// === impl Assertion ===

impl<'a> Assertion<'a> {
    /// Reads what an assertion says of itself.
    pub(super) fn read(text: &'a str) -> Result<Self, BadAssertion> {
        let jws = Jws::read(text)?;
        // RFC 8725 §3.11: a JWT that was made for something else is none of these.
        let typ = jws.typ.as_deref().unwrap_or("JWT");
        let known = ["JWT", "client-authentication+jwt", "application/client-authentication+jwt"];
        if !known.iter().any(|known| typ.eq_ignore_ascii_case(known)) {
            return Err(BadAssertion::Header);
        }
        let claims: Claims = jws.claims()?;
        let client = ClientId::parse(&claims.sub).map_err(|_| BadAssertion::Subject)?;
        if claims.iss != claims.sub {
            return Err(BadAssertion::Subject);
        }
        Ok(Self { jws, claims, client })
    }

    /// Whose it says it is.
    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    /// Whether one of these keys may have made its signature, by algorithm and name.
    pub(super) fn may_fit(&self, keys: &ClientKeys) -> bool {
        keys.candidates(self.jws.algorithm, self.jws.kid.as_deref()).next().is_some()
    }

    /// Checks everything but that it was not used before.
    pub(super) fn verify(
        &self,
        keys: &ClientKeys,
        audiences: &[String],
        now: OffsetDateTime,
    ) -> Result<Spent, BadAssertion> {
        let Self { jws, claims, .. } = self;
        if !keys.candidates(jws.algorithm, jws.kid.as_deref()).any(|key| jws.is_signed_by(&key)) {
            return Err(BadAssertion::Signature);
        }
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
