//! The presented token (RFC 6750): one `Authorization` header, scheme `Bearer`, a handle of ours or a JWT.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    secret::{Handle, HandleKind},
    token::outside::OutsideToken,
};

/// An access token as a client presented it. Neither printable nor clonable; it ends in the look-up.
pub enum Bearer {
    /// Ours.
    Handle(Handle),
    /// Somebody else's, by its shape. Ours are never JWTs.
    Outside(OutsideToken),
}

/// Why a request presents no token that could be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBearer {
    /// No token, or a scheme that is not spoken here: a challenge without `error` (RFC 6750, 3.1).
    #[error("the request carries no bearer token")]
    Absent,
    /// Presented in a way that leaves room for doubt: 400 `invalid_request`.
    #[error("{0}")]
    Malformed(&'static str),
    /// A token of somebody else, or noise: 401 `invalid_token`.
    #[error("the token is not an access token of this server")]
    NotOurs,
}

impl Bearer {
    /// Takes the token from a request.
    ///
    /// # Errors
    /// [`NoBearer`], which never contains what was presented.
    pub fn from_request(headers: &HeaderMap, query: Option<&str>) -> Result<Self, NoBearer> {
        if names_token(query) {
            return Err(NoBearer::Malformed(
                "a token in the address is not accepted, send it in the Authorization header",
            ));
        }
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(NoBearer::Absent)?;
        if values.next().is_some() {
            return Err(NoBearer::Malformed("there is more than one Authorization header"));
        }
        let malformed = NoBearer::Malformed("the Authorization header must be Bearer, one space and a token");
        let text = value.to_str().map_err(|_| malformed)?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(if scheme.is_empty() { malformed } else { NoBearer::Absent });
        }
        // RFC 9110 allows several spaces after the scheme.
        let token = token.trim_start_matches(' ');
        if !is_token68(token) {
            return Err(malformed);
        }
        match Handle::parse(HandleKind::AccessToken, token) {
            Ok(handle) => Ok(Self::Handle(handle)),
            Err(_) => OutsideToken::parse(token).map(Self::Outside).ok_or(NoBearer::NotOurs),
        }
    }
}

/// Whether the query has a parameter `access_token`, however it is escaped.
fn names_token(query: Option<&str>) -> bool {
    query.is_some_and(|query| url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token"))
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750, 2.1).
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::COOKIE};
    use proptest::prelude::*;

    use super::*;
    use crate::secret::Entropy;

    fn take(headers: &[&str], query: Option<&str>) -> Result<String, NoBearer> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Bearer::from_request(&map, query).map(|bearer| match bearer {
            Bearer::Handle(handle) => handle.expose().to_owned(),
            Bearer::Outside(_) => "a JWT".to_owned(),
        })
    }

    fn token(kind: HandleKind) -> String {
        Handle::generate(kind, &Entropy::system()).unwrap().expose().to_owned()
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        let token = token(HandleKind::AccessToken);
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "] {
            assert_eq!(take(&[&format!("{scheme} {token}")], None).as_deref(), Ok(token.as_str()));
        }
    }

    #[test]
    fn no_token_and_other_schemes_are_absent() {
        assert_eq!(take(&[], None), Err(NoBearer::Absent));
        assert_eq!(take(&["Basic dXNlcjpwYXNz"], None), Err(NoBearer::Absent));
        assert_eq!(take(&["DPoP abc"], None), Err(NoBearer::Absent));
        let mut cookie = HeaderMap::new();
        cookie.insert(COOKIE, HeaderValue::from_static("Authorization=Bearer x"));
        assert_eq!(Bearer::from_request(&cookie, None).err(), Some(NoBearer::Absent));
    }

    #[test]
    fn doubtful_ones_are_malformed() {
        let token = token(HandleKind::AccessToken);
        let bearer = format!("Bearer {token}");
        for headers in [
            vec![bearer.as_str(), bearer.as_str()],
            vec![bearer.as_str(), "Basic dXNlcjpwYXNz"],
            vec!["Bearer"],
            vec!["Bearer "],
            vec!["Bearer a b"],
            vec!["Bearer a,Bearer b"],
            vec!["Bearer =="],
            vec!["Bearer \"a\""],
            vec![""],
            vec!["Bearer \u{e9}"],
        ] {
            assert!(matches!(take(&headers, None), Err(NoBearer::Malformed(_))), "{headers:?}");
        }
    }

    #[test]
    fn a_token_in_the_address_is_refused_even_beside_a_good_one() {
        let bearer = format!("Bearer {}", token(HandleKind::AccessToken));
        for query in ["access_token=x", "a=b&access_token=x", "access%5Ftoken=x", "access_token"] {
            assert!(matches!(take(&[&bearer], Some(query)), Err(NoBearer::Malformed(_))), "{query}");
        }
        assert!(take(&[&bearer], Some("token=x&access_tokens=y")).is_ok());
    }

    #[test]
    fn other_kinds_of_handle_are_not_ours_and_jwts_are_none_of_our_handles() {
        for kind in [HandleKind::RefreshToken, HandleKind::Code, HandleKind::RegistrationToken, HandleKind::Session] {
            assert_eq!(take(&[&format!("Bearer {}", token(kind))], None), Err(NoBearer::NotOurs));
        }
        let jwt = take(&["Bearer eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0.c2ln"], None);
        assert_eq!(jwt.as_deref(), Ok("a JWT"));
        let encrypted = take(&["Bearer eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn"], None);
        assert_eq!(encrypted, Err(NoBearer::NotOurs));
    }

    proptest! {
        #[test]
        fn nothing_but_a_handle_of_ours_passes(text in "\\PC{0,80}") {
            let mut map = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                map.insert(AUTHORIZATION, value);
            }
            let bearer = Bearer::from_request(&map, None);
            prop_assert!(!matches!(bearer, Ok(Bearer::Handle(_))));
        }
    }
}
