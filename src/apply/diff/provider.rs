//! Identity providers: what changes of them.

use super::{Findings, stays_enabled, text};
use crate::{
    apply::{
        ApplyError, ProviderDoc, Prune, TenantDoc,
        facts::{Facts, yes},
        plan::Kind,
        state::State,
        step::{Compared, ProviderWrite, Removed, Step, Write, removal, secret_field},
    },
    ids::ProviderId,
    people::oidc::secret_place,
    store::{StoreError, providers::ProviderRow},
};

pub(super) fn all(
    findings: &mut Findings<'_>,
    doc: &TenantDoc,
    state: Option<&State>,
    prune: Prune,
) -> Result<(), ApplyError> {
    for provider in &doc.providers {
        let old = state.and_then(|state| state.providers.get(provider.slug.as_str()));
        one(findings, provider, old)?;
    }
    let Some(state) = state.filter(|_| prune.objects()) else { return Ok(()) };
    let named = |slug: &str| doc.providers.iter().any(|doc| doc.slug.as_str() == slug);
    let gone = |row: &&ProviderRow| !row.is_removed() && !named(&row.slug) && state.made(Kind::Provider, row.id);
    for row in state.providers.values().filter(gone) {
        let change = removal(Kind::Provider, findings.name(&row.slug));
        findings.steps.push(Step { change, write: Write::Remove(Removed::Provider(Box::new(row.clone()))) });
    }
    Ok(())
}

fn one(findings: &mut Findings<'_>, doc: &ProviderDoc, old: Option<&ProviderRow>) -> Result<(), ApplyError> {
    let tools = findings.tools;
    let name = findings.name(&doc.slug);
    // Whom a provider knows by its words stays known by its slug: another issuer would inherit all of them.
    if old.is_some_and(ProviderRow::is_removed) {
        findings.problem(doc.line, format!("provider {name}"), "was removed: choose another slug");
        return Ok(());
    }
    if old.is_some_and(|old| old.issuer != doc.issuer) {
        let message = "has another issuer, which knows other people by the same words: choose another slug";
        findings.problem(doc.line, format!("provider {name}"), message);
        return Ok(());
    }
    let id = match old {
        Some(old) => old.id,
        None => ProviderId::new(&tools.recorder.clock, &tools.recorder.entropy)?,
    };
    let method = doc.auth_method.clone().or_else(|| match (old, &doc.client_secret) {
        (Some(old), None) => Some(old.auth_method.clone()),
        (Some(old), Some(_)) if old.auth_method != "none" => Some(old.auth_method.clone()),
        (_, secret) => secret.as_ref().map(|_| "client_secret_basic".to_owned()),
    });
    let auth_method = method.unwrap_or_else(|| "none".to_owned());
    let kept = old.and_then(|old| old.secret.clone()).filter(|_| auth_method != "none");
    let place = secret_place(findings.tenant, id);
    let given = doc.client_secret.as_ref().filter(|_| auth_method != "none");
    let is_same = |text: &str| {
        let kept = kept.as_ref().and_then(|kept| tools.keyring.open(&kept.kek_id, place.as_bytes(), &kept.bytes).ok());
        kept.is_some_and(|kept| crate::secret::same(&kept, text.as_bytes()))
    };
    let new_secret = given.filter(|given| !is_same(given.expose()));
    let secret = match new_secret {
        Some(new) => Some(tools.keyring.seal(place.as_bytes(), new.expose().as_bytes(), &tools.recorder.entropy)?),
        None => kept.clone(),
    };
    if (auth_method == "none") != secret.is_none() {
        findings.problem(doc.line, format!("provider {name}"), "client_secret is required with this auth_method");
        return Ok(());
    }
    if auth_method == "none" && doc.client_secret.is_some() {
        findings.problem(
            doc.line,
            format!("provider {name}"),
            "has a client_secret, and auth_method \"none\" sends none",
        );
        return Ok(());
    }
    let enabled = stays_enabled(doc.enabled, old.map(|old| old.status.as_str()));
    if !enabled && doc.enabled.is_none() {
        findings.stays_disabled(Kind::Provider, &name);
    }
    let row = ProviderRow {
        id,
        slug: doc.slug.to_string(),
        name: doc.name.clone(),
        issuer: doc.issuer.clone(),
        client_id: doc.client_id.clone(),
        auth_method,
        secret,
        settings: serde_json::to_value(&doc.settings).map_err(StoreError::corrupt)?,
        status: if enabled { "active" } else { "disabled" }.to_owned(),
        version: old.map_or(1, |old| old.version),
    };
    let secrets = new_secret.map(|_| secret_field("client_secret", kept.is_some())).into_iter().collect();
    let (before, after) = (old.map(facts), facts(&row));
    let compared = Compared { kind: Kind::Provider, name, old: before.as_ref(), new: &after, secrets };
    findings.compare(compared, || Write::Provider(Box::new(ProviderWrite { row, is_new: old.is_none() })));
    Ok(())
}

fn facts(row: &ProviderRow) -> Facts {
    let mut facts = Facts::default();
    facts.add("name", &row.name);
    facts.add("issuer", &row.issuer);
    facts.add("client_id", &row.client_id);
    facts.add("auth_method", &row.auth_method);
    for (name, value) in row.settings.as_object().into_iter().flatten() {
        facts.add(format!("settings.{name}"), text(value));
    }
    facts.add("enabled", yes(row.status == "active"));
    facts
}
