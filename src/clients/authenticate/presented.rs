//! What a request presents: one method, or an error.

use http::{HeaderMap, header::AUTHORIZATION};
use zeroize::Zeroizing;

use super::{
    ClientAuthError,
    assertion::{self, Assertion},
    basic::Basic,
};
use crate::http::form::Form;

/// A client's name for itself and how it proves it, by exactly one method. Does not print.
pub(super) struct Presented<'a> {
    client_id: Zeroizing<String>,
    pub(super) proof: Proof<'a>,
}

/// How a client proves itself.
pub(super) enum Proof<'a> {
    /// It only names itself.
    None,
    /// By its secret.
    Secret(Zeroizing<String>),
    /// By an assertion that it signed.
    Assertion(Box<Assertion<'a>>),
}

// === impl Presented ===

impl<'a> Presented<'a> {
    /// Reads headers and body. Using two methods at once is an error (RFC 6749 §2.3), even if both say the same.
    pub(super) fn read(headers: &HeaderMap, form: &'a Form) -> Result<Self, ClientAuthError> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let (header, another) = (lines.next(), lines.next());
        let (client_id, secret) = (form.one("client_id")?, form.one("client_secret")?);
        let (assertion, assertion_type) = (form.one("client_assertion")?, form.one("client_assertion_type")?);
        let asserts = assertion.is_some() || assertion_type.is_some();
        if another.is_some()
            || [header.is_some(), secret.is_some(), asserts].iter().filter(|method| **method).count() > 1
        {
            return Err(ClientAuthError::Request("the client authenticates by more than one method; use one"));
        }
        match (header, assertion, assertion_type) {
            (Some(header), ..) => Self::from_header(header.as_bytes(), client_id),
            (None, Some(text), Some(assertion::TYPE)) => Self::from_assertion(text, client_id),
            (None, None, None) => {
                let client_id = client_id.ok_or(ClientAuthError::Request("client_id is missing"))?;
                Ok(Self {
                    client_id: owned(client_id),
                    proof: secret.map_or(Proof::None, |secret| Proof::Secret(owned(secret))),
                })
            }
            (None, Some(_), Some(_)) => Err(ClientAuthError::Client("client_assertion_type must be jwt-bearer")),
            (None, ..) => Err(ClientAuthError::Request("client_assertion and client_assertion_type go together")),
        }
    }

    fn from_header(header: &[u8], in_body: Option<&str>) -> Result<Self, ClientAuthError> {
        let malformed = "the Authorization header is not Basic with a client_id and a client secret";
        let basic = Basic::parse(header).map_err(|_| ClientAuthError::Client(malformed))?;
        same(in_body, &basic.client_id, "client_id is one thing in the header and another in the body")?;
        let proof = if basic.secret.is_empty() { Proof::None } else { Proof::Secret(basic.secret) };
        Ok(Self { client_id: basic.client_id, proof })
    }

    fn from_assertion(text: &'a str, in_body: Option<&str>) -> Result<Self, ClientAuthError> {
        let assertion = Assertion::read(text)?;
        let client = assertion.client().as_str();
        same(in_body, client, "client_id is one thing in the body and another in the client assertion")?;
        Ok(Self { client_id: owned(client), proof: Proof::Assertion(Box::new(assertion)) })
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }
}

/// A name that is there twice must be one.
fn same(in_body: Option<&str>, proved: &str, problem: &'static str) -> Result<(), ClientAuthError> {
    match in_body {
        Some(in_body) if in_body != proved => Err(ClientAuthError::Request(problem)),
        _ => Ok(()),
    }
}

fn owned(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}
