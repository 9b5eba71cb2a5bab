//! Changes of a client's standing: the questions, and the deeds.

use axum::response::Response;
use http::StatusCode;

use super::{at, named};
use crate::{
    clients::{
        Client, Status, software,
        standing::{self, Remember, StandingError},
    },
    console::{Desk, deed::Wrong},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, Way},
        trouble::Trouble,
    },
    store::{TenantTx, clients::standing as rows},
};

/// The client, and what the question about it has in any case.
async fn question(
    desk: &Desk,
    tx: &mut TenantTx,
    title: &str,
    lead: &str,
    verb: &str,
) -> Result<(Client, AskPage), Trouble> {
    let client = named(desk, tx).await?;
    let grants = rows::grants(tx, &client.id).await.map_err(|error| desk.visit.fault(error))?;
    let back = Way::new("Back to the client", at(desk, &client.id));
    let uris = client.metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect();
    let facts = vec![
        Fact::new("Name, as it says", Cell::Text(client.name().to_owned())),
        Fact::new("Client id", Cell::Code(client.id.to_string())),
        Fact::new("Answers go to", Cell::Names(uris)),
        Fact::new("Grants in force", Cell::Number(grants)),
    ];
    Ok((client, AskPage { facts, ..desk.ask(title, lead, verb, back) }))
}

/// The deed failed: the page again with the reason, or a page that says that the client is gone.
fn failed(desk: &Desk, page: AskPage, error: StandingError) -> Result<Response, Trouble> {
    match error {
        StandingError::Store(error) => Err(desk.visit.fault(error)),
        StandingError::Gone(_) => Err(desk.nothing("client")),
        StandingError::Unproved(_) => {
            let why = "its answers go to a program on a person's own computer, so any program there can call itself so: tick this, too, or \
                       approve this client alone";
            Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, vec![Wrong::new("unproved", why)]))
        }
        error @ StandingError::Reason => {
            let wrong = vec![Wrong::new("reason", error.to_string())];
            Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong))
        }
        StandingError::NotPending(..) => Ok(desk.ask_again(
            page,
            StatusCode::CONFLICT,
            "it does not wait for an approval any more: somebody else was quicker",
        )),
        StandingError::NotSuspended(_) => {
            Ok(desk.ask_again(page, StatusCode::CONFLICT, "it is not suspended any more: somebody else was quicker"))
        }
        StandingError::Suspended(_) => {
            Ok(desk.ask_again(page, StatusCode::CONFLICT, "it is suspended: resume it first, then approve it"))
        }
        StandingError::Configured(_) => Ok(desk.ask_again(
            page,
            StatusCode::CONFLICT,
            "an administrator wrote it down in a file of `sallyport apply`: take it out there",
        )),
    }
}

async fn approval(desk: &Desk, tx: &mut TenantTx, [many, unproved]: [bool; 2]) -> Result<(Client, AskPage), Trouble> {
    let lead = "It can then ask people for access. Each of them is asked as always, and sees that nobody has verified its name.";
    let (client, mut page) = question(desk, tx, "Approve this client?", lead, "Approve").await?;
    page.inputs.push(Input::check(
        "remember",
        "Approve whatever registers as this software, too",
        "Now and later: the same name, software_id and addresses.",
        many,
    ));
    if !software::answers_go_to_it_only(&client.metadata) {
        page.inputs.push(Input::check(
            "unproved",
            "Even though it cannot prove what it is",
            "Its answers go to a program on a person's own computer, and any program there can say that it is this software. Goes with the box above.",
            unproved,
        ));
    }
    Ok((client, page))
}

/// `GET …/approve`
pub(in crate::console) async fn ask_approve(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = approval(&desk, &mut tx, [false, false]).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/approve`: `remember`, `unproved`.
pub(in crate::console) async fn approve(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let ticked = [desk.one(&form, "remember")? == "yes", desk.one(&form, "unproved")? == "yes"];
    let mut tx = desk.tx().await?;
    let (client, page) = approval(&desk, &mut tx, ticked).await?;
    let remember = match ticked {
        [true, true] => Remember::WhateverSaysSo,
        [true, false] => Remember::Software,
        [false, false] => Remember::No,
        [false, true] => {
            let wrong = vec![Wrong::new("remember", "the box below goes with this one: tick both, or neither")];
            return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong));
        }
    };
    match standing::approve(&mut tx, &desk.recorder(), &client.id, remember).await {
        Ok(approved) => {
            tx.commit().await.map_err(|error| desk.visit.fault(error))?;
            let word = if remember == Remember::No { "approved" } else { "approved-many" };
            desk.done(&at(&desk, &client.id), word, approved.len() as u64, 0)
        }
        Err(error) => failed(&desk, page, error),
    }
}

async fn suspension(desk: &Desk, tx: &mut TenantTx, reason: &str) -> Result<(Client, AskPage), Trouble> {
    let lead = "Nothing of it is accepted any more, on any node, once this is done. It keeps its registration, its tokens and what \
                people allowed it, until somebody resumes it.";
    let (client, mut page) = question(desk, tx, "Suspend this client?", lead, "Suspend").await?;
    page.danger = true;
    if client.status == Status::Pending {
        page.title = "Refuse this client?".to_owned();
        page.lead = "It may do nothing, and waits no longer. Whoever comes with it reads that it is suspended. Resuming it lets it wait again."
            .to_owned();
        page.verb = "Refuse".to_owned();
    }
    page.inputs.push(Input::text(
        "reason",
        "Reason",
        "People who come with this client see it. May be left empty.",
        reason,
    ));
    Ok((client, page))
}

/// `GET …/suspend`
pub(in crate::console) async fn ask_suspend(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = suspension(&desk, &mut tx, "").await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/suspend`: `reason`.
pub(in crate::console) async fn suspend(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let reason = Some(desk.one(&form, "reason")?).filter(|reason| !reason.is_empty());
    let mut tx = desk.tx().await?;
    let (client, page) = suspension(&desk, &mut tx, reason.unwrap_or_default()).await?;
    match standing::suspend(&mut tx, &desk.recorder(), &client.id, reason).await {
        Ok(ticket) => {
            let ms = desk.settle(tx, ticket).await?;
            desk.done(&at(&desk, &client.id), "suspended", 1, ms)
        }
        Err(error) => failed(&desk, page, error),
    }
}

async fn resumption(desk: &Desk, tx: &mut TenantTx) -> Result<(Client, AskPage), Trouble> {
    let lead = "It goes on as it was: with the tokens that it still has, or waiting for an approval.";
    question(desk, tx, "Let this client go on?", lead, "Resume").await
}

/// `GET …/resume`
pub(in crate::console) async fn ask_resume(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = resumption(&desk, &mut tx).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/resume`
pub(in crate::console) async fn resume(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (client, page) = resumption(&desk, &mut tx).await?;
    match standing::resume(&mut tx, &desk.recorder(), &client.id).await {
        Ok(_) => {
            tx.commit().await.map_err(|error| desk.visit.fault(error))?;
            desk.done(&at(&desk, &client.id), "resumed", 1, 0)
        }
        Err(error) => failed(&desk, page, error),
    }
}

async fn removal(desk: &Desk, tx: &mut TenantTx) -> Result<(Client, AskPage), Trouble> {
    let lead =
        "Its registration ends with all that was granted to it, for good. Whoever uses it adds the server again in it.";
    let (client, page) = question(desk, tx, "Remove this client?", lead, "Remove").await?;
    Ok((client, AskPage { danger: true, ..page }))
}

/// `GET …/remove`
pub(in crate::console) async fn ask_remove(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = removal(&desk, &mut tx).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/remove`
pub(in crate::console) async fn remove(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (client, page) = removal(&desk, &mut tx).await?;
    match standing::remove(&mut tx, &desk.recorder(), &client.id).await {
        Ok(ticket) => {
            let ms = desk.settle(tx, ticket).await?;
            desk.done(&desk.at("clients"), "removed", 1, ms)
        }
        Err(error) => failed(&desk, page, error),
    }
}
