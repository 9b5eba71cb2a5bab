//! What a protected resource asks.

use http::{HeaderMap, StatusCode};

use super::accept::{self, Form as AnswerForm};
use crate::http::{form::Form, oauth::OauthError};

/// A question, read once. Does not print: the token is in it.
pub(super) struct Question<'a> {
    pub(super) token: &'a str,
    pub(super) form: AnswerForm,
    pub(super) place: Place,
}

/// Where the JWT is in an answer that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the body; an inactive token is 204.
    Body,
    /// In a header; an inactive token is 403. For proxies that see status and headers only, as nginx's `auth_request`.
    Header,
}

impl<'a> Question<'a> {
    pub(super) fn read(headers: &HeaderMap, parameters: &'a Form) -> Result<Self, OauthError> {
        let bad = |why| OauthError::new(StatusCode::BAD_REQUEST, "invalid_request", why);
        let token = parameters.one("token")?.ok_or_else(|| bad("token is missing"))?;
        // It says nothing that the token does not say itself (RFC 7662 §2.1).
        parameters.one("token_type_hint")?;
        let form = accept::form(headers);
        let place = match (parameters.one("answer_in")?, form) {
            (None | Some("body"), _) => Place::Body,
            (Some("header"), AnswerForm::Jwt) => Place::Header,
            (Some("header"), _) => return Err(bad("answer_in=header needs Accept: application/jwt")),
            (Some(_), _) => return Err(bad("answer_in must be body or header")),
        };
        Ok(Self { token, form, place })
    }
}
