//! One server.

use axum::response::Response;
use http::StatusCode;

use super::{at, named, state, without_query};
use crate::{
    access::{Action, Page},
    console::{Desk, grants, overview::amount, usage},
    http::{
        pages::console::{Cell, Fact, Section, SheetPage, Tone, Way},
        trouble::Trouble,
        words::ago,
    },
    store::{
        StoreError, TenantTx,
        grants::many::{Selection, StandingRow},
        server_probes::{self, ProbeRow},
        tenants::{self, CatalogueRow, ScopeRow, ServerRow},
        usage::Whose,
    },
};

struct Known {
    row: ServerRow,
    scopes: Vec<ScopeRow>,
    items: Vec<CatalogueRow>,
    grants: Vec<StandingRow>,
    calls: Section,
    probe: Option<ProbeRow>,
}

/// `GET …/servers/{object}`
pub(in crate::console) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    let known = read(&desk, &mut tx, row).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let page = page(&desk, known);
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn read(desk: &Desk, tx: &mut TenantTx, row: ServerRow) -> Result<Known, StoreError> {
    let (mut scopes, mut items) = (tenants::scopes(tx).await?, tenants::catalogue(tx).await?);
    scopes.retain(|scope| scope.server == row.id);
    items.retain(|item| item.server == row.id);
    let of = Selection { server: Some(row.id), ..Selection::default() };
    let whose = Whose { server: Some(row.id), ..Whose::default() };
    let calls = usage::section(desk, tx, &whose).await?;
    let probe = server_probes::all(tx).await?.into_iter().find(|probe| probe.server == row.id);
    Ok(Known { scopes, items, grants: grants::some(desk, tx, &of).await?, calls, probe, row })
}

fn page(desk: &Desk, mut known: Known) -> SheetPage {
    let calls = std::mem::replace(&mut known.calls, Section::new("", ""));
    let (known, mut parts) = (&known, vec![calls]);
    parts.extend(sections(desk, known));
    let row = &known.row;
    SheetPage {
        frame: desk.frame(),
        back: Way::new("Servers", desk.at("servers")),
        title: row.name.clone(),
        state: state(&row.status),
        lead: row.description.clone(),
        facts: facts(desk, known),
        sections: parts,
        actions: actions(desk, row),
        danger: danger(desk, known),
    }
}

fn facts(desk: &Desk, known: &Known) -> Vec<Fact> {
    let row = &known.row;
    let era = match row.era.as_str() {
        "modern" => "2026-07-28 and newer",
        "legacy" => "before 2026-07-28",
        _ => "both: each request in its own",
    };
    let fallback = row.fallback_scope.clone().map_or_else(|| Cell::Text("forbidden".to_owned()), Cell::Code);
    let own = &desk.visit.app.config.public_url;
    let mut facts = vec![
        Fact::new(
            "Address for clients",
            Cell::Code(format!("{}/t/{}/mcp/{}", own.as_str(), desk.visit.tenant.slug, row.slug)),
        ),
        Fact::new("Upstream", Cell::Code(without_query(&row.upstream_url))),
    ];
    facts.extend(asked(desk, known.probe.as_ref()));
    facts.extend(verified(desk, &row.audience, &row.signing_alg));
    facts.extend([
        Fact::new("Era", Cell::Text(era.to_owned())),
        Fact::new("Asked for by default", Cell::Names(row.default_scopes.clone())),
        Fact::new("What is not accepted needs", fallback),
    ]);
    facts
}

/// What came of it when somebody last asked it.
fn asked(desk: &Desk, probe: Option<&ProbeRow>) -> Vec<Fact> {
    let Some(probe) = probe else {
        return vec![Fact::new("Last asked", Cell::state("Never, at this address", Tone::Waits))];
    };
    let ago = ago(desk.visit.app.clock.now(), probe.at);
    let asked = match probe.outcome.as_str() {
        "answered" => {
            Cell::state(&format!("{ago}: it offered {}", amount(probe.items.into(), "thing", "things")), Tone::Good)
        }
        _ => Cell::state(&format!("{ago}: it gave no usable answer"), Tone::Stopped),
    };
    vec![Fact::new("Last asked", asked), Fact::new("Verifies tokens", verifies(probe.verifies))]
}

/// Whether it refused a token that was not for it.
pub(super) fn verifies(known: Option<bool>) -> Cell {
    match known {
        Some(true) => Cell::state("Yes: it refused a token that was not for it", Tone::Good),
        Some(false) => Cell::state(
            "No: it took a token that was not for it, so keep it out of everybody else's reach",
            Tone::Stopped,
        ),
        None => Cell::state("Nobody can tell", Tone::Plain),
    }
}

/// What a server verifies a token by.
pub(super) fn verified(desk: &Desk, audience: &str, signing: &str) -> [Fact; 4] {
    let issuer = &desk.visit.tenant.issuer;
    [
        Fact::new("Audience of its tokens", Cell::Code(without_query(audience))),
        Fact::new("Issuer of its tokens", Cell::Code(issuer.clone())),
        Fact::new("Key set of the issuer", Cell::Code(format!("{issuer}/jwks.json"))),
        Fact::new("Signed with", Cell::Code(signing.to_owned())),
    ]
}

fn sections(desk: &Desk, known: &Known) -> Vec<Section> {
    let scope = |scope: &ScopeRow| {
        vec![
            Cell::Code(scope.name.clone()),
            Cell::Text(if scope.effect == "read" { "changes nothing" } else { "may change something" }.to_owned()),
            Cell::Text(scope.description.clone()),
            Cell::Number(
                i64::try_from(known.items.iter().filter(|item| item.scope == scope.name).count()).unwrap_or_default(),
            ),
        ]
    };
    let item = |item: &CatalogueRow| {
        vec![
            Cell::Code(item.name.clone()),
            Cell::Text(item.kind.clone()),
            Cell::Code(item.scope.clone()),
            Cell::Text(if item.read_only { "changes nothing" } else { "may change something" }.to_owned()),
        ]
    };
    let scopes = Section::new("What people can allow", "")
        .table(&["Scope", "Effect", "What people read", "Accepted"], known.scopes.iter().map(scope).collect());
    let items = if known.items.is_empty() {
        let text = "Nothing is accepted yet: everything needs the scope above. Ask the server what it offers, and say what each tool needs.";
        Section::new("Accepted tools, prompts and resources", text)
    } else {
        Section::new("Accepted tools, prompts and resources", "")
            .table(&["Name", "Kind", "Needs", "Effect"], known.items.iter().map(item).collect())
    };
    let none = "Nobody allows a program to use it now.";
    vec![
        scopes,
        items,
        grants::section(desk, "Who allowed a program to use it", none, &known.grants, &format!("q={}", known.row.slug)),
    ]
}

fn actions(desk: &Desk, row: &ServerRow) -> Vec<Way> {
    let to = |act: &str| format!("{}/{act}", at(desk, &row.slug));
    let mut ways = Vec::new();
    let active = row.status == "active";
    if active && desk.may(Page::Servers, Action::Probe) {
        ways.push(Way::new("Ask it what it offers", to("probe")).primary());
    }
    if !active && desk.may(Page::Servers, Action::Enable) {
        ways.push(Way::new("Enable", to("enable")).primary());
    }
    if desk.may(Page::Servers, Action::Edit) {
        ways.push(Way::new("Edit", to("edit")));
    }
    ways
}

fn danger(desk: &Desk, known: &Known) -> Vec<Way> {
    let slug = &known.row.slug;
    let to = |act: &str| format!("{}/{act}", at(desk, slug));
    let mut ways = Vec::new();
    if known.row.status == "active" && desk.may(Page::Servers, Action::Disable) {
        ways.push(
            Way::new("Disable", to("disable")).hint("No call reaches it until somebody enables it. Grants stay."),
        );
    }
    if !known.grants.is_empty() && desk.may(Page::Grants, Action::RevokeAll) {
        ways.push(
            Way::new("Revoke all its grants", desk.at(&format!("revoke?server={slug}")))
                .hint("Ends what everybody allowed on it. They can allow it again."),
        );
    }
    if desk.may(Page::Servers, Action::Remove) {
        ways.push(Way::new("Remove", to("remove")).hint("Takes it away with its policy and all grants, for good."));
    }
    ways
}
