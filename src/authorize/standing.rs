//! Pages for people whose client may do nothing now. None of them sends an error to the client: clients take one for the end
//! of their registration, and throw it away.

use http::StatusCode;

use crate::{
    clients::{
        Client, Status,
        standing::{Barred, Suspension},
    },
    http::{
        pages::display_text,
        trouble::{Trouble, Words},
        visit::Visit,
        words::ago,
    },
    store::{self, StoreError, TenantTx},
};

/// The longest name of a client on these pages, in characters.
const NAME: usize = 80;
/// The longest reason.
const REASON: usize = 300;

/// Why a client may do nothing now.
#[derive(Debug)]
pub(super) enum Standing {
    /// An administrator must allow it first.
    Pending(Box<Client>),
    /// An administrator stopped it.
    Suspended(Box<Client>, Option<String>),
    /// It expired, or somebody removed it.
    Removed,
}

impl Standing {
    /// None: it may ask.
    pub(super) async fn of(tx: &mut TenantTx, client: &Client) -> Result<Option<Self>, StoreError> {
        Ok(match client.status {
            Status::Active => None,
            Status::Pending => Some(Self::Pending(Box::new(client.clone()))),
            Status::Disabled => {
                let reason = store::clients::standing::suspension(tx, &client.id).await?;
                let reason = reason.and_then(|Suspension { reason, .. }| reason);
                Some(Self::Suspended(Box::new(client.clone()), reason))
            }
            Status::Removed => Some(Self::Removed),
        })
    }

    /// The word in audit events.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Pending(_) => Barred::Pending.word(),
            Self::Suspended(..) => Barred::Suspended.word(),
            Self::Removed => "removed_client",
        }
    }

    /// The page that says so.
    pub(super) fn page(self, visit: &Visit) -> Trouble {
        match self {
            Self::Pending(client) => pending(visit, &client),
            Self::Suspended(client, reason) => suspended(visit, &client, reason),
            Self::Removed => removed(visit),
        }
    }
}

fn pending(visit: &Visit, client: &Client) -> Trouble {
    let (tenant, name) = (&visit.tenant.name, quoted(client));
    let words = Words {
        title: "An administrator must allow this application first",
        what: &format!(
            "{name} wants access. An administrator of {tenant} must allow this client before you are asked."
        ),
        why: &format!(
            "It registered here {} under the client id {}, by a name that it chose itself, and nobody has decided yet.",
            ago(visit.app.clock.now(), client.created_at),
            client.id
        ),
        now: &format!(
            "If you use this application, ask an administrator of {tenant} and name the client id. When it is allowed, come \
             back from the application or reload this page; keep the connection there as it is."
        ),
    };
    let page = Trouble::new(StatusCode::FORBIDDEN, &words, &visit.request_id);
    let id: String = url::form_urlencoded::byte_serialize(client.id.as_str().as_bytes()).collect();
    let href = format!("/console/t/{}/clients/{id}", visit.tenant.slug);
    page.onward(&href, "For administrators: decide about it")
}

fn suspended(visit: &Visit, client: &Client, reason: Option<String>) -> Trouble {
    let (tenant, name) = (&visit.tenant.name, quoted(client));
    let why = match reason {
        Some(reason) => format!("The reason given: {}", display_text(&reason, REASON)),
        None => "No reason was given.".to_owned(),
    };
    let words = Words {
        title: "This application is suspended",
        what: &format!("An administrator of {tenant} has suspended {name}. It gets no access for now."),
        why: &why,
        now: &format!(
            "Ask an administrator of {tenant}, and name the client id {}. Nothing of yours is lost: when the application is \
             resumed it works as before, so keep the connection there as it is.",
            client.id
        ),
    };
    Trouble::new(StatusCode::FORBIDDEN, &words, &visit.request_id)
}

fn removed(visit: &Visit) -> Trouble {
    let words = Words {
        title: "This application's registration was removed",
        what: "An application sent you here that was registered, and is no longer.",
        why: "Registrations that nobody uses expire, and the application or an administrator can remove one.",
        now: "In your application, remove this server and add it again: it then registers anew.",
    };
    Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id)
}

fn quoted(client: &Client) -> String {
    format!("\u{201c}{}\u{201d}", display_text(client.name(), NAME))
}
