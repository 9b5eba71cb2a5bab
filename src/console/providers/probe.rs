//! Asks a provider what it says of itself, and tells an administrator what is wrong with it.

use axum::response::Response;
use http::StatusCode;

use super::{at, named, state};
use crate::{
    console::Desk,
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    people::oidc::{self, Finding, Listed, Verdict},
};

/// `GET …/probe`: nothing is asked yet.
pub(in crate::console) async fn ask_probe(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?.provider.row;
    let lead = "Sallyport fetches its metadata and its keys, as a login would, and says what is wrong with them. It cannot test the \
                client secret: only a login shows that. Nothing changes there or here.";
    let facts = vec![Fact::new("Provider", Cell::Text(row.name)), Fact::new("Issuer", Cell::Code(row.issuer))];
    let back = Way::new("Back to the provider", at(&desk, &row.slug));
    let page = AskPage { facts, ..desk.ask("Test this provider?", lead, "Test it now", back) };
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/probe`: what was found, step by step.
pub(in crate::console) async fn probe(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let known = named(&desk, &mut tx).await?;
    let findings = oidc::probe(&desk.visit.app, (tx, desk.recorder()), &desk.visit.tenant, &known.provider).await;
    let findings = findings.map_err(|error| desk.visit.fault(error))?;
    Ok(desk.visit.page(StatusCode::OK, page(&desk, &known, &findings)))
}

fn page(desk: &Desk, known: &Listed, findings: &[Finding]) -> SheetPage {
    let row = &known.provider.row;
    let wrong = findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count();
    let lead = match wrong {
        0 => "By what it says of itself, people can log in through it.".to_owned(),
        1 => "Nobody can log in through it: one thing is wrong.".to_owned(),
        many => format!("Nobody can log in through it: {many} things are wrong."),
    };
    let step = |finding: &Finding| {
        vec![
            Cell::Text(finding.what.to_owned()),
            verdict(finding.verdict),
            Cell::Text(finding.found.clone()),
            if finding.advice.is_empty() { Cell::Nothing } else { Cell::Text(finding.advice.to_owned()) },
        ]
    };
    let steps = Section::new("Step by step", "")
        .table(&["What", "Result", "Found", "What to do"], findings.iter().map(step).collect());
    SheetPage {
        frame: desk.frame(),
        back: Way::new("Back to the provider", at(desk, &row.slug)),
        title: format!("What {} says of itself", row.name),
        state: state(&row.status),
        lead,
        facts: vec![Fact::new("Issuer", Cell::Code(row.issuer.clone()))],
        sections: vec![steps],
        actions: vec![Way::new("Test it again", format!("{}/probe", at(desk, &row.slug)))],
        danger: Vec::new(),
    }
}

fn verdict(verdict: Verdict) -> Cell {
    match verdict {
        Verdict::Good => Cell::state("Good", Tone::Good),
        Verdict::Mind => Cell::state("Could be better", Tone::Waits),
        Verdict::Wrong => Cell::state("Wrong", Tone::Stopped),
        Verdict::Untested => Cell::state("Not tested", Tone::Plain),
    }
}
