//! `GET authorize`, `GET` and `POST consent`.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::{begin, consent, place::Place, respond::Answer, trouble};
use crate::{
    audit::{Event, Refused},
    http::{
        csrf::Purpose,
        form::{Form, FormError},
        trouble::Trouble,
        visit::Visit,
    },
    people,
    policy::{Scope, ScopeSet},
};

/// `GET /t/{tenant}/authorize` (OAuth 2.1 §4.1.1).
pub async fn authorize(visit: Visit) -> Result<Response, Trouble> {
    let form = visit.query()?;
    let asker = begin::asker(&visit, &form).await.map_err(|stranded| trouble::stranded(&visit, stranded))?;
    let session = people::current(&visit).await.map_err(|error| visit.fault(error))?;
    let request = match begin::check(&visit.tenant, &asker, &form, session.is_some()) {
        Ok(request) => request,
        Err(refusal) => {
            visit.refused(Refused::Authorization(refusal.code));
            return match session {
                Some(_) => trouble::send_refusal(&visit, &asker, &refusal),
                None => Err(trouble::show_refusal(&visit, &asker, &refusal)),
            };
        }
    };
    let handle = begin::store(&visit, &asker, request).await.map_err(|error| visit.fault(error))?;
    // The login page sends on whoever is logged in, and notes under which login.
    let location = format!("{}?interaction={}", visit.path("login"), handle.expose());
    Ok((visit.browser.cookie(), visit.see_other(&location)?).into_response())
}

/// `GET /t/{tenant}/consent?interaction=…`: the page, or straight on where it may be skipped.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let form = visit.query()?;
    let place = match Place::find(&visit, &form).await? {
        Ok(place) => place,
        Err(login) => return Ok(login),
    };
    let (asked, earlier) = (place.asked()?, place.earlier().await?);
    if let Some(until) = consent::may_skip(&place.interaction, &earlier, visit.app.clock.now()) {
        let approval = place.approval(&asked, Some(until));
        return place.approve(&approval).await;
    }
    place.note_shown(&asked).await?;
    place.page(&earlier, &asked, None)
}

/// `POST /t/{tenant}/consent`: `decision` is `approve` or `deny`, `scope` comes once for each ticked box.
pub async fn decide(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Consent)?;
    let place = match Place::find(&visit, &form).await? {
        Ok(place) => place,
        Err(login) => return Ok(login),
    };
    match form.one("decision") {
        Ok(Some("approve")) => approve(&place, &form).await,
        Ok(Some("deny")) => deny(&place).await,
        _ => Err(trouble::no_decision(&visit)),
    }
}

async fn approve(place: &Place<'_>, form: &Form) -> Result<Response, Trouble> {
    let ticked: ScopeSet = form.all("scope").filter_map(|scope| Scope::new(scope).ok()).collect();
    let scopes = place.asked()?.intersection(&ticked);
    if scopes.is_empty() {
        let error = "You approved, but left nothing ticked. Tick what you allow, or choose Deny.";
        return place.page(&place.earlier().await?, &scopes, Some(error.to_owned()));
    }
    place.approve(&place.approval(&scopes, None)).await
}

async fn deny(place: &Place<'_>) -> Result<Response, Trouble> {
    let Place { visit, interaction, session, .. } = place;
    let denied = Event::ConsentDenied {
        person: session.person,
        client: interaction.client.id.clone(),
        server: interaction.server.id,
    };
    let first = consent::deny(visit, interaction, &denied).await.map_err(|error| visit.fault(error))?;
    if !first {
        return Err(trouble::expired(visit, StatusCode::CONFLICT));
    }
    place.send(&Answer::Error { code: "access_denied", description: "the person said no" })
}
