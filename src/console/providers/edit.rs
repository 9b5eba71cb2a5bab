//! A provider by its issuer: new, or made different.

use axum::response::Response;
use http::StatusCode;

use super::{
    at,
    form::{Filled, inputs, read},
    named,
};
use crate::{
    apply::{
        ProviderDoc,
        edit::{Edit, ProviderChange},
    },
    console::{
        Desk,
        deed::{Wrong, mistakes_on, refused},
    },
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, InputKind, Way},
        trouble::Trouble,
    },
    ids::Slug,
    people::oidc::Provider,
    secret::SecretText,
};

fn new_page(desk: &Desk, filled: &Filled) -> AskPage {
    let lead = "Register a web application at the provider first: it gives you a client id, and mostly a client secret. The \
                addresses that it wants in return are on the next page.";
    let back = Way::new("Identity providers", desk.at("providers"));
    AskPage { inputs: inputs(filled, true), ..desk.ask("Add an identity provider", lead, "Add the provider", back) }
}

fn edit_page(desk: &Desk, provider: &Provider, filled: &Filled, version: &str) -> AskPage {
    let row = &provider.row;
    AskPage {
        facts: vec![Fact::new("Issuer", Cell::Code(row.issuer.clone()))],
        inputs: inputs(filled, false),
        hidden: vec![("version".to_owned(), version.to_owned())],
        ..desk.ask("Edit the provider", "", "Save", Way::new("Back to the provider", at(desk, &row.slug)))
    }
}

/// A secret that was typed is in no page: whoever sees the form again has to type it again.
fn retyped(mut page: AskPage, typed: bool) -> AskPage {
    for input in page.inputs.iter_mut().filter(|input| typed && matches!(input.kind, InputKind::Secret)) {
        input.hint = "Type it again: what you typed here is never sent back.".to_owned();
    }
    page
}

/// What the form says, or everything that is wrong with it at once.
fn checked(
    desk: &Desk,
    page: &AskPage,
    filled: &Filled,
    secret: Option<SecretText>,
) -> Result<ProviderDoc, Vec<Wrong>> {
    let (form, mut wrong) = filled.form();
    match form.read(secret, &desk.visit.tenant.slug, &desk.visit.app.config.public_url) {
        Ok(doc) if wrong.is_empty() => Ok(doc),
        Ok(_) => Err(wrong),
        Err(mistakes) => {
            wrong.extend(mistakes_on(page, &mistakes));
            Err(wrong)
        }
    }
}

/// `GET …/providers/-/new`
pub(in crate::console) async fn ask_new(desk: Desk) -> Result<Response, Trouble> {
    let page = new_page(&desk, &Filled::new());
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/providers/-/new`, then on to the addresses that the provider wants.
pub(in crate::console) async fn create(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (filled, secret) = read(&desk, &form)?;
    let page = retyped(new_page(&desk, &filled), secret.is_some());
    let doc = match checked(&desk, &page, &filled, secret) {
        Ok(doc) => doc,
        Err(wrong) => return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong)),
    };
    let to = at(&desk, doc.slug.as_str());
    let doc = ProviderDoc { enabled: Some(filled.in_use), ..doc };
    match desk.edit(Edit::NewProvider(Box::new(doc))).await {
        Ok(ms) => desk.done(&to, "made", 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}

/// `GET …/providers/{object}/edit`
pub(in crate::console) async fn ask_edit(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let provider = named(&desk, &mut tx).await?.provider;
    let page = edit_page(&desk, &provider, &Filled::of(&provider), &provider.row.version.to_string());
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/providers/{object}/edit`
pub(in crate::console) async fn edit(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let mut tx = desk.tx().await?;
    let provider = named(&desk, &mut tx).await?.provider;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let version = desk.one(&form, "version")?;
    let (filled, secret) = read(&desk, &form)?;
    let filled = filled.of_the_same(&provider);
    let page = retyped(edit_page(&desk, &provider, &filled, version), secret.is_some());
    let doc = match checked(&desk, &page, &filled, secret) {
        Ok(doc) => doc,
        Err(wrong) => return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong)),
    };
    let slug = Slug::parse(&provider.row.slug).map_err(|error| desk.visit.fault(error))?;
    let to = at(&desk, slug.as_str());
    let change = ProviderChange::Facts(Box::new(doc));
    match desk.edit(Edit::Provider { slug, seen: version.parse().unwrap_or(-1), change }).await {
        Ok(ms) => desk.done(&to, "saved", 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}
