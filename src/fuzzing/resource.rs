//! `resource` (RFC 8707).

use url::Url;

use crate::tenants::ResourceUri;

const OWN: &str = "https://gw.example/t/acme/mcp/notes";

/// What means a server of ours is its address, for every reader of addresses.
pub(super) fn parameter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(resource) = ResourceUri::parse(text) else { return };
    assert!(!text.contains('#'), "a fragment");
    if resource.is(OWN) {
        let address = Url::parse(text).map(|url| url.as_str().trim_end_matches('/').to_owned());
        assert_eq!(address.as_deref(), Ok(OWN), "another address");
    }
}
