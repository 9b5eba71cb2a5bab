//! Keys that sign tokens for upstream servers: their age, and the next one.

use axum::response::Response;
use http::StatusCode;

use super::Desk;
use crate::{
    access::{Action, Page},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    keys::{SigningState, rotation::signing},
    store::keys::{self as rows, SigningKeyRow},
};

/// `GET …/keys`
pub(super) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let keys = rows::signing_key_rows(&mut tx, false).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let now = desk.visit.app.clock.now();
    let (current, past): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.state != SigningState::Retired);
    let row = |key: &&SigningKeyRow| {
        vec![
            Cell::Code(key.kid.clone()),
            Cell::Text(key.alg.name().to_owned()),
            state(key.state),
            Cell::time(now, key.created_at),
            if key.active_at > now {
                Cell::Text(crate::http::pages::console::exact(key.active_at))
            } else {
                Cell::time(now, key.active_at)
            },
        ]
    };
    let heads = ["Key id", "Algorithm", "State", "Made", "Signs since"];
    let issuer = &desk.visit.tenant.issuer;
    let mut sections = vec![Section::new("Published", "").table(&heads, current.iter().map(row).collect())];
    if !past.is_empty() {
        sections.push(Section::new("Retired", "").table(&heads, past.iter().map(row).collect()));
    }
    let mut page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Overview", desk.at("")),
        title: "Keys".to_owned(),
        state: Cell::Nothing,
        lead: "With these Sallyport signs the short tokens that servers get. Servers verify them by the key set."
            .to_owned(),
        facts: vec![
            Fact::new("Key set", Cell::Code(format!("{issuer}/jwks.json"))),
            Fact::new("Issuer", Cell::Code(issuer.clone())),
        ],
        sections,
        actions: Vec::new(),
        danger: Vec::new(),
    };
    if desk.may(Page::Keys, Action::Rotate) {
        page.actions.push(Way::new("Rotate", desk.at("keys/rotate")));
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn state(state: SigningState) -> Cell {
    match state {
        SigningState::Next => Cell::state("Published, signs soon", Tone::Waits),
        SigningState::Active => Cell::state("Signs", Tone::Good),
        SigningState::Published => Cell::state("Still verifies", Tone::Plain),
        SigningState::Retired => Cell::state("Retired", Tone::Stopped),
    }
}

fn question(desk: &Desk) -> AskPage {
    let minutes = desk.visit.app.config.keys.signing.lead.as_secs() / 60;
    let lead = format!(
        "The next key of each algorithm is published now, and signs in {minutes} minutes, so that every server knows it by then. \
         If others may have a key, use `sallyport keys rotate signing --at-once` instead."
    );
    desk.ask("Rotate the keys of this tenant?", &lead, "Rotate", Way::new("Keys", desk.at("keys")))
}

/// `GET …/keys/rotate`
pub(super) async fn ask_rotate(desk: Desk) -> Result<Response, Trouble> {
    let page = question(&desk);
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/keys/rotate`
pub(super) async fn rotate(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let app = &desk.visit.app;
    let mut tx = desk.tx().await?;
    let begun = signing::begin(&mut tx, &app.keyring, &desk.recorder(), app.config.keys.signing.lead).await;
    match begun.map_err(|error| desk.visit.fault(error))? {
        (_, Some(ticket)) => {
            let ms = desk.settle(tx, ticket).await?;
            desk.done(&desk.at("keys"), "rotated", 1, ms)
        }
        (_, None) => desk.done(&desk.at("keys"), "nothing", 0, 0),
    }
}
