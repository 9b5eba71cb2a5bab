//! Redirect URIs: registered, and presented.

use url::Url;

use super::line;
use crate::clients::redirect::{CustomSchemes, MAX_BYTES, RedirectKind, RedirectUri};

/// What is registered reads the same when it is stored, and a browser goes where it says.
pub(super) fn register(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(uri) = RedirectUri::register(text, &CustomSchemes::known_and(&[])) else { return };
    assert!(text.len() <= MAX_BYTES && uri.as_str() == text && uri.matches(text), "not itself");
    assert_eq!(RedirectUri::stored(text.to_owned()).as_ref(), Ok(&uri), "stored");
    assert!(!uri.host_for_people().is_empty() && !uri.redirect_key().is_empty(), "nameless");
    let Ok(url) = Url::parse(text) else {
        assert_eq!(uri.kind(), RedirectKind::App, "no address");
        return;
    };
    assert!(url.fragment().is_none(), "a fragment");
    if uri.kind() != RedirectKind::App {
        assert!(url.username().is_empty() && url.password().is_none(), "a user name");
        let host = url.host_str().unwrap_or_default();
        assert!(uri.host_for_people().starts_with(host), "another host");
        let loopback = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
        assert!(url.scheme() == "https" || loopback, "in clear");
    }
}

/// A registered one in the first line, a presented one in the second: the same place but for a loopback port.
pub(super) fn matching(data: &[u8]) {
    let (first, rest) = line(data);
    let (Ok(registered), Ok(presented)) = (std::str::from_utf8(first), std::str::from_utf8(line(rest).0)) else {
        return;
    };
    let Ok(uri) = RedirectUri::register(registered, &CustomSchemes::known_and(&[])) else { return };
    let found = RedirectUri::find(std::slice::from_ref(&uri), Some(presented));
    assert_eq!(found.is_ok(), uri.matches(presented), "found and matching");
    let Ok(found) = found else { return };
    assert!(found.as_str() == presented && found.kind() == uri.kind(), "not what was presented");
    assert_eq!(found.redirect_key(), uri.redirect_key(), "another consent");
    if presented != registered {
        assert_eq!(uri.kind(), RedirectKind::Loopback, "other bytes");
        let (Ok(mut theirs), Ok(mut ours)) = (Url::parse(presented), Url::parse(registered)) else {
            assert!(presented.is_empty(), "no address");
            return;
        };
        let _ = (theirs.set_port(None), ours.set_port(None));
        assert_eq!(theirs, ours, "another place");
    }
}
