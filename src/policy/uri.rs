//! Whether a resource URI can be taken at its word.
//!
//! Upstreams resolve dot segments, decode percent signs, fold case, drop fragments: one resource has many spellings.
//! Only a spelling that has nothing left to resolve may be judged by what it begins with.

use url::Url;

/// Whether every reader of `uri` sees the same path in it: it is absolute and normal (WHATWG URL), has no dot or empty
/// segment, and percent-encodes, in capitals, only what must be.
pub(super) fn is_normal(uri: &str) -> bool {
    let normal = Url::parse(uri).is_ok_and(|url| url.as_str() == uri);
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    // What follows the scheme; in an authority-based URI the two slashes belong to it.
    let rest = path.split_once(':').map_or("", |(_, rest)| rest.strip_prefix("//").unwrap_or(rest));
    let resolved =
        !rest.contains("//") && !rest.contains('\\') && !rest.split('/').any(|part| matches!(part, "." | ".."));
    normal && resolved && encodes_sparingly(uri)
}

/// Whether `uri` names one path and nothing else: no query, no fragment, nothing encoded.
pub(super) fn is_bare(uri: &str) -> bool {
    !uri.contains(['?', '#', '%'])
}

/// Whether a reader takes one for the other that looks at the path alone and minds neither case nor slashes at its end,
/// as file systems and routers do.
pub(super) fn is_alike(one: &str, other: &str) -> bool {
    path(one).eq_ignore_ascii_case(path(other))
}

fn path(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}

/// Whether `uri` begins with `prefix` for a reader that does not mind case.
pub(super) fn begins_alike(uri: &str, prefix: &str) -> bool {
    uri.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Whether each percent sign begins `%XX` in capitals, for a byte that is neither unreserved nor a separator.
fn encodes_sparingly(uri: &str) -> bool {
    uri.split('%').skip(1).all(|after| {
        let Some(digits) = after.get(..2) else { return false };
        let Ok(byte) = u8::from_str_radix(digits, 16) else { return false };
        let needless = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'\\' | b'%');
        format!("{byte:02X}") == digits && byte >= 0x20 && !needless
    })
}
