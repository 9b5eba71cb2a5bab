//! Logged in without an errand, and logged out.

use askama::Template;

use super::{Chart, filters};

/// Who is logged in, and what they allowed.
#[derive(Template)]
#[template(path = "signed_in.html")]
pub struct SignedInPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Who is logged in.
    pub person: String,
    /// The console, for whoever may see it.
    pub console_href: Option<String>,
    /// How the person logs in, and where.
    pub security_href: String,
    /// What was done in the person's name.
    pub history_href: String,
    /// Where "Log out" posts to.
    pub logout_action: String,
    /// Where "Take back" posts to.
    pub revoke_action: String,
    /// The CSRF token of all forms here.
    pub csrf: String,
    /// What they allowed, newest first.
    pub grants: Vec<GrantView>,
}

/// One thing that a person allowed.
pub struct GrantView {
    /// Its id.
    pub id: String,
    /// The client's name for itself.
    pub client: String,
    /// The server's name, in the tenant's words.
    pub server: String,
    /// What it may do, each a sentence.
    pub may: Vec<String>,
    /// When it was allowed, to follow "Allowed": `2 minutes ago`.
    pub since: String,
    /// When it was last used, if it was, to follow "last used".
    pub used: Option<String>,
    /// What was done with it.
    pub history_href: String,
    /// Calls by day.
    pub calls: Chart,
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
