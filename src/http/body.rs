//! Request bodies: their media type and their size.

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Larger than allowed.
    #[error("the body is larger than allowed here")]
    TooLarge,
    /// It ended before its end.
    #[error("the body could not be read to its end")]
    Broken,
}

/// Reads a body of at most `max` bytes.
pub async fn read(body: Body, max: usize) -> Result<Bytes, BodyError> {
    to_bytes(body, max).await.map_err(|error| {
        let cause = std::error::Error::source(&error);
        let too_large = cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
        if too_large { BodyError::TooLarge } else { BodyError::Broken }
    })
}

/// Whether the one `Content-Type` is this media type. A parameter such as `charset` changes nothing.
pub fn is_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().ok().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}
