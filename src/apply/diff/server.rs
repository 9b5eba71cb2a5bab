//! Servers: what changes of them, and whether they hold together.

use std::collections::HashMap;

use super::{Findings, stays_enabled};
use crate::{
    apply::{
        ApplyError, PolicyDoc, Prune, SecretDoc, ServerDoc, TenantDoc,
        plan::{Field, Kind},
        published::Published,
        state::State,
        step::{Compared, Removed, Step, Write, removal, secret_field},
    },
    ids::ServerId,
    keys::Stored,
    policy::{PolicySpec, ServerPolicy},
    secret::same,
    store::tenants::ServerRow,
    tenants::{OutsideIssuer, read_scope_of},
};

/// What the secrets are called in plans.
const SECRET: &str = "introspection_secret";

pub(super) fn all(
    findings: &mut Findings<'_>,
    doc: &TenantDoc,
    state: Option<&State>,
    prune: Prune,
) -> Result<(), ApplyError> {
    let mut audiences: HashMap<String, String> = HashMap::new();
    let mut trusted: HashMap<(String, String), String> = HashMap::new();
    let mut active = Vec::new();
    let stored = state.iter().flat_map(|state| state.servers.values());
    for server in stored.filter(|server| !doc.servers.iter().any(|doc| doc.slug.as_str() == server.row.slug)) {
        let made = state.is_some_and(|state| state.made(Kind::Server, server.row.id));
        if prune.objects() && made {
            let change = removal(Kind::Server, findings.name(&server.row.slug));
            findings.steps.push(Step { change, write: Write::Remove(Removed::Server(Box::new(server.clone()))) });
            continue;
        }
        findings.declared.insert(server.row.slug.clone(), server.spec.scopes.clone());
        audiences.insert(server.row.audience.clone(), server.row.slug.clone());
        trusted.extend(pairs(&server.issuers).map(|pair| (pair, server.row.slug.clone())));
        active.extend((server.row.status == "active").then(|| server.row.slug.clone()));
    }
    for server in &doc.servers {
        let old = state.and_then(|state| state.servers.get(server.slug.as_str()));
        if let Some(other) = audiences.insert(server.audience.clone(), server.slug.to_string()) {
            let message = format!(
                "has the audience of the server {other}: a token for one would be good at the other; \
                 give each its own, with audience = \"…\""
            );
            findings.problem(server.line, format!("server {}", findings.name(&server.slug)), message);
        }
        for (issuer, audience) in pairs(&server.issuers) {
            if let Some(other) = trusted.insert((issuer, audience.clone()), server.slug.to_string()) {
                let message = format!(
                    "accepts tokens of an issuer for {audience}, as the server {other} does: a token for one would be good \
                     at the other; give each an audience of its own"
                );
                findings.problem(server.line, format!("server {}", findings.name(&server.slug)), message);
            }
        }
        let enabled = stays_enabled(server.enabled, old.map(|old| old.row.status.as_str()));
        active.extend(enabled.then(|| server.slug.to_string()));
        one(findings, server, old, enabled)?;
    }
    if let Some(default) = &doc.settings.default_server
        && !active.iter().any(|slug| slug == default.as_str())
    {
        let message = format!("settings.default_server names {default}, which is no enabled server of this tenant");
        findings.problem(doc.line, format!("tenant {}", doc.slug), message);
    }
    Ok(())
}

/// Issuer and audience, as far as they are not the server's own resource.
fn pairs(issuers: &[OutsideIssuer]) -> impl Iterator<Item = (String, String)> {
    let pair = |issuer: &OutsideIssuer| {
        let name = issuer.issuer.clone();
        issuer.audiences.clone().into_iter().map(move |audience| (name.clone(), audience)).collect::<Vec<_>>()
    };
    issuers.iter().flat_map(pair)
}

fn one(findings: &mut Findings<'_>, doc: &ServerDoc, old: Option<&Published>, enabled: bool) -> Result<(), ApplyError> {
    let spec = policy(&doc.policy, old.map(|old| &old.spec));
    if let Err(error) = ServerPolicy::try_from(spec.clone()) {
        findings.problem(doc.line, format!("server {}", findings.name(&doc.slug)), error.to_string());
    }
    findings.declared.insert(doc.slug.to_string(), spec.scopes.clone());
    let recorder = findings.tools.recorder;
    let id = match old {
        Some(old) => old.row.id,
        None => ServerId::new(&recorder.clock, &recorder.entropy)?,
    };
    let row = ServerRow {
        id,
        slug: doc.slug.to_string(),
        name: doc.name.clone(),
        description: doc.description.clone(),
        upstream_url: doc.upstream.clone(),
        audience: doc.audience.clone(),
        era: doc.era.name().to_owned(),
        signing_alg: doc.signing.name().to_owned(),
        default_scopes: spec.default_scopes.iter().map(ToString::to_string).collect(),
        fallback_scope: spec.fallback_scope.as_ref().map(ToString::to_string),
        version: old.map_or(1, |old| old.row.version),
        status: if enabled { "active" } else { "disabled" }.to_owned(),
    };
    let (secrets, changed) = secrets(findings, doc, old);
    let published = Published { row, spec, secrets, issuers: doc.issuers.clone() };
    let (before, after) = (old.map(Published::facts), published.facts());
    let name = findings.name(&doc.slug);
    if !enabled && doc.enabled.is_none() {
        findings.stays_disabled(Kind::Server, &name);
    }
    let compared = Compared { kind: Kind::Server, name, old: before.as_ref(), new: &after, secrets: changed };
    findings.compare(compared, || Write::Server(Box::new(published)));
    Ok(())
}

/// The introspection secrets that it is to have, and the difference if they are others.
fn secrets(findings: &Findings<'_>, doc: &ServerDoc, old: Option<&Published>) -> (Vec<Stored>, Vec<Field>) {
    let stored = old.map(|old| old.secrets.clone()).unwrap_or_default();
    let Some(given) = &doc.introspection_secrets else { return (stored, Vec::new()) };
    let keyring = findings.tools.keyring;
    let mut wanted: Vec<Stored> = Vec::new();
    for SecretDoc(handle) in given {
        let hashes = keyring.lookup(findings.tenant, handle);
        let known = stored.iter().find(|stored| hashes.iter().any(|hash| same(hash, &stored.hash)));
        let secret = known.cloned().unwrap_or_else(|| keyring.store(findings.tenant, handle));
        if wanted.iter().all(|other| other.hash != secret.hash) {
            wanted.push(secret);
        }
    }
    let kept = stored.iter().filter(|old| wanted.iter().any(|new| new.hash == old.hash)).count();
    let changed = match (stored.len(), wanted.len()) {
        (before, after) if kept == before && kept == after => Vec::new(),
        (_, 0) => vec![Field { name: SECRET.to_owned(), old: Some("set".to_owned()), new: None }],
        (before, _) => vec![secret_field(SECRET, before > 0)],
    };
    (wanted, changed)
}

/// The policy with what the document says of it. What it does not say stays, or is as the starter has it.
fn policy(doc: &PolicyDoc, old: Option<&PolicySpec>) -> PolicySpec {
    let mut spec = old.cloned().unwrap_or_else(PolicySpec::starter);
    if let Some(scopes) = &doc.scopes {
        spec.scopes.clone_from(scopes);
        // Without any scope the check that follows says so.
        if let Some(scope) = read_scope_of(scopes) {
            spec.read_scope = scope;
        }
    }
    if let Some(default_scopes) = &doc.default_scopes {
        spec.default_scopes = default_scopes.clone();
        spec.challenge_scopes = default_scopes.clone();
    }
    if let Some(fallback_scope) = &doc.fallback_scope {
        spec.fallback_scope.clone_from(fallback_scope);
    }
    if let Some(catalogue) = &doc.catalogue {
        spec.catalogue.clone_from(catalogue);
    }
    spec
}
