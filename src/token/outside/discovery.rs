//! Where an issuer publishes its keys (RFC 8414 §3, OpenID Connect Discovery §4).

use serde::Deserialize;

use super::keys::{MAX_BYTES, MAX_DEPTH};
use crate::{
    clients::metadata::KeysUri,
    config::PublicUrl,
    ids::TenantId,
    mcp::json,
    tenants::is_ours,
    upstream::{Asker, FetchError, Untrusted},
};

/// Why an issuer's metadata says nothing of its keys.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotFound {
    /// No address can be built from the issuer.
    #[error("no address can be built from the issuer")]
    Address,
    /// Nothing was fetched.
    #[error("{}", .0.detail())]
    Fetch(#[from] FetchError),
    /// Not a JSON object with `issuer` and `jwks_uri`.
    #[error("it is not JSON with issuer and jwks_uri")]
    Malformed,
    /// Another issuer's (RFC 8414 §3.3): one of the two is not who it says.
    #[error("it is the metadata of another issuer")]
    OtherIssuer,
    /// Where keys may not be.
    #[error("its jwks_uri is no https address in its plain spelling")]
    JwksUri,
    /// Our own keys.
    #[error("its jwks_uri is an address of ours")]
    Ours,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Finds out where an issuer's keys are.
pub(super) async fn jwks_uri(
    dialer: &Untrusted,
    own: &PublicUrl,
    tenant: TenantId,
    issuer: &str,
) -> Result<KeysUri, NotFound> {
    let mut last = NotFound::Malformed;
    for address in addresses(issuer) {
        let url = url::Url::parse(&address).map_err(|_| NotFound::Address)?;
        match dialer.fetch(Asker::Known, tenant, &url, MAX_BYTES).await {
            Ok(fetched) => return read(&fetched.body, issuer, own),
            // There may be something at the next one.
            Err(error @ FetchError::Answer(_)) => last = error.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

/// In the order in which something is found most often.
fn addresses(issuer: &str) -> Vec<String> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let after = base.find("://").map_or(0, |at| at + 3);
    let host = base.get(after..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| after + at);
    let (origin, path) = base.split_at(host);
    let mut addresses = vec![
        format!("{base}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
        format!("{base}/.well-known/oauth-authorization-server"),
    ];
    if path.is_empty() {
        addresses.truncate(2);
    }
    addresses
}

fn read(body: &[u8], issuer: &str, own: &PublicUrl) -> Result<KeysUri, NotFound> {
    let text = json::check(body, MAX_DEPTH).map_err(|_| NotFound::Malformed)?;
    let metadata: Metadata = serde_json::from_str(text).map_err(|_| NotFound::Malformed)?;
    if metadata.issuer != issuer {
        return Err(NotFound::OtherIssuer);
    }
    if is_ours(&metadata.jwks_uri, own) {
        return Err(NotFound::Ours);
    }
    KeysUri::parse(&metadata.jwks_uri).ok_or(NotFound::JwksUri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_before_and_behind_the_path() {
        let expected = [
            "https://login.example/a/v2.0/.well-known/openid-configuration",
            "https://login.example/.well-known/oauth-authorization-server/a/v2.0",
            "https://login.example/.well-known/openid-configuration/a/v2.0",
            "https://login.example/a/v2.0/.well-known/oauth-authorization-server",
        ];
        assert_eq!(addresses("https://login.example/a/v2.0"), expected);
        assert_eq!(addresses("https://login.example/a/v2.0/"), expected);
        let short = [
            "https://login.example/.well-known/openid-configuration",
            "https://login.example/.well-known/oauth-authorization-server",
        ];
        assert_eq!(addresses("https://login.example"), short);
        assert_eq!(addresses("https://login.example/"), short);
    }

    #[test]
    fn metadata_of_another_issuer_and_keys_of_ours_are_none() {
        let own = PublicUrl::parse("https://gw.example").unwrap();
        let read = |issuer: &str, uri: &str| {
            let body = serde_json::json!({ "issuer": issuer, "jwks_uri": uri }).to_string();
            read(body.as_bytes(), "https://a.example", &own)
        };
        assert!(read("https://a.example", "https://keys.example/jwks").is_ok());
        for other in ["https://a.example/", "https://A.example", "https://b.example"] {
            assert!(matches!(read(other, "https://a.example/jwks"), Err(NotFound::OtherIssuer)), "{other}");
        }
        assert!(matches!(read("https://a.example", "https://gw.example/t/a/jwks.json"), Err(NotFound::Ours)));
        assert!(matches!(read("https://a.example", "http://a.example/jwks"), Err(NotFound::JwksUri)));
    }
}
