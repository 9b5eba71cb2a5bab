//! `POST /t/{tenant}/register`, and `GET`, `PUT`, `DELETE` of what was registered.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};

use super::{InvalidMetadata, MAX_BYTES, RegistrationError, manage};
use crate::{
    app::App,
    http::{
        body::{self, is_media_type},
        oauth::OauthError,
        request_id::RequestId,
    },
    tenants::Tenant,
};

type Answer = Result<Response, RegistrationError>;

/// `POST /t/{tenant}/register` (RFC 7591 §3).
pub async fn register(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    id: RequestId,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async || -> Answer {
        let tenant = find(&app, &tenant).await?;
        let body = json(&headers, body).await?;
        let issued = super::register(&app, &app.recorder(Some(id.to_string())), &tenant, &headers, &body).await?;
        Ok(issued.respond(StatusCode::CREATED, &tenant))
    };
    respond(answer().await)
}

/// `GET /t/{tenant}/register/{client_id}` (RFC 7592 §2.1).
pub async fn read(
    State(app): State<Arc<App>>,
    Path((tenant, client)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let answer = async || -> Answer {
        let tenant = find(&app, &tenant).await?;
        let issued = manage::read(&app, &tenant, &client, &headers).await?;
        Ok(issued.respond(StatusCode::OK, &tenant))
    };
    respond(answer().await)
}

/// `PUT /t/{tenant}/register/{client_id}` (RFC 7592 §2.2).
pub async fn replace(
    State(app): State<Arc<App>>,
    Path((tenant, client)): Path<(String, String)>,
    id: RequestId,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async || -> Answer {
        let tenant = find(&app, &tenant).await?;
        let body = json(&headers, body).await?;
        let recorder = app.recorder(Some(id.to_string()));
        let issued = manage::replace(&app, &recorder, &tenant, &client, &headers, &body).await?;
        Ok(issued.respond(StatusCode::OK, &tenant))
    };
    respond(answer().await)
}

/// `DELETE /t/{tenant}/register/{client_id}` (RFC 7592 §2.3).
pub async fn remove(
    State(app): State<Arc<App>>,
    Path((tenant, client)): Path<(String, String)>,
    id: RequestId,
    headers: HeaderMap,
) -> Response {
    let answer = async || -> Answer {
        let tenant = find(&app, &tenant).await?;
        manage::remove(&app, &app.recorder(Some(id.to_string())), &tenant, &client, &headers).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    respond(answer().await)
}

fn respond(answer: Answer) -> Response {
    answer.unwrap_or_else(|error| OauthError::from(error).into_response())
}

async fn find(app: &App, slug: &str) -> Result<Arc<Tenant>, RegistrationError> {
    app.tenant(slug).await?.ok_or(RegistrationError::NoTenant)
}

async fn json(headers: &HeaderMap, body: Body) -> Result<bytes::Bytes, RegistrationError> {
    if !is_media_type(headers, "application/json") {
        return Err(InvalidMetadata::Json("the Content-Type must be application/json").into());
    }
    Ok(body::read(body, MAX_BYTES).await?)
}
