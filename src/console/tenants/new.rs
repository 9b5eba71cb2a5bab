//! New tenants, and links for their administrators.

use axum::response::Response;
use http::StatusCode;

use super::{at, named};
use crate::{
    apply::tenant::{self, NewTenant, check_name},
    console::{Desk, deed::Wrong},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    ids::Slug,
    people::{PersonError, Username, link::Link},
};

/// What the form for a tenant says.
#[derive(Default)]
struct Filled {
    name: String,
    slug: String,
    username: String,
}

fn new_page(desk: &Desk, filled: &Filled) -> AskPage {
    let lead = "You get a link for its first administrator, who does the rest: people, servers, rules. You do not see what is in it.";
    let inputs = vec![
        Input::text("name", "Name", "A company or a team. People read it on every page of theirs.", &filled.name),
        Input::text(
            "slug",
            "Name in addresses",
            "Small letters, digits and hyphens. It never changes: clients know the place by it.",
            &filled.slug,
        ),
        Input::text("username", "Its first administrator", "The name with which they log in.", &filled.username),
    ];
    AskPage { inputs, ..desk.ask("Make a tenant", lead, "Make it", Way::new("Tenants", desk.at("tenants"))) }
}

/// `GET …/tenants/-/new`
pub(in crate::console) async fn ask_new(desk: Desk) -> Result<Response, Trouble> {
    let page = new_page(&desk, &Filled::default());
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn read(filled: &Filled) -> Result<NewTenant, Vec<Wrong>> {
    let name = check_name(&filled.name).map_err(|why| Wrong::new("name", why));
    let slug = Slug::parse(&filled.slug).map_err(|error| Wrong::new("slug", error.to_string()));
    let administrator = Username::parse(&filled.username).map_err(|error| Wrong::new("username", error.to_string()));
    match (name, slug, administrator) {
        (Ok(()), Ok(slug), Ok(administrator)) => Ok(NewTenant { slug, name: filled.name.clone(), administrator }),
        (name, slug, administrator) => {
            Err([name.err(), slug.err(), administrator.err()].into_iter().flatten().collect())
        }
    }
}

/// `POST …/tenants/-/new`: `name`, `slug`, `username`. Answers with the link, which is shown this once.
pub(in crate::console) async fn create(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let one = |name| desk.one(&form, name).map(|text| text.trim().to_owned());
    let filled = Filled { name: one("name")?, slug: one("slug")?, username: one("username")? };
    let page = new_page(&desk, &filled);
    let new = match read(&filled) {
        Ok(new) => new,
        Err(wrong) => return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong)),
    };
    let (slug, username) = (new.slug.clone(), new.administrator.clone());
    let recorder = desk.recorder_elsewhere();
    match tenant::make(desk.visit.app.tools(&recorder), &desk.visit.app.node, new).await {
        Ok(Some(link)) => Ok(shown(&desk, &slug, &username, &link)),
        Ok(None) => {
            let error = "this name in addresses is taken, or was once: choose another one";
            Ok(desk.ask_marked(page, StatusCode::CONFLICT, vec![Wrong::new("slug", error)]))
        }
        Err(error) => Err(desk.visit.fault(error)),
    }
}

/// The page with the link. It is no redirect: the link must be in no address of ours.
fn shown(desk: &Desk, slug: &Slug, username: &Username, link: &Link) -> Response {
    let address = link.address(&desk.visit.app.config.public_url, slug);
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Back to the tenant", at(desk, slug.as_str())),
        title: format!("A link for {username}"),
        state: Cell::state("Shown once", Tone::Waits),
        lead: "Pass it on by a way that you trust: whoever has it becomes an administrator of this tenant. It works once, and a newer one takes its place."
            .to_owned(),
        facts: vec![Fact::new("It ends", Cell::until(desk.visit.app.clock.now(), link.expires_at))],
        sections: vec![Section::new("The link", "").pre(address.as_str().to_owned())],
        actions: Vec::new(),
        danger: Vec::new(),
    };
    desk.visit.page(StatusCode::OK, page)
}

fn link_page(desk: &Desk, slug: &str, username: &str) -> AskPage {
    let lead = "For when no administrator of the tenant gets in any more. Somebody who is its administrator chooses a new password by it; \
                a name that is new there becomes an administrator. It is in the tenant's audit log.";
    AskPage {
        inputs: vec![Input::text("username", "Administrator", "The name with which they log in.", username)],
        ..desk.ask(
            "Make a link for an administrator?",
            lead,
            "Make the link",
            Way::new("Back to the tenant", at(desk, slug)),
        )
    }
}

/// `GET …/tenants/{object}/link`
pub(in crate::console) async fn ask_link(desk: Desk) -> Result<Response, Trouble> {
    let row = named(&desk).await?;
    let page = link_page(&desk, &row.slug, "");
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/tenants/{object}/link`: `username`. Answers with the link, which is shown this once.
pub(in crate::console) async fn link(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let row = named(&desk).await?;
    let typed = desk.one(&form, "username")?.trim();
    let page = link_page(&desk, &row.slug, typed);
    let again = |page, status, error: &str| Ok(desk.ask_marked(page, status, vec![Wrong::new("username", error)]));
    if row.status != "active" {
        return Ok(desk.ask_again(page, StatusCode::CONFLICT, "the tenant is disabled: enable it first"));
    }
    let username = match Username::parse(typed) {
        Ok(username) => username,
        Err(error) => return again(page, StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let slug = Slug::parse(&row.slug).map_err(|error| desk.visit.fault(error))?;
    let recorder = desk.recorder_elsewhere();
    match tenant::invite_into(desk.visit.app.tools(&recorder), row.id, &username).await {
        Ok(link) => Ok(shown(&desk, &slug, &username, &link)),
        Err(PersonError::Store(error)) => Err(desk.visit.fault(error)),
        // Who has the name there, and as what, is nothing that the platform should know.
        Err(_) => again(page, StatusCode::CONFLICT, "no link can be made for that name there: choose another one"),
    }
}
