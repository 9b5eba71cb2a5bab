//! Signed checkpoints: the newest one, those before it, and who outside has been told of them.

use axum::response::Response;
use http::StatusCode;
use time::{Duration, OffsetDateTime};

use crate::{
    access::{Action, Page},
    audit::{
        checkpoints::{self, LogKeys, name, parse_place, place, short},
        log::{Checkpoint, Origin},
    },
    console::Desk,
    http::{
        attachment::attachment,
        pages::{
            console::{Cell, Fact, Section, SheetPage, Tone, Way, exact},
            grouped,
        },
        trouble::Trouble,
    },
    store::{
        StoreError, TenantTx,
        audit_checkpoints::{self as rows, KeptRow},
        audit_log,
        audit_ship::{self, Kind, Place},
    },
};

/// Checkpoints of one page.
const SIZE: i64 = 25;
/// Events that wait for longer than this are complained of.
const PATIENCE: Duration = Duration::MINUTE;
/// A target that is behind, and accepted something not longer ago than this, is on its way.
const ON_ITS_WAY: Duration = Duration::minutes(2);

fn state(keys: &LogKeys, kept: &KeptRow) -> Cell {
    match keys.signer(kept) {
        Some((_, true)) => Cell::state("Signed", Tone::Good),
        Some((_, false)) => Cell::state("Signed with an earlier key", Tone::Plain),
        None => Cell::state("Not signed by a key of this log", Tone::Stopped),
    }
}

/// `GET …/audit/-/checkpoints?before=`
pub(in crate::console) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let query = desk.visit.query()?;
    let before = parse_place(desk.one(&query, "before")?);
    let mut tx = desk.tx().await?;
    let page = page(&desk, &mut tx, before).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn page(desk: &Desk, tx: &mut TenantTx, before: Option<Place>) -> Result<SheetPage, StoreError> {
    let head = audit_log::head(tx).await?;
    let mut kept = rows::before(tx, before, SIZE + 1).await?;
    let more = (kept.len() > usize::try_from(SIZE).unwrap_or(usize::MAX)).then(|| kept.pop()).flatten();
    let origin = match (&head, kept.first()) {
        (_, Some(kept)) => kept.origin.clone(),
        (Some(head), None) => head.origin.clone(),
        (None, None) => Origin::of(&desk.visit.app.config.public_url, tx.tenant(), 1),
    };
    let keys = LogKeys::of(&desk.visit.app.keyring, tx, origin).await?;
    let mut page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Audit log", desk.at("audit")),
        title: "Checkpoints".to_owned(),
        state: Cell::Nothing,
        lead:
            "A checkpoint says how many entries the log had, and stands for each letter of them. Whoever keeps one can \
               prove later that nothing before it was changed."
                .to_owned(),
        facts: Vec::new(),
        sections: Vec::new(),
        actions: Vec::new(),
        danger: Vec::new(),
    };
    if before.is_some() {
        page.back = Way::new("Newest checkpoints", desk.at("audit/-/checkpoints"));
        page.facts.push(Fact::new("Log", Cell::Code(keys.origin().to_string())));
    } else {
        let since = audit_log::waiting_since(tx).await?;
        let size = head.as_ref().map_or(0, |head| head.size);
        newest(desk, &mut page, (kept.first(), &keys), (size, since));
        page.sections.push(verifying(&keys));
        page.sections.extend(told(desk, tx).await?);
        if let Some(newest) = kept.first() {
            page.sections.extend(witnesses(desk, tx, newest).await?);
        }
    }
    let row = |kept: &KeptRow| {
        let root = Checkpoint::unverified(&kept.note).map(|said| said.root.to_string());
        vec![
            Cell::link(entries(kept.place.next), note_at(desk, kept)),
            Cell::time(desk.visit.app.clock.now(), kept.signed_at),
            state(&keys, kept),
            root.map_or(Cell::Nothing, Cell::Code),
        ]
    };
    let all: Vec<Vec<Cell>> = kept.iter().map(row).collect();
    if !all.is_empty() {
        let words = "Each leads to the signed text, for whoever wants to compare it with their own copy.";
        let mut section = Section::new("Signed", words).table(&["Over", "When", "Signature", "Root"], all);
        if let (Some(_), Some(last)) = (more, kept.last()) {
            let href = format!("audit/-/checkpoints?before={}", place(last.place));
            section = section.more(Way::new("Earlier ones", desk.at(&href)));
        }
        page.sections.push(section);
    }
    Ok(page)
}

/// The newest checkpoint, and what is not in it yet.
fn newest(
    desk: &Desk,
    page: &mut SheetPage,
    (newest, keys): (Option<&KeptRow>, &LogKeys),
    (size, since): (u64, Option<OffsetDateTime>),
) {
    let now = desk.visit.app.clock.now();
    let late = since.is_some_and(|since| now - since > PATIENCE);
    let unsigned = size.saturating_sub(newest.map_or(0, |newest| newest.place.next));
    if let Some(newest) = newest {
        page.facts.push(Fact::new("Log", Cell::Code(newest.origin.to_string())));
        page.facts.push(Fact::new("Entries", Cell::Text(grouped(number(newest.place.next)))));
        let root = Checkpoint::unverified(&newest.note).map(|said| said.root.to_string());
        page.facts.push(Fact::new("Root", root.map_or(Cell::Nothing, Cell::Code)));
        page.facts.push(Fact::new("Signed", Cell::time(now, newest.signed_at)));
        let by = keys.signer(newest).map(|(key, _)| Cell::Code(short(&key)));
        page.facts.push(Fact::new("With the key", by.unwrap_or(Cell::Nothing)));
        if desk.may(Page::Audit, Action::Export) {
            page.actions.push(Way::new("Download it", note_at(desk, newest)).primary());
        }
    }
    if desk.may(Page::Audit, Action::Export) {
        page.actions.push(Way::new("Export the log", desk.at("audit/-/export")));
    }
    let every = desk.visit.app.config.audit.checkpoint.as_secs();
    let waits = match (unsigned, since) {
        (0, None) => "Nothing: it is over everything that happened.".to_owned(),
        (0, Some(since)) => format!("Events since {}, which come into the log within seconds.", exact(since)),
        (unsigned, _) => format!("{}: a log that grows is signed every {every} seconds.", entries(unsigned)),
    };
    page.facts.push(Fact::new("Not signed yet", Cell::Text(waits)));
    page.state = match newest {
        _ if late => Cell::state("Events wait for more than a minute", Tone::Stopped),
        None => Cell::state("Nothing signed yet", Tone::Waits),
        Some(newest) if keys.signer(newest).is_none() => state(keys, newest),
        Some(_) if unsigned > 0 || since.is_some() => Cell::state("Signed again in a moment", Tone::Waits),
        Some(_) => Cell::state("All of it is signed", Tone::Good),
    };
}

fn verifying(keys: &LogKeys) -> Section {
    let words = "Give it to auditors by another way than exports and checkpoints: whoever can change those can put another key beside them. \
                 The key in use comes first.";
    Section::new("Key to verify with", words).pre(keys.lines().join("\n"))
}

/// Anchors and collectors of the configuration, and how far they are.
async fn told(desk: &Desk, tx: &mut TenantTx) -> Result<Vec<Section>, StoreError> {
    let now = desk.visit.app.clock.now();
    let (mut anchors, mut collectors) = (Vec::new(), Vec::new());
    for courier in &desk.visit.app.couriers {
        let standing = audit_ship::standing(tx, courier.kind(), courier.name()).await?;
        let missing = Cell::Number(number(standing.missing));
        let recent = standing.accepted_at.is_none_or(|at| now - at < ON_ITS_WAY);
        let state = match (standing.missing, standing.away_since) {
            (0, _) => Cell::state("Has everything", Tone::Good),
            (_, Some(since)) => Cell::state(&format!("Away since {}", exact(since)), Tone::Stopped),
            (_, None) if recent => Cell::state("On its way", Tone::Waits),
            (_, None) => Cell::state("Behind", Tone::Waits),
        };
        let row = vec![
            Cell::Text(courier.name().to_owned()),
            Cell::Code(courier.sort().to_owned()),
            state,
            Cell::Text(entries(standing.place.next)),
            Cell::time_or(now, standing.accepted_at, "never"),
            missing,
        ];
        match courier.kind() {
            Kind::Anchor => anchors.push(row),
            Kind::Ship => collectors.push(row),
        }
    }
    let anchors = if anchors.is_empty() {
        let words = "Nobody outside is told the checkpoints: whoever has the database and the key could write another history. An anchor \
                     in the configuration of this installation, such as a bucket that nobody can change, closes that gap.";
        Section::new("Anchors", words)
    } else {
        let heads = ["Anchor", "Kind", "State", "Has the one over", "Accepted last", "Missing"];
        Section::new("Anchors", "They keep checkpoints out of reach of whoever runs this installation.")
            .table(&heads, anchors)
    };
    let mut sections = vec![anchors];
    if !collectors.is_empty() {
        let heads = ["Collector", "Kind", "State", "Has", "Accepted last", "Missing"];
        sections.push(
            Section::new("Collectors", "They get each event, in the order of the log.").table(&heads, collectors),
        );
    }
    Ok(sections)
}

/// What witnesses have seen last.
async fn witnesses(desk: &Desk, tx: &mut TenantTx, newest: &KeptRow) -> Result<Option<Section>, StoreError> {
    let now = desk.visit.app.clock.now();
    let row = |(name, size, at)| vec![Cell::Text(name), Cell::Text(entries(size)), Cell::time(now, at)];
    let seen: Vec<Vec<Cell>> = checkpoints::witnesses(tx, newest).await?.into_iter().map(row).collect();
    let words = "Each has signed that the log begins with these entries, and goes on from all that it saw before.";
    Ok((!seen.is_empty())
        .then(|| Section::new("Witnesses", words).table(&["Witness", "Has seen", "By its clock"], seen)))
}

/// `GET …/audit/-/checkpoints/{object}`: the signed note, with what witnesses have signed of it.
pub(in crate::console) async fn note(desk: Desk) -> Result<Response, Trouble> {
    let fault = |error: StoreError| desk.visit.fault(error);
    let mut tx = desk.tx().await?;
    let found = checkpoints::named(&mut tx, &desk.object).await.map_err(fault)?;
    tx.commit().await.map_err(fault)?;
    let (kept, note) = found.ok_or_else(|| desk.nothing("checkpoint"))?;
    let file = format!("{}-checkpoint-{}.txt", desk.visit.tenant.slug, kept.place.next);
    Ok(attachment(&file, "text/plain; charset=utf-8", note.into()))
}

fn note_at(desk: &Desk, kept: &KeptRow) -> String {
    desk.at(&format!("audit/-/checkpoints/{}", name(kept)))
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{} entries", grouped(number(count))) }
}
