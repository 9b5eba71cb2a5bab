//! Redirect URIs: what may be registered, and when a presented one is the registered one.
//!
//! Matching compares bytes, with one exception: the port of a loopback address (RFC 8252 §7.3, OAuth 2.1 §8.4.2), since
//! a native client takes whatever port is free. Nothing is normalised, so there is no spelling to play with.

mod schemes;
mod shape;

#[cfg(test)]
mod tests;

pub use schemes::{BadScheme, CustomSchemes, check_scheme};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
pub use shape::RedirectUriProblem;
use shape::Shape;

/// The longest redirect URI, in bytes.
pub const MAX_BYTES: usize = 2048;

/// Where a redirect URI leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    /// `https`, to some host.
    Web,
    /// `http` to a loopback address: a program on this computer that listens on a port.
    Loopback,
    /// A scheme of its own: a program on this computer that claimed it.
    App,
}

/// A redirect URI that a client may use. It came from a registration or matched one.
#[derive(Clone, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    shape: Shape,
}

/// A redirect URI that cannot be registered, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the redirect URI {uri} cannot be registered: {problem}")]
pub struct BadRedirectUri {
    /// The URI, cut to a length that fits an error message.
    pub uri: String,
    /// What is wrong with it.
    pub problem: RedirectUriProblem,
}

/// The redirect URI of a request is none of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectMismatch {
    /// There is none, and the client registered several, or one whose port is not known.
    #[error("the redirect_uri is missing, and which one to use cannot be told from the registration")]
    Missing,
    /// It is not registered.
    #[error("the redirect_uri is not one that this client registered")]
    Unregistered,
}

// === impl RedirectUri ===

impl RedirectUri {
    /// Reads a URI that a client wants to register in a tenant that allows these custom schemes.
    pub fn register(text: &str, schemes: &CustomSchemes) -> Result<Self, BadRedirectUri> {
        let checked = Shape::of(text).and_then(|shape| {
            let scheme = shape.scheme(text);
            let allowed = shape.kind() != RedirectKind::App || schemes.allow(scheme);
            if allowed { Ok(shape) } else { Err(RedirectUriProblem::Scheme(scheme.to_owned())) }
        });
        match checked {
            Ok(shape) => Ok(Self { text: text.to_owned(), shape }),
            Err(problem) => Err(BadRedirectUri { uri: text.chars().take(200).collect(), problem }),
        }
    }

    /// Reads a URI that was registered before: the schemes that the tenant allows may have changed since.
    pub fn stored(text: String) -> Result<Self, RedirectUriProblem> {
        Ok(Self { shape: Shape::of(&text)?, text })
    }

    /// Finds what a request presents among what its client registered. The answer is the URI as presented.
    pub fn find(registered: &[Self], presented: Option<&str>) -> Result<Self, RedirectMismatch> {
        match (presented, registered) {
            (Some(presented), _) => {
                registered.iter().find_map(|uri| uri.presented_as(presented)).ok_or(RedirectMismatch::Unregistered)
            }
            (None, [only]) if !only.has_open_port() => Ok(only.clone()),
            (None, _) => Err(RedirectMismatch::Missing),
        }
    }

    /// Whether `presented` is this URI: the same bytes, or the same bytes but for the port of a loopback address.
    pub fn matches(&self, presented: &str) -> bool {
        self.presented_as(presented).is_some()
    }

    fn presented_as(&self, presented: &str) -> Option<Self> {
        if presented == self.text {
            return Some(self.clone());
        }
        if self.kind() != RedirectKind::Loopback {
            return None;
        }
        let other = Self { shape: Shape::of(presented).ok()?, text: presented.to_owned() };
        let same_but_for_port = other.kind() == RedirectKind::Loopback
            && self.shape.host(&self.text) == other.shape.host(presented)
            && self.shape.tail(&self.text) == other.shape.tail(presented);
        same_but_for_port.then_some(other)
    }

    /// The URI, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it leads.
    pub fn kind(&self) -> RedirectKind {
        self.shape.kind()
    }

    /// Whether only a request can say the port: a loopback address registered without one.
    fn has_open_port(&self) -> bool {
        self.kind() == RedirectKind::Loopback && self.shape.authority(&self.text) == self.shape.host(&self.text)
    }

    /// What a consent is bound to: the URI, of a loopback address without its port.
    pub fn redirect_key(&self) -> String {
        match self.kind() {
            RedirectKind::Loopback => {
                format!("http://{}{}", self.shape.host(&self.text), self.shape.tail(&self.text))
            }
            RedirectKind::Web | RedirectKind::App => self.text.clone(),
        }
    }

    /// Where it leads, in words for a person: host and port, or the scheme with what follows it.
    pub fn host_for_people(&self) -> &str {
        match self.kind() {
            RedirectKind::Web | RedirectKind::Loopback => self.shape.authority(&self.text),
            RedirectKind::App => self.shape.head(&self.text),
        }
    }

    /// Whether the answer stays on the computer of the person: no name proves which program gets it.
    pub fn is_this_computer(&self) -> bool {
        match self.kind() {
            RedirectKind::Loopback | RedirectKind::App => true,
            RedirectKind::Web => shape::is_loopback_name(self.shape.host(&self.text)),
        }
    }
}

/// A presented URI can carry what is nobody's business, so it is not for logs.
impl std::fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedirectUri").field(&self.host_for_people()).finish()
    }
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Reads what was stored.
impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::stored(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
