//! What a server declares: scopes, defaults and the catalogue.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{CatalogueItem, Scope, ScopeSet, catalogue::Catalogue};

/// How a scope is shown to people: under what heading of the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It lets a client see things.
    Read,
    /// It lets a client change things.
    Change,
}

/// A scope as a server declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeDef {
    /// The token.
    pub name: Scope,
    /// What it amounts to.
    pub effect: Effect,
    /// What it allows, as a sentence for a person who is no programmer.
    pub description: String,
    /// Seconds since the person's login after which a call that needs it needs another login (RFC 9470). None: any will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_auth_age: Option<u32>,
}

/// What an administrator writes down for a server. Becomes a [`ServerPolicy`] once it is found consistent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// All scopes of the server.
    pub scopes: Vec<ScopeDef>,
    /// What a client gets that asks for no scope.
    pub default_scopes: ScopeSet,
    /// What the 401 challenge names.
    pub challenge_scopes: ScopeSet,
    /// What items accepted as read-only get when the catalogue is proposed.
    pub read_scope: Scope,
    /// What anything needs that is not in the catalogue. Without it such things are forbidden.
    pub fallback_scope: Option<Scope>,
    /// The accepted items.
    pub catalogue: Vec<CatalogueItem>,
}

impl PolicySpec {
    /// What a new server starts with: `mcp:read` and `mcp:write`, both granted and asked for by default, and an empty
    /// catalogue.
    pub fn starter() -> Self {
        let (read, write) = (Scope::mcp_read(), Scope::mcp_write());
        let both: ScopeSet = [read.clone(), write.clone()].into_iter().collect();
        let def = |name: &Scope, effect, description: &str| ScopeDef {
            name: name.clone(),
            effect,
            description: description.to_owned(),
            max_auth_age: None,
        };
        Self {
            scopes: vec![
                def(&read, Effect::Read, "See what this server offers, and use what only looks things up."),
                def(&write, Effect::Change, "Use everything else this server offers, including what changes things."),
            ],
            default_scopes: both.clone(),
            challenge_scopes: both,
            read_scope: read,
            fallback_scope: Some(write),
            catalogue: Vec::new(),
        }
    }
}

/// Why a policy does not hold together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// Nobody could use the server.
    #[error("default_scopes and challenge_scopes must each name a scope")]
    NoScope,
    /// A scope is declared twice.
    #[error("the scope {0} is declared twice")]
    ScopeTwice(Scope),
    /// A scope is used but not declared.
    #[error("{place} names the scope {scope}, which the server does not declare")]
    UndeclaredScope {
        /// Where it is used: a setting, or an item of the catalogue.
        place: String,
        /// The scope.
        scope: Scope,
    },
    /// An item stands in the catalogue twice.
    #[error("the catalogue has {0} twice")]
    ItemTwice(String),
    /// An item has no name, or one no client can send.
    #[error("the catalogue has an item whose name is empty or has control characters")]
    ItemName,
}

/// What holds for one server. Made from a [`PolicySpec`] only, so it is consistent.
#[derive(Clone, Debug)]
pub struct ServerPolicy {
    scopes: Vec<ScopeDef>,
    declared: ScopeSet,
    default_scopes: ScopeSet,
    challenge_scopes: ScopeSet,
    read_scope: Scope,
    fallback_scope: Option<Scope>,
    pub(super) catalogue: Catalogue,
}

impl ServerPolicy {
    /// Whether nothing that the server offers was accepted: the fallback alone governs.
    pub fn has_no_catalogue(&self) -> bool {
        self.catalogue.items().is_empty()
    }

    /// The scopes in the order they were declared.
    pub fn scopes(&self) -> &[ScopeDef] {
        &self.scopes
    }

    /// All declared scopes.
    pub fn declared(&self) -> &ScopeSet {
        &self.declared
    }

    /// What a client gets that asks for no scope.
    pub fn default_scopes(&self) -> &ScopeSet {
        &self.default_scopes
    }

    /// What the 401 challenge names.
    pub fn challenge_scopes(&self) -> &ScopeSet {
        &self.challenge_scopes
    }

    /// What items accepted as read-only get when the catalogue is proposed.
    pub fn read_scope(&self) -> &Scope {
        &self.read_scope
    }

    /// What anything needs that is not in the catalogue.
    pub fn fallback_scope(&self) -> Option<&Scope> {
        self.fallback_scope.as_ref()
    }

    /// The accepted items.
    pub fn items(&self) -> &[CatalogueItem] {
        self.catalogue.items()
    }

    /// The items that need `scope`: what the consent page lists under it.
    pub fn items_under<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = &'a CatalogueItem> {
        self.items().iter().filter(move |item| item.scope == *scope)
    }

    /// How old a login may be for what needs `scopes`, in seconds. None: any age, or no login at all.
    pub fn max_auth_age(&self, scopes: &ScopeSet) -> Option<u32> {
        let asked = self.scopes.iter().filter(|def| scopes.contains(def.name.as_str()));
        asked.filter_map(|def| def.max_auth_age).min()
    }

    /// The scopes in effect: those of the handle that the grant still has and the server still declares.
    pub fn in_effect(&self, handle: &ScopeSet, grant: &ScopeSet) -> ScopeSet {
        handle.intersection(grant).intersection(&self.declared)
    }
}

impl TryFrom<PolicySpec> for ServerPolicy {
    type Error = BadPolicy;

    fn try_from(spec: PolicySpec) -> Result<Self, BadPolicy> {
        let PolicySpec { scopes, default_scopes, challenge_scopes, read_scope, fallback_scope, catalogue } = spec;
        let declared: ScopeSet = scopes.iter().map(|def| def.name.clone()).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = scopes.iter().find(|def| !seen.insert(&def.name)) {
            return Err(BadPolicy::ScopeTwice(twice.name.clone()));
        }
        if default_scopes.is_empty() || challenge_scopes.is_empty() {
            return Err(BadPolicy::NoScope);
        }
        let used = (default_scopes.iter().map(|scope| ("default_scopes", scope)))
            .chain(challenge_scopes.iter().map(|scope| ("challenge_scopes", scope)))
            .chain([("read_scope", &read_scope)])
            .chain(fallback_scope.iter().map(|scope| ("fallback_scope", scope)))
            .chain(catalogue.iter().map(|item| (item.name.as_str(), &item.scope)));
        for (place, scope) in used {
            if !declared.contains(scope.as_str()) {
                return Err(BadPolicy::UndeclaredScope { place: place.to_owned(), scope: scope.clone() });
            }
        }
        if catalogue.iter().any(|item| item.name.is_empty() || item.name.chars().any(char::is_control)) {
            return Err(BadPolicy::ItemName);
        }
        let catalogue = Catalogue::new(catalogue).map_err(|item| BadPolicy::ItemTwice(item.name))?;
        Ok(Self { scopes, declared, default_scopes, challenge_scopes, read_scope, fallback_scope, catalogue })
    }
}
