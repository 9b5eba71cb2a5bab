//! A server with its policy, as rows and as facts.

use super::facts::{Facts, yes};
use crate::{
    keys::Stored,
    policy::{CatalogueItem, Effect, ItemKind, PolicySpec, ScopeDef},
    store::{
        StoreError,
        outside::IssuerRow,
        tenants::{CatalogueRow, ScopeRow, ServerRow},
    },
    tenants::OutsideIssuer,
};

/// A server with its policy: as it is, or as it is to be.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) row: ServerRow,
    pub(super) spec: PolicySpec,
    /// Introspection secrets.
    pub(super) secrets: Vec<Stored>,
    /// Whose access tokens it accepts beside ours.
    pub(super) issuers: Vec<OutsideIssuer>,
}

impl Published {
    pub(super) fn facts(&self) -> Facts {
        let Self { row, spec, issuers, .. } = self;
        let mut facts = Facts::default();
        facts.add("name", &row.name);
        facts.add("description", &row.description);
        facts.add_shown("upstream", row.upstream_url.clone(), without_query(&row.upstream_url));
        facts.add_shown("audience", row.audience.clone(), without_query(&row.audience));
        facts.add("era", &row.era);
        facts.add("signing", &row.signing_alg);
        facts.add("default_scopes", spec.default_scopes.to_string());
        facts.add("fallback_scope", spec.fallback_scope.as_ref().map_or("false".to_owned(), ToString::to_string));
        let mut scopes: Vec<&ScopeDef> = spec.scopes.iter().collect();
        scopes.sort_by(|a, b| a.name.cmp(&b.name));
        for scope in scopes {
            let fresh = scope.max_auth_age.map_or_else(String::new, |age| format!(", login within {age} seconds"));
            facts.add(
                format!("scope {}", scope.name),
                format!("{}{fresh}: {}", effect(scope.effect), scope.description),
            );
        }
        let mut items: Vec<&CatalogueItem> = spec.catalogue.iter().collect();
        items.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        for item in items {
            let read_only = if item.read_only { ", read-only" } else { "" };
            facts.add(format!("{} {}", kind(item.kind), item.name), format!("{}{read_only}", item.scope));
        }
        let mut issuers: Vec<&OutsideIssuer> = issuers.iter().collect();
        issuers.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        for issuer in issuers {
            facts.add(format!("issuer {}", issuer.issuer), settings(issuer));
        }
        facts.add("enabled", yes(row.status == "active"));
        facts
    }

    pub(super) fn issuer_rows(&self) -> Result<Vec<IssuerRow>, StoreError> {
        let row = |issuer: &OutsideIssuer| {
            let settings = serde_json::to_value(issuer).map_err(StoreError::corrupt)?;
            Ok(IssuerRow { server: self.row.id, issuer: issuer.issuer.clone(), settings })
        };
        self.issuers.iter().map(row).collect()
    }

    pub(super) fn scope_rows(&self) -> Vec<ScopeRow> {
        let row = |scope: &ScopeDef| ScopeRow {
            server: self.row.id,
            name: scope.name.to_string(),
            effect: effect(scope.effect).to_owned(),
            description: scope.description.clone(),
            max_auth_age: scope.max_auth_age.and_then(|age| i32::try_from(age).ok()),
        };
        self.spec.scopes.iter().map(row).collect()
    }

    pub(super) fn catalogue_rows(&self) -> Vec<CatalogueRow> {
        let row = |item: &CatalogueItem| CatalogueRow {
            server: self.row.id,
            kind: kind(item.kind).to_owned(),
            name: item.name.clone(),
            scope: item.scope.to_string(),
            read_only: item.read_only,
        };
        self.spec.catalogue.iter().map(row).collect()
    }
}

/// How its tokens are read, in one line: what is as it is by itself is left out.
fn settings(issuer: &OutsideIssuer) -> String {
    let members = |issuer: &OutsideIssuer| match serde_json::to_value(issuer) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let plain = serde_json::from_value::<OutsideIssuer>(serde_json::json!({ "issuer": issuer.issuer }));
    let defaults = plain.map(|plain| members(&plain)).unwrap_or_default();
    let said = members(issuer).into_iter().filter(|(name, value)| defaults.get(name) != Some(value));
    let said: Vec<String> = said.map(|(name, value)| format!("{name} {value}")).collect();
    if said.is_empty() { "trusted".to_owned() } else { said.join(", ") }
}

/// A query may hold a key.
fn without_query(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(head, _)| format!("{head}?…"))
}

const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Change => "change",
    }
}

const fn kind(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tool",
        ItemKind::Prompt => "prompt",
        ItemKind::Resource => "resource",
    }
}
