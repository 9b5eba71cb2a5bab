//! Discovery: authorization server metadata, protected resource metadata, JWKS.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};
use serde_json::json;

use super::Tenant;
use super::metadata::{AuthorizationServer, ProtectedResource};
use crate::{
    app::App,
    audit::Refused,
    http::{address::ClientAddress, oauth::OauthError},
};

/// How long clients may keep a document. Short: keys rotate, servers come and go. Signing keys overlap for longer: see
/// [`crate::keys::rotation::signing`].
const FRESH: HeaderValue = HeaderValue::from_static("public, max-age=60");

fn document(body: impl serde::Serialize) -> Response {
    ([(CACHE_CONTROL, FRESH)], Json(body)).into_response()
}

/// An address under which nothing is published. Always 404: clients go on to the next candidate, and give up on a 5xx.
fn nothing_here(what: &str) -> Response {
    OauthError::new(StatusCode::NOT_FOUND, "not_found", what).into_response()
}

/// The tenant of an address.
async fn find(app: &App, slug: &str, from: ClientAddress) -> Result<Arc<Tenant>, Response> {
    match app.tenant(slug).await {
        Ok(Some(tenant)) => Ok(tenant),
        Ok(None) => {
            app.refused(None, Refused::Request("unknown_tenant"), from);
            Err(nothing_here("no such tenant"))
        }
        Err(_) => Err(OauthError::fault().into_response()),
    }
}

/// `GET` any of the four spellings of the RFC 8414 document.
pub async fn authorization_server(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    from: ClientAddress,
) -> Result<Response, Response> {
    let tenant = find(&app, &tenant, from).await?;
    Ok(document(AuthorizationServer::of(&tenant)))
}

/// `GET /.well-known/oauth-protected-resource/t/{tenant}/mcp/{server}`.
pub async fn protected_resource(
    State(app): State<Arc<App>>,
    Path((tenant, server)): Path<(String, String)>,
    from: ClientAddress,
) -> Result<Response, Response> {
    let tenant = find(&app, &tenant, from).await?;
    match tenant.server(&server) {
        Some(server) => Ok(document(ProtectedResource::of(&tenant, server))),
        None => {
            app.refused(Some(tenant.id), Refused::Request("unknown_server"), from);
            Err(nothing_here("no such server"))
        }
    }
}

/// `GET /t/{tenant}/jwks.json` (RFC 7517).
pub async fn jwks(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    from: ClientAddress,
) -> Result<Response, Response> {
    let tenant = find(&app, &tenant, from).await?;
    Ok(document(json!({ "keys": tenant.signing.published() })))
}
