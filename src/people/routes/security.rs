//! `/t/{tenant}/account/security`: how whoever is logged in logs in, and where.

use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header::RETRY_AFTER};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    super::{
        BadPassword, Password, Session, change,
        change::Changed,
        passkey::RelyingParty,
        second::{
            enrol::{self, Enrolled},
            is_required, recovery, reset,
            totp::Code,
        },
        session,
    },
    one,
    second::{New, enrol_page, recovery_page},
};
use crate::{
    console::{FRESH, back},
    http::{
        csrf::Purpose,
        form::{Form, FormError},
        pages::{EnrolPage, OwnLogin, OwnPasskey, OwnProvider, PasswordPage, SecurityPage},
        trouble::Trouble,
        visit::Visit,
        words::ago,
    },
    ids::SessionId,
    store::{
        StoreError, people,
        providers::{self, OwnIdentity},
        second::{self as rows, Held, PasskeyRow},
        sessions::{self, OwnSession},
    },
};

pub(super) const SECURITY: &str = "account/security";
const TOTP: &str = "account/totp";
const PASSWORD: &str = "account/password";

/// `GET`: second factors, password, logins.
pub async fn security(visit: Visit) -> Result<Response, Trouble> {
    let session = match known(&visit, SECURITY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let read = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let held = rows::held(&mut tx, session.person).await?;
        let own = sessions::of_person(&mut tx, session.person, visit.app.clock.now()).await?;
        let person = people::by_id(&mut tx, session.person).await?;
        let passkeys = rows::passkeys(&mut tx, session.person).await?;
        let identities = providers::of_person(&mut tx, session.person).await?;
        tx.commit().await?;
        let has_password = person.is_some_and(|person| person.password_hash.is_some());
        Ok::<_, StoreError>(Own { held, passkeys, identities, logins: own, has_password })
    };
    let own = read.await.map_err(|error| visit.fault(error))?;
    Ok(visit.page(StatusCode::OK, page(&visit, &session, own)))
}

/// How somebody logs in, and where they are.
struct Own {
    held: Held,
    passkeys: Vec<PasskeyRow>,
    identities: Vec<OwnIdentity>,
    logins: Vec<OwnSession>,
    has_password: bool,
}

fn page(visit: &Visit, session: &Session, own: Own) -> SecurityPage {
    let Own { held, passkeys, identities, logins, has_password } = own;
    let now = visit.app.clock.now();
    SecurityPage {
        tenant_name: visit.tenant.name.clone(),
        person: session.display_name.clone(),
        account_href: visit.path("account"),
        csrf: visit.csrf(Purpose::Account),
        totp_href: visit.path(TOTP),
        totp_since: held.totp_since.map(|since| ago(now, since)),
        totp_used: held.totp_used.map(|used| ago(now, used)),
        remove_action: visit.path("account/totp/remove"),
        required: is_required(&visit.tenant.settings.login, &session.roles),
        has_any: held.has_any(),
        passkey_href: RelyingParty::of(&visit.app.config.public_url).map(|_| visit.path("account/passkey")),
        passkey_action: visit.path("account/passkey/remove"),
        passkeys: passkeys.into_iter().map(|row| passkey(now, row)).collect(),
        link_action: visit.path("account/identity"),
        unlink_action: visit.path("account/identity/remove"),
        identities: identities.into_iter().map(|own| identity(now, own)).collect(),
        recovery_codes: held.recovery_codes,
        recovery_action: visit.path("account/recovery"),
        password_href: has_password.then(|| visit.path(PASSWORD)),
        end_action: visit.path("account/sessions/end"),
        logins: logins.into_iter().map(|own| login(visit, session, own)).collect(),
    }
}

fn identity(now: OffsetDateTime, own: OwnIdentity) -> OwnProvider {
    OwnProvider {
        slug: own.slug,
        name: own.name,
        since: own.linked_at.map(|since| ago(now, since)),
        used: own.last_login_at.map(|used| ago(now, used)),
    }
}

fn passkey(now: OffsetDateTime, row: PasskeyRow) -> OwnPasskey {
    OwnPasskey {
        id: row.id.to_string(),
        name: row.name,
        since: ago(now, row.created_at),
        used: row.last_used_at.map(|used| ago(now, used)),
    }
}

fn login(visit: &Visit, session: &Session, own: OwnSession) -> OwnLogin {
    let has = |way: &str| own.amr.iter().any(|own| own == way);
    let (is_multi, is_alone) = (has("mfa"), has("hwk") && !has("pwd"));
    let by = match own.provider {
        Some(provider) => format!("through {provider}"),
        None if is_alone => "with a passkey".to_owned(),
        None => "with your password".to_owned(),
    };
    OwnLogin {
        id: own.id.to_string(),
        agent: if own.agent.is_empty() { "A browser".to_owned() } else { own.agent },
        how: if is_multi && !is_alone { format!("{by} and a second factor") } else { by },
        since: ago(visit.app.clock.now(), own.auth_time),
        here: own.id == session.id,
    }
}

/// `GET /t/{tenant}/account/totp`: how to set up an authenticator.
pub async fn totp_page(visit: Visit) -> Result<Response, Trouble> {
    let session = match lately(&visit, TOTP).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    enrolment(&visit, &session, None, None)
}

fn enrolment(
    visit: &Visit,
    session: &Session,
    typed: Option<&str>,
    error: Option<(StatusCode, &str)>,
) -> Result<Response, Trouble> {
    let new = New { holder: visit.browser.handle(), person: session.person, username: session.username.clone() };
    let page = EnrolPage {
        csrf: visit.csrf(Purpose::Account),
        action: visit.path(TOTP),
        back_href: visit.path(SECURITY),
        error: error.map(|(_, words)| words.to_owned()),
        ..enrol_page(visit, &new, typed)?
    };
    Ok(visit.page(error.map_or(StatusCode::OK, |(status, _)| status), page))
}

/// `POST /t/{tenant}/account/totp`: `pending`, `code`, `csrf`.
pub async fn add_totp(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = match lately(&visit, TOTP).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let pending = one(&visit, &form, "pending")?.unwrap_or_default();
    let secret = enrol::confirmed(visit.browser.handle(), session.person, pending);
    let code = Code::parse(one(&visit, &form, "code")?.unwrap_or_default());
    let (Some(secret), Some(code)) = (secret, code) else {
        let error = "That is no code: the app shows six digits. Scan this key, and type what it shows then.";
        return enrolment(&visit, &session, Some(pending), Some((StatusCode::BAD_REQUEST, error)));
    };
    let added = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        people::lock(&mut tx, session.person).await?;
        let tools = (&visit.recorder(), &visit.app.keyring);
        let added = enrol::add(&mut tx, tools, session.person, (&secret, code)).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(added)
    };
    match added.await.map_err(|error| visit.fault(error))? {
        Enrolled::Done(codes) if codes.is_empty() => visit.see_other(&visit.path(SECURITY)),
        Enrolled::Done(codes) => {
            Ok(visit.page(StatusCode::OK, recovery_page(&visit, &codes, visit.path(SECURITY), true)))
        }
        Enrolled::Already => visit.see_other(&visit.path(SECURITY)),
        Enrolled::Wrong => {
            let error = "That was not the code of this key. Wait for the next one and type that; if it stays like this, scan the key once more.";
            enrolment(&visit, &session, Some(pending), Some((StatusCode::FORBIDDEN, error)))
        }
    }
}

/// `POST /t/{tenant}/account/totp/remove`
pub async fn remove_totp(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    visit.form(form, Purpose::Account)?;
    let session = match lately(&visit, SECURITY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let removed = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        people::lock(&mut tx, session.person).await?;
        reset::totp(&mut tx, &visit.recorder(), session.person).await?;
        tx.commit().await
    };
    removed.await.map_err(|error| visit.fault(error))?;
    visit.see_other(&visit.path(SECURITY))
}

/// `POST /t/{tenant}/account/recovery`: other recovery codes, for whoever has a second factor.
pub async fn renew_recovery(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    visit.form(form, Purpose::Account)?;
    let session = match lately(&visit, SECURITY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let renewed = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        people::lock(&mut tx, session.person).await?;
        let codes = if rows::held(&mut tx, session.person).await?.has_any() {
            recovery::renew(&mut tx, (&visit.recorder(), &visit.app.keyring), session.person).await?
        } else {
            Vec::new()
        };
        tx.commit().await?;
        Ok::<_, StoreError>(codes)
    };
    let codes = renewed.await.map_err(|error| visit.fault(error))?;
    if codes.is_empty() {
        return visit.see_other(&visit.path(SECURITY));
    }
    Ok(visit.page(StatusCode::OK, recovery_page(&visit, &codes, visit.path(SECURITY), false)))
}

/// `POST /t/{tenant}/account/sessions/end`: the login `session`, or all others.
pub async fn end_logins(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = match known(&visit, SECURITY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let one = one(&visit, &form, "session")?;
    let named = one.and_then(|text| Uuid::parse_str(text).ok()).map(SessionId);
    // What is no id ends nothing; one that is another person's, or over, is not on the page that comes next.
    if one.is_none() || named.is_some() {
        let ended = async {
            let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
            change::end_sessions(&mut tx, &visit, &session, named).await?;
            tx.commit().await
        };
        ended.await.map_err(|error| visit.fault(error))?;
    }
    visit.see_other(&visit.path(SECURITY))
}

/// `GET /t/{tenant}/account/password`
pub async fn password_page(visit: Visit) -> Result<Response, Trouble> {
    let session = match known(&visit, PASSWORD).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    Ok(ask_password(&visit, &session, None))
}

fn ask_password(visit: &Visit, session: &Session, refusal: Option<Refusal>) -> Response {
    let status = refusal.as_ref().map_or(StatusCode::OK, Refusal::status);
    let seconds = refusal.as_ref().and_then(Refusal::retry_after);
    let page = PasswordPage {
        tenant_name: visit.tenant.name.clone(),
        action: visit.path(PASSWORD),
        csrf: visit.csrf(Purpose::Account),
        username: session.username.clone(),
        back_href: visit.path(SECURITY),
        error: refusal.map(|refusal| refusal.to_string()),
    };
    let mut response = visit.page(status, page);
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// `POST /t/{tenant}/account/password`: `current`, `password`, `repeat`, `csrf`.
pub async fn change_password(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = match known(&visit, PASSWORD).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let field = |name| one(&visit, &form, name).map(Option::unwrap_or_default);
    let (current, chosen, repeat) = (field("current")?, field("password")?, field("repeat")?);
    if chosen != repeat {
        return Ok(ask_password(&visit, &session, Some(Refusal::Differ)));
    }
    let chosen = match Password::chosen(chosen) {
        Ok(chosen) => chosen,
        Err(error) => return Ok(ask_password(&visit, &session, Some(Refusal::Bad(error)))),
    };
    let Ok(current) = Password::presented(current) else {
        return Ok(ask_password(&visit, &session, Some(Refusal::Wrong)));
    };
    let refusal = match change::password(&visit, &session, current, chosen).await.map_err(|fault| visit.fault(fault))? {
        Changed::Done => return visit.see_other(&visit.path(SECURITY)),
        Changed::Wrong => Refusal::Wrong,
        Changed::Throttled => {
            Refusal::TooMany { minutes: visit.app.config.login.throttle.window.as_secs().div_ceil(60) }
        }
        Changed::Busy => Refusal::Busy,
        Changed::Meanwhile => Refusal::Meanwhile,
    };
    Ok(ask_password(&visit, &session, Some(refusal)))
}

/// Whoever is logged in; or the way to the login, and back to `page`.
pub(super) async fn known(visit: &Visit, page: &str) -> Result<Result<Session, Response>, Trouble> {
    let session = session::current(visit).await.map_err(|error| visit.fault(error))?;
    Ok(session.ok_or_else(|| back::to_login(visit, &Method::GET, &visit.path(page), "to")))
}

/// Whoever logged in lately: nobody who finds an open browser changes how its owner logs in.
pub(super) async fn lately(visit: &Visit, page: &str) -> Result<Result<Session, Response>, Trouble> {
    match known(visit, page).await? {
        Ok(session) if visit.app.clock.now() - session.auth_time > FRESH => {
            Ok(Err(back::to_login(visit, &Method::GET, &visit.path(page), "again")))
        }
        other => Ok(other),
    }
}

/// Why the form for a password is shown again.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("The two passwords differ. Type the same one twice.")]
    Differ,
    #[error("This cannot be your password: {0}. Choose another one.")]
    Bad(BadPassword),
    #[error("The password that you have now is another one. Nothing was changed.")]
    Wrong,
    #[error(
        "Your password was changed from elsewhere at the same time, so this change was not made. If that was not you, ask your administrator."
    )]
    Meanwhile,
    #[error("There were too many tries, so this one was not looked at. Wait {minutes} minutes and try again.")]
    TooMany { minutes: u64 },
    #[error("Too many people are logging in at this moment, so nothing was changed. Try again in a few seconds.")]
    Busy,
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Differ | Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Wrong => StatusCode::FORBIDDEN,
            Self::Meanwhile => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Seconds.
    const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { minutes } => Some(*minutes * 60),
            Self::Busy => Some(2),
            _ => None,
        }
    }
}
