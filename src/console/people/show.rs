//! One person.

use axum::response::Response;
use http::StatusCode;

use super::{at, named, role_names, state};
use crate::{
    access::{Action, Page},
    console::{Desk, grants, usage},
    http::{
        pages::console::{Cell, Fact, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    store::{
        grants::many::{Selection, StandingRow},
        people::listed::{self, ListedRow, SessionRow},
        providers::{self, OwnIdentity},
        second::{self, Held},
    },
};

/// `GET …/people/{object}`
pub(in crate::console) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let fault = |error: crate::store::StoreError| desk.visit.fault(error);
    let now = desk.visit.app.clock.now();
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    let sessions = listed::sessions(&mut tx, row.id, now).await.map_err(fault)?;
    let of = Selection { person: Some(row.id), ..Selection::default() };
    let grants = grants::some(&desk, &mut tx, &of).await.map_err(fault)?;
    let calls = usage::section(&desk, &mut tx, &usage::under(grants.iter().map(|grant| grant.id).collect())).await;
    let calls = calls.map_err(fault)?;
    let held = second::held(&mut tx, row.id).await.map_err(fault)?;
    let mut linked = providers::of_person(&mut tx, row.id).await.map_err(fault)?;
    tx.commit().await.map_err(fault)?;
    linked.retain(|own| own.linked_at.is_some());
    let mut page = page(&desk, (&row, &held, &linked), &sessions, &grants);
    if !grants.is_empty() {
        page.sections.insert(1, calls);
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn page(
    desk: &Desk,
    (row, held, linked): (&ListedRow, &Held, &[OwnIdentity]),
    sessions: &[SessionRow],
    grants: &[StandingRow],
) -> SheetPage {
    let now = desk.visit.app.clock.now();
    let lead = match (row.status.as_str(), row.has_password) {
        ("active", false) => "They have no password: make a link by which they set one.",
        ("active", true) => "",
        _ => "They cannot log in, and no token of theirs works.",
    };
    let facts = vec![
        Fact::new("Username", Cell::Text(row.username.clone())),
        Fact::new("Name", Cell::Text(row.display_name.clone())),
        Fact::new("Roles", Cell::Text(role_names(&row.roles))),
        Fact::new("Second factor", second_factor(held)),
        Fact::new("Comes through", Cell::Names(linked.iter().map(|own| own.name.clone()).collect())),
        Fact::new("Since", Cell::time(now, row.created_at)),
        Fact::new("Last login", Cell::time_or(now, row.last_login_at, "not lately")),
        Fact::new("Id in the log", Cell::Code(row.id.to_string())),
    ];
    let session = |session: &SessionRow| {
        vec![Cell::time(now, session.auth_time), Cell::Names(session.amr.clone()), Cell::until(now, session.expires_at)]
    };
    let browsers = if sessions.is_empty() {
        Section::new("Where they are logged in", "Nowhere.")
    } else {
        let rows = sessions.iter().map(session).collect();
        Section::new("Where they are logged in", "").table(&["Since", "By", "Ends"], rows)
    };
    let name: String = url::form_urlencoded::byte_serialize(row.username.as_bytes()).collect();
    let grants_of = grants::section(
        desk,
        "What they allowed",
        "They allow nothing to any program now.",
        grants,
        &format!("q={name}"),
    );
    let log =
        Section::new("What they did", "").more(Way::new("In the audit log", desk.at(&format!("audit?q={}", row.id))));
    SheetPage {
        frame: desk.frame(),
        back: Way::new("People", desk.at("people")),
        title: row.username.clone(),
        state: state(row),
        lead: lead.to_owned(),
        facts,
        sections: vec![grants_of, browsers, log],
        actions: actions(desk, row),
        danger: danger(desk, (row, held, linked), !sessions.is_empty(), !grants.is_empty()),
    }
}

fn actions(desk: &Desk, row: &ListedRow) -> Vec<Way> {
    let to = |act: &str| format!("{}/{act}", at(desk, row.id));
    let mut ways = Vec::new();
    let active = row.status == "active";
    if !active && desk.may(Page::People, Action::Enable) {
        ways.push(Way::new("Enable", to("enable")).primary());
    }
    if active && desk.may(Page::People, Action::MakeLink) {
        let label = if row.has_password { "Make a reset link" } else { "Make an invitation link" };
        ways.push(Way::new(label, to("link")));
    }
    if desk.may(Page::People, Action::EditRoles) {
        ways.push(Way::new("Change roles", to("roles")));
    }
    ways
}

fn second_factor(held: &Held) -> Cell {
    if held.has_any() {
        Cell::Text(format!("An authenticator app, and {} recovery codes that are left", held.recovery_codes))
    } else {
        Cell::state("None", Tone::Waits)
    }
}

fn danger(
    desk: &Desk,
    (row, held, linked): (&ListedRow, &Held, &[OwnIdentity]),
    sessions: bool,
    grants: bool,
) -> Vec<Way> {
    let to = |act: &str| format!("{}/{act}", at(desk, row.id));
    let mut ways = Vec::new();
    if sessions && desk.may(Page::People, Action::EndSessions) {
        ways.push(
            Way::new("Log out everywhere", to("end"))
                .hint("Ends their sessions in all browsers. Programs keep what they allowed them."),
        );
    }
    let unlinks = row.has_password && !linked.is_empty();
    if (held.has_any() || unlinks) && desk.may(Page::People, Action::ResetFactors) {
        ways.push(
            Way::new("Take their second factors away", to("factors"))
                .hint("For somebody who lost them, or whose account was somebody else's: accounts at identity providers are unlinked, too, where there is a password."),
        );
    }
    if grants && desk.may(Page::Grants, Action::RevokeAll) {
        ways.push(
            Way::new("Revoke all their grants", desk.at(&format!("revoke?person={}", row.id)))
                .hint("Ends what they allowed any program. They can allow it again."),
        );
    }
    if row.status == "active" && desk.may(Page::People, Action::Disable) {
        ways.push(
            Way::new("Disable", to("disable"))
                .hint("They cannot log in, and no token of theirs works, until somebody enables them."),
        );
    }
    ways
}
