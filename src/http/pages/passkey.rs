//! Passkeys: the one thing that pages need a script for.

use askama::Template;

/// A form that the script fills in: what an authenticator is asked, and where the answer goes.
pub struct PasskeyAsk {
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of the form.
    pub csrf: String,
    /// What `navigator.credentials` is asked, as JSON.
    pub options: String,
}

/// How a passkey is added.
#[derive(Template)]
#[template(path = "passkey.html")]
pub struct PasskeyPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// What the authenticator is asked.
    pub ask: PasskeyAsk,
    /// What the browser is called: a name for the passkey to begin with.
    pub name: String,
    /// Where to go instead.
    pub back_href: String,
    /// Why the last try failed and what to do, in whole sentences.
    pub error: Option<String>,
}
