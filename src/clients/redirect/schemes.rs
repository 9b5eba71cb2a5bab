//! Custom URI schemes: which programs on a person's computer may receive an answer.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Schemes that MCP clients are known to claim. None has the period that RFC 8252 §7.1 asks for, hence the list.
const KNOWN: [&str; 20] = [
    "antigravity",
    "chatgpt",
    "claude",
    "cline",
    "codex",
    "cursor",
    "goose",
    "jetbrains",
    "kiro",
    "lmstudio",
    "msty",
    "postman",
    "raycast",
    "trae",
    "vscode",
    "vscode-insiders",
    "vscodium",
    "warp",
    "windsurf",
    "zed",
];

/// Schemes that run code, open files, or already mean something else to browsers and systems.
const NEVER: [&str; 41] = [
    "about",
    "acap",
    "android-app",
    "app",
    "blob",
    "bluetooth",
    "chrome",
    "chrome-extension",
    "cid",
    "content",
    "data",
    "dav",
    "feed",
    "file",
    "filesystem",
    "ftp",
    "ftps",
    "gopher",
    "http",
    "https",
    "intent",
    "jar",
    "javascript",
    "livescript",
    "mailto",
    "market",
    "mid",
    "moz-extension",
    "news",
    "resource",
    "sftp",
    "shell",
    "sms",
    "ssh",
    "tel",
    "telnet",
    "urn",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// The custom schemes that a tenant allows in redirect URIs, beside those with a period (RFC 8252 §7.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct CustomSchemes(BTreeSet<String>);

/// A scheme that cannot be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadScheme {
    /// Not a scheme in lower case (RFC 3986 §3.1).
    #[error("{0:?} is no URI scheme in lower case, such as \"cursor\"")]
    Syntax(String),
    /// It must never receive an answer.
    #[error("the URI scheme {0:?} can never be a redirect URI's")]
    Never(String),
}

// === impl CustomSchemes ===

impl CustomSchemes {
    /// Reads a tenant's own list.
    pub fn new(schemes: impl IntoIterator<Item = String>) -> Result<Self, BadScheme> {
        let checked = schemes.into_iter().map(|scheme| match scheme.as_str() {
            text if !is_scheme(text) => Err(BadScheme::Syntax(scheme)),
            text if NEVER.contains(&text) => Err(BadScheme::Never(scheme)),
            _ => Ok(scheme),
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a redirect URI may have this scheme.
    pub fn allow(&self, scheme: &str) -> bool {
        is_scheme(scheme) && !NEVER.contains(&scheme) && (scheme.contains('.') || self.0.contains(scheme))
    }
}

/// The schemes of known clients.
impl Default for CustomSchemes {
    fn default() -> Self {
        Self(KNOWN.iter().map(|&scheme| scheme.to_owned()).collect())
    }
}

impl TryFrom<Vec<String>> for CustomSchemes {
    type Error = BadScheme;

    fn try_from(schemes: Vec<String>) -> Result<Self, BadScheme> {
        Self::new(schemes)
    }
}

impl From<CustomSchemes> for Vec<String> {
    fn from(schemes: CustomSchemes) -> Self {
        schemes.0.into_iter().collect()
    }
}

/// RFC 3986 §3.1, lower case only: one spelling for one scheme.
pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
}
