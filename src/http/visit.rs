//! A person's browser at a tenant's page: what every such handler needs, read once.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{FromRequestParts, MatchedPath, RawPathParams},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY},
    request::Parts,
};

use super::{
    address::ClientAddress,
    browser::Browser,
    csrf::{self, Purpose},
    form::{Form, FormError},
    pages::{html, html_with_script},
    request_id::RequestId,
    trouble::Trouble,
};
use crate::{
    app::App,
    audit::{Recorder, Refused},
    tenants::Tenant,
};

/// One request of a browser to a page of a tenant. An extractor for handlers below `/t/{tenant}/`.
pub struct Visit {
    /// The application.
    pub app: Arc<App>,
    /// The tenant of the path.
    pub tenant: Arc<Tenant>,
    /// Which browser it is.
    pub browser: Browser,
    /// Where it comes from.
    pub address: ClientAddress,
    /// The id of the request.
    pub request_id: RequestId,
    /// The request's headers.
    pub headers: HeaderMap,
    query: Option<String>,
}

impl Visit {
    /// A form that was posted, once it is known to come from a page of ours in this browser.
    pub fn form(&self, form: Result<Form, FormError>, purpose: Purpose) -> Result<Form, Trouble> {
        let form = form.map_err(|error| Trouble::unreadable(error, &self.request_id))?;
        let (keyring, public_url) = (&self.app.keyring, &self.app.config.public_url);
        csrf::check(keyring, public_url, self.tenant.id, &self.browser, &self.headers, &form, purpose).map_err(
            |forged| {
                self.refused(Refused::Form(forged.word()));
                Trouble::forged(forged, public_url, &self.request_id)
            },
        )?;
        Ok(form)
    }

    /// The query of the address.
    pub fn query(&self) -> Result<Form, Trouble> {
        Form::query(self.query.as_deref()).map_err(|error| Trouble::unreadable(error, &self.request_id))
    }

    /// The token for a form on the answer's page.
    pub fn csrf(&self, purpose: Purpose) -> String {
        csrf::token(&self.app.keyring, self.tenant.id, &self.browser, purpose)
    }

    /// The path of a page of the tenant: `/t/acme/login`.
    pub fn path(&self, page: &str) -> String {
        format!("/t/{}/{page}", self.tenant.slug)
    }

    /// Answers with a page. A browser that is new here gets its cookie.
    pub fn page(&self, status: StatusCode, page: impl Template) -> Response {
        match self.browser.cookie() {
            Some(cookie) => (cookie, html(status, page)).into_response(),
            None => html(status, page),
        }
    }

    /// Answers with a page that asks for a passkey.
    pub fn page_with_script(&self, status: StatusCode, page: impl Template) -> Response {
        match self.browser.cookie() {
            Some(cookie) => (cookie, html_with_script(status, page)).into_response(),
            None => html_with_script(status, page),
        }
    }

    /// 303: the browser goes on with a GET, whatever it sent (never 307, which would send a password on).
    pub fn see_other(&self, location: &str) -> Result<Response, Trouble> {
        let location = HeaderValue::from_str(location).map_err(|_| self.fault("a location with odd characters"))?;
        let headers = [
            (LOCATION, location),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        ];
        Ok((StatusCode::SEE_OTHER, headers).into_response())
    }

    /// Logs a fault of ours and makes its page.
    pub fn fault(&self, error: impl std::fmt::Display) -> Trouble {
        tracing::error!(%error, "a page could not be served");
        Trouble::fault(&self.request_id)
    }

    /// Counts what is refused to whoever this is.
    pub fn refused(&self, what: Refused) {
        self.app.refused(Some(self.tenant.id), what, self.address);
    }

    /// Writes the audit events of this request.
    pub fn recorder(&self) -> Recorder {
        self.app.recorder(Some(self.request_id.to_string()))
    }
}

/// What there is at the place of the platform's administrators: logins and the console, and nothing of OAuth.
fn is_of_people(parts: &Parts) -> bool {
    let Some(route) = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str) else { return false };
    route.starts_with("/console/t/")
        || route
            .strip_prefix("/t/{tenant}/")
            .and_then(|rest| rest.split('/').next())
            .is_some_and(|first| ["login", "logout", "link", "account"].contains(&first))
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let request_id = RequestId::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let fault = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a page could not be served");
            Trouble::fault(&request_id).into_response()
        };
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let slug = params.iter().find(|(name, _)| *name == "tenant").map(|(_, slug)| slug).unwrap_or_default();
        let address = parts.extensions.get::<ClientAddress>().copied();
        let address = address.ok_or_else(|| fault(&"the client's address is not known"))?;
        let tenant = match app.place(slug).await {
            Ok(Some(tenant)) if !tenant.platform || is_of_people(parts) => tenant,
            Ok(_) => {
                app.refused(None, Refused::Request("unknown_tenant"), address);
                return Err(Trouble::no_tenant(&request_id).into_response());
            }
            Err(error) => return Err(fault(&error)),
        };
        let browser = Browser::ensure(&app.entropy, &tenant.slug, &parts.headers).map_err(|error| fault(&error))?;
        let (headers, query) = (parts.headers.clone(), parts.uri.query().map(str::to_owned));
        Ok(Self { app: app.clone(), tenant, browser, address, request_id, headers, query })
    }
}
