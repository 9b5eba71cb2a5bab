//! What an administrator and those who ask can allow: scopes, and which thing needs which of them.

use super::request::{Verb, What};

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Scopes(pub(super) u8);

impl Scopes {
    pub(super) const NONE: Self = Self(0);
    pub(super) const READ: Self = Self(1);
    pub(super) const WRITE: Self = Self(2);
    pub(super) const ADMIN: Self = Self(4);
    pub(super) const ALL: Self = Self(7);
    const NAMES: [&str; 3] = ["mcp:read", "mcp:write", "x:admin"];

    pub(super) fn names(self) -> Vec<String> {
        (0..3).filter(|at| self.0 & (1 << at) != 0).map(|at| Self::NAMES[at].to_owned()).collect()
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn within(self, other: Self) -> bool {
        self.and(other) == self
    }
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]", self.names().join(" "))
    }
}

/// What an administrator accepted: what it is, its name, the one scope that it needs, whether it changes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    pub(super) scope: Scopes,
    pub(super) read_only: bool,
}

/// All that a catalogue may have.
pub(super) const ITEMS: [(&str, &str); 6] = [
    ("tool", "look"),
    ("tool", "edit"),
    ("tool", "purge"),
    ("prompt", "brief"),
    ("resource", "note:///open/*"),
    ("resource", "note:///closed"),
];

#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// `auto`, `modern` or `legacy`.
    pub(super) era: &'static str,
    pub(super) declared: Scopes,
    /// What is not in the catalogue needs this one; without it, it is forbidden.
    pub(super) fallback: Option<Scopes>,
    pub(super) items: Vec<Item>,
}

impl Policy {
    /// What each run begins with, or nearly so.
    pub(super) fn first() -> Self {
        let scopes = [Scopes::READ, Scopes::WRITE, Scopes::ADMIN, Scopes::READ, Scopes::READ, Scopes::ADMIN];
        let items = ITEMS.iter().zip(scopes);
        let items = items.map(|((kind, name), scope)| Item { kind, name, scope, read_only: scope != Scopes::WRITE });
        Self { era: "auto", declared: Scopes::ALL, fallback: Some(Scopes::WRITE), items: items.collect() }
    }

    /// What a message needs, and whether it changes nothing. None: no scope would do.
    pub(super) fn needs(&self, verb: Verb, what: What) -> Option<(Scopes, bool)> {
        match (verb, what) {
            (Verb::Get, _) => Some((Scopes::NONE, true)),
            (Verb::Delete, _) | (_, What::Cancelled | What::Answer) => Some((Scopes::NONE, false)),
            (_, What::List(_) | What::Initialize | What::Initialized | What::Ping | What::Discover) => {
                Some((Scopes::NONE, true))
            }
            (_, What::Tool(_)) => self.needed_for("tool", what.name()?),
            (_, What::Prompt(_) | What::Complete(_)) => self.needed_for("prompt", what.name()?),
            (_, What::Resource(at)) => self.needed_for_resource(at),
            (_, What::Listen(which)) => {
                (0..4).filter(|at| which & (1 << at) != 0).try_fold((Scopes::NONE, true), |(scopes, read_only), at| {
                    let (more, looks) = self.needed_for_resource(at)?;
                    Some((scopes.or(more), read_only && looks))
                })
            }
            (_, What::Task | What::Unheard) => self.otherwise(),
        }
    }

    fn needed_for(&self, kind: &str, name: &str) -> Option<(Scopes, bool)> {
        match self.items.iter().find(|item| item.kind == kind && item.name == name) {
            Some(item) => Some((item.scope, item.read_only)),
            None => self.otherwise(),
        }
    }

    fn needed_for_resource(&self, at: usize) -> Option<(Scopes, bool)> {
        match at {
            0 => self.needed_for("resource", "note:///open/*"),
            1 => self.needed_for("resource", "note:///closed"),
            // Upstreams may read a detour as any resource there is.
            2 => {
                let resources = self.items.iter().filter(|item| item.kind == "resource");
                let all = resources.fold(Scopes::NONE, |all, item| all.or(item.scope));
                Some((all.or(self.fallback?), false))
            }
            _ => self.otherwise(),
        }
    }

    fn otherwise(&self) -> Option<(Scopes, bool)> {
        self.fallback.map(|scope| (scope, false))
    }
}
