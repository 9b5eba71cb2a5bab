//! `/t/{tenant}/device`: the pages on which a person decides for a device (RFC 8628 §3.3).

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::{
    USER_CODE, UserCode, decide as deciding, errand,
    find::{Asking, find},
    page::{self, View},
    seen::{self, SEEN},
    throttle::{self, Buckets},
    trouble::{self, BadCode},
};
use crate::{
    audit::{Event, Refused},
    http::{
        csrf::Purpose,
        form::{Form, FormError},
        trouble::Trouble,
        visit::Visit,
    },
    people::{self, Session},
    policy::{Scope, ScopeSet},
    store::StoreError,
};

/// `GET`: the field for the code; with a code that this login has given before, the question.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    is_on(&visit)?;
    let form = visit.query()?;
    let code = code_in(&form);
    let Some(session) = current(&visit).await? else { return log_in(&visit, code.as_ref()) };
    let Some(code) = code else { return Ok(visit.page(StatusCode::OK, page::code(&visit, &session, None, None))) };
    if !seen::is_in(&form, &visit, &session, &code) {
        // An address with a code in it can come from anybody. It fills the field, and no more.
        return Ok(visit.page(StatusCode::OK, page::code(&visit, &session, Some(&code.show()), None)));
    }
    let place = Place::find(&visit, session, code).await?;
    let asked = place.asked()?;
    place.note_shown().await.map_err(|error| visit.fault(error))?;
    place.page(&asked, None).await
}

/// `POST`: a code that somebody typed.
pub async fn enter(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    is_on(&visit)?;
    let form = visit.form(form, Purpose::Device)?;
    let typed = form.one(USER_CODE).ok().flatten().unwrap_or_default();
    let code = UserCode::parse(typed);
    let Some(session) = current(&visit).await? else { return log_in(&visit, code.as_ref().ok()) };
    let bad = match code {
        Err(_) => BadCode::Malformed,
        Ok(code) => match look_up(&visit, &session, &code).await.map_err(|error| visit.fault(error))? {
            Ok(()) => {
                let seen = seen::token(&visit, &session, &code);
                let query = format!("{USER_CODE}={}&{SEEN}={seen}", code.show());
                return visit.see_other(&format!("{}?{query}", visit.path("device")));
            }
            Err(bad) => bad,
        },
    };
    visit.refused(Refused::Device(bad.word()));
    let error = Some(bad.to_string());
    let mut response = visit.page(bad.status(), page::code(&visit, &session, Some(typed), error));
    if matches!(bad, BadCode::TooMany { .. }) {
        let seconds = throttle::limits(&visit).window.as_secs();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// `POST device/decision`: `decision` is `approve` or `deny`, `scope` comes once for each ticked box.
pub async fn decide(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    is_on(&visit)?;
    let form = visit.form(form, Purpose::Device)?;
    let code = code_in(&form);
    let Some(session) = current(&visit).await? else { return log_in(&visit, code.as_ref()) };
    let code = code.filter(|code| seen::is_in(&form, &visit, &session, code));
    let code = code.ok_or_else(|| {
        visit.refused(Refused::Device("user_code"));
        trouble::over(&visit, StatusCode::BAD_REQUEST)
    })?;
    let place = Place::find(&visit, session, code).await?;
    match form.one("decision") {
        Ok(Some("approve")) => place.approve(&form).await,
        Ok(Some("deny")) => place.deny().await,
        _ => Err(trouble::no_decision(&visit)),
    }
}

/// A request, and the login that was asked.
struct Place<'v> {
    visit: &'v Visit,
    session: Session,
    code: UserCode,
    asking: Asking,
}

impl<'v> Place<'v> {
    async fn find(visit: &'v Visit, session: Session, code: UserCode) -> Result<Self, Trouble> {
        let asking = find(visit, &code).await.map_err(|error| visit.fault(error))?;
        let asking = asking.ok_or_else(|| trouble::over(visit, StatusCode::CONFLICT))?;
        Ok(Self { visit, session, code, asking })
    }

    fn asked(&self) -> Result<ScopeSet, Trouble> {
        let scopes = self.asking.row.scopes.iter().map(|scope| Scope::new(scope)).collect::<Result<_, _>>();
        scopes.map_err(|error| self.visit.fault(error))
    }

    async fn page(&self, ticked: &ScopeSet, error: Option<String>) -> Result<Response, Trouble> {
        let Self { visit, session, code, asking } = self;
        let earlier = deciding::earlier(visit, asking, session.person).await.map_err(|error| visit.fault(error))?;
        let view = View { session, code, changed: earlier.changed, ticked, error };
        Ok(visit.page(StatusCode::OK, page::ask(visit, asking, view)))
    }

    /// Writes down that the question was shown.
    async fn note_shown(&self) -> Result<(), StoreError> {
        let shown = Event::ConsentShown {
            person: self.session.person,
            client: self.asking.client.id.clone(),
            server: self.asking.server.id,
            scopes: self.asking.row.scopes.clone(),
        };
        let mut tx = self.visit.app.store.tenant_tx(self.visit.tenant.id).await?;
        self.visit.recorder().record(&mut tx, &shown).await?;
        tx.commit().await
    }

    async fn approve(&self, form: &Form) -> Result<Response, Trouble> {
        let ticked: ScopeSet = form.all("scope").filter_map(|scope| Scope::new(scope).ok()).collect();
        let scopes = self.asked()?.intersection(&ticked);
        if scopes.is_empty() {
            let error = "You allowed it, but left nothing ticked. Tick what you allow, or choose Deny.";
            return self.page(&scopes, Some(error.to_owned())).await;
        }
        let first = deciding::approve(self.visit, &self.asking, &self.session, &scopes).await;
        self.done(first, true)
    }

    async fn deny(&self) -> Result<Response, Trouble> {
        let first = deciding::deny(self.visit, &self.asking, self.session.person).await;
        self.done(first, false)
    }

    fn done(&self, first: Result<bool, StoreError>, approved: bool) -> Result<Response, Trouble> {
        let visit = self.visit;
        if !first.map_err(|error| visit.fault(error))? {
            return Err(trouble::over(visit, StatusCode::CONFLICT));
        }
        Ok(visit.page(StatusCode::OK, page::done(visit, &self.asking, approved)))
    }
}

/// Looks a code up, and counts the try unless the code is right.
async fn look_up(visit: &Visit, session: &Session, code: &UserCode) -> Result<Result<(), BadCode>, StoreError> {
    let minutes = |seconds: u64| seconds.div_ceil(60);
    let buckets = Buckets::of(visit, session.person);
    if !buckets.count(visit).await? {
        return Ok(Err(BadCode::TooMany { minutes: minutes(throttle::limits(visit).window.as_secs()) }));
    }
    match find(visit, code).await {
        Ok(None) => Ok(Err(BadCode::Unknown { minutes: minutes(visit.app.config.tokens.device_code.as_secs()) })),
        Ok(Some(_)) => {
            buckets.take_back(visit).await?;
            Ok(Ok(()))
        }
        Err(error) => {
            // A fault of ours is no guess. If this cannot be written either, the window ends by itself.
            let _ = buckets.take_back(visit).await;
            Err(error)
        }
    }
}

fn is_on(visit: &Visit) -> Result<(), Trouble> {
    if visit.tenant.settings.device_flow.is_on() {
        return Ok(());
    }
    visit.refused(Refused::Device("off"));
    Err(trouble::off(visit))
}

fn code_in(form: &Form) -> Option<UserCode> {
    form.one(USER_CODE).ok().flatten().and_then(|text| UserCode::parse(text).ok())
}

async fn current(visit: &Visit) -> Result<Option<Session>, Trouble> {
    people::current(visit).await.map_err(|error| visit.fault(error))
}

/// To the login page, which leads back here.
fn log_in(visit: &Visit, code: Option<&UserCode>) -> Result<Response, Trouble> {
    let location = format!("{}?{USER_CODE}={}", visit.path("login"), errand(code));
    Ok((visit.browser.cookie(), visit.see_other(&location)?).into_response())
}
