//! Strict `application/x-www-form-urlencoded`, for bodies and for query strings.
//!
//! Nothing is guessed: a broken escape, text that is not UTF-8, a raw control character or an endless list is refused.
//! A parameter that may appear once only is checked where it is read, since an unknown one is ignored (RFC 6749 §3.1).

use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use zeroize::Zeroizing;

use super::{
    body::{self, BodyError, is_media_type},
    oauth::OauthError,
};

#[cfg(test)]
mod tests;

/// The largest body or query string, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The largest number of parameters.
pub const MAX_PARAMETERS: usize = 512;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// Decoded parameters in the order they came. Values may be secrets, so this neither prints nor clones.
pub struct Form(Vec<(String, Zeroizing<String>)>);

/// Why a body or a query string is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// `Content-Type` names something else, or nothing, or is there twice.
    #[error("the Content-Type must be application/x-www-form-urlencoded")]
    ContentType,
    /// More than [`MAX_BYTES`].
    #[error("the parameters are larger than 64 KiB")]
    TooLarge,
    /// More than [`MAX_PARAMETERS`].
    #[error("there are more than 512 parameters")]
    TooMany,
    /// A `%` without two hexadecimal digits, a raw control or non-ASCII character, a NUL, or bytes that are not UTF-8.
    #[error("the parameters are not properly percent-encoded UTF-8")]
    Encoding,
    /// The body ended before its end.
    #[error("the body could not be read to its end")]
    Broken,
}

/// A parameter that may be there once is there several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parameter {0} is there more than once")]
pub struct Repeated(pub &'static str);

// === impl Form ===

impl Form {
    /// Reads a body that came with these headers.
    pub fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, FormError> {
        if is_media_type(headers, MEDIA_TYPE) { Self::decode(body) } else { Err(FormError::ContentType) }
    }

    /// Reads the query of an address, without its `?`. No query is an empty form.
    pub fn query(query: Option<&str>) -> Result<Self, FormError> {
        Self::decode(query.unwrap_or_default().as_bytes())
    }

    fn decode(text: &[u8]) -> Result<Self, FormError> {
        if text.len() > MAX_BYTES {
            return Err(FormError::TooLarge);
        }
        let mut pairs = Vec::new();
        for pair in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = decode_component(halves.next().unwrap_or_default())?;
            let value = decode_component(halves.next().unwrap_or_default())?;
            pairs.push((name.as_str().to_owned(), value));
        }
        Ok(Self(pairs))
    }

    /// The one value of `name`. An empty value counts as absent (RFC 6749 §3.1).
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, Repeated> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(Repeated(name)) } else { Ok(first) }
    }

    /// All parameters, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every value of `name` that is not empty, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// Reads the body of a request, at most [`MAX_BYTES`] of it.
impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = FormError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, FormError> {
        let (parts, body) = request.into_parts();
        Self::parse(&parts.headers, &body::read(body, MAX_BYTES).await?)
    }
}

// === impl FormError ===

impl From<BodyError> for FormError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::Broken,
        }
    }
}

impl From<FormError> for OauthError {
    fn from(error: FormError) -> Self {
        let status = if error == FormError::TooLarge { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        Self::new(status, "invalid_request", error.to_string())
    }
}

impl IntoResponse for FormError {
    fn into_response(self) -> Response {
        OauthError::from(self).into_response()
    }
}

// === impl Repeated ===

impl From<Repeated> for OauthError {
    fn from(repeated: Repeated) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", repeated.to_string())
    }
}

/// Decodes one name or value: `+` is a space, `%` needs two hexadecimal digits, the result is UTF-8 without NUL
/// (no column of ours can hold one).
pub fn decode_component(text: &[u8]) -> Result<Zeroizing<String>, FormError> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(hex).ok_or(FormError::Encoding)?;
                let low = rest.next().and_then(hex).ok_or(FormError::Encoding)?;
                high << 4 | low
            }
            0x20..=0x7e => byte,
            _ => return Err(FormError::Encoding),
        });
    }
    match std::str::from_utf8(&out) {
        Ok(text) if !text.contains('\0') => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(FormError::Encoding),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
