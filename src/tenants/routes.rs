//! Discovery: authorization server metadata, protected resource metadata, JWKS.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};
use serde_json::json;

use super::metadata::{AuthorizationServer, ProtectedResource};
use crate::{app::App, http::oauth::OauthError};

/// How long clients may keep a document. Short: keys rotate, servers come and go.
const FRESH: HeaderValue = HeaderValue::from_static("public, max-age=60");

fn document(body: impl serde::Serialize) -> Response {
    ([(CACHE_CONTROL, FRESH)], Json(body)).into_response()
}

/// An address under which nothing is published. Always 404: clients go on to the next candidate, and give up on a 5xx.
fn nothing_here(what: &str) -> Response {
    OauthError::new(StatusCode::NOT_FOUND, "not_found", what).into_response()
}

/// `GET` any of the four spellings of the RFC 8414 document.
pub async fn authorization_server(State(app): State<Arc<App>>, Path(tenant): Path<String>) -> Response {
    match app.tenant(&tenant).await {
        Ok(Some(tenant)) => document(AuthorizationServer::of(&tenant)),
        Ok(None) => nothing_here("no such tenant"),
        Err(_) => OauthError::fault().into_response(),
    }
}

/// `GET /.well-known/oauth-protected-resource/t/{tenant}/mcp/{server}`.
pub async fn protected_resource(
    State(app): State<Arc<App>>,
    Path((tenant, server)): Path<(String, String)>,
) -> Response {
    match app.tenant(&tenant).await {
        Ok(Some(tenant)) => match tenant.server(&server) {
            Some(server) => document(ProtectedResource::of(&tenant, server)),
            None => nothing_here("no such server"),
        },
        Ok(None) => nothing_here("no such tenant"),
        Err(_) => OauthError::fault().into_response(),
    }
}

/// `GET /t/{tenant}/jwks.json` (RFC 7517).
pub async fn jwks(State(app): State<Arc<App>>, Path(tenant): Path<String>) -> Response {
    match app.tenant(&tenant).await {
        Ok(Some(tenant)) => document(json!({ "keys": tenant.signing.published() })),
        Ok(None) => nothing_here("no such tenant"),
        Err(_) => OauthError::fault().into_response(),
    }
}
