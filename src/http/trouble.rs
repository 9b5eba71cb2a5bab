//! Answers to a browser that asked for something it cannot have: a page that says what happened, why, and what to do.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::{
    csrf::Forged,
    form::FormError,
    pages::{ErrorLink, ErrorPage, SafeHref, html},
    request_id::RequestId,
};
use crate::config::PublicUrl;

/// An error page on its way. Handlers return it as their error.
pub struct Trouble {
    status: StatusCode,
    page: Box<ErrorPage>,
    /// When to try again.
    retry: Option<Duration>,
}

/// What an error page says, each in whole sentences.
pub struct Words<'a> {
    /// What happened, in a few words.
    pub title: &'a str,
    /// What happened.
    pub what: &'a str,
    /// Why.
    pub why: &'a str,
    /// What to do now.
    pub now: &'a str,
}

impl Trouble {
    /// A page with these words.
    pub fn new(status: StatusCode, words: &Words<'_>, request_id: &RequestId) -> Self {
        let page = ErrorPage {
            title: words.title.to_owned(),
            what: words.what.to_owned(),
            why: words.why.to_owned(),
            now: words.now.to_owned(),
            request_id: request_id.to_string(),
            link: None,
        };
        Self { status, page: Box::new(page), retry: None }
    }

    /// Adds a way on.
    pub fn link(mut self, link: ErrorLink) -> Self {
        self.page.link = Some(link);
        self
    }

    /// Adds a way on to an address of ours; one that cannot be linked adds nothing.
    pub fn onward(self, to: &str, label: &str) -> Self {
        match SafeHref::new(to) {
            Ok(href) => self.link(ErrorLink { label: label.to_owned(), href }),
            Err(_) => self,
        }
    }

    /// Something of ours does not work: 503. Log the cause where it is known.
    pub fn fault(request_id: &RequestId) -> Self {
        let words = Words {
            title: "Something here does not work",
            what: "Sallyport could not do this just now. Nothing was changed.",
            why: "A part that it needs, such as its database, did not answer. It is not your fault.",
            now: "Wait a moment and try again. If it stays like this, tell your administrator the request id below.",
        };
        Self { retry: Some(Duration::from_secs(1)), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, &words, request_id) }
    }

    /// Too much of the kind comes from this address: 429.
    pub fn too_many(wait: Duration, request_id: &RequestId) -> Self {
        let words = Words {
            title: "Too many requests",
            what: "Sallyport did not take this request. Nothing was changed.",
            why: "Very many requests of this kind came from your network in a short time. It need not have been you.",
            now: "Wait a minute, then go back to the application and connect again.",
        };
        Self { retry: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, &words, request_id) }
    }

    /// No such tenant, or it is disabled.
    pub fn no_tenant(request_id: &RequestId) -> Self {
        let words = Words {
            title: "There is nothing here",
            what: "This address leads nowhere.",
            why: "There is no place of this name on this server, or it has been closed.",
            now: "Check the address for a typing error, or ask whoever gave it to you.",
        };
        Self::new(StatusCode::NOT_FOUND, &words, request_id)
    }

    /// The body of a form, or the query of an address, cannot be read.
    pub fn unreadable(error: FormError, request_id: &RequestId) -> Self {
        let words = Words {
            title: "This request cannot be read",
            what: "Nothing was changed.",
            why: &format!("Part of it is not as a browser sends it: {error}."),
            now: "Go back to where you came from and start again.",
        };
        let status = if error == FormError::TooLarge { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        Self::new(status, &words, request_id)
    }

    /// A form that was not sent from a page of ours to this browser.
    pub fn forged(error: Forged, public_url: &PublicUrl, request_id: &RequestId) -> Self {
        let (why, now) = match error {
            Forged::Origin(_) => (
                "It was not sent from a page of this server.".to_owned(),
                format!(
                    "Open the page again at {public_url}, in this spelling, and use its own button. If you did not send \
                     anything, another page tried to do it for you: close that page."
                ),
            ),
            Forged::NoCookie => (
                "Your browser did not send the cookie that belongs to the form.".to_owned(),
                "Allow cookies for this site, go back, load the page again, and send the form once more.".to_owned(),
            ),
            Forged::Token => (
                "The form is too old, or it was made for another browser.".to_owned(),
                "Go back, load the page again, and send the form once more.".to_owned(),
            ),
        };
        let words = Words { title: "This form was not accepted", what: "Nothing was changed.", why: &why, now: &now };
        Self::new(StatusCode::FORBIDDEN, &words, request_id)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = html(self.status, *self.page);
        if let Some(wait) = self.retry {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}
