//! `/t/{tenant}/link`: where an invitation, and a link to reset a password, lead.

use axum::response::Response;
use http::StatusCode;

use super::{
    super::{BadPassword, HashError, Password, link},
    one,
};
use crate::{
    audit::Refused,
    console::back,
    http::{
        csrf::Purpose,
        form::{Form, FormError},
        pages::{LinkDonePage, LinkPage},
        trouble::{Trouble, Words},
        visit::Visit,
    },
    secret::{Handle, HandleKind},
    store::{StoreError, person_links::LiveLink},
};

/// The parameter that carries a link's handle.
const LINK: &str = "link";

/// `GET`: the form. Nothing is used up by it: programs that look into mail come here, too.
pub async fn link_page(visit: Visit) -> Result<Response, Trouble> {
    let (link, handle) = opened(&visit, &visit.query()?).await?;
    Ok(show(&visit, &link, &handle, None))
}

/// `POST`: fields `link`, `password`, `repeat`, `csrf`. Whoever has set a password logs in with it: a link begins no session.
pub async fn set_password(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Link)?;
    let (link, handle) = opened(&visit, &form).await?;
    let password = one(&visit, &form, "password")?.unwrap_or_default();
    if one(&visit, &form, "repeat")?.unwrap_or_default() != password {
        return Ok(show(&visit, &link, &handle, Some(Refusal::Differ)));
    }
    let password = match Password::chosen(password) {
        Ok(password) => password,
        Err(error) => return Ok(show(&visit, &link, &handle, Some(Refusal::Bad(error)))),
    };
    let hash = match visit.app.passwords.hash(password).await {
        Ok(hash) => hash,
        Err(HashError::Busy) => return Ok(show(&visit, &link, &handle, Some(Refusal::Busy))),
        Err(error) => return Err(visit.fault(error)),
    };
    let used = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let used = link::use_up(&mut tx, &visit.recorder(), &link, &hash).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(used)
    };
    if !used.await.map_err(|error| visit.fault(error))? {
        return Err(ended(&visit));
    }
    // Whoever looks after the place comes to its console.
    let path = role(&link).map(|_| format!("/console/t/{}", visit.tenant.slug));
    let sealed = path.as_deref().and_then(|path| back::seal(&visit.app.keyring, visit.tenant.id, path));
    let query = sealed.map(|sealed| format!("?to={sealed}")).unwrap_or_default();
    let page = LinkDonePage {
        tenant_name: visit.tenant.name.clone(),
        username: link.username,
        login_href: format!("{}{query}", visit.path("login")),
        console: path.map(|path| format!("{}{path}", visit.app.config.public_url.as_str())),
    };
    Ok(visit.page(StatusCode::OK, page))
}

/// The link that a request names.
async fn opened(visit: &Visit, form: &Form) -> Result<(LiveLink, Handle), Trouble> {
    let text = one(visit, form, LINK)?.unwrap_or_default();
    let handle = Handle::parse(HandleKind::PersonLink, text).map_err(|_| ended(visit))?;
    let found = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let found = link::find(&mut tx, &visit.app.keyring, &handle, visit.app.clock.now()).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(found)
    };
    let found = found.await.map_err(|error| visit.fault(error))?;
    Ok((found.ok_or_else(|| ended(visit))?, handle))
}

/// The same for a link that never was, is over, was used, or is of somebody who may not log in.
fn ended(visit: &Visit) -> Trouble {
    visit.refused(Refused::Link);
    let words = Words {
        title: "This link cannot be used",
        what: "Your password is as it was.",
        why: "A link can be used once and for a limited time, and a newer one takes its place.",
        now: "Ask your administrator for another one. If you have set your password already, log in with it.",
    };
    Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id)
}

fn show(visit: &Visit, link: &LiveLink, handle: &Handle, refusal: Option<Refusal>) -> Response {
    let status = refusal.as_ref().map_or(StatusCode::OK, Refusal::status);
    let page = LinkPage {
        tenant_name: visit.tenant.name.clone(),
        action: visit.path("link"),
        csrf: visit.csrf(Purpose::Link),
        link: handle.expose().to_owned(),
        username: link.username.clone(),
        invited: link.purpose == link::LinkPurpose::Invitation.word(),
        role: role(link).map(str::to_owned),
        error: refusal.map(|refusal| refusal.to_string()),
    };
    visit.page(status, page)
}

/// As what somebody is here, where that is more than a member.
fn role(link: &LiveLink) -> Option<&'static str> {
    ["administrator", "auditor"].into_iter().find(|role| link.roles.iter().any(|own| own == role))
}

/// Why the form is shown again.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("The two passwords differ. Type the same one twice.")]
    Differ,
    #[error("This cannot be your password: {0}. Choose another one.")]
    Bad(BadPassword),
    #[error("Too many people are logging in at this moment, so nothing was changed. Try again in a few seconds.")]
    Busy,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Differ | Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
