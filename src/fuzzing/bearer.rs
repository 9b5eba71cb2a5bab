//! `Authorization: Bearer`.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use super::line;
use crate::gateway::Bearer;

/// A query in the first line, a header in the second: what is taken is the token that stands there, whole.
pub(super) fn header(data: &[u8]) {
    let (query, rest) = line(data);
    let Ok(value) = HeaderValue::from_bytes(line(rest).0) else { return };
    let query = std::str::from_utf8(query).ok();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value.clone())]);
    if let Ok(bearer) = Bearer::from_request(&headers, query) {
        let token = match &bearer {
            Bearer::Handle(handle) => handle.expose(),
            Bearer::Outside(jwt) => jwt.expose(),
        };
        let ours = matches!(bearer, Bearer::Handle(_));
        assert!(!ours || token.starts_with("sp_at_"), "another kind of token");
        assert_eq!(token.split('.').count(), if ours { 1 } else { 3 }, "not in the shape of one");
        assert!(value.as_bytes().ends_with(token.as_bytes()), "not what was sent");
        assert!(value.len() >= token.len() + "bearer ".len(), "no scheme");
        let mut twice = headers;
        twice.append(AUTHORIZATION, value);
        assert!(Bearer::from_request(&twice, query).is_err(), "two headers");
        assert!(Bearer::from_request(&twice, Some("access_token=x")).is_err(), "a token in the address");
    }
}
