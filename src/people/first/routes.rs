//! `/console/first`

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::{is_open, recorder, use_up};
use crate::{
    app::App,
    apply::{self, Action, ApplyError, Document, PasswordDoc, PersonDoc, Prune, TenantDoc, Tools},
    audit::Refused,
    console::back,
    http::{
        address::ClientAddress,
        csrf::Forged,
        form::{Form, FormError, Repeated},
        origin,
        pages::{FirstPage, html},
        request_id::RequestId,
        trouble::{Trouble, Words},
    },
    ids::Slug,
    people::{HashError, Password, Username},
    secret::{Handle, HandleKind},
    tenants::Settings,
};

/// The longest name of a place, in characters.
const NAME: usize = 100;

/// A request with the link. There is no cookie and no tenant yet: the link itself is what no other page knows.
struct Visitor {
    app: Arc<App>,
    request_id: RequestId,
    address: ClientAddress,
}

impl Visitor {
    /// The link of a form or an address, if it can be used.
    async fn link(&self, form: &Form) -> Result<Handle, Trouble> {
        let handle = Handle::parse(HandleKind::PersonLink, self.one(form, "link")?).map_err(|_| self.ended())?;
        let open = is_open(&self.app, &handle).await.map_err(|error| self.fault(error))?;
        if open { Ok(handle) } else { Err(self.ended()) }
    }

    fn one<'a>(&self, form: &'a Form, name: &'static str) -> Result<&'a str, Trouble> {
        let one = form.one(name).map_err(|Repeated(name)| {
            let why = format!("It has the field \"{name}\" more than once.");
            let now = "Go back, load the page again, and send the form once more.";
            self.refuse(StatusCode::BAD_REQUEST, "This request cannot be read", "Nothing was changed.", &why, now)
        });
        Ok(one?.unwrap_or_default())
    }

    fn refuse(&self, status: StatusCode, title: &str, what: &str, why: &str, now: &str) -> Trouble {
        Trouble::new(status, &Words { title, what, why, now }, &self.request_id)
    }

    fn ended(&self) -> Trouble {
        self.app.refused(None, Refused::Link, self.address);
        self.refuse(
            StatusCode::BAD_REQUEST,
            "This link cannot be used",
            "Nothing was changed.",
            "It can be used once and for a day, a newer one takes its place, and it ends when there is a first place.",
            "Start Sallyport anew: while there is nothing, each start prints a fresh link. If you made your place already, log in there.",
        )
    }

    fn fault(&self, error: impl std::fmt::Display) -> Trouble {
        tracing::error!(%error, "a page could not be served");
        Trouble::fault(&self.request_id)
    }
}

/// What the form says.
#[derive(Default)]
struct Filled {
    name: String,
    slug: String,
    username: String,
}

fn show(link: &Handle, filled: Filled, error: Option<String>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let Filled { name, slug, username } = filled;
    html(status, FirstPage { link: link.expose().to_owned(), name, slug, username, error })
}

/// `GET`: the form. Nothing is used up by it.
pub async fn first_page(
    State(app): State<Arc<App>>,
    request_id: RequestId,
    axum::Extension(address): axum::Extension<ClientAddress>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let visitor = Visitor { app, request_id, address };
    let query = Form::query(uri.query()).map_err(|error| Trouble::unreadable(error, &visitor.request_id))?;
    let link = visitor.link(&query).await?;
    Ok(show(&link, Filled::default(), None))
}

/// `POST`: `link`, `name`, `slug`, `username`, `password`, `repeat`. Then on to the login, and to the console.
pub async fn make_first(
    State(app): State<Arc<App>>,
    request_id: RequestId,
    axum::Extension(address): axum::Extension<ClientAddress>,
    headers: HeaderMap,
    form: Result<Form, FormError>,
) -> Result<Response, Trouble> {
    let visitor = Visitor { app, request_id, address };
    let form = form.map_err(|error| Trouble::unreadable(error, &visitor.request_id))?;
    let public_url = &visitor.app.config.public_url;
    origin::check(&headers, public_url)
        .map_err(|error| Trouble::forged(Forged::from(error), public_url, &visitor.request_id))?;
    let link = visitor.link(&form).await?;
    let one = |name| visitor.one(&form, name).map(|text| text.trim().to_owned());
    let filled = Filled { name: one("name")?, slug: one("slug")?, username: one("username")? };
    let (password, repeat) = (visitor.one(&form, "password")?, visitor.one(&form, "repeat")?);
    let tenant = match tenant(&filled, password, repeat) {
        Ok(tenant) => tenant,
        Err(error) => return Ok(show(&link, filled, Some(error))),
    };
    let slug = tenant.slug.clone();
    match make(&visitor, &link, tenant).await {
        Ok(true) => {}
        Ok(false) => return Err(visitor.ended()),
        Err(ApplyError::Hash(HashError::Busy)) => {
            return Ok(show(
                &link,
                filled,
                Some("Too many passwords are being checked at this moment. Try again.".to_owned()),
            ));
        }
        Err(error) => return Err(visitor.fault(error)),
    }
    let made = visitor.app.tenant(slug.as_str()).await.map_err(|error| visitor.fault(error))?;
    let made = made.ok_or_else(|| visitor.fault("the first tenant is not there"))?;
    let to = back::seal(&visitor.app.keyring, made.id, &format!("/console/t/{slug}")).unwrap_or_default();
    let location = HeaderValue::from_str(&format!("/t/{slug}/login?to={to}")).map_err(|error| visitor.fault(error))?;
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // The address that they come from has the link in it.
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// What is to be made, or why it cannot be, in whole sentences.
fn tenant(filled: &Filled, password: &str, repeat: &str) -> Result<TenantDoc, String> {
    let length = filled.name.chars().count();
    if !(1..=NAME).contains(&length) || filled.name.chars().any(char::is_control) {
        return Err(format!("The name is one line of 1 to {NAME} characters."));
    }
    let slug = Slug::parse(&filled.slug).map_err(|error| format!("The name in addresses cannot be used: {error}."))?;
    let username =
        Username::parse(&filled.username).map_err(|error| format!("The username cannot be used: {error}."))?;
    if password != repeat {
        return Err("The two passwords differ. Type the same one twice.".to_owned());
    }
    let password = Password::chosen(password).map_err(|error| format!("This cannot be your password: {error}."))?;
    let person = PersonDoc {
        display_name: username.as_str().to_owned(),
        username,
        roles: vec!["person".to_owned(), "administrator".to_owned()],
        password: Some(PasswordDoc::Clear(password)),
        enabled: Some(true),
        line: None,
    };
    Ok(TenantDoc {
        slug,
        name: filled.name.clone(),
        settings: Settings::default(),
        enabled: Some(true),
        servers: Vec::new(),
        people: vec![person],
        clients: Vec::new(),
        providers: Vec::new(),
        line: None,
    })
}

/// False: somebody else used the link.
async fn make(visitor: &Visitor, link: &Handle, tenant: TenantDoc) -> Result<bool, ApplyError> {
    let app = &visitor.app;
    let recorder = recorder(app, visitor.request_id.to_string());
    let tools = Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
    let document = Document { file: String::new(), tenants: vec![tenant] };
    let mut prepared = apply::prepare(tools, &document, Prune::Nothing).await?.unmarked();
    // The link begins something; it gives nobody a way into what is there.
    if prepared.plan().changes.iter().any(|change| change.action != Action::Create) {
        return Ok(false);
    }
    // In one transaction: the link is used up exactly if there is something for it.
    if !use_up(prepared.tx(), &app.keyring, link, app.clock.now()).await? {
        return Ok(false);
    }
    let ticket = prepared.commit().await?;
    if let Some(ticket) = ticket {
        app.node.settle(ticket).await?;
    }
    Ok(true)
}
