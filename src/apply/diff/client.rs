//! Clients that an administrator writes down. Those that registered themselves are left alone.

use super::{Findings, stays_enabled};
use crate::{
    apply::{
        ClientDoc, Prune, TenantDoc,
        document::OwnGrant,
        facts::{Facts, yes},
        plan::{Field, Kind},
        state::State,
        step::{ClientWrite, Compared, Removed, Step, Write, removal, secret_field},
    },
    clients::{
        Client, Origin, Status,
        jwks::ClientKeys,
        metadata::{KeysUri, Metadata, WebUri},
        redirect::RedirectUri,
    },
    keys::Stored,
};

pub(super) fn all(findings: &mut Findings<'_>, doc: &TenantDoc, state: Option<&State>, prune: Prune) {
    for client in &doc.clients {
        one(findings, client, state);
    }
    let Some(state) = state.filter(|_| prune.objects()) else { return };
    for client in state.clients.values() {
        let named = doc.clients.iter().any(|doc| doc.id == client.id);
        let there = client.status != Status::Removed && client.origin == Origin::Configured;
        if !named && there && state.made(Kind::Client, &client.id) {
            let change = removal(Kind::Client, findings.name(&client.id));
            findings.steps.push(Step { change, write: Write::Remove(Removed::Client(Box::new(client.clone()))) });
        }
    }
}

fn one(findings: &mut Findings<'_>, doc: &ClientDoc, state: Option<&State>) {
    let stored = state.and_then(|state| state.clients.get(doc.id.as_str()));
    if stored.is_some_and(|client| client.origin != Origin::Configured) {
        let object = format!("client {}", findings.name(&doc.id));
        return findings.problem(doc.line, object, "is a client that nobody wrote down here: choose another id");
    }
    let old = stored.filter(|client| client.status != Status::Removed);
    let (secret, changed) = secret(findings, doc, old);
    let enabled = stays_enabled(doc.enabled, old.map(|old| old.status.name()));
    let client = Client {
        id: doc.id.clone(),
        origin: Origin::Configured,
        metadata: doc.metadata.clone(),
        status: if enabled { Status::Active } else { Status::Disabled },
        secret,
        registration: None,
        created_at: stored.map_or_else(|| findings.tools.recorder.clock.now(), |client| client.created_at),
        last_used_at: stored.and_then(|client| client.last_used_at),
    };
    let granted = state.and_then(|state| state.own.get(doc.id.as_str())).map(Vec::as_slice).unwrap_or_default();
    let before = old.map(|old| facts(&old.metadata, granted, old.is_active()));
    let after = facts(&client.metadata, &doc.own, client.is_active());
    undeclared(findings, doc);
    let name = findings.name(&doc.id);
    if !enabled && doc.enabled.is_none() {
        findings.stays_disabled(Kind::Client, &name);
    }
    let secrets: Vec<Field> = changed.into_iter().collect();
    let compared = Compared { kind: Kind::Client, name, old: before.as_ref(), new: &after, secrets };
    findings.compare(compared, || Write::Client(Box::new(ClientWrite { client, own: doc.own.clone() })));
}

/// What it is granted must be there: an administrator who names a scope means one.
fn undeclared(findings: &mut Findings<'_>, doc: &ClientDoc) {
    for grant in &doc.own {
        let wrong = match findings.declared.get(grant.server.as_str()) {
            None => Some(format!("{}, which is no server of this tenant", grant.server)),
            Some(declared) => grant.scopes.iter().find_map(|scope| {
                let Some(def) = declared.iter().find(|def| def.name == *scope) else {
                    return Some(format!("the scope {scope}, which {} does not declare", grant.server));
                };
                def.max_auth_age.map(|_| format!("the scope {scope}, which wants a fresh login: a program has none"))
            }),
        };
        if let Some(wrong) = wrong {
            let object = format!("client {}", findings.name(&doc.id));
            findings.problem(doc.line, object, format!("client_credentials names {wrong}"));
        }
    }
}

/// What to store of the secret, and the difference if it is another one.
fn secret(findings: &Findings<'_>, doc: &ClientDoc, old: Option<&Client>) -> (Option<Stored>, Option<Field>) {
    let stored = old.and_then(|old| old.secret.clone());
    let Some(given) = &doc.secret else {
        // That there is none any more shows in the authentication method.
        return (None, None);
    };
    let keyring = findings.tools.keyring;
    if let Some(stored) = &stored {
        let same = keyring.lookup(findings.tenant, &given.0).iter().any(|hash| crate::secret::same(hash, &stored.hash));
        if same {
            return (Some(stored.clone()), None);
        }
    }
    (Some(keyring.store(findings.tenant, &given.0)), Some(secret_field("secret", stored.is_some())))
}

fn facts(metadata: &Metadata, own: &[OwnGrant], enabled: bool) -> Facts {
    let mut facts = Facts::default();
    let uri = |uri: &Option<WebUri>| uri.as_ref().map_or_else(String::new, |uri| uri.as_str().to_owned());
    facts.add("name", metadata.client_name.clone().unwrap_or_default());
    let uris: Vec<&str> = metadata.redirect_uris.iter().map(RedirectUri::as_str).collect();
    facts.add("redirect_uris", uris.join(", "));
    facts.add("auth_method", metadata.token_endpoint_auth_method.name());
    facts.add("jwks_uri", metadata.jwks_uri.as_ref().map(KeysUri::as_str).unwrap_or_default());
    let grants: Vec<&str> = metadata.grant_types.iter().map(|grant| grant.name()).collect();
    facts.add("grant_types", grants.join(", "));
    facts.add("jwks", metadata.jwks.as_ref().map(ClientKeys::canonical).unwrap_or_default());
    for grant in own {
        facts.add(format!("client_credentials {}", grant.server), grant.scopes.to_string());
    }
    facts.add("client_uri", uri(&metadata.client_uri));
    facts.add("logo_uri", uri(&metadata.logo_uri));
    facts.add("tos_uri", uri(&metadata.tos_uri));
    facts.add("policy_uri", uri(&metadata.policy_uri));
    facts.add("contacts", metadata.contacts.join(", "));
    facts.add(
        "application_type",
        metadata.application_type.map(|kind| format!("{kind:?}").to_lowercase()).unwrap_or_default(),
    );
    facts.add("enabled", yes(enabled));
    facts
}
