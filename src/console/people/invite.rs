//! New people, and the links by which they set a password.

use axum::response::Response;
use http::StatusCode;

use super::{at, named};
use crate::{
    console::{Desk, deed::Wrong},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    ids::PersonId,
    people::{
        PersonError, Username,
        link::{self, Link, LinkPurpose},
    },
    store::{TenantTx, people::listed::ListedRow},
};

fn new_page(desk: &Desk, username: &str, name: &str) -> AskPage {
    let lead = "You get a link to pass on: with it they choose their password. Sallyport sends no mail.";
    let inputs = vec![
        Input::text("username", "Username", "With it they log in. It never changes.", username),
        Input::text("name", "Name", "On pages. May be left empty.", name),
    ];
    AskPage {
        inputs,
        ..desk.ask("Invite somebody", lead, "Make the invitation", Way::new("People", desk.at("people")))
    }
}

/// `GET …/people/-/new`
pub(in crate::console) async fn ask_new(desk: Desk) -> Result<Response, Trouble> {
    let page = new_page(&desk, "", "");
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/people/-/new`: `username`, `name`. Answers with the link, which is shown this once.
pub(in crate::console) async fn create(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (username, name) = (desk.one(&form, "username")?.trim(), desk.one(&form, "name")?.trim());
    let page = new_page(&desk, username, name);
    let known = Username::parse(username).map_err(|error| Wrong::new("username", error.to_string()));
    let display_name = link::display_name(name).map_err(|error| Wrong::new("name", error.to_string()));
    let (known, display_name) = match (known, display_name) {
        (Ok(known), Ok(display_name)) => (known, display_name),
        (known, display_name) => {
            let wrong = [known.err(), display_name.err()].into_iter().flatten().collect();
            return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong));
        }
    };
    let mut tx = desk.tx().await?;
    let tools = (&desk.recorder(), &desk.visit.app.keyring);
    let (id, made) = match link::invite(&mut tx, tools, &known, display_name).await {
        Ok(made) => made,
        Err(PersonError::Store(error)) => return Err(desk.visit.fault(error)),
        Err(error) => {
            let wrong = vec![Wrong::new("username", error.to_string())];
            return Ok(desk.ask_marked(page, StatusCode::CONFLICT, wrong));
        }
    };
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    Ok(shown(&desk, id, username, &made))
}

async fn make(desk: &Desk, tx: &mut TenantTx, username: &Username, purpose: LinkPurpose) -> Result<Link, Trouble> {
    let tools = (&desk.recorder(), &desk.visit.app.keyring);
    link::make(tx, tools, username, purpose).await.map_err(|error| match error {
        PersonError::Store(error) => desk.visit.fault(error),
        _ => desk.nothing("person who may log in"),
    })
}

/// The page with the link. It is no redirect: the link must be in no address of ours.
fn shown(desk: &Desk, id: PersonId, username: &str, link: &Link) -> Response {
    let address = link.address(&desk.visit.app.config.public_url, &desk.visit.tenant.slug);
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Back to the person", at(desk, id)),
        title: format!("A link for {username}"),
        state: Cell::state("Shown once", Tone::Waits),
        lead: "Pass it on by a way that you trust: whoever has it sets the password of this person. It works once, and a newer one takes its place."
            .to_owned(),
        facts: vec![Fact::new("It ends", Cell::until(desk.visit.app.clock.now(), link.expires_at))],
        sections: vec![Section::new("The link", "").pre(address.as_str().to_owned())],
        actions: Vec::new(),
        danger: Vec::new(),
    };
    desk.visit.page(StatusCode::OK, page)
}

async fn link_question(desk: &Desk, tx: &mut TenantTx) -> Result<(ListedRow, AskPage, LinkPurpose), Trouble> {
    let row = named(desk, tx).await?;
    let back = Way::new("Back to the person", at(desk, row.id));
    let (title, lead) = if row.has_password {
        let lead = "With it they choose a new password. It works once, for an hour, and is shown only to you, once. The old password \
                    works until then.";
        ("Make a reset link?", lead)
    } else {
        let lead = "With it they choose their password. It works once, for a week, and is shown only to you, once.";
        ("Make an invitation link?", lead)
    };
    let purpose = LinkPurpose::of(row.has_password);
    let facts = vec![Fact::new("Person", Cell::Text(row.username.clone()))];
    let page = AskPage { facts, ..desk.ask(title, lead, "Make the link", back) };
    Ok((row, page, purpose))
}

/// `GET …/people/{object}/link`
pub(in crate::console) async fn ask_link(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page, _) = link_question(&desk, &mut tx).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/people/{object}/link`. Answers with the link, which is shown this once.
pub(in crate::console) async fn link(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (row, _, purpose) = link_question(&desk, &mut tx).await?;
    let username = Username::parse(&row.username).map_err(|error| desk.visit.fault(error))?;
    let made = make(&desk, &mut tx, &username, purpose).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    Ok(shown(&desk, row.id, &row.username, &made))
}
