//! What was done in a person's name.

use askama::Template;

use super::filters;

/// Part of it, newest first.
#[derive(Template)]
#[template(path = "history.html")]
pub struct HistoryPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// The way back.
    pub account_href: String,
    /// Where the choice leads.
    pub action: String,
    /// The one grant that this is about: its id, and whose it is on which server.
    pub grant: Option<(String, String)>,
    /// What can be chosen: the word in the address, and its name.
    pub shows: Vec<(&'static str, &'static str)>,
    /// What was chosen.
    pub show: String,
    /// Whether this is not all.
    pub narrowed: bool,
    /// What happened.
    pub deeds: Vec<Deed>,
    /// Further back.
    pub older_href: Option<String>,
    /// Back to what happened last.
    pub newest_href: Option<String>,
}

/// One thing that happened.
pub struct Deed {
    /// What, in our words.
    pub what: String,
    /// Who and what else, much of it in words of strangers.
    pub about: Vec<String>,
    /// When: `2 minutes ago`.
    pub ago: String,
    /// The same to the second, in UTC (RFC 3339).
    pub at: String,
    /// Whether something was refused, or should be looked at.
    pub bad: bool,
}
