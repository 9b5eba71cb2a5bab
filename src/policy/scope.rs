//! Scopes and sets of scopes (RFC 6749 section 3.3).

use std::{borrow::Borrow, collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Text that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope has 1 to {} characters: printable ASCII without space, quote and backslash", Scope::LONGEST)]
pub struct BadScope;

/// One scope, by its token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Arc<str>);

impl Scope {
    /// The longest token taken, in characters.
    pub const LONGEST: usize = 64;

    /// Takes `token` as a scope.
    ///
    /// # Errors
    /// [`BadScope`] if it is empty, too long or has other characters than RFC 6749 allows.
    pub fn new(token: &str) -> Result<Self, BadScope> {
        let good = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if (1..=Self::LONGEST).contains(&token.len()) && token.bytes().all(good) {
            Ok(Self(token.into()))
        } else {
            Err(BadScope)
        }
    }

    /// `mcp:read`: lists, and what was accepted as read-only.
    pub fn mcp_read() -> Self {
        Self("mcp:read".into())
    }

    /// `mcp:write`: the rest.
    pub fn mcp_write() -> Self {
        Self("mcp:write".into())
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = BadScope;

    fn from_str(token: &str) -> Result<Self, BadScope> {
        Self::new(token)
    }
}

impl TryFrom<String> for Scope {
    type Error = BadScope;

    fn try_from(token: String) -> Result<Self, BadScope> {
        Self::new(&token)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.as_str().to_owned()
    }
}

impl Borrow<str> for Scope {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// A set of scopes. Written sorted, joined by single spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// No scope.
    pub const EMPTY: Self = Self(BTreeSet::new());

    /// Reads the parameter `scope`: tokens with spaces between them, in any order, repetitions allowed. Blank text is
    /// the empty set.
    ///
    /// # Errors
    /// [`BadScope`] if a token is none.
    pub fn parse(text: &str) -> Result<Self, BadScope> {
        text.split(' ').filter(|token| !token.is_empty()).map(Scope::new).collect()
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether every scope here is in `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether there is no scope.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// The scopes in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(&self.0 & &other.0)
    }

    /// The scopes in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(&self.0 | &other.0)
    }
}

impl From<Scope> for ScopeSet {
    fn from(scope: Scope) -> Self {
        Self(BTreeSet::from([scope]))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromStr for ScopeSet {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ScopeSet {
    type Error = BadScope;

    fn try_from(text: String) -> Result<Self, BadScope> {
        Self::parse(&text)
    }
}

impl From<ScopeSet> for String {
    fn from(scopes: ScopeSet) -> Self {
        scopes.to_string()
    }
}
