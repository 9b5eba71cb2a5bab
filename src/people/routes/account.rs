//! `/t/{tenant}/account`

use axum::response::Response;
use http::StatusCode;

use super::super::{Session, session};
use crate::http::{csrf::Purpose, pages::SignedInPage, trouble::Trouble, visit::Visit};

/// `GET`: who is logged in.
pub async fn account(visit: Visit) -> Result<Response, Trouble> {
    match session::current(&visit.app, &visit.tenant, &visit.headers).await.map_err(|error| visit.fault(error))? {
        Some(session) => Ok(signed_in(&visit, &session)),
        None => visit.see_other(&visit.path("login")),
    }
}

pub(super) fn signed_in(visit: &Visit, session: &Session) -> Response {
    let page = SignedInPage {
        tenant_name: visit.tenant.name.clone(),
        person: session.display_name.clone(),
        logout_action: visit.path("logout"),
        csrf: visit.csrf(Purpose::Account),
    };
    visit.page(StatusCode::OK, page)
}
