//! New people, and the links by which they set a password.

use axum::response::Response;
use http::StatusCode;

use super::{at, named};
use crate::{
    console::{Desk, deed::sentence},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, Section, SheetPage, Tone, Way, exact},
        trouble::Trouble,
    },
    ids::PersonId,
    people::{
        self, NewPerson, PersonError, Username,
        link::{self, Link, LinkPurpose},
    },
    store::{TenantTx, people::listed::ListedRow},
};

/// The longest name on pages, in characters.
const NAME: usize = 100;

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
    let bad = |page, error: String| Ok(desk.ask_again(page, StatusCode::BAD_REQUEST, error));
    let known = match Username::parse(username) {
        Ok(known) => known,
        Err(error) => return bad(page, error.to_string()),
    };
    if name.chars().count() > NAME || name.chars().any(char::is_control) {
        return bad(page, format!("a name is one line of {NAME} characters at most"));
    }
    let display_name = (!name.is_empty()).then(|| name.to_owned());
    let mut tx = desk.tx().await?;
    let new = NewPerson { username: known.clone(), display_name, password: None };
    let id = match people::create(&mut tx, &desk.recorder(), new).await {
        Ok(id) => id,
        Err(PersonError::Store(error)) => return Err(desk.visit.fault(error)),
        Err(error) => return Ok(desk.ask_again(page, StatusCode::CONFLICT, sentence(&error.to_string()))),
    };
    let made = make(&desk, &mut tx, &known, LinkPurpose::Invitation).await?;
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
    let own = &desk.visit.app.config.public_url;
    let address = format!("{}/t/{}/link?link={}", own.as_str(), desk.visit.tenant.slug, link.handle.expose());
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Back to the person", at(desk, id)),
        title: format!("A link for {username}"),
        state: Cell::state("Shown once", Tone::Waits),
        lead: "Pass it on by a way that you trust: whoever has it sets the password of this person. It works once, and a newer one takes its place."
            .to_owned(),
        facts: vec![Fact::new("Good until", Cell::Text(exact(link.expires_at)))],
        sections: vec![Section::new("The link", "").pre(address)],
        actions: Vec::new(),
        danger: Vec::new(),
    };
    desk.visit.page(StatusCode::OK, page)
}

async fn link_question(desk: &Desk, tx: &mut TenantTx) -> Result<(ListedRow, AskPage, LinkPurpose), Trouble> {
    let row = named(desk, tx).await?;
    let back = Way::new("Back to the person", at(desk, row.id));
    let (title, lead, purpose) = if row.has_password {
        let lead = "With it they choose a new password. It works once, for an hour, and is shown only to you, once. The old password \
                    works until then.";
        ("Make a reset link?", lead, LinkPurpose::Reset)
    } else {
        let lead = "With it they choose their password. It works once, for a week, and is shown only to you, once.";
        ("Make an invitation link?", lead, LinkPurpose::Invitation)
    };
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
