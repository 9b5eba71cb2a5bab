//! The outer door: from a request to a parsed call of somebody known.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Method, StatusCode, header::CONTENT_LENGTH, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{
    bearer::{Bearer, NoBearer},
    challenge::BearerError,
    cors,
    exchange::Exchange,
    refusal::Refusal,
};
use crate::{
    app::App,
    audit::Refused,
    cluster::{LiveCall, Over},
    http::{address::ClientAddress, request_id::RequestId},
    mcp::{self, Call, Era, Limits},
    tenants::{EraSetting, Server, Tenant},
    token::{
        self, VerifyError,
        outside::{self, OutsideError, OutsideToken},
    },
};

/// How long a client may take to send its message.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a call starts over because its tenant changed meanwhile.
const TRIES: usize = 3;

/// `POST`, `GET`, `DELETE` and `OPTIONS` of `/t/{tenant}/mcp/{server}`.
pub async fn mcp(
    State(app): State<Arc<App>>,
    Path((tenant, server)): Path<(String, String)>,
    from: ClientAddress,
    request: Request,
) -> Response {
    let patience = app.config.database.answer;
    let door = match in_time(patience, Door::find(app, from, &tenant, &server)).await {
        Ok(door) => door,
        Err(refusal) => return refusal.into_response(),
    };
    let (own, allowed) = (door.app.config.public_url.origin(), &door.tenant.settings.allowed_origins);
    let Ok(origin) = cors::check_origin(request.headers(), own, allowed) else {
        door.refused(Refused::Request("foreign_origin"));
        return Refusal::early(StatusCode::FORBIDDEN, "Pages of this origin may not call this server.").into_response();
    };
    let mut response = if request.method() == Method::OPTIONS {
        cors::preflight(request.headers())
    } else {
        door.serve(request).await.unwrap_or_else(Refusal::into_response)
    };
    cors::expose(&mut response, origin);
    response
}

/// One published server, about to be called.
struct Door {
    app: Arc<App>,
    from: ClientAddress,
    tenant: Arc<Tenant>,
    server: Arc<Server>,
}

impl Door {
    async fn find(app: Arc<App>, from: ClientAddress, tenant: &str, server: &str) -> Result<Self, Refusal> {
        let nothing = || Refusal::early(StatusCode::NOT_FOUND, "There is no such server.");
        let tenant = app.tenant(tenant).await.map_err(|error| {
            tracing::error!(%error, "a tenant cannot be read");
            Refusal::fault()
        })?;
        let Some(tenant) = tenant else {
            app.refused(None, Refused::Request("unknown_tenant"), from);
            return Err(nothing());
        };
        let Some(server) = tenant.server(server).cloned() else {
            app.refused(Some(tenant.id), Refused::Request("unknown_server"), from);
            return Err(nothing());
        };
        Ok(Self { app, from, tenant, server })
    }

    fn refused(&self, what: Refused) {
        self.app.refused(Some(self.tenant.id), what, self.from);
    }

    /// Checks in the order that the module names, then lets the call through.
    async fn serve(self, request: Request) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        self.check_front(&parts)?;
        let (mut door, mut live) = self.enter(&parts).await?;
        let call = door.read(&parts, body).await?;
        // A body can take long. What was known of the token when it began may have run out.
        if live.still().why_over() == Some(Over::Lapsed) {
            // It counts once.
            drop(live);
            (door, live) = door.enter(&parts).await?;
        }
        let request_id = parts.extensions.get::<RequestId>().cloned();
        let Self { app, tenant, server, .. } = door;
        Ok(Exchange { app, tenant, server, live, headers: parts.headers, request_id }.run(call).await)
    }

    /// Authenticates, by a tenant that is still as it was read: from here on a change of it cuts the call.
    async fn enter(self, parts: &Parts) -> Result<(Self, LiveCall), Refusal> {
        in_time(self.app.config.database.answer, self.try_to_enter(parts)).await
    }

    async fn try_to_enter(mut self, parts: &Parts) -> Result<(Self, LiveCall), Refusal> {
        for _ in 0..TRIES {
            if let Some(live) = self.authenticate(parts).await? {
                return Ok((self, live));
            }
            self = Self::find(self.app, self.from, self.tenant.slug.as_str(), self.server.slug.as_str()).await?;
        }
        Err(Refusal::fault())
    }

    /// What can be told without knowing who asks.
    fn check_front(&self, parts: &Parts) -> Result<(), Refusal> {
        if ![Method::POST, Method::GET, Method::DELETE].contains(&parts.method) {
            return Err(Refusal::no_such_method());
        }
        let declared = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > self.limits().body) {
            return Err(too_large());
        }
        Ok(())
    }

    /// None: the tenant has changed meanwhile.
    async fn authenticate(&self, parts: &Parts) -> Result<Option<LiveCall>, Refusal> {
        let refuse = |reason, error| {
            self.refused(Refused::Bearer(reason));
            Refusal::unauthorized(&self.server, error)
        };
        let invalid = |reason, why| refuse(reason, Some((BearerError::InvalidToken, why)));
        let bearer = Bearer::from_request(&parts.headers, parts.uri.query()).map_err(|error| match error {
            NoBearer::Absent => refuse("absent", None),
            NoBearer::Malformed(why) => refuse("malformed", Some((BearerError::InvalidRequest, why))),
            NoBearer::NotOurs => invalid("foreign", "the token is none of this server"),
        })?;
        let handle = match bearer {
            Bearer::Handle(handle) => handle,
            Bearer::Outside(token) => return self.authenticate_outside(&token).await,
        };
        match token::verify(&self.app, &self.tenant, &self.server, &handle).await {
            Ok(live) => Ok(Some(live)),
            Err(VerifyError::Moved) => Ok(None),
            Err(VerifyError::Invalid) => {
                Err(invalid("unknown", "the access token is unknown, has expired or was revoked"))
            }
            Err(VerifyError::WrongResource) => {
                Err(invalid("resource", "the access token was issued for another resource"))
            }
            Err(VerifyError::Fault(error)) => {
                tracing::error!(%error, "a token cannot be looked up");
                Err(Refusal::fault())
            }
        }
    }

    /// The same for a token of somebody else.
    async fn authenticate_outside(&self, token: &OutsideToken) -> Result<Option<LiveCall>, Refusal> {
        match outside::verify(&self.app, &self.tenant, &self.server, token).await {
            Ok(live) => Ok(Some(live)),
            Err(OutsideError::Moved) => Ok(None),
            Err(OutsideError::Bad(bad)) => {
                self.refused(Refused::Bearer(bad.word()));
                Err(Refusal::unauthorized(&self.server, Some((BearerError::InvalidToken, bad.why()))))
            }
            // Said when it was tried; anybody can ask for the same again and again.
            Err(OutsideError::NoKeys(_)) => Err(Refusal::fault()),
            Err(error) => {
                tracing::error!(%error, "a token of an outside issuer cannot be looked up");
                Err(Refusal::fault())
            }
        }
    }

    async fn read(&self, parts: &Parts, body: Body) -> Result<Call, Refusal> {
        let call = match parts.method {
            Method::GET => mcp::open_stream(&parts.headers),
            Method::DELETE => mcp::end_session(&parts.headers),
            _ => {
                let limits = self.limits();
                mcp::parse(&parts.headers, collect(body, limits.body).await?, &limits)
            }
        };
        let legacy = self.server.era == EraSetting::Legacy;
        call.map_err(|reject| if legacy { reject.for_server(Era::Legacy) } else { reject }).map_err(Refusal::from)
    }

    fn limits(&self) -> Limits {
        let http = &self.app.config.http;
        Limits { body: http.max_body_bytes, depth: http.json_depth, ..Limits::default() }
    }
}

/// Waits for the database, but not for ever.
async fn in_time<T>(patience: Duration, asked: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| {
        tracing::error!(seconds = patience.as_secs(), "the database did not answer in time");
        Err(Refusal::fault())
    })
}

/// Reads a body of at most `limit` bytes.
async fn collect(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::early(StatusCode::BAD_REQUEST, "The body ended before its end.")),
        Err(_) => Err(Refusal::early(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.")),
    }
}

fn too_large() -> Refusal {
    Refusal::early(StatusCode::PAYLOAD_TOO_LARGE, "The message is larger than this server takes.")
}
