//! Answers that are files: nobody keeps them on the way, and no browser takes them for pages.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

use crate::audit::export::Chunks;

/// A file. Its name is of letters, digits, hyphens and dots.
pub fn attachment(name: &str, kind: &'static str, body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, body).into_response()
}

/// An archive of a log while it is written.
pub fn archive(name: &str, chunks: Chunks) -> Response {
    let chunks =
        futures_util::stream::unfold(chunks, async |mut chunks| chunks.recv().await.map(|chunk| (chunk, chunks)));
    attachment(&format!("{name}.tar"), "application/x-tar", Body::from_stream(chunks))
}
