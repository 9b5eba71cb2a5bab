//! Compares a tenant as it is with the tenant as it is to be.

mod client;
mod person;
mod provider;
mod server;

use std::collections::BTreeMap;

use super::{
    ApplyError, Document, Problem, Prune, TenantDoc, Tools,
    facts::{Facts, yes},
    plan::Kind,
    state::State,
    step::{Compared, Removed, Step, Write, removal},
};
use crate::{ids::TenantId, policy::ScopeDef, store::tenants::TenantRow, tenants::Settings};

/// All that changes in one tenant.
pub(super) struct TenantSteps {
    /// The tenant, if it is new: its row is there before all else.
    pub(super) new: Option<TenantRow>,
    pub(super) id: TenantId,
    pub(super) slug: String,
    pub(super) steps: Vec<Step>,
    pub(super) unchanged: usize,
    pub(super) notes: Vec<String>,
}

/// Collects steps, problems, and the number of what stays.
pub(super) struct Findings<'a> {
    pub(super) tools: Tools<'a>,
    pub(super) tenant: TenantId,
    pub(super) slug: &'a str,
    pub(super) steps: Vec<Step>,
    pub(super) unchanged: usize,
    pub(super) notes: Vec<String>,
    /// The scopes that each server will declare, by slug.
    pub(super) declared: BTreeMap<String, Vec<ScopeDef>>,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Findings<'_> {
    fn name(&self, object: impl std::fmt::Display) -> String {
        format!("{}/{object}", self.slug)
    }

    fn compare(&mut self, compared: Compared<'_>, write: impl FnOnce() -> Write) {
        match compared.change() {
            Some(change) => self.steps.push(Step { change, write: write() }),
            None => self.unchanged += 1,
        }
    }

    /// Whoever reads the file takes it for something that works.
    fn stays_disabled(&mut self, kind: Kind, name: &str) {
        let kind = kind.name();
        self.notes.push(format!("{kind} {name} is disabled, and the file does not say whether it should be"));
    }

    fn problem(&mut self, line: Option<usize>, object: String, message: impl Into<String>) {
        self.problems.push(Problem { line, object, message: message.into() });
    }
}

/// What is to be done in a tenant that the document names.
pub(super) async fn tenant(
    tools: Tools<'_>,
    doc: &TenantDoc,
    state: Option<&State>,
    prune: Prune,
    problems: &mut Vec<Problem>,
) -> Result<TenantSteps, ApplyError> {
    let slug = doc.slug.as_str();
    let known = state.map(|state| state.row.id);
    let id = match known {
        Some(id) => id,
        None => TenantId::new(&tools.recorder.clock, &tools.recorder.entropy)?,
    };
    let enabled = stays_enabled(doc.enabled, state.map(|state| state.row.status.as_str()));
    let row = TenantRow {
        id,
        slug: slug.to_owned(),
        name: doc.name.clone(),
        settings: serde_json::to_value(&doc.settings).map_err(crate::store::StoreError::corrupt)?,
        status: if enabled { "active" } else { "disabled" }.to_owned(),
        platform: state.is_some_and(|state| state.row.platform),
    };
    let mut findings = Findings {
        tools,
        tenant: id,
        slug,
        steps: Vec::new(),
        unchanged: 0,
        notes: Vec::new(),
        declared: BTreeMap::new(),
        problems,
    };
    if state.is_some_and(|state| state.row.status == "removed") {
        let message = "was removed, and its issuer is never used again: choose another slug";
        findings.problem(doc.line, format!("tenant {slug}"), message);
    }
    if !enabled && doc.enabled.is_none() {
        findings.stays_disabled(Kind::Tenant, slug);
    }
    let old = state.map(|state| facts(&state.row.name, &state.settings, state.row.status == "active", true));
    let new = facts(&doc.name, &doc.settings, enabled, old.is_some());
    let compared =
        Compared { kind: Kind::Tenant, name: slug.to_owned(), old: old.as_ref(), new: &new, secrets: Vec::new() };
    findings.compare(compared, || Write::Tenant(row.clone()));
    server::all(&mut findings, doc, state, prune)?;
    person::all(&mut findings, doc, state, prune).await?;
    client::all(&mut findings, doc, state, prune);
    provider::all(&mut findings, doc, state, prune)?;
    let Findings { steps, unchanged, notes, .. } = findings;
    Ok(TenantSteps { new: known.is_none().then_some(row), id, slug: slug.to_owned(), steps, unchanged, notes })
}

/// Whether something works: as the document says, else as it does now. What is new works.
fn stays_enabled(doc: Option<bool>, now: Option<&str>) -> bool {
    doc.unwrap_or_else(|| now.is_none_or(|status| status == "active"))
}

/// The removal of a tenant that `apply` made and the document does not name any more.
pub(super) fn gone(state: &State, document: &Document) -> Option<TenantSteps> {
    let row = &state.row;
    let kept = document.tenant(&row.slug).is_some() || row.status == "removed";
    if kept || !state.made(Kind::Tenant, row.id) {
        return None;
    }
    Some(removed(state))
}

/// The removal of a tenant.
pub(super) fn removed(state: &State) -> TenantSteps {
    let row = &state.row;
    let change = removal(Kind::Tenant, row.slug.clone());
    let step = Step { change, write: Write::Remove(Removed::Tenant(row.clone())) };
    TenantSteps { new: None, id: row.id, slug: row.slug.clone(), steps: vec![step], unchanged: 0, notes: Vec::new() }
}

/// With `all` also the settings that are as they are by themselves: so that a change to that shows what it is now.
fn facts(name: &str, settings: &Settings, enabled: bool, all: bool) -> Facts {
    let mut facts = Facts::default();
    facts.add("name", name);
    // Settings are shown by the names they have in the file, whatever settings there will be.
    let members = |settings: &Settings| match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let defaults = members(&Settings::default());
    for (member, value) in members(settings) {
        if all || defaults.get(&member) != Some(&value) {
            facts.add(format!("settings.{member}"), text(&value));
        }
    }
    facts.add("enabled", yes(enabled));
    facts
}

fn text(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
