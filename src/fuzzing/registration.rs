//! The body of a registration (RFC 7591).

use crate::clients::{
    metadata::Metadata,
    redirect::CustomSchemes,
    registration::{MAX_ITEMS, Members},
};

/// Metadata that is taken is within limits, and the same when it has been stored.
pub(super) fn body(data: &[u8]) {
    let metadata =
        match Members::parse(data).and_then(|members| Metadata::read(&members, &CustomSchemes::known_and(&[]))) {
            Ok(metadata) => metadata,
            Err(why) => {
                let words = why.to_string();
                assert!(!words.is_empty() && words.len() < 4096, "{words}");
                return;
            }
        };
    assert!((1..=MAX_ITEMS).contains(&metadata.redirect_uris.len()) && metadata.contacts.len() <= MAX_ITEMS, "many");
    assert!(metadata.client_name.iter().all(|name| !name.chars().any(char::is_control)), "a control character");
    for uri in [&metadata.client_uri, &metadata.logo_uri, &metadata.tos_uri, &metadata.policy_uri].into_iter().flatten()
    {
        assert!(uri.as_str().get(..4).is_some_and(|head| head.eq_ignore_ascii_case("http")), "{}", uri.as_str());
    }
    let stored = serde_json::to_string(&metadata).unwrap_or_default();
    let again = serde_json::from_str::<Metadata>(&stored).ok();
    assert_eq!(again.as_ref(), Some(&metadata), "read, stored and read");
    assert_eq!(again.map(|again| again.display_digest()), Some(metadata.display_digest()), "digest");
}
