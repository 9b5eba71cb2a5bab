//! One client.

use axum::response::Response;
use http::StatusCode;

use super::{at, came, named, state};
use crate::{
    access::{Action, Page},
    clients::{
        AuthMethod, Client, Origin, Status,
        metadata::WebUri,
        software::{self, Software},
        standing::Suspension,
        statement::vouched_by,
    },
    console::{Desk, grants, usage},
    http::{
        pages::console::{Cell, Fact, Section, SheetPage, Way},
        trouble::Trouble,
    },
    store::{
        StoreError, TenantTx,
        clients::{
            listed::{self, ListedRow},
            standing,
        },
        grants::many::{Selection, StandingRow},
        usage::Whose,
    },
};

/// What there is to say of a client.
struct Known {
    client: Client,
    suspension: Option<Suspension>,
    remembered: bool,
    alike: Vec<ListedRow>,
    grants: Vec<StandingRow>,
    calls: Section,
}

/// `GET …/clients/{object}`
pub(in crate::console) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let client = named(&desk, &mut tx).await?;
    let known = read(&desk, &mut tx, client).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let page = page(&desk, known);
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn read(desk: &Desk, tx: &mut TenantTx, client: Client) -> Result<Known, StoreError> {
    let of = Selection { client: Some(client.id.clone()), ..Selection::default() };
    Ok(Known {
        suspension: standing::suspension(tx, &client.id).await?,
        remembered: standing::is_remembered(tx, Software::of(&client.metadata)).await?,
        alike: listed::alike(tx, &client.id).await?,
        grants: grants::some(desk, tx, &of).await?,
        calls: usage::section(desk, tx, &Whose { client: Some(client.id.to_string()), ..Whose::default() }).await?,
        client,
    })
}

fn page(desk: &Desk, mut known: Known) -> SheetPage {
    let calls = std::mem::replace(&mut known.calls, Section::new("", ""));
    let (known, mut parts) = (&known, vec![calls]);
    parts.extend(sections(desk, known));
    let client = &known.client;
    SheetPage {
        frame: desk.frame(),
        back: Way::new("Clients", desk.at("clients")),
        title: client.name().to_owned(),
        state: state(client.status),
        lead: lead(known),
        facts: facts(desk, known),
        sections: parts,
        actions: actions(desk, client),
        danger: danger(desk, known),
    }
}

fn lead(known: &Known) -> String {
    match (known.client.status, &known.suspension) {
        (Status::Pending, _) => {
            "It may do nothing until an administrator approves it. Its name is its own claim.".to_owned()
        }
        (Status::Disabled, Some(Suspension { reason: Some(reason), .. })) => format!("Suspended: {reason}"),
        (Status::Disabled, _) => {
            "Suspended. It keeps its registration and its tokens, and none of them works.".to_owned()
        }
        _ => String::new(),
    }
}

fn facts(desk: &Desk, known: &Known) -> Vec<Fact> {
    let (client, now) = (&known.client, desk.visit.app.clock.now());
    let meta = &client.metadata;
    let proves = match meta.token_endpoint_auth_method {
        AuthMethod::None => "Nothing: it is a public client",
        AuthMethod::PrivateKeyJwt => "By a signature",
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => "By a secret",
    };
    let uris = meta.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect();
    let mut facts = vec![
        Fact::new("Client id", Cell::Code(client.id.to_string())),
        Fact::new("How it came", Cell::Text(came(client.origin).to_owned())),
        Fact::new("When", Cell::time(now, client.created_at)),
        Fact::new("Last used", Cell::time_or(now, client.last_used_at, "never")),
        Fact::new("Answers go to", Cell::Names(uris)),
        Fact::new("Proves itself", Cell::Text(proves.to_owned())),
    ];
    if let Some(issuer) = vouched_by(meta, &desk.visit.tenant.settings) {
        facts.push(Fact::new("Vouched for by", Cell::Text(issuer)));
    }
    // Not as links: whoever registered chose them.
    let website = meta.client_uri.as_ref().map(WebUri::as_str);
    facts.extend(website.map(|uri| Fact::new("Website, as it says", Cell::Code(uri.to_owned()))));
    let version = [meta.software_id.as_deref(), meta.software_version.as_deref()];
    let version: Vec<String> = version.into_iter().flatten().map(str::to_owned).collect();
    if !version.is_empty() {
        facts.push(Fact::new("Software, as it says", Cell::Names(version)));
    }
    if !meta.contacts.is_empty() {
        facts.push(Fact::new("Contacts, as it says", Cell::Names(meta.contacts.clone())));
    }
    let whole = software::answers_go_to_it_only(meta);
    facts.push(Fact::new(
        "Later ones of its kind",
        Cell::Text(match (known.remembered, whole) {
            (true, _) => "are approved at once".to_owned(),
            (false, true) => "wait, where the tenant asks for approvals".to_owned(),
            (false, false) => {
                "cannot prove that they are this software: any program on a person's computer can say so".to_owned()
            }
        }),
    ));
    facts
}

fn sections(desk: &Desk, known: &Known) -> Vec<Section> {
    let mut sections = vec![grants::section(
        desk,
        "What people allowed it",
        "Nobody allows it anything now.",
        &known.grants,
        &format!("q={}", url::form_urlencoded::byte_serialize(known.client.id.as_str().as_bytes()).collect::<String>()),
    )];
    if !known.alike.is_empty() {
        let now = desk.visit.app.clock.now();
        let row = |row: &ListedRow| {
            vec![
                Cell::link(row.id.to_string(), at(desk, &row.id)),
                Status::parse(&row.status).map_or(Cell::Nothing, state),
                Cell::time(now, row.created_at),
                Cell::time_or(now, row.last_used_at, "never"),
                Cell::Number(row.grants),
            ]
        };
        let rows = known.alike.iter().map(row).collect();
        let text = "They call themselves the same and send people back to the same addresses. Some programs register anew for every connection.";
        sections.push(
            Section::new("Other registrations of its kind", text)
                .table(&["Client id", "Status", "Came", "Last used", "Grants"], rows),
        );
    }
    let document = serde_json::to_string_pretty(&known.client.metadata).unwrap_or_default();
    let text = if known.client.origin == Origin::Registered { "As it registered itself." } else { "" };
    sections.push(Section::new("Metadata", text).pre(document));
    sections
}

fn actions(desk: &Desk, client: &Client) -> Vec<Way> {
    let to = |act: &str| format!("{}/{act}", at(desk, &client.id));
    match client.status {
        Status::Pending if desk.may(Page::Clients, Action::Approve) => {
            vec![Way::new("Approve", to("approve")).primary()]
        }
        Status::Disabled if desk.may(Page::Clients, Action::Resume) => vec![Way::new("Resume", to("resume")).primary()],
        _ => Vec::new(),
    }
}

fn danger(desk: &Desk, known: &Known) -> Vec<Way> {
    let client = &known.client;
    let to = |act: &str| format!("{}/{act}", at(desk, &client.id));
    let mut ways = Vec::new();
    if desk.may(Page::Clients, Action::Suspend) && client.status != Status::Disabled {
        ways.push(match client.status {
            Status::Pending => Way::new("Refuse", to("suspend"))
                .hint("It may do nothing, and whoever comes with it reads why. Somebody can let it wait again."),
            _ => Way::new("Suspend", to("suspend")).hint("Stops it until somebody resumes it. Nothing is lost."),
        });
    }
    if desk.may(Page::Grants, Action::RevokeAll) && !known.grants.is_empty() {
        let id: String = url::form_urlencoded::byte_serialize(client.id.as_str().as_bytes()).collect();
        ways.push(
            Way::new("Revoke all its grants", desk.at(&format!("revoke?client={id}")))
                .hint("Ends what everybody allowed it. They can allow it again."),
        );
    }
    if desk.may(Page::Clients, Action::Remove) && client.origin != Origin::Configured {
        ways.push(
            Way::new("Remove", to("remove"))
                .hint("Removes its registration with all that was granted to it, for good."),
        );
    }
    ways
}
