//! The pages on which people log in and out.

mod account;
mod backchannel;
mod history;
mod link;
mod login;
mod logout;
mod passkey;
mod provider;
mod second;
mod security;

pub use account::{account, revoke};
pub use backchannel::provider_logout;
pub use history::history;
pub use link::{link_page, set_password};
pub use login::{login, login_page};
pub use logout::{logout, logout_page};
pub use passkey::{add_passkey, login_with_passkey, passkey_page, remove_passkey};
pub use provider::{begin_with, callback, link_identity, unlink_identity};
pub use second::{second_page, show_second};
pub use security::{
    add_totp, change_password, end_logins, password_page, remove_totp, renew_recovery, security, totp_page,
};

use super::errand::{self, Errand};
use crate::{
    audit::Refused,
    http::{
        form::{Form, Repeated},
        trouble::{Trouble, Words},
        visit::Visit,
    },
    secret::{Handle, HandleKind},
};
use http::StatusCode;

/// The parameter that carries an interaction's handle.
const INTERACTION: &str = "interaction";

/// An errand, and the parameter that it goes by.
struct Waiting {
    name: &'static str,
    /// A handle, the code of a device, or the way back to the console: letters, digits, `-`, `_` and `.`.
    value: String,
    errand: Errand,
}

/// The errand that a form or an address names, if it names one.
async fn waiting(visit: &Visit, form: &Form) -> Result<Option<Waiting>, Trouble> {
    for name in [errand::TO, errand::AGAIN] {
        if let Some(text) = one(visit, form, name)? {
            // Whatever nobody here wrote leads to the account, as no errand does.
            let errand = errand::of_console(&visit.app, &visit.tenant, text, name == errand::AGAIN);
            return Ok(errand.map(|errand| Waiting { name, value: text.to_owned(), errand }));
        }
    }
    let Some(text) = one(visit, form, INTERACTION)? else {
        let device = one(visit, form, errand::DEVICE)?.map(errand::of_device);
        return Ok(device.map(|(errand, value)| Waiting { name: errand::DEVICE, value, errand }));
    };
    let ended = || {
        visit.refused(Refused::Authorization("interaction"));
        start_again(visit)
    };
    let handle = Handle::parse(HandleKind::Interaction, text).map_err(|_| ended())?;
    let errand = errand::find(&visit.app, &visit.tenant, &handle, &visit.browser).await;
    let errand = errand.map_err(|error| visit.fault(error))?.ok_or_else(ended)?;
    Ok(Some(Waiting { name: INTERACTION, value: handle.expose().to_owned(), errand }))
}

/// A field that may be there once.
fn one<'a>(visit: &Visit, form: &'a Form, name: &'static str) -> Result<Option<&'a str>, Trouble> {
    form.one(name).map_err(|Repeated(name)| {
        let words = Words {
            title: "This request cannot be read",
            what: "Nothing was changed.",
            why: &format!("It has the field \"{name}\" more than once."),
            now: "Go back, load the page again, and send the form once more.",
        };
        Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id)
    })
}

fn start_again(visit: &Visit) -> Trouble {
    let words = Words {
        title: "This request has ended",
        what: "The application that sent you here is not waiting any more.",
        why: "A request lasts ten minutes, can be answered once, and belongs to the browser that it began in.",
        now: "Go back to the application and connect again from there.",
    };
    Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id)
}

impl Waiting {
    /// `page?interaction=…`
    fn path(&self, visit: &Visit, page: &str) -> String {
        // There is nothing to escape.
        format!("{}?{}={}", visit.path(page), self.name, self.value)
    }

    /// Where the person goes once they are logged in.
    fn on(&self, visit: &Visit) -> String {
        self.errand.back.clone().unwrap_or_else(|| self.path(visit, self.errand.on))
    }

    /// The value, if it goes by this parameter.
    fn by(&self, name: &str) -> Option<String> {
        (self.name == name).then(|| self.value.clone())
    }
}
