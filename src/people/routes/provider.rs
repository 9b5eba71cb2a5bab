//! `/t/{tenant}/login/with/{provider}`: login through an identity provider.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use time::Duration;

use super::{
    super::{
        oidc::{self, Answer, NoAccount, Provider, Refusal, Unlinked},
        session,
    },
    Waiting,
    login::admitted_to,
    one,
    security::{SECURITY, lately},
    waiting,
};
use crate::{
    audit::Refused,
    http::{
        csrf::Purpose,
        form::{Form, FormError},
        trouble::{Trouble, Words},
        visit::Visit,
    },
};

/// The way on for whoever is not logged in.
const LOGIN: &str = "Go to the login page";

/// `POST`: fields `csrf` and, where something waits, what it goes by. Sends the browser to the provider.
pub async fn begin_with(
    Path((_, slug)): Path<(String, String)>,
    visit: Visit,
    form: Result<Form, FormError>,
) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Login)?;
    let waiting = waiting(&visit, &form).await?;
    let provider = provider(&visit, &slug).await?;
    let pair = waiting.as_ref().map(Waiting::pair);
    let is_in = session::current(&visit).await.map_err(|error| visit.fault(error))?.is_some();
    // Whoever is logged in and comes here has to log in once more; and so has whoever does something for which a login must be of now.
    let anew = is_in || waiting.as_ref().is_some_and(|waiting| waiting.errand.wants_login(Duration::MAX));
    let location = oidc::begin(&visit, &provider, oidc::Purpose::LogIn(pair.clone()), anew).await;
    let location =
        location.map_err(|refusal| trouble(&visit, &provider, Way::Login(pair.as_deref(), is_in), refusal))?;
    visit.see_other(&location)
}

/// `GET`: what the provider sends back: `state`, `iss`, and `code` or `error`.
pub async fn callback(Path((_, slug)): Path<(String, String)>, visit: Visit) -> Result<Response, Trouble> {
    let provider = provider(&visit, &slug).await?;
    let query = visit.query()?;
    let field = |name| one(&visit, &query, name);
    let (state, answer) =
        (field("state")?, Answer { iss: field("iss")?, error: field("error")?, code: field("code")? });
    let previous = session::current(&visit).await.map_err(|error| visit.fault(error))?;
    let is_in = previous.is_some();
    let returned = oidc::returned(&visit, &provider, state).await;
    let returned = returned.map_err(|refusal| trouble(&visit, &provider, Way::Login(None, is_in), refusal))?;
    let waiting = match returned.purpose() {
        oidc::Purpose::Link(began) => {
            let began = began.clone();
            let refused = |refusal| trouble(&visit, &provider, Way::Link, refusal);
            let vouching = returned.finish(&visit, &provider, answer).await.map_err(refused)?;
            vouching.link(&visit, &provider, &began).await.map_err(refused)?;
            return visit.see_other(&visit.path(SECURITY));
        }
        oidc::Purpose::LogIn(Some(text)) => {
            let form = Form::query(Some(text)).map_err(|error| Trouble::unreadable(error, &visit.request_id))?;
            waiting(&visit, &form).await?
        }
        oidc::Purpose::LogIn(None) => None,
    };
    let pair = waiting.as_ref().map(Waiting::pair);
    let refused = |refusal| trouble(&visit, &provider, Way::Login(pair.as_deref(), is_in), refusal);
    let vouching = returned.finish(&visit, &provider, answer).await.map_err(refused)?;
    let errand = waiting.as_ref().and_then(|waiting| waiting.errand.id);
    let admitted = vouching.admit(&visit, &provider, previous, errand).await.map_err(refused)?;
    admitted_to(&visit, waiting.as_ref(), &admitted)
}

/// What came to nothing.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// A login, with what waits for it; and whether somebody is logged in from before.
    Login(Option<&'a str>, bool),
    /// A link to an account.
    Link,
}

impl Waiting {
    /// As in an address. There is nothing to escape.
    fn pair(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

/// `POST /t/{tenant}/account/identity`: `provider`, `csrf`. Sends whoever is logged in to the provider, to link the account there.
pub async fn link_identity(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = match lately(&visit, SECURITY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let provider = provider(&visit, one(&visit, &form, "provider")?.unwrap_or_default()).await?;
    // They say there once more who they are: a browser may be logged in there as somebody else.
    let location = oidc::begin(&visit, &provider, oidc::Purpose::Link(session.id.to_string()), true).await;
    let location = location.map_err(|refusal| trouble(&visit, &provider, Way::Link, refusal))?;
    visit.see_other(&location)
}

/// `POST /t/{tenant}/account/identity/remove`: `provider`, `csrf`.
pub async fn unlink_identity(visit: Visit, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = visit.form(form, Purpose::Account)?;
    let session = match lately(&visit, SECURITY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let slug = one(&visit, &form, "provider")?.unwrap_or_default();
    match oidc::unlink(&visit, &session, slug).await.map_err(|error| visit.fault(error))? {
        Unlinked::Done => visit.see_other(&visit.path(SECURITY)),
        Unlinked::TheOnlyWay => {
            let words = Words {
                title: "This is your only way in",
                what: "Nothing was changed.",
                why: "You have no password that counts here, no passkey, and no other identity provider. Without this one you could not log in any more.",
                now: "Add a passkey first, or ask your administrator for a link to set a password.",
            };
            Err(Trouble::new(StatusCode::CONFLICT, &words, &visit.request_id))
        }
    }
}

/// The provider that a path or a form names.
async fn provider(visit: &Visit, slug: &str) -> Result<Provider, Trouble> {
    let found = async {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let found = Provider::find(&mut tx, slug).await?;
        tx.commit().await?;
        Ok::<_, crate::store::StoreError>(found)
    };
    found.await.map_err(|error| visit.fault(error))?.ok_or_else(|| {
        let words = Words {
            title: "There is no such way to log in",
            what: "You are not logged in.",
            why: "Nobody logs in through that identity provider here, or not any more.",
            now: "Go to the login page and choose another way.",
        };
        Trouble::new(StatusCode::NOT_FOUND, &words, &visit.request_id).onward(&visit.path("login"), LOGIN)
    })
}

/// In our words: what the provider says is not shown. The way on is the login page, with what waits for the login, which sends whoever is
/// logged in from before on from there; or the page that they came from.
fn trouble(visit: &Visit, provider: &Provider, way: Way<'_>, refusal: Refusal) -> Trouble {
    let Some(word) = refusal.word() else { return visit.fault(refusal) };
    visit.refused(Refused::Provider(word));
    tracing::info!(tenant = %visit.tenant.id, provider = provider.row.slug, %refusal, "a login at an identity provider came to nothing");
    let (status, why, now) = match &refusal {
        Refusal::State => (
            StatusCode::BAD_REQUEST,
            "A login lasts ten minutes, can be finished once, and belongs to the browser that it began in.",
            "Begin once more, or go back to the application that you came from and connect again.",
        ),
        Refusal::NotAnew => (
            StatusCode::FORBIDDEN,
            "For this you have to show once more who you are, and your identity provider does not say that you did.",
            "Try again, and log in there when it asks. If it does not ask, use another way to log in, such as a passkey, and tell your administrator the request id below.",
        ),
        Refusal::Said => (
            StatusCode::FORBIDDEN,
            "Your identity provider did not let you in, or you went back.",
            "Go to the login page and try again.",
        ),
        Refusal::Account(NoAccount::Disabled) => (
            StatusCode::FORBIDDEN,
            "Your account here may not log in.",
            "Ask your administrator, and tell them the request id below.",
        ),
        Refusal::Account(NoAccount::Linked) => (
            StatusCode::CONFLICT,
            "That account at your identity provider is linked to somebody else here, or you have linked another one of the same provider.",
            "Log out at the provider and try again with the account that is yours, or remove the link that you have first.",
        ),
        Refusal::Account(_) => (
            StatusCode::FORBIDDEN,
            "Your identity provider knows you, but you have no account here.",
            "Ask your administrator for one, and tell them the request id below.",
        ),
        Refusal::Unreachable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Your identity provider did not answer as it should.",
            "Wait a moment and try again. If it stays like this, tell your administrator the request id below.",
        ),
        Refusal::Issuer | Refusal::Exchange(_) | Refusal::Token(_) | Refusal::Fault(_) => (
            StatusCode::BAD_REQUEST,
            "What your identity provider sent cannot be believed.",
            "Go to the login page and try again. If it stays like this, tell your administrator the request id below.",
        ),
    };
    // Somebody who loads the way back once more is logged in as before, and should not be told otherwise.
    let (title, what, label) = match way {
        Way::Login(_, false) => ("You are not logged in", "Nothing was changed.", LOGIN),
        Way::Login(_, true) => {
            ("You are logged in as before", "This login came to nothing. Nothing was changed.", "Go on")
        }
        Way::Link => ("Nothing was linked", "Nothing was changed.", "Back"),
    };
    let to = match way {
        // There is nothing to escape.
        Way::Login(Some(pair), _) => format!("{}?{pair}", visit.path("login")),
        Way::Login(None, _) => visit.path("login"),
        Way::Link => visit.path(SECURITY),
    };
    Trouble::new(status, &Words { title, what, why, now }, &visit.request_id).onward(&to, label)
}
