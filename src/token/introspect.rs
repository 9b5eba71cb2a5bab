//! `POST introspect` (RFC 7662): a protected resource asks what an access token of its own is worth.
//!
//! Three forms of answer, by `Accept`: JSON; the same in a signed envelope (RFC 9701); and the JWT that stands for the token
//! at its server, the same as a call through the gateway would carry. Whatever is not a good access token for the server that
//! asks is inactive, for whatever reason, and nothing more is said. Where that cannot be told, the answer is 503.

mod accept;
mod answer;
mod question;

use std::sync::Arc;

use accept::Form as AnswerForm;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use question::Question;

use super::{VerifyError, verify};
use crate::{
    app::App,
    audit::{Event, NoEvidence, Refused},
    clients::authenticate::authenticate_server,
    cluster::{LiveCall, Over},
    http::{
        address::ClientAddress,
        form::{Form, FormError},
        oauth::OauthError,
        request_id::RequestId,
    },
    keys::Jwt,
    secret::{Handle, HandleKind},
    store::StoreError,
    tenants::{Server, Tenant},
    upstream::{Caller, SwapError},
};

/// How often a question starts over because the tenant changed meanwhile.
const TRIES: usize = 3;

/// `POST /t/{tenant}/introspect`.
pub async fn introspect(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    id: RequestId,
    from: ClientAddress,
    headers: HeaderMap,
    form: Result<Form, FormError>,
) -> Response {
    let desk = Desk { app: &app, id: &id, from };
    desk.answer(&slug, &headers, form).await.unwrap_or_else(IntoResponse::into_response)
}

/// Where one question is answered.
#[derive(Clone, Copy)]
struct Desk<'a> {
    app: &'a App,
    id: &'a RequestId,
    from: ClientAddress,
}

/// Why there is no answer.
enum NoAnswer {
    /// The tenant has changed meanwhile: ask again.
    Moved,
    /// Something to say to the server.
    Error(OauthError),
}

impl NoAnswer {
    fn fault(error: &impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a token cannot be introspected");
        Self::Error(OauthError::fault())
    }
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> Self {
        Self::fault(&error)
    }
}

impl Desk<'_> {
    async fn answer(
        self,
        slug: &str,
        headers: &HeaderMap,
        form: Result<Form, FormError>,
    ) -> Result<Response, OauthError> {
        let mut tenant = self.tenant(slug).await?;
        let form = form?;
        for _ in 0..TRIES {
            match self.ask(&tenant, headers, &form).await {
                Ok(answer) => return Ok(answer),
                Err(NoAnswer::Moved) => tenant = self.tenant(slug).await?,
                Err(NoAnswer::Error(error)) => return Err(error),
            }
        }
        Err(OauthError::fault())
    }

    async fn ask(self, tenant: &Arc<Tenant>, headers: &HeaderMap, form: &Form) -> Result<Response, NoAnswer> {
        let server = self.server(tenant, headers, form).await.map_err(NoAnswer::Error)?;
        let question = Question::read(headers, form).map_err(NoAnswer::Error)?;
        let live = match Handle::parse(HandleKind::AccessToken, question.token) {
            Ok(handle) => self.live(tenant, &server, &handle).await?,
            Err(_) => self.inactive(tenant, "foreign"),
        };
        let asked = (tenant.as_ref(), server.as_ref());
        match question.form {
            AnswerForm::Json => Ok(answer::json(&answer::Facts::of(asked, still(live)?.as_ref()))),
            AnswerForm::Envelope => {
                let live = still(live)?;
                let facts = answer::Facts::of(asked, live.as_ref());
                answer::envelope(asked, &facts, &self.app.clock).map_err(|error| NoAnswer::fault(&error))
            }
            AnswerForm::Jwt => {
                let jwt = match live {
                    Some(live) => self.swap(asked, live).await?,
                    None => None,
                };
                answer::jwt(jwt.as_ref(), question.place).map_err(|error| NoAnswer::fault(&error))
            }
        }
    }

    async fn tenant(self, slug: &str) -> Result<Arc<Tenant>, OauthError> {
        let tenant = self.app.tenant(slug).await.map_err(|error| {
            tracing::error!(%error, "a tenant cannot be read");
            OauthError::fault()
        })?;
        tenant.ok_or_else(|| {
            self.app.refused(None, Refused::Request("unknown_tenant"), self.from);
            OauthError::new(StatusCode::NOT_FOUND, "not_found", "no such tenant")
        })
    }

    async fn server(self, tenant: &Tenant, headers: &HeaderMap, form: &Form) -> Result<Arc<Server>, OauthError> {
        let Self { app, from, .. } = self;
        authenticate_server(tenant, &app.keyring, &app.store, headers, form).await.map_err(|error| {
            if error.is_refusal() {
                app.refused(Some(tenant.id), Refused::Client, from);
            }
            error.into()
        })
    }

    /// The token, if it is good for this server now.
    async fn live(self, tenant: &Arc<Tenant>, server: &Server, handle: &Handle) -> Result<Option<LiveCall>, NoAnswer> {
        let live = match verify(self.app, tenant, server, handle).await {
            Ok(live) => live,
            Err(VerifyError::Invalid) => return Ok(self.inactive(tenant, "unknown")),
            Err(VerifyError::WrongResource) => return Ok(self.inactive(tenant, "resource")),
            Err(VerifyError::Moved) => return Err(NoAnswer::Moved),
            Err(VerifyError::Fault(error)) => return Err(error.into()),
        };
        // Every scope was taken away: it is good for nothing here.
        let useless = live.verified().scopes.intersection(server.policy.declared()).is_empty();
        Ok((!useless).then_some(live))
    }

    fn inactive(self, tenant: &Tenant, reason: &'static str) -> Option<LiveCall> {
        self.app.refused(Some(tenant.id), Refused::Bearer(reason), self.from);
        None
    }

    /// The JWT for the token, once it is on the disk that it was given out. None: the token ended meanwhile.
    async fn swap(self, (tenant, server): (&Tenant, &Server), live: LiveCall) -> Result<Option<Jwt>, NoAnswer> {
        if live.is_one_too_many() {
            let error = OauthError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too much is under way with this token",
            );
            return Err(NoAnswer::Error(error.retry_after(std::time::Duration::from_secs(1))));
        }
        let verified = live.verified();
        let caller = Caller { tenant, server, verified, still: Some(live.still()) };
        let jwt = match self.app.upstreams.phantom(caller) {
            Ok(jwt) => jwt,
            Err(SwapError::Expired) => return Ok(None),
            Err(error) => return Err(NoAnswer::fault(&error)),
        };
        let swapped = Event::TokenSwapped {
            family: verified.family,
            client: verified.client.clone(),
            subject: verified.recorded_subject.clone(),
            server: server.id,
            scopes: verified.scopes.iter().map(ToString::to_string).collect(),
            token: verified.audit_handle.clone(),
        };
        let recorder = self.app.recorder(Some(self.id.to_string()));
        let recorded = self.app.calls.record(tenant.id, &recorder, |_| swapped).await;
        recorded.map_err(|NoEvidence| NoAnswer::Error(OauthError::fault()))?;
        Ok(still(Some(live))?.map(|_| jwt))
    }
}

/// What is live, asked once more just before it is told: inactive if it was revoked meanwhile, no answer if that cannot be
/// told.
fn still(live: Option<LiveCall>) -> Result<Option<LiveCall>, NoAnswer> {
    match live.as_ref().and_then(|live| live.still().why_over()) {
        None => Ok(live),
        Some(Over::Revoked) => Ok(None),
        Some(Over::Lapsed) => Err(NoAnswer::Error(OauthError::fault())),
    }
}
