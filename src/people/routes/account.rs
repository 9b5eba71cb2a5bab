//! `/t/{tenant}/account`: who is logged in, what they allowed, and the button that takes it back.

use axum::response::Response;
use http::StatusCode;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    super::{Session, session},
    history,
};
use crate::{
    access::{self, Action, Page, Role},
    http::{
        csrf::Purpose,
        form::{Form, FormError},
        pages::{Chart, GrantView, Point, SignedInPage, Unit},
        trouble::Trouble,
        visit::Visit,
        words::ago,
    },
    ids::GrantId,
    store::{
        StoreError,
        grants::{self, GivenRow},
        usage::{self, OfGrant},
    },
    token::revoke::{self, Reason},
};

/// `GET`: the page.
pub async fn account(visit: Visit) -> Result<Response, Trouble> {
    match session::current(&visit).await.map_err(|error| visit.fault(error))? {
        Some(session) => signed_in(&visit, &session).await,
        None => visit.see_other(&visit.path("login")),
    }
}

/// `POST /t/{tenant}/account/revoke`: takes back the `grant`, and answers when it is refused everywhere.
pub async fn revoke(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = session::current(&visit).await;
    let Some(session) = session.map_err(|error| visit.fault(error))? else {
        return visit.see_other(&visit.path("login"));
    };
    // One that is unknown, another person's, or taken back already is not on the page that comes next: all is said.
    if let Some(id) = super::one(&visit, &form, "grant")?.and_then(|text| Uuid::parse_str(text).ok()) {
        take_back(&visit, &session, GrantId(id)).await.map_err(|error| visit.fault(error))?;
    }
    visit.see_other(&visit.path("account"))
}

async fn take_back(visit: &Visit, session: &Session, grant: GrantId) -> Result<(), StoreError> {
    let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
    if !grants::is_given_by(&mut tx, grant, session.person).await? {
        return Ok(());
    }
    let ticket = revoke::grant(&mut tx, &visit.recorder(), grant, Reason::PersonRevoked).await?;
    tx.commit().await?;
    visit.app.node.settle(ticket).await
}

pub(super) async fn signed_in(visit: &Visit, session: &Session) -> Result<Response, Trouble> {
    let given = given(visit, session).await.map_err(|error| visit.fault(error))?;
    let page = SignedInPage {
        tenant_name: visit.tenant.name.clone(),
        person: session.display_name.clone(),
        console_href: console_href(visit, session),
        security_href: visit.path("account/security"),
        logout_action: visit.path("logout"),
        revoke_action: visit.path("account/revoke"),
        csrf: visit.csrf(Purpose::Account),
        history_href: visit.path(history::HISTORY),
        grants: given.grants.iter().map(|grant| view(visit, grant, &given)).collect(),
    };
    Ok(visit.page(StatusCode::OK, page))
}

fn console_href(visit: &Visit, session: &Session) -> Option<String> {
    let may = access::may(&Role::of_words(&session.roles), Page::Overview, Action::Show).is_ok();
    may.then(|| format!("/console/t/{}", visit.tenant.slug))
}

/// Days of calls that are shown.
const DAYS: u16 = 30;

/// What a person allowed, and what came of it.
struct Given {
    grants: Vec<GivenRow>,
    calls: Vec<OfGrant>,
    used: Vec<(GrantId, OffsetDateTime)>,
}

async fn given(visit: &Visit, session: &Session) -> Result<Given, StoreError> {
    let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
    let grants = grants::given_by(&mut tx, session.person).await?;
    let ids: Vec<GrantId> = grants.iter().map(|grant| grant.id).collect();
    let calls = usage::by_grant(&mut tx, &ids, Unit::Day.since(visit.app.clock.now(), DAYS)).await?;
    let used = usage::last_used(&mut tx, &ids).await?;
    tx.commit().await?;
    Ok(Given { grants, calls, used })
}

fn view(visit: &Visit, grant: &GivenRow, given: &Given) -> GrantView {
    let now = visit.app.clock.now();
    let own = given.calls.iter().filter(|calls| calls.grant == grant.id);
    let own: Vec<Point> = own.map(|calls| Point { begins: calls.day, forwarded: calls.calls, denied: 0 }).collect();
    let used = given.used.iter().find(|(id, _)| *id == grant.id);
    let server = visit.tenant.server_by_id(grant.server);
    let scopes = server.map(|server| server.policy.scopes()).unwrap_or_default();
    let held = scopes.iter().filter(|scope| grant.scopes.iter().any(|held| held == scope.name.as_str()));
    GrantView {
        id: grant.id.to_string(),
        client: grant.client_name.clone(),
        server: server.map_or("a server that is switched off", |server| server.name.as_str()).to_owned(),
        may: held.map(|scope| scope.description.clone()).collect(),
        since: ago(now, grant.created_at),
        used: used.map(|(_, last)| ago(now, *last)),
        history_href: format!("{}?grant={}", visit.path(history::HISTORY), grant.id),
        calls: Chart::new(&own, Unit::Day, DAYS, now).small(),
    }
}
