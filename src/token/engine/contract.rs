//! What the stock machines do differently from the specifications. Each test pins one deviation and names the workaround
//! that it calls for; when an update makes one fail, delete the workaround.

use std::borrow::Cow;

use oxide_auth::{
    code_grant::{
        accesstoken::{AccessToken, Authorization, Error, ErrorDescription, Input, Output, Request},
        error::{AccessTokenError, AccessTokenErrorType},
        extensions::Pkce,
        refresh,
    },
    primitives::{
        grant::{Extensions, Grant},
        registrar::{ExactUrl, IgnoreLocalPortUrl, RegisteredUrl},
    },
};

struct TokenRequest {
    redirect_uri: Option<&'static str>,
    basic: bool,
}

impl Request for TokenRequest {
    fn valid(&self) -> bool {
        true
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        Some("code".into())
    }
    fn authorization(&self) -> Authorization<'_> {
        if self.basic { Authorization::UsernamePassword("c".into(), Cow::Borrowed(b"s")) } else { Authorization::None }
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some("c".into())
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.redirect_uri.map(Into::into)
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("authorization_code".into())
    }
    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}

fn kind(output: Output<'_>) -> AccessTokenErrorType {
    match output {
        Output::Err(mut error) => match *error {
            Error::Invalid(ref mut description) => description.description().kind(),
            _ => panic!("another kind of error"),
        },
        _ => panic!("no error"),
    }
}

/// RFC 6749 §5.2 wants `invalid_grant`. We look the code up before the machine does.
#[test]
fn an_unknown_code_is_invalid_request() {
    let mut machine = AccessToken::new(&TokenRequest { redirect_uri: Some("http://127.0.0.1:1/cb"), basic: false });
    machine.advance(Input::None);
    machine.advance(Input::Authenticated);
    assert!(matches!(kind(machine.advance(Input::Recovered(None))), AccessTokenErrorType::InvalidRequest));
}

/// OAuth 2.1 dropped the parameter. We send `REDIRECT_OMITTED` on both sides.
#[test]
fn an_omitted_redirect_uri_is_refused() {
    let mut machine = AccessToken::new(&TokenRequest { redirect_uri: None, basic: false });
    assert!(matches!(kind(machine.advance(Input::None)), AccessTokenErrorType::InvalidRequest));
}

/// Allowed by RFC 6749 §2.3.1. We hide the body's `client_id`.
#[test]
fn basic_beside_a_client_id_is_a_duplicate() {
    let mut machine = AccessToken::new(&TokenRequest { redirect_uri: Some("http://127.0.0.1:1/cb"), basic: true });
    assert!(matches!(kind(machine.advance(Input::None)), AccessTokenErrorType::InvalidRequest));
}

/// RFC 6749 §5.2 says `error_description`. We render errors ourselves.
#[test]
fn error_json_has_other_member_names() {
    let mut error = AccessTokenError::default();
    error.set_type(AccessTokenErrorType::InvalidGrant);
    error.explain("why");
    let json = ErrorDescription::new(error).to_json();
    assert!(json.contains("\"description\"") && !json.contains("error_description"), "{json}");
}

/// RFC 7636 §4.2: 43 characters at least. We check the challenge first.
#[test]
fn a_challenge_of_one_character_is_accepted() {
    assert!(Pkce::required().challenge(Some("S256".into()), Some("x".into())).is_ok());
}

/// And this is right, and relied on: no method, or `plain`, is refused.
#[test]
fn a_challenge_without_s256_is_refused() {
    let challenge = "x".repeat(43);
    assert!(Pkce::required().challenge(None, Some(challenge.as_str().into())).is_err());
    assert!(Pkce::required().challenge(Some("plain".into()), Some(challenge.as_str().into())).is_err());
}

/// RFC 8252 §7.3 wants any port for loopback addresses. We match redirect URIs ourselves.
#[test]
fn loopback_addresses_do_not_match_on_any_port() {
    for host in ["127.0.0.1", "[::1]"] {
        let registered = RegisteredUrl::from(IgnoreLocalPortUrl::new(format!("http://{host}/cb")).unwrap());
        assert!(registered != ExactUrl::new(format!("http://{host}:5555/cb")).unwrap());
    }
}

struct RefreshRequest;

impl refresh::Request for RefreshRequest {
    fn valid(&self) -> bool {
        true
    }
    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        Some("token".into())
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("refresh_token".into())
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        None
    }
    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        (key == "client_id").then(|| "another".into())
    }
}

/// A public client is refreshed whoever names itself. We authenticate first and name the client as if by Basic.
#[test]
fn a_refresh_ignores_who_asks() {
    let mut machine = refresh::Refresh::new(&RefreshRequest);
    assert!(matches!(machine.advance(refresh::Input::None), refresh::Output::RecoverRefresh { .. }));
    let grant = Grant {
        owner_id: "o".into(),
        client_id: "victim".into(),
        scope: "a".parse().unwrap(),
        redirect_uri: "https://x/".parse().unwrap(),
        until: super::until(time::OffsetDateTime::UNIX_EPOCH + time::Duration::HOUR, time::OffsetDateTime::UNIX_EPOCH),
        extensions: Extensions::new(),
    };
    machine.advance(refresh::Input::Recovered { scope: None, grant: Some(Box::new(grant)) });
    let output = machine.advance(refresh::Input::Authenticated { scope: None });
    assert!(matches!(output, refresh::Output::Refresh { .. }));
}
