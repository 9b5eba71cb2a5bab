//! A program with a token of the admin API: for whom it acts, and that it may do what it asks for.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, ETAG, X_CONTENT_TYPE_OPTIONS},
    request::Parts,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Rights, body, precondition,
    problem::{Problem, Wrong},
    rights, token,
};
use crate::{
    access::{self, Action, Denied, Page, Role},
    app::App,
    apply::{self, ApplyError, edit::Edit},
    audit::{Actor, Event, Recorder, Refused},
    cluster::Ticket,
    console::Asked,
    http::{address::ClientAddress, request_id::RequestId},
    ids::{ApiTokenId, PersonId, Slug},
    secret::{Handle, HandleKind},
    store::{StoreError, TenantTx, api_tokens::LiveApiToken},
    tenants::Tenant,
};

const SCHEME: &[u8] = b"Bearer ";

/// One request to the admin API that may be made. An extractor.
pub(super) struct Caller {
    /// The application.
    pub(super) app: Arc<App>,
    /// The tenant of the path; of requests about tenants the place of the platform's administrators.
    pub(super) tenant: Arc<Tenant>,
    /// The id of the request.
    pub(super) request_id: RequestId,
    /// For whom it is made.
    pub(super) person: PersonId,
    /// What stands at `{id}` in the path; of requests about tenants, at `{tenant}`.
    pub(super) object: String,
    token: ApiTokenId,
    roles: Vec<Role>,
    rights: Rights,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let request_id = body::id(&parts.extensions);
        let fault = |error: &dyn std::fmt::Display| Problem::fault(error, &request_id);
        let Some(Asked(page, action)) = parts.extensions.get::<Asked>().copied() else {
            return Err(fault(&"a route of the admin API without a rule"));
        };
        let Some(address) = parts.extensions.get::<ClientAddress>().copied() else {
            return Err(fault(&"the client's address is not known"));
        };
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|error| fault(&error))?;
        let param = |name| params.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
        let tenant = place(app, page, param("tenant")).await.map_err(|error| fault(&error))?;
        let Some(tenant) = tenant else {
            app.refused(None, Refused::Request("unknown_tenant"), address);
            return Err(nowhere(parts, page, &request_id));
        };
        let refuse = |reason| app.refused(Some(tenant.id), Refused::Api(reason), address);
        let handle = presented(parts).map_err(|absent| {
            refuse(if absent { "absent" } else { "malformed" });
            unauthorized(absent, &request_id)
        })?;
        let mut tx = app.store.tenant_tx(tenant.id).await.map_err(|error| fault(&error))?;
        let live = token::find(&mut tx, &app.keyring, &handle, app.clock.now()).await.map_err(|error| fault(&error))?;
        let Some(LiveApiToken { id: token, person, roles, rights, .. }) = live else {
            refuse("unknown");
            return Err(unauthorized(false, &request_id));
        };
        let (roles, rights) = (Role::of_words(&roles), Rights::stored(&rights));
        let object = param(if page == Page::Tenants { "tenant" } else { "id" }).to_owned();
        let caller = Self { app: app.clone(), tenant, request_id, person, object, token, roles, rights };
        if let Err(missing) = caller.allowed(page, action) {
            caller.app.refused(Some(caller.tenant.id), Refused::Api(missing.word()), address);
            return Err(caller.no(StatusCode::FORBIDDEN, missing.to_string()));
        }
        let evidence = access::reads_are_evidence(&caller.roles).then_some((page, action));
        caller.write_down(tx, evidence).await.map_err(|error| caller.fault(error))?;
        Ok(caller)
    }
}

/// Where the token must be from: the tenant of the path, as far as it has such a page; for tenants the platform.
async fn place(app: &App, page: Page, slug: &str) -> Result<Option<Arc<Tenant>>, StoreError> {
    if page == Page::Tenants {
        return app.platform().await;
    }
    Ok(app.place(slug).await?.filter(|tenant| page.is_at(tenant.platform)))
}

/// What is said where there is no such place. Where nobody looks after tenants no token does.
fn nowhere(parts: &Parts, page: Page, id: &RequestId) -> Problem {
    if page == Page::Tenants {
        return unauthorized(presented(parts).is_err_and(|absent| absent), id);
    }
    Problem::new(StatusCode::NOT_FOUND, "There is no such tenant here.", id)
}

/// The token of a request. `Err(true)`: there is none.
fn presented(parts: &Parts) -> Result<Handle, bool> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (first, more) = (values.next().ok_or(true)?, values.next());
    let (scheme, text) = first.as_bytes().split_at_checked(SCHEME.len()).ok_or(false)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) || more.is_some() {
        return Err(false);
    }
    let text = std::str::from_utf8(text).map_err(|_| false)?;
    Handle::parse(HandleKind::ApiToken, text).map_err(|_| false)
}

fn unauthorized(absent: bool, id: &RequestId) -> Problem {
    if absent {
        let detail = "Send a token of the admin API as Authorization: Bearer. `sallyport api-token create` makes one.";
        return Problem::unauthorized("Bearer", detail, id);
    }
    let detail = "This token is none, has ended, or is of somebody who may not log in.";
    Problem::unauthorized("Bearer error=\"invalid_token\"", detail, id)
}

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("The person for whom this token acts may not do that: {0}.")]
    Role(Denied),
    #[error("The token has not the right {0}.")]
    Right(String),
}

impl Missing {
    const fn word(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Right(_) => "right",
        }
    }
}

impl Caller {
    fn allowed(&self, page: Page, action: Action) -> Result<(), Missing> {
        let rule = access::may(&self.roles, page, action).map_err(Missing::Role)?;
        if self.rights.cover(rule) { Ok(()) } else { Err(Missing::Right(rights::word(page, action))) }
    }

    /// Whether it may do this, too: then it is shown what that needs.
    pub(super) fn may(&self, page: Page, action: Action) -> bool {
        self.allowed(page, action).is_ok()
    }

    /// What an auditor reads is written down before it is read.
    async fn write_down(&self, mut tx: TenantTx, read: Option<(Page, Action)>) -> Result<(), StoreError> {
        if let Some((page, action)) = read {
            let seen = self.object.chars().filter(|sign| !sign.is_control());
            let object = (!self.object.is_empty()).then(|| seen.take(200).collect());
            let (page, action) = (page.name(), action.name());
            let read = Event::AuditorRead { person: self.person, page, action, object };
            self.recorder().record(&mut tx, &read).await?;
        }
        tx.commit().await
    }

    /// Writes events as this token.
    pub(super) fn recorder(&self) -> Recorder {
        let actor = Some(Actor::ApiToken { token: self.token, person: self.person });
        Recorder { actor, ..self.app.recorder(Some(self.request_id.to_string())) }
    }

    /// Writes events of another tenant, as this administrator of the platform.
    pub(super) fn recorder_elsewhere(&self) -> Recorder {
        let actor = Some(Actor::Platform { administrator: self.person, token: Some(self.token) });
        Recorder { actor, ..self.app.recorder(Some(self.request_id.to_string())) }
    }

    /// A transaction at the tenant.
    pub(super) async fn tx(&self) -> Result<TenantTx, Problem> {
        self.app.store.tenant_tx(self.tenant.id).await.map_err(|error| self.fault(error))
    }

    /// Commits.
    pub(super) async fn commit(&self, tx: TenantTx) -> Result<(), Problem> {
        tx.commit().await.map_err(|error| self.fault(error))
    }

    /// Commits, and waits until every node goes by it.
    pub(super) async fn settle(&self, tx: TenantTx, ticket: Ticket) -> Result<(), Problem> {
        self.commit(tx).await?;
        self.settled(ticket).await
    }

    /// Waits until every node goes by what was committed.
    pub(super) async fn settled(&self, ticket: Ticket) -> Result<(), Problem> {
        self.app.node.settle(ticket).await.map_err(|error| self.fault(error))
    }

    /// Makes an edit: checked, committed and in force on every node.
    pub(super) async fn edit(&self, edit: Edit) -> Result<(), Problem> {
        let made = self.edit_of(&self.tenant.slug, &self.recorder(), edit).await;
        made.map_err(|error| self.not_edited(error))
    }

    /// The same at another tenant.
    pub(super) async fn edit_of(&self, tenant: &Slug, recorder: &Recorder, edit: Edit) -> Result<(), ApplyError> {
        apply::edit::make(self.app.tools(recorder), &self.app.node, tenant, edit).await
    }

    /// What to say of an edit that was not made.
    pub(super) fn not_edited(&self, error: ApplyError) -> Problem {
        match error {
            ApplyError::Mistakes(mistakes) => {
                let wrong = |problem: apply::Problem| Wrong { field: None, message: problem.message };
                self.refused("Nothing was changed.").with(mistakes.problems.into_iter().map(wrong).collect())
            }
            ApplyError::ChangedMeanwhile(_) => precondition::changed(&self.request_id),
            ApplyError::AudienceTaken => {
                let detail = "Another server has this audience at the moment. Nothing was changed.";
                self.no(StatusCode::CONFLICT, detail)
            }
            error => self.fault(error),
        }
    }

    /// The id in the path, where ids are UUIDs.
    pub(super) fn uuid(&self, what: &str) -> Result<Uuid, Problem> {
        Uuid::parse_str(&self.object).map_err(|_| self.nothing(what))
    }

    /// A problem.
    pub(super) fn no(&self, status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem::new(status, detail, &self.request_id)
    }

    /// 422: as the API is described, and yet it cannot be.
    pub(super) fn refused(&self, detail: impl Into<String>) -> Problem {
        self.no(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 409: it does not go with how things are.
    pub(super) fn conflict(&self, detail: impl Into<String>) -> Problem {
        self.no(StatusCode::CONFLICT, detail)
    }

    /// 404: not there, or not any more, or another tenant's: nobody is told which.
    pub(super) fn nothing(&self, what: &str) -> Problem {
        self.no(StatusCode::NOT_FOUND, format!("There is no {what} of this name or id here."))
    }

    /// 503.
    pub(super) fn fault(&self, error: impl std::fmt::Display) -> Problem {
        Problem::fault(error, &self.request_id)
    }
}

/// An answer that nobody keeps.
pub(super) fn answer(status: StatusCode, view: impl Serialize) -> Response {
    let mut response = (status, axum::Json(view)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer with the version of what it shows.
pub(super) fn tagged(status: StatusCode, view: impl Serialize, tag: &str) -> Response {
    let mut response = answer(status, view);
    if let Some(tag) = precondition::tag(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Nothing is left of it.
pub(super) fn gone() -> Response {
    (StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response()
}
