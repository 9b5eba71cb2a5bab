//! Setting a password by a link.

use askama::Template;

/// The question for a password.
///
/// The form posts `link`, `password`, `repeat` and `csrf`.
#[derive(Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of this form.
    pub csrf: String,
    /// The handle of the link.
    pub link: String,
    /// Whose password it is.
    pub username: String,
    /// Whether the person comes for the first time.
    pub invited: bool,
    /// As what, where it is more than a member: `administrator`.
    pub role: Option<String>,
    /// Why the last try failed and what to do, in whole sentences.
    pub error: Option<String>,
}

/// What is shown once a password is set.
#[derive(Template)]
#[template(path = "link_done.html")]
pub struct LinkDonePage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Whose password it is.
    pub username: String,
    /// Where the person can log in.
    pub login_href: String,
    /// Where they come then, if it is the console.
    pub console: Option<String>,
}
