//! Roles, and whether somebody may log in.

use axum::response::Response;
use http::StatusCode;

use super::{at, named, role_names, state};
use crate::{
    access::Role,
    console::Desk,
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, Way},
        trouble::Trouble,
    },
    people::{
        self, PersonError, Username,
        roles::{RolesError, appoint, shut_out},
        second::reset,
    },
    store::{StoreError, TenantTx, people::listed::ListedRow},
};

fn facts(row: &ListedRow) -> Vec<Fact> {
    vec![
        Fact::new("Person", Cell::Text(row.username.clone())),
        Fact::new("State", state(row)),
        Fact::new("Roles", Cell::Text(role_names(&row.roles))),
        Fact::new("Grants in force", Cell::Number(row.grants)),
    ]
}

async fn question(
    desk: &Desk,
    tx: &mut TenantTx,
    (title, lead, verb): (&str, &str, &str),
) -> Result<(ListedRow, AskPage), Trouble> {
    let row = named(desk, tx).await?;
    let back = Way::new("Back to the person", at(desk, row.id));
    let page = AskPage { facts: facts(&row), ..desk.ask(title, lead, verb, back) };
    Ok((row, page))
}

fn username(desk: &Desk, row: &ListedRow) -> Result<Username, Trouble> {
    Username::parse(&row.username).map_err(|error| desk.visit.fault(error))
}

async fn roles_question(desk: &Desk, tx: &mut TenantTx) -> Result<(ListedRow, AskPage), Trouble> {
    let lead = "Whoever loses a role is logged out in all browsers.";
    let (row, mut page) = question(desk, tx, ("Change roles", lead, "Save")).await?;
    let now = Role::of_words(&row.roles);
    let has = |role| now.contains(&role);
    page.inputs = vec![
        Input::check(
            "administrator",
            "Administrator",
            "Sees this console and changes what is in it.",
            has(Role::Administrator),
        ),
        Input::check(
            "auditor",
            "Auditor",
            "Sees and exports everything, changes nothing. What they look at is in the log.",
            has(Role::Auditor),
        ),
    ];
    let seen: Vec<&str> = now.iter().map(|role| role.word()).collect();
    page.hidden = vec![("seen".to_owned(), seen.join(" "))];
    Ok((row, page))
}

/// `GET …/people/{object}/roles`
pub(in crate::console) async fn ask_roles(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = roles_question(&desk, &mut tx).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/people/{object}/roles`: `administrator`, `auditor`, and `seen`: those that the form was made for.
pub(in crate::console) async fn roles(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (row, page) = roles_question(&desk, &mut tx).await?;
    let seen: Vec<String> = desk.one(&form, "seen")?.split(' ').map(str::to_owned).collect();
    let mut wanted = vec![Role::Member];
    for role in [Role::Administrator, Role::Auditor] {
        let ticked = match role {
            Role::Administrator => desk.one(&form, "administrator")?,
            _ => desk.one(&form, "auditor")?,
        };
        wanted.extend((ticked == "yes").then_some(role));
    }
    let who = (desk.session.person, row.id);
    match appoint(&mut tx, &desk.recorder(), who, &Role::of_words(&seen), &wanted).await {
        Ok(changed) => {
            tx.commit().await.map_err(|error| desk.visit.fault(error))?;
            desk.done(&at(&desk, row.id), if changed { "saved" } else { "nothing" }, 1, 0)
        }
        Err(RolesError::Store(error)) => Err(desk.visit.fault(error)),
        Err(RolesError::Gone) => Err(desk.nothing("person")),
        Err(error) => Ok(desk.ask_again(page, StatusCode::CONFLICT, error)),
    }
}

const DISABLE: (&str, &str, &str) = (
    "Disable this person?",
    "They are logged out everywhere, and no token of theirs works on any node once this is done. What they allowed works again when \
     somebody enables them.",
    "Disable",
);
const ENABLE: (&str, &str, &str) = (
    "Let this person in again?",
    "They can log in again, and tokens of theirs that are still valid work again.",
    "Enable",
);
const END: (&str, &str, &str) = (
    "Log this person out everywhere?",
    "Their sessions end in all browsers. Programs keep what they allowed them.",
    "Log out everywhere",
);

const FACTORS: (&str, &str, &str) = (
    "Take their second factors away?",
    "For somebody who lost them, recovery codes and all, or whose account was somebody else's. Make sure that it is them who ask: their password alone \
     lets them in then, until they set up another one. Whoever has a password is unlinked from accounts at identity providers, too. They are \
     logged out in all browsers.",
    "Take them away",
);

async fn ask(desk: Desk, words: (&str, &str, &str), danger: bool) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = question(&desk, &mut tx, words).await?;
    Ok(desk.visit.page(StatusCode::OK, AskPage { danger, ..page }))
}

fn failed(desk: &Desk, error: PersonError) -> Trouble {
    match error {
        PersonError::Store(error) => desk.visit.fault(error),
        _ => desk.nothing("person"),
    }
}

/// `GET …/disable`
pub(in crate::console) async fn ask_disable(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, DISABLE, true).await
}

/// `POST …/disable`
pub(in crate::console) async fn disable(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (row, page) = question(&desk, &mut tx, DISABLE).await?;
    let page = AskPage { danger: true, ..page };
    match shut_out(&mut tx, &desk.recorder(), (desk.session.person, row.id)).await {
        Ok(ticket) => {
            let ms = desk.settle(tx, ticket).await?;
            desk.done(&at(&desk, row.id), "disabled", 1, ms)
        }
        Err(RolesError::Store(error)) => Err(desk.visit.fault(error)),
        Err(RolesError::Gone) => Err(desk.nothing("person")),
        Err(error) => Ok(desk.ask_again(page, StatusCode::CONFLICT, error)),
    }
}

/// `GET …/enable`
pub(in crate::console) async fn ask_enable(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, ENABLE, false).await
}

/// `POST …/enable`
pub(in crate::console) async fn enable(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (row, _) = question(&desk, &mut tx, ENABLE).await?;
    people::enable(&mut tx, &desk.recorder(), &username(&desk, &row)?).await.map_err(|error| failed(&desk, error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    desk.done(&at(&desk, row.id), "enabled", 1, 0)
}

/// `GET …/factors`
pub(in crate::console) async fn ask_factors(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, FACTORS, true).await
}

/// `POST …/factors`
pub(in crate::console) async fn factors(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (row, _) = question(&desk, &mut tx, FACTORS).await?;
    let had = reset::all(&mut tx, &desk.recorder(), &username(&desk, &row)?).await;
    let (_, had) = had.map_err(|error| failed(&desk, error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    desk.done(&at(&desk, row.id), if had { "reset" } else { "nothing" }, 1, 0)
}

/// `GET …/end`
pub(in crate::console) async fn ask_end(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, END, true).await
}

/// `POST …/end`
pub(in crate::console) async fn end(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (row, _) = question(&desk, &mut tx, END).await?;
    tx.commit().await.map_err(|error: StoreError| desk.visit.fault(error))?;
    let of = [(desk.visit.tenant.id, Some(row.id))];
    let ended = people::end_sessions(&desk.visit.app.store, &desk.recorder(), &of).await;
    let ended = ended.map_err(|error| desk.visit.fault(error))?;
    desk.done(&at(&desk, row.id), "ended", ended, 0)
}
