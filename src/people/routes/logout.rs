//! `/t/{tenant}/logout`

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::{
    super::{errand, session},
    account::signed_in,
    waiting,
};
use crate::{
    http::{
        cookies::CookieName,
        csrf::Purpose,
        form::{Form, FormError},
        pages::SignedOutPage,
        trouble::Trouble,
        visit::Visit,
    },
    store::StoreError,
};

/// `GET`: what is the case. A link logs nobody out, so whoever is logged in gets the button.
pub async fn logout_page(visit: Visit) -> Result<Response, Trouble> {
    match session::current(&visit).await.map_err(|error| visit.fault(error))? {
        Some(session) => signed_in(&visit, &session).await,
        None => {
            let page = SignedOutPage { tenant_name: visit.tenant.name.clone(), login_href: visit.path("login") };
            Ok(visit.page(StatusCode::OK, page))
        }
    }
}

/// `POST`: ends the session. With `interaction` it is the "Not you?" of the consent page, with `user_code` that of the pages
/// for devices, and goes back to the login.
pub async fn logout(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let has = |name| form.as_ref().is_ok_and(|form| form.all(name).next().is_some());
    let purpose = match (has(super::INTERACTION), has(errand::DEVICE)) {
        (true, _) => Purpose::Consent,
        (false, true) => Purpose::Device,
        (false, false) => Purpose::Account,
    };
    let form = visit.form(form, purpose)?;
    let waiting = waiting(&visit, &form).await?;
    end(&visit).await.map_err(|error| visit.fault(error))?;
    let on = match waiting {
        Some(waiting) => waiting.path(&visit, "login"),
        None => visit.path("logout"),
    };
    let response = visit.see_other(&on)?;
    Ok((CookieName::session(&visit.tenant.slug).clear(), response).into_response())
}

async fn end(visit: &Visit) -> Result<(), StoreError> {
    if let Some(current) = session::current(visit).await? {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        session::end(&mut tx, &visit.recorder(), &current).await?;
        tx.commit().await?;
    }
    Ok(())
}
