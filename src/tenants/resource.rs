//! `resource` parameters (RFC 8707): which server is meant.

/// A `resource` that can mean nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResource {
    /// RFC 8707 §2: an absolute URI.
    #[error("resource is not an absolute http or https URI")]
    NotAbsolute,
    /// RFC 8707 §2: no fragment.
    #[error("resource must not have a fragment")]
    Fragment,
}

/// A `resource` in the form in which it is compared: scheme and host in lower case, no default port, without one
/// trailing slash; everything else byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceUri(String);

impl ResourceUri {
    /// Reads a `resource` parameter.
    pub fn parse(text: &str) -> Result<Self, BadResource> {
        if text.contains('#') {
            return Err(BadResource::Fragment);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadResource::NotAbsolute)?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(BadResource::NotAbsolute),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.is_empty() || authority.contains(['@', '\\', ' ']) {
            return Err(BadResource::NotAbsolute);
        }
        let authority = authority.to_ascii_lowercase();
        let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
        let path = path.strip_suffix('/').unwrap_or(path);
        Ok(Self(format!("{scheme}://{authority}{path}")))
    }

    /// Whether this means the (already byte-stable) `resource` or issuer of ours.
    pub fn is(&self, own: &str) -> bool {
        self.0 == own
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: &str = "https://gw.example/t/acme/mcp/github";

    #[test]
    fn spellings_of_one_resource_are_one() {
        for text in [
            OWN,
            "HTTPS://GW.example/t/acme/mcp/github",
            "https://gw.example:443/t/acme/mcp/github",
            "https://gw.example/t/acme/mcp/github/",
        ] {
            assert!(ResourceUri::parse(text).unwrap().is(OWN), "{text}");
        }
    }

    #[test]
    fn everything_else_is_another_resource() {
        for text in [
            "https://gw.example/t/acme/mcp/github//",
            "https://gw.example/t/acme/mcp/GitHub",
            "https://gw.example/t/acme/mcp/github?x",
            "https://gw.example/t/acme/mcp",
            "https://gw.example/t/acme/mcp/git%68ub",
            "https://gw.example:444/t/acme/mcp/github",
            "http://gw.example/t/acme/mcp/github",
            "https://gw.example/t/acme/mcp/../mcp/github",
        ] {
            assert!(!ResourceUri::parse(text).unwrap().is(OWN), "{text}");
        }
    }

    #[test]
    fn fragments_and_relative_references_are_refused() {
        assert_eq!(ResourceUri::parse("https://gw.example/#x"), Err(BadResource::Fragment));
        for text in ["", "/t/acme", "gw.example/t", "urn:x:y", "https://", "https://user@gw.example/t"] {
            assert_eq!(ResourceUri::parse(text), Err(BadResource::NotAbsolute), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_twice_changes_nothing(text in "(https?|HTTPS)://[a-zA-Z.]{1,9}(:[0-9]{1,4})?(/[a-z%A-Z0-9]{0,5}){0,3}") {
            let once = ResourceUri::parse(&text).unwrap();
            let again = ResourceUri::parse(&once.0).unwrap();
            prop_assert!(again == once || text.ends_with("//"));
        }
    }
}
