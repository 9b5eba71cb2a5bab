//! A server by its address: new, or made different.

use axum::response::Response;
use http::StatusCode;

use super::{at, named};
use crate::{
    apply::edit::{Edit, ServerChange, ServerForm},
    console::{Desk, deed::refused},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Input, Way},
        trouble::Trouble,
    },
    ids::Slug,
    store::tenants::ServerRow,
};

fn form_page(desk: &Desk, filled: &ServerForm, new: bool) -> AskPage {
    let (title, lead, verb, back) = if new {
        let lead = "Give the address at which it answers now. People will reach it through Sallyport, at an address of its own; it \
                    then gets short tokens that are for it alone.";
        ("Add a server", lead, "Add the server", Way::new("Servers", desk.at("servers")))
    } else {
        ("Edit the server", "", "Save", Way::new("Back to the server", at(desk, &filled.slug)))
    };
    let mut inputs = vec![
        Input::text(
            "upstream",
            "Address of the server",
            "Its MCP endpoint, such as https://notes.internal/mcp",
            &filled.upstream,
        ),
        Input::text("name", "Name", "What people read when they are asked, such as \"Team notes\".", &filled.name),
        Input::text(
            "description",
            "What it is for",
            "A sentence in your words. May be left empty.",
            &filled.description,
        ),
    ];
    if new {
        let hint = "Small letters, digits and hyphens. It is part of the address that people add to their programs, and never changes.";
        inputs.push(Input::text("slug", "Name in addresses", hint, &filled.slug));
    }
    let eras = [
        ("auto", "Both: each request in its own"),
        ("modern", "2026-07-28 and newer"),
        ("legacy", "Before 2026-07-28"),
    ];
    inputs.extend([
        Input::text(
            "audience",
            "Audience of its tokens",
            "What it expects as aud. Empty: its address.",
            &filled.audience,
        ),
        Input::select("era", "Era of the protocol", "Which versions of MCP it speaks.", &eras, &filled.era),
        Input::select(
            "signing",
            "Signed with",
            "What it can verify.",
            &[("EdDSA", "EdDSA (Ed25519)"), ("ES256", "ES256")],
            &filled.signing,
        ),
    ]);
    AskPage { inputs, ..desk.ask(title, lead, verb, back) }
}

fn read(desk: &Desk, form: &Form) -> Result<ServerForm, Trouble> {
    let one = |name| desk.one(form, name).map(|text| text.trim().to_owned());
    Ok(ServerForm {
        slug: one("slug")?,
        name: one("name")?,
        description: one("description")?,
        upstream: one("upstream")?,
        audience: one("audience")?,
        era: one("era")?,
        signing: one("signing")?,
    })
}

/// `GET …/servers/-/new`
pub(in crate::console) async fn ask_new(desk: Desk) -> Result<Response, Trouble> {
    let page = form_page(&desk, &ServerForm { era: "auto".to_owned(), ..ServerForm::default() }, true);
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/servers/-/new`, then on to the question what it offers.
pub(in crate::console) async fn create(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let filled = read(&desk, &form)?;
    let page = form_page(&desk, &filled, true);
    let tenant = &desk.visit.tenant;
    let doc = match filled.read(&tenant.slug, &desk.visit.app.config.public_url) {
        Ok(doc) => doc,
        Err(mistakes) => return refused(&desk, page, mistakes.into()),
    };
    let to = format!("{}/probe", at(&desk, doc.slug.as_str()));
    match desk.edit(Edit::NewServer(Box::new(doc))).await {
        Ok(ms) => desk.done(&to, "made", 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}

fn filled(row: &ServerRow) -> ServerForm {
    ServerForm {
        slug: row.slug.clone(),
        name: row.name.clone(),
        description: row.description.clone(),
        upstream: row.upstream_url.clone(),
        // What is the address anyway goes on to be: it follows when the address changes.
        audience: if row.audience == row.upstream_url { String::new() } else { row.audience.clone() },
        era: row.era.clone(),
        signing: row.signing_alg.clone(),
    }
}

fn seen(page: AskPage, version: &str) -> AskPage {
    AskPage { hidden: vec![("version".to_owned(), version.to_owned())], ..page }
}

/// `GET …/servers/{object}/edit`
pub(in crate::console) async fn ask_edit(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    let page = seen(form_page(&desk, &filled(&row), false), &row.version.to_string());
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/servers/{object}/edit`
pub(in crate::console) async fn edit(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let version = desk.one(&form, "version")?;
    let filled = ServerForm { slug: row.slug.clone(), ..read(&desk, &form)? };
    let page = seen(form_page(&desk, &filled, false), version);
    let doc = match filled.read(&desk.visit.tenant.slug, &desk.visit.app.config.public_url) {
        Ok(doc) => doc,
        Err(mistakes) => return refused(&desk, page, mistakes.into()),
    };
    let slug = Slug::parse(&row.slug).map_err(|error| desk.visit.fault(error))?;
    let change = ServerChange::Facts(Box::new(doc));
    match desk.edit(Edit::Server { slug, seen: version.parse().unwrap_or(-1), change }).await {
        Ok(ms) => desk.done(&at(&desk, &row.slug), "saved", 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}
