//! Identity providers, through which people log in.

mod change;
mod edit;
mod form;
mod probe;
mod show;

use axum::response::Response;
use http::StatusCode;

pub(super) use change::{ask_disable, ask_enable, ask_remove, disable, enable, remove};
pub(super) use edit::{ask_edit, ask_new, create, edit};
pub(super) use probe::{ask_probe, probe};
pub(super) use show::show;

use super::{
    Desk,
    list::{Choice, Head, Wanted},
};
use crate::{
    access::{Action, Page},
    http::{
        pages::console::{Cell, ListPage, Row, Tone, Way},
        trouble::Trouble,
    },
    people::oidc::{Accounts, Listed},
    store::TenantTx,
};

const HEADS: &[Head] = &[
    Head::by("Provider", "name"),
    Head::of("State"),
    Head::by("Issuer", "issuer"),
    Head::of("Accounts"),
    Head::number("People", "people"),
    Head::number("Logged in", "sessions"),
];

const CHOICES: &[Choice] = &[Choice {
    name: "status",
    label: "State",
    options: &[("", "Any"), ("active", "In use"), ("disabled", "Disabled")],
}];

/// `GET …/providers`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, CHOICES, "name")?;
    let mut tx = desk.tx().await?;
    let mut found = all(&desk, &mut tx).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let q = wanted.q.to_lowercase();
    found.retain(|Listed { provider, .. }| {
        let row = &provider.row;
        let texts = [&row.name, &row.slug, &row.issuer, &row.client_id];
        texts.into_iter().any(|text| text.to_lowercase().contains(&q))
            && wanted.filter("status").is_none_or(|status| row.status == status)
    });
    found.sort_by_key(|known| known.provider.row.name.to_lowercase());
    match wanted.sort {
        "issuer" => found.sort_by_key(|known| known.provider.row.issuer.clone()),
        "people" => found.sort_by_key(|known| known.counts.people),
        "sessions" => found.sort_by_key(|known| known.counts.sessions),
        _ => {}
    }
    if wanted.down {
        found.reverse();
    }
    let limit = usize::try_from(wanted.limit()).unwrap_or_default();
    let skip = usize::try_from(wanted.offset()).unwrap_or_default();
    let rows = found.into_iter().skip(skip).take(limit).map(|known| row(&desk, known)).collect();
    let mut page = ListPage {
        lead: "Where people prove who they are, beside their passwords here. The login page has a button for each that is in use."
            .to_owned(),
        empty: "There is no identity provider yet: people log in with passwords of their own here. Add one by its issuer, to let \
                them come with the account that they have already."
            .to_owned(),
        ..wanted.page(&desk, HEADS, "Name, issuer or client id", rows)
    };
    if desk.may(Page::Providers, Action::Create) {
        page.actions.push(Way::new("Add a provider", desk.at("providers/-/new")).primary());
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn row(desk: &Desk, Listed { provider, counts }: Listed) -> Row {
    let row = provider.row;
    let cells = vec![
        Cell::Link { href: at(desk, &row.slug), text: row.name, hint: row.slug },
        state(&row.status),
        Cell::Code(row.issuer),
        Cell::Text(accounts(provider.settings.accounts).to_owned()),
        Cell::Number(counts.people),
        Cell::Number(counts.sessions),
    ];
    Row { cells }
}

/// All that are not removed.
async fn all(desk: &Desk, tx: &mut TenantTx) -> Result<Vec<Listed>, Trouble> {
    Listed::all(tx, desk.visit.app.clock.now()).await.map_err(|error| desk.visit.fault(error))
}

/// The page of a provider.
fn at(desk: &Desk, slug: &str) -> String {
    desk.at(&format!("providers/{slug}"))
}

/// The provider that the address names. Removed ones are not there.
async fn named(desk: &Desk, tx: &mut TenantTx) -> Result<Listed, Trouble> {
    let known = all(desk, tx).await?;
    known.into_iter().find(|known| known.provider.row.slug == desk.object).ok_or_else(|| desk.nothing("provider"))
}

fn state(status: &str) -> Cell {
    match status {
        "active" => Cell::state("In use", Tone::Good),
        _ => Cell::state("Disabled", Tone::Stopped),
    }
}

const fn accounts(accounts: Accounts) -> &'static str {
    match accounts {
        Accounts::Known => "Only whom it is known for",
        Accounts::Create => "Made at the first login",
    }
}
