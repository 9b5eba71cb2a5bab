//! Asks a server what it offers, and lets an administrator say what each thing needs.

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use http::StatusCode;

use super::{at, named, show, without_query};
use crate::{
    access::{Action, Page},
    apply::{
        PolicyDoc,
        edit::{Edit, ServerChange},
    },
    audit::Event,
    console::{Desk, deed::refused},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, Way},
        trouble::Trouble,
    },
    ids::{ServerId, Slug},
    mcp::Era,
    policy::{CatalogueItem, Effect, ItemKind},
    store::{
        StoreError,
        server_probes::{self, ProbeRow},
    },
    tenants::Server,
    upstream::{
        ForwardError,
        probe::{self, Offer, ProbeError},
    },
};

/// How long somebody waits for a page.
const PATIENCE: Duration = Duration::from_secs(10);
/// `aud` of a token that no server should take.
const NOBODY: &str = "urn:sallyport:probe";
/// The most things that are asked about on one page.
const MOST: usize = 300;

/// The published server of the address. What is disabled cannot be asked: its policy is not loaded.
async fn published(desk: &Desk) -> Result<Arc<Server>, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(desk, &mut tx).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let server = desk.visit.tenant.server(&row.slug).filter(|server| server.version == row.version);
    server.cloned().ok_or_else(|| desk.nothing("published server"))
}

/// `GET …/probe`: nothing is asked yet.
pub(in crate::console) async fn ask_probe(desk: Desk) -> Result<Response, Trouble> {
    let server = published(&desk).await?;
    let lead = "Sallyport asks it for its tools, prompts and resources, with a token that reads and nothing else, and once with a \
                token that is not for it, to see whether it looks. Nothing changes there or here.";
    let facts =
        vec![Fact::new("Server", Cell::Text(server.name.clone())), Fact::new("Version", Cell::Number(server.version))];
    let back = Way::new("Back to the server", at(&desk, server.slug.as_str()));
    let page = AskPage { facts, ..desk.ask("Ask this server what it offers?", lead, "Ask it now", back) };
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/probe`: the answer, as a form that says what each thing needs.
pub(in crate::console) async fn probe(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let server = published(&desk).await?;
    let mut tx = desk.tx().await?;
    let probed = Event::ServerProbed { server: server.id };
    desk.recorder().record(&mut tx, &probed).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let (offer, verifies) = tokio::join!(ask(&desk, &server), verifies(&desk, &server));
    // Whoever refuses everything does not show that it looks at tokens.
    let verifies = verifies.filter(|refused| offer.is_ok() || !refused);
    remember(&desk, &server, offer.as_ref().ok(), verifies).await.map_err(|error| desk.visit.fault(error))?;
    let page = match offer {
        Ok(offer) => offered(&desk, &server, &offer, verifies),
        Err(why) => {
            let back = Way::new("Back to the server", at(&desk, server.slug.as_str()));
            let edit = format!("{}/edit", at(&desk, server.slug.as_str()));
            let lead = "Check its address, that it runs, and that it verifies tokens by what stands here: it must reach the key set.";
            let signing = server.alg.name();
            let mut facts = vec![Fact::new("Upstream", Cell::Code(without_query(server.upstream_url.as_str())))];
            facts.extend(
                desk.may(Page::Servers, Action::Edit)
                    .then(|| Fact::new("Not right?", Cell::link("Edit the server", edit))),
            );
            facts.extend(show::verified(&desk, &server.audience, signing));
            let page = AskPage { facts, ..desk.ask("It gave no usable answer", lead, "Ask it again", back) };
            return Ok(desk.ask_again(page, StatusCode::OK, why));
        }
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// What came of it stands on the server's page and in the log.
async fn remember(
    desk: &Desk,
    server: &Server,
    offer: Option<&Offer>,
    verifies: Option<bool>,
) -> Result<(), StoreError> {
    let items = offer.map_or(0, |offer| i32::try_from(offer.items.len()).unwrap_or(i32::MAX));
    let outcome = if offer.is_some() { "answered" } else { "failed" };
    let row =
        ProbeRow { server: server.id, at: desk.visit.app.clock.now(), outcome: outcome.to_owned(), items, verifies };
    let mut tx = desk.visit.app.store.tenant_tx(desk.visit.tenant.id).await?;
    server_probes::put(&mut tx, server.version, &row).await?;
    desk.recorder().record(&mut tx, &Event::ServerAnswered { server: server.id, outcome, items, verifies }).await?;
    tx.commit().await
}

async fn ask(desk: &Desk, server: &Server) -> Result<Offer, String> {
    let visit = &desk.visit;
    let asked = probe::probe(&visit.app.upstreams, &visit.tenant, server, &visit.app.clock);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the upstream did not answer within {} s", PATIENCE.as_secs())),
    }
}

/// Whether it refuses a token that is not for it. None: nobody can tell.
async fn verifies(desk: &Desk, server: &Server) -> Option<bool> {
    let visit = &desk.visit;
    let id = ServerId::new(&visit.app.clock, &visit.app.entropy).ok()?;
    let stranger =
        Server { id, audience: NOBODY.to_owned(), introspection: Vec::new(), issuers: Vec::new(), ..server.clone() };
    let asked = probe::probe(&visit.app.upstreams, &visit.tenant, &stranger, &visit.app.clock);
    match tokio::time::timeout(PATIENCE, asked).await.ok()? {
        Ok(_) => Some(false),
        Err(ProbeError::Forward(ForwardError::Refused(_))) => Some(true),
        Err(_) => None,
    }
}

fn offered(desk: &Desk, server: &Server, offer: &Offer, verifies: Option<bool>) -> AskPage {
    let era = match offer.era {
        Era::Modern => "2026-07-28",
        Era::Legacy => "before 2026-07-28",
    };
    let counted = i64::try_from(offer.items.len()).unwrap_or_default();
    let mut facts = vec![
        Fact::new("Era", Cell::Text(era.to_owned())),
        Fact::new("Verifies tokens", show::verifies(verifies)),
        Fact::new("Offers", Cell::Number(counted)),
    ];
    if offer.items.len() > MOST {
        let words = format!("{MOST}: accept the others with `sallyport apply --probe`");
        facts.push(Fact::new("Shown here", Cell::Text(words)));
    }
    let lead = "Say what each thing needs. What is not accepted needs the scope for everything else. What a server says of itself \
                (\"changes nothing\") is only what it says.";
    let slug = server.slug.as_str();
    let mut page = desk.ask("What it offers", lead, "Accept these", Way::new("Back to the server", at(desk, slug)));
    page.action = format!("{}/catalogue", at(desk, slug));
    page.facts = facts;
    page.hidden = vec![("version".to_owned(), server.version.to_string())];
    page.inputs = inputs(server, offer);
    page
}

fn inputs(server: &Server, offer: &Offer) -> Vec<Input> {
    let policy = &server.policy;
    let names: Vec<String> = policy.scopes().iter().map(|scope| scope.name.to_string()).collect();
    let options: Vec<(&str, &str)> =
        std::iter::once(("", "Not accepted")).chain(names.iter().map(|name| (name.as_str(), name.as_str()))).collect();
    let change =
        policy.scopes().iter().find(|scope| scope.effect == Effect::Change).map(|scope| scope.name.to_string());
    offer
        .items
        .iter()
        .take(MOST)
        .map(|item| {
            let known = policy.items().iter().find(|known| known.kind == item.kind && known.name == item.name);
            let proposed = match known {
                Some(known) => known.scope.to_string(),
                None if item.read_only => policy.read_scope().to_string(),
                None => change.clone().unwrap_or_default(),
            };
            let says = if item.read_only { "says that it changes nothing" } else { "may change something" };
            let new = if known.is_some() { "" } else { ", new" };
            let said = if item.description.is_empty() {
                String::new()
            } else {
                format!(". \u{201c}{}\u{201d}", item.description)
            };
            let hint = format!("{}, {says}{new}{said}", title(item.kind));
            Input::select(&format!("{} {}", word(item.kind), item.name), &item.name, &hint, &options, &proposed)
        })
        .collect()
}

const KINDS: [ItemKind; 3] = [ItemKind::Tool, ItemKind::Prompt, ItemKind::Resource];

const fn word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tool",
        ItemKind::Prompt => "prompt",
        ItemKind::Resource => "resource",
    }
}

/// The same for people.
const fn title(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "Tool",
        ItemKind::Prompt => "Prompt",
        ItemKind::Resource => "Resource",
    }
}

/// What the form accepts: `tool search` = `mcp:read`. What the form does not mention stays accepted as it was: patterns are
/// written by hand, and a page does not show more than it can.
fn accepted(server: &Server, form: &Form) -> Result<Vec<CatalogueItem>, String> {
    let mut items = server.policy.items().to_vec();
    for (name, value) in form.pairs() {
        let Some((kind, name)) = name.split_once(' ') else { continue };
        let Some(kind) = KINDS.into_iter().find(|known| word(*known) == kind) else { continue };
        items.retain(|item| item.kind != kind || item.name != name);
        if value.is_empty() {
            continue;
        }
        let declared = server.policy.scopes().iter().find(|declared| declared.name.as_str() == value);
        let declared = declared.ok_or_else(|| format!("{name} needs a scope that this server does not have"))?;
        let read_only = declared.effect == Effect::Read;
        items.push(CatalogueItem { kind, name: name.to_owned(), scope: declared.name.clone(), read_only });
    }
    Ok(items)
}

/// `POST …/catalogue`: for each thing by kind and name the scope that it needs; `version`.
pub(in crate::console) async fn accept(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let server = published(&desk).await?;
    let slug = Slug::parse(server.slug.as_str()).map_err(|error| desk.visit.fault(error))?;
    let back = Way::new("Back to the server", at(&desk, slug.as_str()));
    let mut page = desk.ask("What it offers", "Ask the server once more to see the form again.", "Ask it again", back);
    page.action = format!("{}/probe", at(&desk, slug.as_str()));
    let items = match accepted(&server, &form) {
        Ok(items) => items,
        Err(why) => return Ok(desk.ask_again(page, StatusCode::BAD_REQUEST, why)),
    };
    let seen = desk.one(&form, "version")?.parse().unwrap_or(-1);
    let policy = PolicyDoc { catalogue: Some(items), ..PolicyDoc::default() };
    match desk.edit(Edit::Server { slug: slug.clone(), seen, change: ServerChange::Policy(policy) }).await {
        Ok(ms) => desk.done(&at(&desk, slug.as_str()), "saved", 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}
