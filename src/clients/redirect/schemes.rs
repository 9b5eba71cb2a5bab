//! Custom URI schemes: which programs on a person's computer may receive an answer.

use std::collections::BTreeSet;

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

/// The custom schemes that a tenant allows in redirect URIs: those of known clients, those with a period (RFC 8252 §7.1)
/// and its own.
#[derive(Clone, Debug, Default)]
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
    /// The known schemes and a tenant's own. One of them that [`check_scheme`] refuses has no effect.
    pub fn known_and(own: &[String]) -> Self {
        Self(own.iter().cloned().collect())
    }

    /// Whether a redirect URI may have this scheme.
    pub fn allow(&self, scheme: &str) -> bool {
        check_scheme(scheme).is_ok() && (scheme.contains('.') || KNOWN.contains(&scheme) || self.0.contains(scheme))
    }
}

/// Whether a tenant may put this scheme on its list.
pub fn check_scheme(scheme: &str) -> Result<(), BadScheme> {
    match scheme {
        text if !is_scheme(text) => Err(BadScheme::Syntax(scheme.to_owned())),
        text if NEVER.contains(&text) => Err(BadScheme::Never(scheme.to_owned())),
        _ => Ok(()),
    }
}

/// RFC 3986 §3.1, lower case only: one spelling for one scheme.
pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
}
