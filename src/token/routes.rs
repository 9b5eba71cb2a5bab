//! `POST token` (OAuth 2.1 §3.2) and `POST revoke` (RFC 7009).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, PRAGMA},
};

use super::{
    TokenError, TokenResponse, code, refresh,
    request::{CodeRequest, RefreshRequest},
    revoke::{self, Revocation},
};
use crate::{
    app::App,
    clients::authenticate::authenticate,
    http::{
        form::{Form, FormError},
        oauth::OauthError,
        request_id::RequestId,
    },
    store::StoreError,
    tenants::Tenant,
};

/// `POST /t/{tenant}/token`.
pub async fn token(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    id: RequestId,
    headers: HeaderMap,
    form: Result<Form, FormError>,
) -> Response {
    match grant(&app, &slug, &id, &headers, form).await {
        Ok(answer) => no_store(Json(answer)),
        Err(error) => error.into_response(),
    }
}

async fn grant(
    app: &App,
    slug: &str,
    id: &RequestId,
    headers: &HeaderMap,
    form: Result<Form, FormError>,
) -> Result<TokenResponse, OauthError> {
    let tenant = tenant(app, slug).await?;
    let form = form?;
    let mut tx = app.store.tenant_tx(tenant.id).await.map_err(TokenError::from)?;
    let client = authenticate(&mut tx, &app.keyring, &app.clock, headers, &form).await?;
    let recorder = app.recorder(Some(id.to_string()));
    let missing = || TokenError::InvalidRequest("grant_type is missing".into());
    let answer = match form.one("grant_type")?.ok_or_else(missing)? {
        "authorization_code" => {
            let request = CodeRequest::read(&form)?;
            code::redeem(app, &recorder, &tenant, &client.id, &request, tx).await?
        }
        "refresh_token" => {
            let request = RefreshRequest::read(&form)?;
            refresh::refresh(app, &recorder, &tenant, &client.id, &request, tx).await?
        }
        _ => return Err(TokenError::UnsupportedGrantType.into()),
    };
    Ok(answer)
}

/// `POST /t/{tenant}/revoke`: returns when the token is refused everywhere.
pub async fn revoke(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    id: RequestId,
    headers: HeaderMap,
    form: Result<Form, FormError>,
) -> Response {
    match revocation(&app, &slug, &id, &headers, form).await {
        Ok(Revocation::Done) => no_store(StatusCode::OK),
        Ok(Revocation::NotYours) => {
            OauthError::new(StatusCode::BAD_REQUEST, "invalid_grant", "the token was issued to another client")
                .into_response()
        }
        Err(error) => error.into_response(),
    }
}

async fn revocation(
    app: &App,
    slug: &str,
    id: &RequestId,
    headers: &HeaderMap,
    form: Result<Form, FormError>,
) -> Result<Revocation, OauthError> {
    let tenant = tenant(app, slug).await?;
    let form = form?;
    let mut tx = app.store.tenant_tx(tenant.id).await.map_err(TokenError::from)?;
    let client = authenticate(&mut tx, &app.keyring, &app.clock, headers, &form).await?;
    let missing = || TokenError::InvalidRequest("token is missing".into());
    let token = form.one("token")?.ok_or_else(missing)?;
    let recorder = app.recorder(Some(id.to_string()));
    Ok(revoke::by_client(app, &recorder, &client.id, token, tx).await.map_err(TokenError::from)?)
}

async fn tenant(app: &App, slug: &str) -> Result<Arc<Tenant>, OauthError> {
    let none = || OauthError::new(StatusCode::NOT_FOUND, "not_found", "no such tenant");
    app.tenant(slug)
        .await
        .map_err(|error: StoreError| TokenError::from(error).into())
        .and_then(|tenant| tenant.ok_or_else(none))
}

/// RFC 6749 §5.1: nobody on the way may keep a token.
fn no_store(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
