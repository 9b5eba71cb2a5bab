//! The one stylesheet and the one script, under names that change with their content.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// Where the router puts [`stylesheet`]. It holds for every content, so the route table does not change with the design.
pub const STYLESHEET_ROUTE: &str = "/static/{file}";

/// A file that is part of the program.
struct File {
    /// Its name, without the hash between them.
    name: (&'static str, &'static str),
    kind: &'static str,
    content: &'static str,
    path: LazyLock<String>,
}

static STYLESHEET: File = File {
    name: ("sallyport.", ".css"),
    kind: "text/css; charset=utf-8",
    content: include_str!("../../../static/sallyport.css"),
    path: LazyLock::new(|| STYLESHEET.hashed()),
};

static SCRIPT: File = File {
    name: ("passkey.", ".js"),
    kind: "text/javascript; charset=utf-8",
    content: include_str!("../../../static/passkey.js"),
    path: LazyLock::new(|| SCRIPT.hashed()),
};

impl File {
    fn hashed(&self) -> String {
        let hash: String = digest(&SHA256, self.content.as_bytes())
            .as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (before, after) = self.name;
        format!("/static/{before}{hash}{after}")
    }

    /// Whether some version of it has this name.
    fn is_called(&self, name: &str) -> bool {
        name.starts_with(self.name.0) && name.ends_with(self.name.1)
    }
}

/// The stylesheet's address on this host, `/static/sallyport.<hash>.css`.
pub fn stylesheet_path() -> &'static str {
    &STYLESHEET.path
}

/// The address of the script that asks for passkeys, `/static/passkey.<hash>.js`. For pages that are sent with
/// [`super::html_with_script`].
pub fn script_path() -> &'static str {
    &SCRIPT.path
}

/// Serves the stylesheet and the script.
///
/// Under its own name a file may be kept for good. Under the name of another version it is sent too, but not to be kept:
/// while nodes are being replaced, a page of one can ask another for it.
pub async fn stylesheet(Path(name): Path<String>) -> Response {
    let Some(file) = [&STYLESHEET, &SCRIPT].into_iter().find(|file| file.is_called(&name)) else {
        return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], "There is no such file.\n")
            .into_response();
    };
    let own = file.path.strip_prefix("/static/") == Some(name.as_str());
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, if own { "public, max-age=31536000, immutable" } else { "no-store" }),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, file.content).into_response()
}
