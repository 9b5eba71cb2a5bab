//! What a server offers, and which scope each item needs.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Scope, uri};

/// What kind of thing a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// A tool, by name.
    Tool,
    /// A prompt, by name.
    Prompt,
    /// A resource, by URI, by URI template, or by the beginning of URIs with a `*` after it.
    Resource,
}

/// One item that an administrator accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueItem {
    /// What it is.
    pub kind: ItemKind,
    /// Its name. A resource's may end in `*`, which stands for any rest.
    pub name: String,
    /// The scope that using it needs.
    pub scope: Scope,
    /// Whether it was accepted as changing nothing.
    pub read_only: bool,
}

impl CatalogueItem {
    /// What URIs covered by this item begin with, if it covers more than one.
    pub(super) fn prefix(&self) -> Option<&str> {
        match self.kind {
            ItemKind::Resource => self.name.strip_suffix('*'),
            ItemKind::Tool | ItemKind::Prompt => None,
        }
    }
}

/// Which items govern a use.
#[derive(Debug, PartialEq)]
pub(super) enum Governed<'a> {
    /// Exactly this one.
    By(&'a CatalogueItem),
    /// None: the fallback alone.
    ByNone,
    /// These or more, and the fallback, since it cannot be told which.
    ByAnyOf(Vec<&'a CatalogueItem>),
}

/// The items of a server, with an index.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    items: Vec<CatalogueItem>,
    exact: HashMap<ItemKind, HashMap<String, usize>>,
    /// The items that cover more than one URI, longest first.
    prefixes: Vec<usize>,
}

impl Catalogue {
    /// Indexes `items`, or gives back the first that stands there twice.
    pub(super) fn new(items: Vec<CatalogueItem>) -> Result<Self, CatalogueItem> {
        let mut exact: HashMap<_, HashMap<_, _>> = HashMap::new();
        let mut prefixes = Vec::new();
        for (at, item) in items.iter().enumerate() {
            if exact.entry(item.kind).or_default().insert(item.name.clone(), at).is_some() {
                return Err(item.clone());
            }
            if let Some(prefix) = item.prefix() {
                prefixes.push((prefix.len(), at));
            }
        }
        prefixes.sort_unstable_by(|a, b| b.cmp(a));
        let prefixes = prefixes.into_iter().map(|(_, at)| at).collect();
        Ok(Self { items, exact, prefixes })
    }

    pub(super) fn items(&self) -> &[CatalogueItem] {
        &self.items
    }

    /// The tool or prompt called `name`.
    pub(super) fn named(&self, kind: ItemKind, name: &str) -> Governed<'_> {
        self.exact(kind, name).map_or(Governed::ByNone, Governed::By)
    }

    /// The resource at `uri`. A URI that the catalogue does not name and that upstreams may read as another one could
    /// be any resource, whatever it begins with.
    pub(super) fn resource(&self, uri: &str) -> Governed<'_> {
        if let Some(item) = self.exact(ItemKind::Resource, uri) {
            return Governed::By(item);
        }
        if !uri::is_normal(uri) {
            return Governed::ByAnyOf(self.resources().collect());
        }
        let covering = self.covering(uri);
        if covering.is_none() && !uri::is_bare(uri) {
            return Governed::ByAnyOf(self.resources().collect());
        }
        let alike = self.alike(uri, covering);
        match covering {
            Some(item) if alike.is_empty() => Governed::By(item),
            None if alike.is_empty() => Governed::ByNone,
            _ => Governed::ByAnyOf(alike.into_iter().chain(covering).collect()),
        }
    }

    /// The resources that `uri` may be as well, as a template's or for a careless reader: judged otherwise than what covers
    /// it, and no less special.
    fn alike(&self, uri: &str, covering: Option<&CatalogueItem>) -> Vec<&CatalogueItem> {
        let least = covering.and_then(CatalogueItem::prefix).map_or(0, str::len);
        let taken_for = |item: &CatalogueItem| match item.prefix() {
            Some(prefix) => prefix.len() >= least && !uri.starts_with(prefix) && uri::begins_alike(uri, prefix),
            None => match item.name.split_once('{') {
                // What the variables of a template stand for, only its server knows.
                Some((head, _)) => head.len() >= least && uri::begins_alike(uri, head),
                None => uri::is_alike(uri, &item.name),
            },
        };
        let otherwise = |item: &CatalogueItem| {
            covering.is_none_or(|other| (&other.scope, other.read_only) != (&item.scope, item.read_only))
        };
        self.resources().filter(|item| otherwise(item) && taken_for(item)).collect()
    }

    /// The resources that the URI template `template` may stand for: those that begin like it, up to its first
    /// variable.
    pub(super) fn template(&self, template: &str) -> Governed<'_> {
        if let Some(item) = self.exact(ItemKind::Resource, template) {
            return Governed::By(item);
        }
        let head = template.split('{').next().unwrap_or_default();
        if !uri::is_normal(head) {
            return Governed::ByAnyOf(self.resources().collect());
        }
        let within: Vec<_> = self.resources().filter(|item| item.name.starts_with(head)).collect();
        match self.covering(head) {
            Some(item) if within.iter().all(|other| other.scope == item.scope) => Governed::By(item),
            Some(item) => Governed::ByAnyOf(within.into_iter().chain([item]).collect()),
            None if within.is_empty() => Governed::ByNone,
            None => Governed::ByAnyOf(within),
        }
    }

    fn exact(&self, kind: ItemKind, name: &str) -> Option<&CatalogueItem> {
        self.items.get(*self.exact.get(&kind)?.get(name)?)
    }

    /// The item with the longest beginning that `uri` has.
    fn covering(&self, uri: &str) -> Option<&CatalogueItem> {
        let mut items = self.prefixes.iter().filter_map(|at| self.items.get(*at));
        items.find(|item| item.prefix().is_some_and(|prefix| uri.starts_with(prefix)))
    }

    fn resources(&self) -> impl Iterator<Item = &CatalogueItem> {
        self.items.iter().filter(|item| item.kind == ItemKind::Resource)
    }
}
