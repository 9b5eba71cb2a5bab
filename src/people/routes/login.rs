//! `/t/{tenant}/login`

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::{
    super::{
        BadPassword, Password,
        admission::Admitted,
        errand,
        login::{Attempt, Login, log_in},
        session,
    },
    INTERACTION, Waiting, one, waiting,
};
use crate::{
    http::{
        agent,
        cookies::CookieName,
        csrf::Purpose,
        form::{Form, FormError},
        pages::{AskingClient, LoginChoice, LoginPage},
        trouble::Trouble,
        visit::Visit,
    },
    store::{StoreError, providers},
};

/// `GET`: the form, unless the person is logged in already and that is enough.
pub async fn login_page(visit: Visit) -> Result<Response, Trouble> {
    let waiting = waiting(&visit, &visit.query()?).await?;
    let session = session::current(&visit).await;
    let session = session.map_err(|error| visit.fault(error))?;
    match (&waiting, session) {
        (None, Some(_)) => visit.see_other(&visit.path("account")),
        (Some(waiting), Some(session)) if !waiting.errand.wants_login(visit.app.clock.now() - session.auth_time) => {
            if let Some(id) = waiting.errand.id {
                let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await.map_err(|error| visit.fault(error))?;
                errand::attach(&mut tx, id, session.id).await.map_err(|error| visit.fault(error))?;
                tx.commit().await.map_err(|error| visit.fault(error))?;
            }
            visit.see_other(&waiting.on(&visit))
        }
        _ => {
            let hint = waiting.as_ref().and_then(|waiting| waiting.errand.login_hint.clone()).unwrap_or_default();
            show(&visit, waiting, hint, None).await
        }
    }
}

/// `POST`: fields `username`, `password`, `csrf` and, where a client waits, `interaction`.
pub async fn login(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Login)?;
    let waiting = waiting(&visit, &form).await?;
    let username = one(&visit, &form, "username")?.unwrap_or_default();
    let password = one(&visit, &form, "password")?.unwrap_or_default();
    if username.is_empty() || password.is_empty() {
        return show(&visit, waiting, username.to_owned(), Some(Refusal::Incomplete)).await;
    }
    if !visit.tenant.settings.login.passwords {
        return show(&visit, waiting, username.to_owned(), Some(Refusal::NoPasswords)).await;
    }
    let password = match Password::presented(password) {
        Ok(password) => password,
        Err(error) => return show(&visit, waiting, username.to_owned(), Some(Refusal::NoPassword(error))).await,
    };
    let previous = session::current(&visit).await;
    let attempt = Attempt {
        username: username.to_owned(),
        password,
        address: visit.address,
        agent: agent::words(&visit.headers),
        errand: waiting.as_ref().and_then(|waiting| waiting.errand.id),
        previous: previous.map_err(|error| visit.fault(error))?,
    };
    let ended = log_in(visit.app.clone(), visit.tenant.clone(), visit.recorder(), attempt).await;
    let refusal = match ended.map_err(|fault| visit.fault(fault))? {
        Login::Right(admitted) => return admitted_to(&visit, waiting.as_ref(), &admitted),
        Login::Refused => Refusal::Wrong,
        Login::Throttled => Refusal::TooMany { minutes: visit.app.config.login.throttle.window.as_secs().div_ceil(60) },
        Login::Busy => Refusal::Busy,
    };
    show(&visit, waiting, username.to_owned(), Some(refusal)).await
}

/// On to what waits, or to the second factor.
pub(super) fn admitted_to(visit: &Visit, waiting: Option<&Waiting>, admitted: &Admitted) -> Result<Response, Trouble> {
    let slug = &visit.tenant.slug;
    let (cookie, to) = match admitted {
        Admitted::In(handle) => (CookieName::session(slug).set(handle), on(visit, waiting)),
        Admitted::Step(handle) => {
            let page = "login/second";
            let to = waiting.map_or_else(|| visit.path(page), |waiting| waiting.path(visit, page));
            (CookieName::step(slug).set(handle), to)
        }
    };
    Ok((cookie, visit.see_other(&to)?).into_response())
}

/// Where the person goes once they are logged in.
pub(super) fn on(visit: &Visit, waiting: Option<&Waiting>) -> String {
    waiting.map_or_else(|| visit.path("account"), |waiting| waiting.on(visit))
}

async fn show(
    visit: &Visit,
    waiting: Option<Waiting>,
    username: String,
    refusal: Option<Refusal>,
) -> Result<Response, Trouble> {
    let others = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let others = providers::active(&mut tx).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(others)
    };
    let others = others.await.map_err(|error| visit.fault(error))?;
    let status = refusal.as_ref().map_or(StatusCode::OK, Refusal::status);
    let retry_after = refusal.as_ref().and_then(Refusal::retry_after);
    let asking = waiting.as_ref().and_then(|waiting| waiting.errand.asking.as_ref());
    let asking =
        asking.map(|asking| AskingClient { name: asking.client_name.clone(), server_name: asking.server_name.clone() });
    let page = LoginPage {
        tenant_name: visit.tenant.name.clone(),
        action: visit.path("login"),
        csrf: visit.csrf(Purpose::Login),
        interaction: waiting.as_ref().and_then(|waiting| waiting.by(INTERACTION)),
        user_code: waiting.as_ref().and_then(|waiting| waiting.by(errand::DEVICE)),
        back: waiting
            .as_ref()
            .filter(|waiting| waiting.errand.back.is_some())
            .map(|waiting| (waiting.name, waiting.value.clone())),
        username,
        error: refusal.map(|refusal| refusal.to_string()),
        asking,
        passwords: visit.tenant.settings.login.passwords,
        choices: others
            .into_iter()
            .map(|other| LoginChoice { action: visit.path(&format!("login/with/{}", other.slug)), name: other.name })
            .collect(),
    };
    let mut response = visit.page(status, page);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// Why the form is shown again. None of them says whether the account exists, or whose attempts were too many.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("Fill in both your username and your password.")]
    Incomplete,
    #[error("This cannot be your password: {0}. Try again.")]
    NoPassword(BadPassword),
    #[error("This username and password do not belong together. Check both and try again.")]
    Wrong,
    #[error(
        "There were too many attempts, so this one was not looked at. Wait {minutes} minutes and try again. If you forgot \
         your password, ask your administrator for a new one."
    )]
    TooMany { minutes: u64 },
    #[error("Nobody logs in with a password here. Choose another way below.")]
    NoPasswords,
    #[error("Too many people are logging in at this moment, so nothing was checked. Try again in a few seconds.")]
    Busy,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Incomplete | Self::NoPassword(_) => StatusCode::BAD_REQUEST,
            // Not 401, which would need a WWW-Authenticate challenge that no form can answer (RFC 9110 §15.5.2).
            Self::Wrong | Self::NoPasswords => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Seconds. Always the whole window: what is left of it would tell whose it is.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { minutes } => Some(minutes * 60),
            Self::Busy => Some(2),
            _ => None,
        }
    }
}
