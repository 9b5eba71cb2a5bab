//! How a person logs in, and where they are logged in.

use askama::Template;

use super::filters;

/// Second factors, password and logins of whoever is logged in.
#[derive(Template)]
#[template(path = "security.html")]
pub struct SecurityPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Who is logged in.
    pub person: String,
    /// The way back.
    pub account_href: String,
    /// The CSRF token of all forms here.
    pub csrf: String,
    /// Where an authenticator is set up.
    pub totp_href: String,
    /// Since when there is one: `2 days ago`.
    pub totp_since: Option<String>,
    /// When its code was used.
    pub totp_used: Option<String>,
    /// Where "Remove" posts to.
    pub remove_action: String,
    /// Whether this person must have one.
    pub required: bool,
    /// Whether there is any second factor.
    pub has_any: bool,
    /// Where a passkey is added. None: this installation has no name that passkeys could be for.
    pub passkey_href: Option<String>,
    /// Where "Remove" of a passkey posts to.
    pub passkey_action: String,
    /// The passkeys that there are.
    pub passkeys: Vec<OwnPasskey>,
    /// Where "Link" of an identity provider posts to.
    pub link_action: String,
    /// Where "Remove" of one posts to.
    pub unlink_action: String,
    /// The identity providers of the tenant.
    pub identities: Vec<OwnProvider>,
    /// Recovery codes that are left.
    pub recovery_codes: i64,
    /// Where "Make new ones" posts to.
    pub recovery_action: String,
    /// Where the password is changed, for whoever has one.
    pub password_href: Option<String>,
    /// Where "Log out" of a login posts to.
    pub end_action: String,
    /// Where they are logged in, newest first.
    pub logins: Vec<OwnLogin>,
}

/// One passkey.
pub struct OwnPasskey {
    /// Its id.
    pub id: String,
    /// By what the person knows it.
    pub name: String,
    /// Since when it is here.
    pub since: String,
    /// When it was used.
    pub used: Option<String>,
}

/// An identity provider.
pub struct OwnProvider {
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Since when the person logs in through it. None: they do not.
    pub since: Option<String>,
    /// When they last did.
    pub used: Option<String>,
}

/// One login.
pub struct OwnLogin {
    /// Its id.
    pub id: String,
    /// The browser.
    pub agent: String,
    /// How they logged in: `with your password`.
    pub how: String,
    /// When.
    pub since: String,
    /// Whether it is this one.
    pub here: bool,
}

/// The question for another password.
///
/// The form posts `current`, `password`, `repeat` and `csrf`.
#[derive(Template)]
#[template(path = "password.html")]
pub struct PasswordPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of this form.
    pub csrf: String,
    /// Whose password it is.
    pub username: String,
    /// Where to go instead.
    pub back_href: String,
    /// Why the last try failed and what to do, in whole sentences.
    pub error: Option<String>,
}
