//! What a token of an outside issuer says: read strictly, and checked after its signature (RFC 9068 §4, RFC 8725 §3).

use jsonwebtoken::{Algorithm, crypto};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::{BadToken, presented::OutsideToken};
use crate::{
    clients::jwks::{self, ClientKeys},
    mcp::json,
    policy::ScopeSet,
    tenants::{OutsideIssuer, Server},
};

/// How far the issuer's clock may be from ours.
pub(super) const LEEWAY: Duration = Duration::seconds(30);
/// The longest subject and the longest name of a client, in bytes (OpenID Connect Core §2 has 255 for `sub`).
const MAX_NAME: usize = 255;
/// The longest key id, in bytes.
const MAX_KID: usize = 512;
const MAX_DEPTH: usize = 16;
/// Keys that are tried for a token that names none.
const MAX_CANDIDATES: usize = 16;
/// Claims that only ID tokens have (OpenID Connect Core §2, §3.3.2.11), or logout tokens.
const OF_ID_TOKENS: [&str; 5] = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

/// A token that says whose it is. Its signature is not verified.
pub(super) struct Unverified<'a> {
    token: &'a OutsideToken,
    algorithm: Algorithm,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    claims: Map<String, Value>,
}

/// What a verified token is here.
pub(super) struct Mapped {
    pub(super) subject: String,
    /// The name of the client at its issuer.
    pub(super) client: String,
    pub(super) scopes: ScopeSet,
    pub(super) auth_time: Option<OffsetDateTime>,
    pub(super) issued_at: OffsetDateTime,
    pub(super) expires_at: OffsetDateTime,
}

// === impl Unverified ===

impl<'a> Unverified<'a> {
    /// Reads header and claims. What a header says of where keys are, or which, is not looked at.
    pub(super) fn read(token: &'a OutsideToken) -> Result<Self, BadToken> {
        let mut header = object(token, 0)?;
        // RFC 7515 §4.1.11: nothing that could be critical is understood here.
        if ["crit", "b64", "zip"].iter().any(|name| header.contains_key(*name)) {
            return Err(BadToken::Header);
        }
        let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = jwks::algorithm(named).ok_or(BadToken::Header)?;
        let kid = optional_text(&mut header, "kid").filter(|kid| kid.as_ref().is_none_or(|kid| kid.len() <= MAX_KID));
        let typ = optional_text(&mut header, "typ");
        let (Some(kid), Some(typ)) = (kid, typ) else { return Err(BadToken::Header) };
        Ok(Self { token, algorithm, kid, typ, claims: object(token, 1)? })
    }

    /// `iss`
    pub(super) fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// Verifies the signature with a key of the issuer, then everything that the token says. `keys` holds the key, or
    /// nobody has signed it.
    pub(super) fn verify(
        &self,
        issuer: &OutsideIssuer,
        server: &Server,
        keys: &ClientKeys,
        now: OffsetDateTime,
    ) -> Result<Mapped, BadToken> {
        let mut fitting = keys.candidates(self.algorithm, self.kid.as_deref()).take(MAX_CANDIDATES);
        let (signed, signature) = self.token.expose().rsplit_once('.').ok_or(BadToken::Malformed)?;
        let is_by = |key| crypto::verify(signature, signed.as_bytes(), &key, self.algorithm).unwrap_or(false);
        if !fitting.any(is_by) {
            return Err(BadToken::Signature);
        }
        self.check_audience(issuer, server)?;
        let (issued_at, expires_at) = self.times(issuer, now)?;
        let client = self.client(issuer)?;
        self.check_kind(issuer, client)?;
        self.check_required(issuer)?;
        let subject = self.text(&issuer.subject_claim).filter(|subject| is_name(subject)).ok_or(BadToken::Claims)?;
        Ok(Mapped {
            subject: issuer.subject(subject),
            client: client.to_owned(),
            scopes: issuer.map(self.scopes(issuer)?.into_iter(), server.policy.declared()),
            auth_time: self.auth_time(now)?,
            issued_at,
            expires_at,
        })
    }

    /// Whether the issuer signs so. Asked before its keys are fetched.
    pub(super) fn check_algorithm(&self, issuer: &OutsideIssuer) -> Result<(), BadToken> {
        if issuer.algorithms.contains(&self.algorithm) { Ok(()) } else { Err(BadToken::Header) }
    }

    fn check_audience(&self, issuer: &OutsideIssuer, server: &Server) -> Result<(), BadToken> {
        let audiences = texts(self.claims.get("aud")).ok_or(BadToken::Claims)?;
        if issuer.is_for(&audiences, &server.resource) { Ok(()) } else { Err(BadToken::Audience) }
    }

    /// RFC 9068 §2.1: an access token says so. One that need not must be no other token of the issuer by what is in it.
    fn check_kind(&self, issuer: &OutsideIssuer, client: &str) -> Result<(), BadToken> {
        let typ = self.typ.as_deref().unwrap_or("JWT");
        let typ = typ
            .get(..12)
            .filter(|head| head.eq_ignore_ascii_case("application/"))
            .map_or(typ, |_| typ.get(12..).unwrap_or_default());
        let plain = match () {
            () if typ.eq_ignore_ascii_case("at+jwt") => false,
            () if typ.eq_ignore_ascii_case("JWT") && issuer.allow_plain_jwt => true,
            () => return Err(BadToken::Kind),
        };
        // RFC 9449 §7.1, RFC 8705 §3: one that is bound to a key is worth nothing without it.
        if self.claims.contains_key("cnf") {
            return Err(BadToken::Kind);
        }
        // What Cognito and Keycloak say of their tokens.
        let says = |claim, access: &str| self.claims.get(claim).is_none_or(|kind| kind.as_str() == Some(access));
        if !says("token_use", "access") || !says("typ", "Bearer") {
            return Err(BadToken::Kind);
        }
        let audiences = texts(self.claims.get("aud")).ok_or(BadToken::Claims)?;
        let has_scopes = issuer.scope_claims.iter().any(|claim| self.claims.contains_key(claim));
        let like_an_id_token = OF_ID_TOKENS.iter().any(|claim| self.claims.contains_key(*claim))
            // An ID token is for the client itself.
            || audiences.contains(&client)
            || !has_scopes;
        if plain && like_an_id_token { Err(BadToken::Kind) } else { Ok(()) }
    }

    fn check_required(&self, issuer: &OutsideIssuer) -> Result<(), BadToken> {
        let has = |claim: &String, wanted: &String| match self.claims.get(claim) {
            Some(value @ (Value::String(_) | Value::Array(_))) => {
                texts(Some(value)).is_some_and(|texts| texts.contains(&wanted.as_str()))
            }
            Some(Value::Bool(value)) => wanted.parse() == Ok(*value),
            Some(Value::Number(value)) => wanted.parse().is_ok_and(|wanted: serde_json::Number| wanted == *value),
            _ => false,
        };
        if issuer.required_claims.iter().all(|(claim, wanted)| has(claim, wanted)) {
            Ok(())
        } else {
            Err(BadToken::Claims)
        }
    }

    /// When it was issued, and when it ends. Ends without leeway: nothing is good for longer than its issuer says.
    fn times(&self, issuer: &OutsideIssuer, now: OffsetDateTime) -> Result<(OffsetDateTime, OffsetDateTime), BadToken> {
        let (issued, end) = (self.time("iat")?.ok_or(BadToken::Claims)?, self.time("exp")?.ok_or(BadToken::Claims)?);
        let begins = self.time("nbf")?.unwrap_or(issued);
        if issued > now + LEEWAY || begins > now + LEEWAY {
            return Err(BadToken::Early);
        }
        if end <= now {
            return Err(BadToken::Ended);
        }
        if end - issued > Duration::seconds(i64::from(issuer.max_lifetime)) {
            return Err(BadToken::Long);
        }
        Ok((issued, end))
    }

    fn auth_time(&self, now: OffsetDateTime) -> Result<Option<OffsetDateTime>, BadToken> {
        Ok(self.time("auth_time")?.map(|at| at.min(now)))
    }

    fn client(&self, issuer: &OutsideIssuer) -> Result<&str, BadToken> {
        let claim =
            issuer.client_claims.iter().find(|claim| self.claims.contains_key(*claim)).ok_or(BadToken::Claims)?;
        let client = self.text(claim).filter(|client| is_name(client)).ok_or(BadToken::Claims)?;
        let wanted = issuer.clients.is_empty() || issuer.clients.iter().any(|wanted| wanted == client);
        if wanted { Ok(client) } else { Err(BadToken::Client) }
    }

    fn scopes(&self, issuer: &OutsideIssuer) -> Result<Vec<&str>, BadToken> {
        let mut scopes = Vec::new();
        for value in issuer.scope_claims.iter().filter_map(|claim| self.claims.get(claim)) {
            match value {
                Value::String(text) => scopes.extend(text.split(' ').filter(|scope| !scope.is_empty())),
                list => scopes.extend(texts(Some(list)).ok_or(BadToken::Claims)?),
            }
        }
        Ok(scopes)
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// RFC 7519 §2, NumericDate; a part of a second is cut off.
    fn time(&self, claim: &str) -> Result<Option<OffsetDateTime>, BadToken> {
        let Some(value) = self.claims.get(claim) else { return Ok(None) };
        #[expect(clippy::cast_possible_truncation, reason = "bounded before")]
        let whole = || value.as_f64().filter(|seconds| seconds.abs() < 1e12).map(|seconds| seconds.floor() as i64);
        let seconds = value.as_i64().or_else(whole).ok_or(BadToken::Claims)?;
        OffsetDateTime::from_unix_timestamp(seconds).map(Some).map_err(|_| BadToken::Claims)
    }
}

fn object(token: &OutsideToken, part: usize) -> Result<Map<String, Value>, BadToken> {
    let bytes = token.part(part).ok_or(BadToken::Malformed)?;
    let text = json::check(&bytes, MAX_DEPTH).map_err(|_| BadToken::Malformed)?;
    serde_json::from_str(text).map_err(|_| BadToken::Malformed)
}

/// A member that is a text or absent. None: it is something else.
fn optional_text(object: &mut Map<String, Value>, name: &str) -> Option<Option<String>> {
    match object.remove(name) {
        None => Some(None),
        Some(Value::String(text)) => Some(Some(text)),
        Some(_) => None,
    }
}

/// One text, or a list of nothing else.
fn texts(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(one) => Some(vec![one]),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}
