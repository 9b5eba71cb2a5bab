//! Initial access tokens: with one of them a program may register where not everybody may.

use axum::response::Response;
use http::StatusCode;
use time::{Duration, OffsetDateTime};

use crate::{
    access::{Action, Page},
    clients::initial_token::{self, InitialTokenError, InitialTokenId, NewInitialToken},
    console::{
        Desk,
        deed::Wrong,
        list::{Choice, Head, Wanted},
    },
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, ListPage, Row, Section, SheetPage, Tone, Way, exact},
        trouble::Trouble,
    },
    store::{
        TenantTx,
        initial_tokens::{InitialTokenRow, listed},
    },
    tenants::RegistrationRule,
};

const HEADS: &[Head] = &[
    Head::by("Token", "name"),
    Head::of("Id"),
    Head::of("State"),
    Head::by("Made", "created"),
    Head::by("Ends", "expires"),
    Head::number("Uses left", "uses"),
    Head::of("Change"),
];

const CHOICES: &[Choice] = &[Choice {
    name: "state",
    label: "State",
    options: &[("", "Any"), ("live", "Can be used"), ("ended", "Cannot be used any more")],
}];

/// `GET …/clients/-/tokens`
pub(in crate::console) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, CHOICES, "-created")?;
    let asked = listed::Asked {
        like: wanted.pattern(),
        live: wanted.filter("state").map(|state| state == "live"),
        sort: wanted.sort,
        down: wanted.down,
        limit: wanted.limit(),
        offset: wanted.offset(),
    };
    let now = desk.visit.app.clock.now();
    let mut tx = desk.tx().await?;
    let found = listed::page(&mut tx, &asked, None, now).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let may = desk.may(Page::InitialTokens, Action::Revoke);
    let row = |row: InitialTokenRow| Row {
        cells: vec![
            if row.note.is_empty() { Cell::Nothing } else { Cell::Text(row.note.clone()) },
            Cell::Code(row.id.clone()),
            state(&row, now),
            Cell::time(now, row.created_at),
            Cell::Text(row.expires_at.map_or_else(|| "never".to_owned(), exact)),
            Cell::Number(row.uses_left.into()),
            if may { Cell::link("Take back", revoke_at(&desk, &row)) } else { Cell::Nothing },
        ],
    };
    let rows = found.into_iter().map(row).collect();
    let lead = match desk.visit.tenant.settings.registration {
        RegistrationRule::InitialAccessToken => "A program registers here only if it shows one of these.",
        _ => "No program needs one now: the settings let others register, or nobody.",
    };
    let mut page = ListPage {
        lead: lead.to_owned(),
        empty: "There is none. Make one for a program that may register, and pass it on.".to_owned(),
        ..wanted.page(&desk, HEADS, "What it is for, or its id", rows)
    };
    if desk.may(Page::InitialTokens, Action::Create) {
        page.actions.push(Way::new("Make a token", desk.at("clients/-/tokens/new")).primary());
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn revoke_at(desk: &Desk, row: &InitialTokenRow) -> String {
    desk.at(&format!("clients/-/tokens/{}/revoke", row.id))
}

fn state(row: &InitialTokenRow, now: OffsetDateTime) -> Cell {
    match row.expires_at {
        Some(end) if end <= now => Cell::state("Ended", Tone::Plain),
        _ if row.uses_left == 0 => Cell::state("Used up", Tone::Plain),
        _ => Cell::state("Can be used", Tone::Good),
    }
}

fn back(desk: &Desk) -> Way {
    Way::new(Page::InitialTokens.name(), desk.at("clients/-/tokens"))
}

fn form_page(desk: &Desk, (name, uses, hours): (&str, &str, &str)) -> AskPage {
    let lead = "Whoever has it can register clients, and nothing else. You see it once, on the next page.";
    let inputs = vec![
        Input::text("name", "What it is for", "Lists name it so.", name),
        Input::text("uses", "Clients that can register with it", "A whole number. One is usual.", uses),
        Input::text("hours", "Hours that it can be used", "8784 at most, which is a year.", hours),
    ];
    AskPage { inputs, ..desk.ask("Make an initial access token", lead, "Make the token", back(desk)) }
}

/// `GET …/clients/-/tokens/new`
pub(in crate::console) async fn ask_new(desk: Desk) -> Result<Response, Trouble> {
    let page = form_page(&desk, ("", "1", "24"));
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/clients/-/tokens/new`: `name`, `uses`, `hours`. Answers with the token, which is shown this once.
pub(in crate::console) async fn create(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let one = |name| desk.one(&form, name).map(str::trim);
    let (name, uses, hours) = (one("name")?, one("uses")?, one("hours")?);
    let page = form_page(&desk, (name, uses, hours));
    let bad = |page, field, why: &str| Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, vec![Wrong::new(field, why)]));
    if name.is_empty() {
        return bad(page, "name", "say what it is for: in a year nobody knows it otherwise");
    }
    let Ok(uses) = uses.parse::<u16>() else { return bad(page, "uses", "this is a whole number up to 65,535") };
    let Ok(hours) = hours.parse::<u16>() else { return bad(page, "hours", "this is a whole number up to 8,784") };
    let new = NewInitialToken { uses, life: Duration::hours(hours.into()), note: name.to_owned() };
    let mut tx = desk.tx().await?;
    let made = initial_token::create(&mut tx, &desk.recorder(), &desk.visit.app.keyring, new).await;
    let (handle, made) = match made {
        Ok(made) => made,
        Err(InitialTokenError::Store(error)) => return Err(desk.visit.fault(error)),
        Err(error) => {
            let field = match error {
                InitialTokenError::NoUses => "uses",
                InitialTokenError::Life => "hours",
                _ => "name",
            };
            return bad(page, field, &error.to_string());
        }
    };
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let page = SheetPage {
        frame: desk.frame(),
        back: back(&desk),
        title: made.note.clone(),
        state: Cell::state("Shown once", Tone::Waits),
        lead: "Pass it on by a way that you trust: whoever has it can register. Nobody can show it again.".to_owned(),
        facts: vec![
            Fact::new("Id", Cell::Code(made.id.to_string())),
            Fact::new("Uses left", Cell::Number(made.uses_left.into())),
            Fact::new("Ends", Cell::Text(made.expires_at.map_or_else(|| "never".to_owned(), exact))),
        ],
        sections: vec![
            // In no address of ours.
            Section::new("The token", "").pre(handle.expose().to_owned()),
            Section::new("How it is used", "As a header of the request that registers:")
                .pre(format!("POST {}/register\nAuthorization: Bearer sp_ia_\u{2026}", desk.visit.tenant.issuer)),
        ],
        actions: Vec::new(),
        danger: Vec::new(),
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn question(desk: &Desk, tx: &mut TenantTx) -> Result<(InitialTokenId, AskPage), Trouble> {
    let nothing = || desk.nothing("token");
    let now = desk.visit.app.clock.now();
    let id = InitialTokenId::parse(&desk.object).map_err(|_| nothing())?;
    let row = listed::one(tx, &desk.object, now).await.map_err(|error| desk.visit.fault(error))?;
    let row = row.ok_or_else(nothing)?;
    let lead = "No program can register with it any more. Clients that did stay.";
    let facts = vec![
        Fact::new("For", Cell::Text(row.note.clone())),
        Fact::new("Id", Cell::Code(row.id.clone())),
        Fact::new("State", state(&row, now)),
        Fact::new("Uses left", Cell::Number(row.uses_left.into())),
    ];
    let page = AskPage { facts, danger: true, ..desk.ask("Take this token back?", lead, "Take back", back(desk)) };
    Ok((id, page))
}

/// `GET …/clients/-/tokens/{object}/revoke`
pub(in crate::console) async fn ask_revoke(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = question(&desk, &mut tx).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/clients/-/tokens/{object}/revoke`
pub(in crate::console) async fn revoke(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (id, _) = question(&desk, &mut tx).await?;
    match initial_token::revoke(&mut tx, &desk.recorder(), &id).await {
        Ok(()) => {}
        Err(InitialTokenError::Store(error)) => return Err(desk.visit.fault(error)),
        Err(_) => return Err(desk.nothing("token")),
    }
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    desk.done(&desk.at("clients/-/tokens"), "taken-back", 1, 0)
}
