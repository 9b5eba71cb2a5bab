//! Logged in without an errand, and logged out.

use askama::Template;

/// Who is logged in, when no client is waiting.
#[derive(Template)]
#[template(path = "signed_in.html")]
pub struct SignedInPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Who is logged in.
    pub person: String,
    /// Where "Log out" posts to.
    pub logout_action: String,
    /// The CSRF token of this form.
    pub csrf: String,
}

/// What is shown after a logout.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the person can log in again.
    pub login_href: String,
}
