//! One identity provider.

use axum::response::Response;
use http::StatusCode;

use super::{accounts, at, named, state};
use crate::{
    access::{Action, Page},
    console::{Desk, people},
    http::{
        pages::console::{Cell, Fact, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    people::oidc::{Listed, OnLogout, ProviderSettings},
    store::providers::{self, LinkedRow},
};

/// People on the page.
const MOST: i64 = 20;

/// `GET …/providers/{object}`
pub(in crate::console) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let known = named(&desk, &mut tx).await?;
    let linked = providers::linked(&mut tx, known.provider.row.id, MOST).await;
    let linked = linked.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let page = page(&desk, &known, &linked);
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn page(desk: &Desk, known: &Listed, linked: &[LinkedRow]) -> SheetPage {
    let row = &known.provider.row;
    SheetPage {
        frame: desk.frame(),
        back: Way::new("Identity providers", desk.at("providers")),
        title: row.name.clone(),
        state: state(&row.status),
        lead: String::new(),
        facts: facts(known),
        sections: vec![
            addresses(desk, known),
            who(&known.provider.settings),
            roles(&known.provider.settings),
            people_section(desk, linked),
        ],
        actions: actions(desk, known),
        danger: danger(desk, known),
    }
}

fn facts(known: &Listed) -> Vec<Fact> {
    let row = &known.provider.row;
    let secret = match (row.auth_method.as_str(), &row.secret) {
        ("none", _) => Cell::Text("none: it knows this place as a public client".to_owned()),
        (_, Some(_)) => Cell::state("Set", Tone::Good),
        (_, None) => Cell::state("Missing", Tone::Stopped),
    };
    vec![
        Fact::new("Issuer", Cell::Code(row.issuer.clone())),
        Fact::new("Client id", Cell::Code(row.client_id.clone())),
        Fact::new("Client secret", secret),
        Fact::new("Sent by", Cell::Code(row.auth_method.clone())),
        Fact::new("People it is known for", Cell::Number(known.counts.people)),
        Fact::new("Logged in through it now", Cell::Number(known.counts.sessions)),
    ]
}

fn addresses(desk: &Desk, known: &Listed) -> Section {
    let tenant = &desk.visit.tenant;
    Section::new("Write these down at the provider", "It compares them letter by letter.").facts(vec![
        Fact::new("Redirect URI", Cell::Code(known.provider.redirect_uri(tenant))),
        Fact::new("Back-channel logout URI", Cell::Code(known.provider.logout_uri(tenant))),
    ])
}

/// What may be none, in words.
fn names(names: &[String], none: &str) -> Cell {
    if names.is_empty() { Cell::Text(none.to_owned()) } else { Cell::Names(names.to_vec()) }
}

fn who(settings: &ProviderSettings) -> Section {
    let required: Vec<String> =
        settings.required_claims.iter().map(|(claim, value)| format!("{claim} = {value}")).collect();
    let username = match settings.username_claim.as_str() {
        "" => Cell::Text("preferred_username, else email, else sub".to_owned()),
        claim => Cell::Code(claim.to_owned()),
    };
    let logout = match settings.logout {
        OnLogout::Grants => "their sessions here, and what they allowed to programs",
        OnLogout::Sessions => "their sessions here",
    };
    Section::new("Who comes in", "").facts(vec![
        Fact::new("Accounts", Cell::Text(accounts(settings.accounts).to_owned())),
        Fact::new("Only with an address in", names(&settings.email_domains, "any domain")),
        Fact::new("Only with these claims", names(&required, "any")),
        Fact::new("New accounts are named after", username),
        Fact::new("Second factor seen there", names(&settings.multi_factor, "never: Sallyport asks for its own")),
        Fact::new("A logout there ends", Cell::Text(logout.to_owned())),
        Fact::new("Asked for", names(&settings.scopes, "openid alone")),
        Fact::new("ID tokens signed with", Cell::Names(settings.algorithms.clone())),
    ])
}

fn roles(settings: &ProviderSettings) -> Section {
    let title = "Roles by what it says";
    if settings.roles.is_empty() {
        return Section::new(title, "None: whoever comes by it has the roles of their account here.");
    }
    let row = |rule: &crate::people::oidc::RoleRule| {
        vec![Cell::Code(rule.claim.clone()), Cell::Code(rule.value.clone()), Cell::Text(rule.role.clone())]
    };
    Section::new(title, "For as long as that login lasts, beside the roles of the account here.")
        .table(&["Claim", "Is, or holds", "Role"], settings.roles.iter().map(row).collect())
}

fn people_section(desk: &Desk, linked: &[LinkedRow]) -> Section {
    let title = "People it is known for";
    if linked.is_empty() {
        return Section::new(title, "Nobody has come by it yet.");
    }
    let now = desk.visit.app.clock.now();
    let row = |row: &LinkedRow| {
        vec![
            Cell::link(row.username.clone(), people::at(desk, row.person)),
            Cell::time(now, row.linked_at),
            Cell::time_or(now, row.last_login_at, "never"),
        ]
    };
    Section::new(title, "Whoever came last, at most 20.")
        .table(&["Person", "Since", "Last login by it"], linked.iter().map(row).collect())
}

fn actions(desk: &Desk, known: &Listed) -> Vec<Way> {
    let row = &known.provider.row;
    let to = |act: &str| format!("{}/{act}", at(desk, &row.slug));
    let (mut ways, mut enable) = (Vec::new(), Vec::new());
    if row.status != "active" && desk.may(Page::Providers, Action::Enable) {
        enable.push(Way::new("Enable", to("enable")));
    }
    if desk.may(Page::Providers, Action::Probe) {
        let test = Way::new("Test it", to("probe"));
        ways.push(test.primary());
    }
    if desk.may(Page::Providers, Action::Edit) {
        ways.push(Way::new("Edit", to("edit")));
    }
    // First it is tested, then it is offered to people.
    ways.splice(1.min(ways.len())..1.min(ways.len()), enable);
    ways
}

fn danger(desk: &Desk, known: &Listed) -> Vec<Way> {
    let row = &known.provider.row;
    let to = |act: &str| format!("{}/{act}", at(desk, &row.slug));
    let mut ways = Vec::new();
    if row.status == "active" && desk.may(Page::Providers, Action::Disable) {
        let hint = "Logs out whoever came by it; nobody comes by it until somebody enables it.";
        ways.push(Way::new("Disable", to("disable")).hint(hint));
    }
    if desk.may(Page::Providers, Action::Remove) {
        let hint =
            "Takes it away for good, and nobody is known by it any more. Its name in addresses is not used again.";
        ways.push(Way::new("Remove", to("remove")).hint(hint));
    }
    ways
}
