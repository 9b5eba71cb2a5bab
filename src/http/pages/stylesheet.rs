//! The one stylesheet, under a name that changes with its content.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

const CSS: &str = include_str!("../../../static/sallyport.css");

/// Where the router puts [`stylesheet`]. It holds for every content, so the route table does not change with the design.
pub const STYLESHEET_ROUTE: &str = "/static/{file}";

static FILE: LazyLock<String> = LazyLock::new(|| {
    let hash: String =
        digest(&SHA256, CSS.as_bytes()).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sallyport.{hash}.css")
});

static PATH: LazyLock<String> = LazyLock::new(|| format!("/static/{}", *FILE));

/// The stylesheet's address on this host, `/static/sallyport.<hash>.css`.
pub fn stylesheet_path() -> &'static str {
    &PATH
}

/// Serves the stylesheet.
///
/// Under its own name it may be kept for good. Under the name of another version it is sent too, but not to be kept:
/// while nodes are being replaced, a page of one can ask another for its stylesheet.
pub async fn stylesheet(Path(file): Path<String>) -> Response {
    let caching = if file == *FILE {
        "public, max-age=31536000, immutable"
    } else if file.starts_with("sallyport.") && file.ends_with(".css") {
        "no-store"
    } else {
        return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], "There is no such file.\n")
            .into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, caching),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, CSS).into_response()
}
