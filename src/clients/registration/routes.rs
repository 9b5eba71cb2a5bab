//! `POST /t/{tenant}/register`, and `GET`, `PUT`, `DELETE` of what was registered.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequestParts, Path, RawPathParams},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::CACHE_CONTROL, request::Parts};

use super::{InvalidMetadata, MAX_BYTES, RegistrationError, manage};
use crate::{
    app::App,
    audit::{Recorder, Refused},
    http::{
        address::ClientAddress,
        body::{self, is_media_type},
        oauth::OauthError,
        request_id::RequestId,
    },
    tenants::Tenant,
};

type Answer = Result<Response, RegistrationError>;

/// Where one request is dealt with, and what is refused is counted. An extractor for handlers below `/t/{tenant}/`.
pub struct Desk {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    from: ClientAddress,
    id: RequestId,
}

/// `POST /t/{tenant}/register` (RFC 7591 §3).
pub async fn register(desk: Desk, headers: HeaderMap, body: Body) -> Response {
    let Desk { app, tenant, .. } = &desk;
    let answer = async || -> Answer {
        let body = json(&headers, body).await?;
        let issued = super::register(app, &desk.recorder(), tenant, &headers, &body).await?;
        Ok(issued.respond(StatusCode::CREATED, tenant))
    };
    desk.respond(answer().await)
}

/// `GET /t/{tenant}/register/{client_id}` (RFC 7592 §2.1).
pub async fn read(desk: Desk, Path((_, client)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let answer = manage::read(&desk.app, &desk.tenant, &client, &headers).await;
    desk.respond(answer.map(|issued| issued.respond(StatusCode::OK, &desk.tenant)))
}

/// `PUT /t/{tenant}/register/{client_id}` (RFC 7592 §2.2).
pub async fn replace(
    desk: Desk,
    Path((_, client)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Desk { app, tenant, .. } = &desk;
    let answer = async || -> Answer {
        let body = json(&headers, body).await?;
        let issued = manage::replace(app, &desk.recorder(), tenant, &client, &headers, &body).await?;
        Ok(issued.respond(StatusCode::OK, tenant))
    };
    desk.respond(answer().await)
}

/// `DELETE /t/{tenant}/register/{client_id}` (RFC 7592 §2.3).
pub async fn remove(desk: Desk, Path((_, client)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let removed = manage::remove(&desk.app, &desk.recorder(), &desk.tenant, &client, &headers).await;
    let gone = (StatusCode::NO_CONTENT, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
    desk.respond(removed.map(|()| gone.into_response()))
}

impl Desk {
    fn recorder(&self) -> Recorder {
        self.app.recorder(Some(self.id.to_string()))
    }

    fn respond(&self, answer: Answer) -> Response {
        answer.unwrap_or_else(|error| {
            if let Some(reason) = error.word() {
                self.app.refused(Some(self.tenant.id), Refused::Registration(reason), self.from);
            }
            OauthError::from(error).into_response()
        })
    }
}

impl FromRequestParts<Arc<App>> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let refuse = |error| OauthError::from(error).into_response();
        let id = RequestId::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let from = ClientAddress::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let slug = params.iter().find(|(name, _)| *name == "tenant").map(|(_, slug)| slug).unwrap_or_default();
        let tenant = app.tenant(slug).await.map_err(|error| refuse(error.into()))?;
        let tenant = tenant.ok_or_else(|| {
            app.refused(None, Refused::Request("unknown_tenant"), from);
            refuse(RegistrationError::NoTenant)
        })?;
        Ok(Self { app: app.clone(), tenant, from, id })
    }
}

async fn json(headers: &HeaderMap, body: Body) -> Result<bytes::Bytes, RegistrationError> {
    if !is_media_type(headers, "application/json") {
        return Err(InvalidMetadata::Json("the Content-Type must be application/json").into());
    }
    Ok(body::read(body, MAX_BYTES).await?)
}
