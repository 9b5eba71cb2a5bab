//! Somebody at a page of the console: who they are, and that they may be there.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use time::Duration;

use super::back;
use crate::{
    access::{self, Action, Denied, Page, Role},
    app::App,
    audit::{Actor, Event, Recorder, Refused},
    http::{
        csrf::Purpose,
        form::{Form, FormError, Repeated},
        pages::console::Frame,
        trouble::{Trouble, Words},
        visit::Visit,
    },
    people::{self, Session, second::is_required},
    store::{StoreError, TenantTx},
};

/// What a route is for. The router puts it into each request of a console route.
#[derive(Clone, Copy, Debug)]
pub struct Asked(pub Page, pub Action);

/// How long after a login grave things can be done without another one.
pub(crate) const FRESH: Duration = Duration::minutes(15);

/// One request to a page of the console of a tenant, by somebody who may make it. An extractor.
pub struct Desk {
    /// The request.
    pub visit: Visit,
    /// Who makes it.
    pub session: Session,
    /// What they may be.
    pub roles: Vec<Role>,
    /// What part of the console it is.
    pub page: Page,
    /// The address, to come back to.
    pub path: String,
    /// What stands at `{object}` in it, if anything.
    pub object: String,
}

impl FromRequestParts<Arc<App>> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, app).await?;
        let Some(Asked(page, action)) = parts.extensions.get::<Asked>().copied() else {
            return Err(visit.fault("a route of the console without a rule").into_response());
        };
        let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let object = object(parts, app).await?;
        let session = people::current(&visit).await.map_err(|error| visit.fault(error).into_response())?;
        let Some(session) = session else {
            return Err(back::to_login(&visit, &parts.method, &path, "to"));
        };
        let roles = Role::of_words(&session.roles);
        if !page.is_at(visit.tenant.platform) {
            return Err(elsewhere(&visit).into_response());
        }
        // Whoever was made an administrator meanwhile, or logged in before the rule was there, shows a second factor first.
        let lacks_factor = !session.is_multi && is_required(&visit.tenant.settings.login, &session.roles);
        let rule = access::may(&roles, page, action).map_err(|denied| {
            visit.refused(Refused::Console(action.name()));
            refusal(&visit, denied).into_response()
        })?;
        if lacks_factor || rule.fresh && visit.app.clock.now() - session.auth_time > FRESH {
            return Err(back::to_login(&visit, &parts.method, &path, "again"));
        }
        let desk = Self { visit, session, roles, page, path, object };
        if access::reads_are_evidence(&desk.roles) {
            desk.write_down(action).await.map_err(|error| desk.visit.fault(error).into_response())?;
        }
        Ok(desk)
    }
}

async fn object(parts: &mut Parts, app: &Arc<App>) -> Result<String, Response> {
    let params = axum::extract::RawPathParams::from_request_parts(parts, app).await;
    let params = params.map_err(IntoResponse::into_response)?;
    Ok(params.iter().find(|(name, _)| *name == "object").map(|(_, text)| text.to_owned()).unwrap_or_default())
}

/// A page that this console does not have.
fn elsewhere(visit: &Visit) -> Trouble {
    let words = Words {
        title: "There is nothing here",
        what: "This console has no such page.",
        why: "Tenants are looked after by administrators of the platform, and what is in a tenant by its own.",
        now: "Go to the overview and choose from there.",
    };
    Trouble::new(StatusCode::NOT_FOUND, &words, &visit.request_id)
}

fn refusal(visit: &Visit, denied: Denied) -> Trouble {
    let words = match denied {
        Denied::NoRole => Words {
            title: "This is for administrators",
            what: "You are logged in, and this page is not for you.",
            why: "Only administrators and auditors of this place see its console.",
            now: "If you should be one, ask an administrator to give you the role. Your own programs are on your account page.",
        },
        Denied::ReadsOnly => Words {
            title: "You can read this, and not change it",
            what: "Nothing was changed.",
            why: "You are logged in as an auditor.",
            now: "Ask an administrator to do it. They will find you in the audit log, too.",
        },
    };
    Trouble::new(StatusCode::FORBIDDEN, &words, &visit.request_id)
}

impl Desk {
    /// The address of a page of the console: `/console/t/acme/clients`.
    pub fn at(&self, rest: &str) -> String {
        let slug = &self.visit.tenant.slug;
        if rest.is_empty() { format!("/console/t/{slug}") } else { format!("/console/t/{slug}/{rest}") }
    }

    /// Whether whoever is here may do this, too: then pages offer it.
    pub fn may(&self, page: Page, action: Action) -> bool {
        access::may(&self.roles, page, action).is_ok()
    }

    /// What a posted form says, once it is known to come from a page of the console in this browser.
    pub fn form(&self, form: Result<Form, FormError>) -> Result<Form, Trouble> {
        self.visit.form(form, Purpose::Console)
    }

    /// A field that may be there once.
    pub fn one<'a>(&self, form: &'a Form, name: &'static str) -> Result<&'a str, Trouble> {
        let one = form.one(name).map_err(|Repeated(name)| {
            let words = Words {
                title: "This request cannot be read",
                what: "Nothing was changed.",
                why: &format!("It has the field \"{name}\" more than once."),
                now: "Go back, load the page again, and send the form once more.",
            };
            Trouble::new(StatusCode::BAD_REQUEST, &words, &self.visit.request_id)
        });
        Ok(one?.unwrap_or_default())
    }

    /// Writes events as this person.
    pub fn recorder(&self) -> Recorder {
        let actor = Some(Actor::Person { person: self.session.person });
        Recorder { actor, ..self.visit.recorder() }
    }

    /// Writes events of another tenant, as this administrator of the platform.
    pub fn recorder_elsewhere(&self) -> Recorder {
        let actor = Some(Actor::Platform { administrator: self.session.person, token: None });
        Recorder { actor, ..self.visit.recorder() }
    }

    /// A transaction at the tenant.
    pub async fn tx(&self) -> Result<TenantTx, Trouble> {
        self.visit.app.store.tenant_tx(self.visit.tenant.id).await.map_err(|error| self.visit.fault(error))
    }

    /// A page that is not there, or not any more, or another tenant's: nobody is told which.
    pub fn nothing(&self, what: &str) -> Trouble {
        let words = Words {
            title: "There is nothing here",
            what: &format!("There is no {what} of this name or id here."),
            why: "It may have been removed, or the address has a typing error.",
            now: "Go back to the list and look for it there.",
        };
        Trouble::new(StatusCode::NOT_FOUND, &words, &self.visit.request_id)
    }

    /// What surrounds each page: navigation, and who is here.
    pub fn frame(&self) -> Frame {
        super::frame::of(self)
    }

    async fn write_down(&self, action: Action) -> Result<(), StoreError> {
        let mut tx = self.visit.app.store.tenant_tx(self.visit.tenant.id).await?;
        let seen = self.object.chars().filter(|sign| !sign.is_control());
        let object = (!self.object.is_empty()).then(|| seen.take(200).collect());
        let read =
            Event::AuditorRead { person: self.session.person, page: self.page.name(), action: action.name(), object };
        self.visit.recorder().record(&mut tx, &read).await?;
        tx.commit().await
    }
}
