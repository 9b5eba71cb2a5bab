//! `/t/{tenant}/account/passkey` and `/t/{tenant}/login/passkey`.

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::{
    super::{
        Session,
        admission::{Admitted, Arrival, admit},
        passkey::{Assertion, Owner, Purpose as Use, ask::Question},
        second::{
            passkeys::{self, NotAdded},
            recovery, reset,
        },
        session::{self, Proof},
    },
    login::{Refusal, admitted_to, show},
    one,
    second::recovery_page,
    security::{SECURITY, lately},
    waiting,
};
use crate::{
    audit::Refused,
    http::{
        agent,
        csrf::Purpose,
        form::{Form, FormError},
        pages::{PasskeyAsk, PasskeyPage},
        trouble::Trouble,
        visit::Visit,
    },
    ids::{InteractionId, PasskeyId, PersonId},
    store::{
        StoreError, TenantTx,
        people::{self, PersonRow},
        second::{self as rows, PasskeyRow},
    },
};

const PASSKEY: &str = "account/passkey";
/// The longest answer of a browser that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// Who is asked for a passkey, and for what.
pub(super) fn question(visit: &Visit, purpose: &'static str, person: Option<PersonId>) -> Question {
    Question::of(visit.tenant.id, visit.browser.handle(), purpose, person)
}

/// The form that asks for the use of one of these passkeys, or of any. None: this installation has no name that passkeys could be for.
pub(super) fn ask(
    visit: &Visit,
    (purpose, person): (Use, Option<PersonId>),
    there: &[PasskeyRow],
    (action, csrf): (String, String),
) -> Result<Option<PasskeyAsk>, Trouble> {
    let word = if purpose == Use::Login { "login" } else { "second" };
    let options = passkeys::request(&visit.app, &question(visit, word, person), purpose, there);
    let options = options.map_err(|error| visit.fault(error))?;
    Ok(options.map(|options| PasskeyAsk { action, csrf, options }))
}

/// An answer of a browser that can be read.
pub(super) fn answer(visit: &Visit, form: &Form) -> Result<Option<Assertion>, Trouble> {
    let text = one(visit, form, "credential")?.unwrap_or_default();
    Ok(if text.len() <= LONGEST { Assertion::read(text).ok() } else { None })
}

/// `GET`: a new passkey, in a browser that has scripts.
pub async fn passkey_page(visit: Visit) -> Result<Response, Trouble> {
    let session = match lately(&visit, PASSKEY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    show_new(&visit, &session, None).await
}

async fn show_new(visit: &Visit, session: &Session, error: Option<NotAdded>) -> Result<Response, Trouble> {
    let there = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let there = rows::passkeys(&mut tx, session.person).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(there)
    };
    let there = there.await.map_err(|error| visit.fault(error))?;
    let owner = Owner { person: session.person, name: &session.username, display_name: &session.display_name };
    let question = question(visit, "register", Some(session.person));
    let options = passkeys::creation(&visit.app, &question, &owner, &there);
    let Some(options) = options.map_err(|error| visit.fault(error))? else {
        return visit.see_other(&visit.path(SECURITY));
    };
    let page = PasskeyPage {
        tenant_name: visit.tenant.name.clone(),
        ask: PasskeyAsk { action: visit.path(PASSKEY), csrf: visit.csrf(Purpose::Account), options },
        name: agent::words(&visit.headers),
        back_href: visit.path(SECURITY),
        error: error.map(|error| format!("The passkey was not added: {error}. Try again, or take another device.")),
    };
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(visit.page_with_script(status, page))
}

/// `POST`: `credential`, `name`, `csrf`.
pub async fn add_passkey(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = match lately(&visit, PASSKEY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let name = one(&visit, &form, "name")?.map(str::trim).filter(|name| !name.is_empty()).unwrap_or("A passkey");
    let credential = one(&visit, &form, "credential")?.unwrap_or_default();
    let codes = match add(&visit, &session, (name, credential)).await {
        Ok(codes) => codes,
        Err(NotAdded::Store(error)) => return Err(visit.fault(error)),
        Err(error) => return show_new(&visit, &session, Some(error)).await,
    };
    if codes.is_empty() {
        return visit.see_other(&visit.path(SECURITY));
    }
    Ok(visit.page(StatusCode::OK, recovery_page(&visit, &codes, visit.path(SECURITY), true)))
}

async fn add(
    visit: &Visit,
    session: &Session,
    (name, credential): (&str, &str),
) -> Result<Vec<recovery::RecoveryCode>, NotAdded> {
    let (app, recorder, person) = (&visit.app, visit.recorder(), session.person);
    let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
    people::lock(&mut tx, person).await?;
    let question = question(visit, "register", Some(person));
    passkeys::add(app, &mut tx, &recorder, &question, (person, name, credential)).await?;
    let codes = match rows::held(&mut tx, person).await?.recovery_codes {
        0 => recovery::renew(&mut tx, (&recorder, &app.keyring), person).await?,
        _ => Vec::new(),
    };
    tx.commit().await?;
    Ok(codes)
}

/// `POST /t/{tenant}/account/passkey/remove`: the `passkey`.
pub async fn remove_passkey(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = match lately(&visit, SECURITY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    // One that is unknown, or another person's, is not on the page that comes next.
    if let Some(id) = one(&visit, &form, "passkey")?.and_then(|text| Uuid::parse_str(text).ok()) {
        let removed = async {
            let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
            people::lock(&mut tx, session.person).await?;
            reset::passkey(&mut tx, &visit.recorder(), session.person, PasskeyId(id)).await?;
            tx.commit().await
        };
        removed.await.map_err(|error| visit.fault(error))?;
    }
    visit.see_other(&visit.path(SECURITY))
}

/// `POST /t/{tenant}/login/passkey`: `credential`, `csrf` and what waits. A passkey whose authenticator made sure who it is stands alone.
pub async fn login_with_passkey(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Login)?;
    let waiting = waiting(&visit, &form).await?;
    let previous = session::current(&visit).await.map_err(|error| visit.fault(error))?;
    let errand = waiting.as_ref().and_then(|waiting| waiting.errand.id);
    let admitted = match answer(&visit, &form)? {
        Some(answer) => enter(&visit, &answer, previous, errand).await.map_err(|error| visit.fault(error))?,
        None => None,
    };
    match admitted {
        Some(admitted) => admitted_to(&visit, waiting.as_ref(), &admitted),
        None => {
            visit.refused(Refused::Login { person: None, throttled: false });
            show(&visit, waiting, String::new(), Some(Refusal::NoPasskey)).await
        }
    }
}

async fn enter(
    visit: &Visit,
    answer: &Assertion,
    previous: Option<Session>,
    errand: Option<InteractionId>,
) -> Result<Option<Admitted>, StoreError> {
    let app = &visit.app;
    let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
    let Some(person) = owner(&mut tx, answer).await? else { return Ok(None) };
    let question = question(visit, "login", None);
    if passkeys::used(app, &mut tx, &question, Use::Login, answer).await? != Some(person.id) {
        return Ok(None);
    }
    let amr = ["hwk", "user", "mfa"].map(str::to_owned).to_vec();
    let proof = Proof { amr, vouched: None, is_multi: true, agent: agent::words(&visit.headers), auth_time: None };
    let arrival = Arrival { person: &person, proof, previous, errand };
    let admitted = admit((app, &visit.tenant), &mut tx, &visit.recorder(), arrival).await?;
    tx.commit().await?;
    Ok(Some(admitted))
}

/// Whose passkey it is said to be: locked before the passkey is, as everywhere.
async fn owner(tx: &mut TenantTx, answer: &Assertion) -> Result<Option<PersonRow>, StoreError> {
    let Some(person) = rows::passkey_owner(tx, answer.credential()).await? else { return Ok(None) };
    Ok(people::lock(tx, person).await?.filter(PersonRow::is_active))
}
