//! Error pages of authorization requests, and the errors that belong to the client.

use axum::response::Response;
use http::StatusCode;

use super::{
    begin::{Asker, Refusal, Stranded},
    respond::{self, Answer},
};
use crate::{
    audit::Refused,
    http::{
        pages::{ErrorLink, SafeHref},
        trouble::{Trouble, Words},
        visit::Visit,
    },
};

/// Nobody to send an error to.
pub(super) fn stranded(visit: &Visit, stranded: Stranded) -> Trouble {
    if let Some(reason) = stranded.word() {
        visit.refused(Refused::Authorization(reason));
    }
    let why = match stranded {
        Stranded::Fault(error) => return visit.fault(error),
        Stranded::Document(error) => format!("The application says who it is in a document of its own, and {error}."),
        Stranded::Standing(standing) => return standing.page(visit),
        other => format!("The application made a mistake: {other}."),
    };
    let words = Words {
        title: "This request cannot be answered",
        what: "An application sent you here, but its request is not one that this server can answer safely.",
        why: &why,
        now: "Go back to the application, remove this connection there, and add it again.",
    };
    Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id)
}

/// The client's error, for a person who is not logged in: a page with a link that carries it.
pub(super) fn show_refusal(visit: &Visit, asker: &Asker, refusal: &Refusal) -> Trouble {
    let words = Words {
        title: "This request cannot go on",
        what: "An application sent you here with a request that this server cannot answer.",
        why: &format!("For its developer: {} ({}).", refusal.description, refusal.code),
        now: "If you were just using the application, you can go back to it; it will be told the reason. Otherwise close this page.",
    };
    let page = Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id);
    let address = respond::address(&visit.tenant, asker.redirect.as_str(), asker.state.as_deref(), &answer(refusal));
    match SafeHref::new(address) {
        Ok(href) => page.link(ErrorLink { label: format!("Return to {}", asker.redirect.host_for_people()), href }),
        Err(_) => page,
    }
}

/// The client's error, for a person who is logged in: sent to the client.
pub(super) fn send_refusal(visit: &Visit, asker: &Asker, refusal: &Refusal) -> Result<Response, Trouble> {
    respond::send(visit, asker.client.name(), &asker.redirect, asker.state.as_deref(), &answer(refusal))
}

fn answer(refusal: &Refusal) -> Answer<'_> {
    Answer::Error { code: refusal.code, description: &refusal.description }
}

/// The interaction is over, or was never this browser's.
pub(super) fn expired(visit: &Visit, status: StatusCode) -> Trouble {
    let words = Words {
        title: "This page has expired",
        what: "Nothing was changed.",
        why: "The request was answered already, is older than ten minutes, or began in another browser. Each is good for one answer.",
        now: "Start again from the application that sent you here.",
    };
    Trouble::new(status, &words, &visit.request_id)
}

/// A consent form without a decision.
pub(super) fn no_decision(visit: &Visit) -> Trouble {
    let words = Words {
        title: "Your answer was not understood",
        what: "Nothing was allowed.",
        why: "The form came without a decision: approve or deny.",
        now: "Go back, load the page again, and choose one of its two buttons.",
    };
    Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id)
}
