//! `/t/{tenant}/login/second`: the second factor of a login.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::{
    super::{
        second::{
            enrol,
            prove::{Second, Shown, Try, find, prove},
            recovery::RecoveryCode,
            totp::{Code, TotpSecret},
        },
        session,
    },
    Waiting,
    login::on,
    one, waiting,
};
use crate::{
    http::{
        agent,
        cookies::CookieName,
        csrf::Purpose,
        form::{Form, FormError},
        pages::{EnrolPage, Qr, RecoveryPage, SecondPage},
        trouble::Trouble,
        visit::Visit,
    },
    ids::PersonId,
    secret::{Handle, HandleKind},
    store::{
        StoreError,
        second::{self as rows, Held, StepRow},
    },
};

/// `GET`: the question for a code, or how to set up an authenticator. Whoever has not shown a first factor shows that.
pub async fn second_page(visit: Visit) -> Result<Response, Trouble> {
    let waiting = waiting(&visit, &visit.query()?).await?;
    match step(&visit).await? {
        Some(step) => show(&visit, waiting.as_ref(), &step, None).await,
        None => visit.see_other(&to_login(&visit, waiting.as_ref())),
    }
}

/// `POST`: `csrf`, what waits, and `code` or `recovery`; with `pending` the first code of a new authenticator.
pub async fn show_second(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Second)?;
    let waiting = waiting(&visit, &form).await?;
    let Some(step) = step(&visit).await? else { return visit.see_other(&to_login(&visit, waiting.as_ref())) };
    let typed = one(&visit, &form, "pending")?;
    let shown = match shown(&visit, &form, &step)? {
        Ok(shown) => shown,
        Err(refusal) => return show(&visit, waiting.as_ref(), &step, Some((refusal, typed))).await,
    };
    let refused = match &shown {
        Shown::Recovery(_) => Refusal::Recovery,
        Shown::Code(_) => Refusal::Code,
        Shown::New(..) => Refusal::New,
    };
    let previous = session::current(&visit).await.map_err(|error| visit.fault(error))?;
    let tried = Try {
        step: step.row.clone(),
        shown,
        address: visit.address,
        agent: agent::words(&visit.headers),
        errand: waiting.as_ref().and_then(|waiting| waiting.errand.id),
        previous,
    };
    let ended = prove(visit.app.clone(), visit.tenant.clone(), visit.recorder(), tried).await;
    match ended.map_err(|fault| visit.fault(fault))? {
        Second::In(handle, codes) => {
            let on = on(&visit, waiting.as_ref());
            let response = if codes.is_empty() {
                visit.see_other(&on)?
            } else {
                visit.page(StatusCode::OK, recovery_page(&visit, &codes, on, true))
            };
            let slug = &visit.tenant.slug;
            Ok((CookieName::step(slug).clear(), CookieName::session(slug).set(&handle), response).into_response())
        }
        Second::Refused => show(&visit, waiting.as_ref(), &step, Some((refused, typed))).await,
        Second::Throttled => {
            let minutes = visit.app.config.login.throttle.window.as_secs().div_ceil(60);
            show(&visit, waiting.as_ref(), &step, Some((Refusal::TooMany { minutes }, typed))).await
        }
        Second::Ended => visit.see_other(&to_login(&visit, waiting.as_ref())),
    }
}

/// A login that waits in this browser.
struct Step {
    handle: Handle,
    row: StepRow,
}

async fn step(visit: &Visit) -> Result<Option<Step>, Trouble> {
    let text = CookieName::step(&visit.tenant.slug).read(&visit.headers).unwrap_or_default();
    let Ok(handle) = Handle::parse(HandleKind::LoginStep, text) else { return Ok(None) };
    let found = find(&visit.app, &visit.tenant, &handle).await.map_err(|error| visit.fault(error))?;
    Ok(found.map(|row| Step { handle, row }))
}

fn to_login(visit: &Visit, waiting: Option<&Waiting>) -> String {
    waiting.map_or_else(|| visit.path("login"), |waiting| waiting.path(visit, "login"))
}

/// What the form shows, or why that can be nothing.
fn shown(visit: &Visit, form: &Form, step: &Step) -> Result<Result<Shown, Refusal>, Trouble> {
    if let Some(recovery) = one(visit, form, "recovery")? {
        return Ok(RecoveryCode::parse(recovery).map(Shown::Recovery).ok_or(Refusal::NoRecovery));
    }
    let code = Code::parse(one(visit, form, "code")?.unwrap_or_default());
    let Some(pending) = one(visit, form, "pending")? else {
        return Ok(code.map(Shown::Code).ok_or(Refusal::NoCode));
    };
    // Sealed for this very login. If it is not, the person scans another one.
    let secret = enrol::confirmed(&step.handle, step.row.person, pending);
    Ok(secret.ok_or(Refusal::New).and_then(|secret| code.map(|code| Shown::New(secret, code)).ok_or(Refusal::New)))
}

async fn show(
    visit: &Visit,
    waiting: Option<&Waiting>,
    step: &Step,
    refused: Option<(Refusal, Option<&str>)>,
) -> Result<Response, Trouble> {
    let (refusal, typed) = refused.map_or((None, None), |(refusal, typed)| (Some(refusal), typed));
    let held = held(visit, step.row.person).await.map_err(|error| visit.fault(error))?;
    let status = refusal.as_ref().map_or(StatusCode::OK, Refusal::status);
    let recovery = matches!(refusal, Some(Refusal::Recovery | Refusal::NoRecovery));
    let seconds = refusal.as_ref().and_then(Refusal::retry_after);
    let error = refusal.map(|refusal| refusal.to_string());
    let waiting_fields = waiting.map(|waiting| (waiting.name, waiting.value.clone()));
    let mut response = if held.has_any() {
        let page = SecondPage {
            tenant_name: visit.tenant.name.clone(),
            action: visit.path("login/second"),
            csrf: visit.csrf(Purpose::Second),
            waiting: waiting_fields,
            login_href: to_login(visit, waiting),
            recovery,
            error,
        };
        visit.page(status, page)
    } else {
        let new =
            New { holder: &step.handle, person: step.row.person, username: username(visit, step.row.person).await? };
        let page = EnrolPage {
            csrf: visit.csrf(Purpose::Second),
            action: visit.path("login/second"),
            waiting: waiting_fields,
            required: true,
            back_href: to_login(visit, waiting),
            error,
            ..enrol_page(visit, &new, typed)?
        };
        visit.page(status, page)
    };
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

async fn held(visit: &Visit, person: PersonId) -> Result<Held, StoreError> {
    let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
    let held = rows::held(&mut tx, person).await?;
    tx.commit().await?;
    Ok(held)
}

async fn username(visit: &Visit, person: PersonId) -> Result<String, Trouble> {
    let name = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let found = crate::store::people::by_id(&mut tx, person).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(found)
    };
    let found = name.await.map_err(|error| visit.fault(error))?;
    Ok(found.map(|person| person.username).unwrap_or_default())
}

/// For whom an authenticator is set up, and by what handle the form comes back.
pub(super) struct New<'a> {
    pub(super) holder: &'a Handle,
    pub(super) person: PersonId,
    pub(super) username: String,
}

/// The page with a new secret, or with the one that was `typed` for. Where it leads its caller says.
pub(super) fn enrol_page(visit: &Visit, new: &New<'_>, typed: Option<&str>) -> Result<EnrolPage, Trouble> {
    // After a wrong code it is the same one: the app has it already.
    let secret = match typed.and_then(|pending| enrol::confirmed(new.holder, new.person, pending)) {
        Some(secret) => secret,
        None => TotpSecret::generate(&visit.app.entropy).map_err(|error| visit.fault(error))?,
    };
    let pending = enrol::pending(new.holder, new.person, &secret, &visit.app.entropy);
    let uri = secret.uri(&visit.tenant.name, &new.username);
    Ok(EnrolPage {
        tenant_name: visit.tenant.name.clone(),
        action: String::new(),
        csrf: String::new(),
        waiting: None,
        required: false,
        back_href: String::new(),
        qr: Qr::of(&uri),
        uri,
        secret: secret.text(),
        pending: pending.map_err(|error| visit.fault(error))?,
        error: None,
    })
}

pub(super) fn recovery_page(visit: &Visit, codes: &[RecoveryCode], on_href: String, enrolled: bool) -> RecoveryPage {
    let codes = codes.iter().map(RecoveryCode::show).collect();
    RecoveryPage { tenant_name: visit.tenant.name.clone(), codes, on_href, enrolled }
}

/// Why the form is shown again.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("That is no code: the app shows six digits. Try again.")]
    NoCode,
    #[error(
        "This code is not right, or was used before. Wait for the next one, check that the clock of your telephone is right, and try again."
    )]
    Code,
    #[error("That is no recovery code: each has twelve letters. Try again.")]
    NoRecovery,
    #[error("This recovery code is not right, or was used before. Try another one.")]
    Recovery,
    #[error(
        "That was not the code of this key. Wait for the next one and type that; if it stays like this, scan the key once more."
    )]
    New,
    #[error("There were too many tries, so this one was not looked at. Wait {minutes} minutes and try again.")]
    TooMany { minutes: u64 },
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NoCode | Self::NoRecovery => StatusCode::BAD_REQUEST,
            Self::Code | Self::Recovery | Self::New => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Seconds.
    const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { minutes } => Some(*minutes * 60),
            _ => None,
        }
    }
}
