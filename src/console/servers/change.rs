//! Whether a server works, and whether it is there at all.

use axum::response::Response;
use http::StatusCode;

use super::{at, named, state, without_query};
use crate::{
    apply::edit::{Edit, ServerChange},
    console::{Desk, deed::refused},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Way},
        trouble::Trouble,
    },
    ids::Slug,
    store::{
        grants::many::{self, Selection},
        tenants::ServerRow,
    },
};

/// A question about a server, and what is done on yes.
struct Deed {
    title: &'static str,
    lead: &'static str,
    verb: &'static str,
    done: &'static str,
    danger: bool,
    change: fn() -> ServerChange,
}

const ENABLE: Deed = Deed {
    title: "Enable this server?",
    lead: "Calls reach it again, under the grants that are still in force.",
    verb: "Enable",
    done: "enabled",
    danger: false,
    change: || ServerChange::Enabled(true),
};

const DISABLE: Deed = Deed {
    title: "Disable this server?",
    lead: "No call reaches it any more, through any node, once this is done. Grants stay, and work again when somebody enables it.",
    verb: "Disable",
    done: "disabled",
    danger: true,
    change: || ServerChange::Enabled(false),
};

const REMOVE: Deed = Deed {
    title: "Remove this server?",
    lead: "It goes with its scopes, its accepted tools and everything that people allowed on it, for good.",
    verb: "Remove",
    done: "removed",
    danger: true,
    change: || ServerChange::Remove,
};

async fn question(desk: &Desk, deed: &Deed) -> Result<(ServerRow, AskPage), Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(desk, &mut tx).await?;
    let of = Selection { server: Some(row.id), ..Selection::default() };
    let extent = many::extent(&mut tx, &of, desk.visit.app.clock.now()).await;
    let extent = extent.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let facts = vec![
        Fact::new("Server", Cell::Text(row.name.clone())),
        Fact::new("State", state(&row.status)),
        Fact::new("Upstream", Cell::Code(without_query(&row.upstream_url))),
        Fact::new("Grants in force", Cell::Number(extent.grants)),
    ];
    let page = AskPage {
        facts,
        hidden: vec![("version".to_owned(), row.version.to_string())],
        danger: deed.danger,
        ..desk.ask(deed.title, deed.lead, deed.verb, Way::new("Back to the server", at(desk, &row.slug)))
    };
    Ok((row, page))
}

async fn ask(desk: Desk, deed: Deed) -> Result<Response, Trouble> {
    let (_, page) = question(&desk, &deed).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn act(desk: Desk, form: Result<Form, FormError>, deed: Deed) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (row, page) = question(&desk, &deed).await?;
    let seen = desk.one(&form, "version")?.parse().unwrap_or(-1);
    let slug = Slug::parse(&row.slug).map_err(|error| desk.visit.fault(error))?;
    let removes = matches!((deed.change)(), ServerChange::Remove);
    match desk.edit(Edit::Server { slug, seen, change: (deed.change)() }).await {
        Ok(ms) => {
            let to = if removes { desk.at("servers") } else { at(&desk, &row.slug) };
            desk.done(&to, deed.done, 1, ms)
        }
        Err(error) => refused(&desk, page, error),
    }
}

/// `GET …/enable`
pub(in crate::console) async fn ask_enable(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, ENABLE).await
}

/// `POST …/enable`
pub(in crate::console) async fn enable(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    act(desk, form, ENABLE).await
}

/// `GET …/disable`
pub(in crate::console) async fn ask_disable(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, DISABLE).await
}

/// `POST …/disable`
pub(in crate::console) async fn disable(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    act(desk, form, DISABLE).await
}

/// `GET …/remove`
pub(in crate::console) async fn ask_remove(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, REMOVE).await
}

/// `POST …/remove`
pub(in crate::console) async fn remove(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    act(desk, form, REMOVE).await
}
