//! Errors that a person sees.

use askama::Template;

use super::{SafeHref, filters};

/// What happened, why, and what to do now.
///
/// Also shown when the request of an unverified client is wrong before the person has logged in: the error then goes
/// back to the client by a link that the person follows, never by a redirect.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What happened, in a few words: the heading.
    pub title: String,
    /// What happened, in whole sentences.
    pub what: String,
    /// Why, in whole sentences.
    pub why: String,
    /// What to do now, in whole sentences.
    pub now: String,
    /// The id of this request, the one in the logs and the audit record.
    pub request_id: String,
    /// A way on from here.
    pub link: Option<ErrorLink>,
}

/// A way on from an error.
pub struct ErrorLink {
    /// A verb and its object: `Return to claude.ai`.
    pub label: String,
    /// Where it leads. It may carry the error to the client.
    pub href: SafeHref,
}
