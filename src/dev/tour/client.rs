//! The client's side: from one MCP URL to a token and back, as RFC 9728, 8414, 7591, 7636, 8707, 7009 and 7592 say.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{
    challenge::Challenge,
    mcp,
    surprise::{Answer, Surprise},
};
use crate::secret::{Entropy, NoEntropy, SecretText};

/// What the client calls itself.
pub(super) const NAME: &str = "Sallyport's tour";
/// Where the client would listen. Nothing does: the tour's browser reads the address instead of opening it.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// A client that knows an MCP URL and nothing else.
pub(super) struct Client {
    http: reqwest::Client,
    resource: String,
}

#[derive(Deserialize)]
struct ProtectedResource {
    resource: String,
    authorization_servers: Vec<String>,
}

/// What the client needs of RFC 8414's document.
#[derive(Deserialize)]
pub(super) struct Issuer {
    pub(super) issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    registration_endpoint: Url,
    revocation_endpoint: Url,
    code_challenge_methods_supported: Vec<String>,
}

/// What the client keeps of its registration.
#[derive(Deserialize)]
pub(super) struct Registered {
    client_id: String,
    pub(super) client_secret: Option<SecretText>,
    registration_client_uri: Url,
    registration_access_token: SecretText,
}

/// An authorization request on its way.
pub(super) struct Request {
    /// What the browser opens.
    pub(super) url: Url,
    state: String,
    verifier: String,
}

/// What a code was exchanged for.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: SecretText,
    pub(super) token_type: String,
    /// Seconds.
    pub(super) expires_in: u64,
    pub(super) refresh_token: SecretText,
    pub(super) scope: String,
}

impl Client {
    /// A client of the resource at `resource`.
    pub(super) fn new(http: reqwest::Client, resource: &str) -> Self {
        Self { http, resource: resource.to_owned() }
    }

    /// Calls without a token, and gets a challenge.
    pub(super) async fn knock(&self) -> Result<Challenge, Surprise> {
        let request = mcp::request(&self.http, &self.resource, "tools/list", json!({}));
        let answer = Answer::to(request).await?.expect(StatusCode::UNAUTHORIZED).await?;
        let challenge = answer.header("www-authenticate").and_then(Challenge::parse);
        challenge.ok_or_else(|| Surprise::odd("the 401 carries no Bearer challenge"))
    }

    /// Finds the issuer: the metadata that the challenge names (RFC 9728), then the issuer's own (RFC 8414).
    pub(super) async fn discover(&self, challenge: &Challenge) -> Result<Issuer, Surprise> {
        let at = challenge
            .get("resource_metadata")
            .ok_or_else(|| Surprise::odd("the challenge has no resource_metadata"))?;
        let resource: ProtectedResource = self.fetch(at).await?;
        if resource.resource != self.resource {
            return Err(Surprise::odd(format!("the metadata is of another resource, {}", resource.resource)));
        }
        let named =
            resource.authorization_servers.first().ok_or_else(|| Surprise::odd("the metadata name no issuer"))?;
        let issuer: Issuer = self.fetch(&well_known(named)?).await?;
        if issuer.issuer != *named {
            return Err(Surprise::odd(format!("{named} has metadata of another issuer, {}", issuer.issuer)));
        }
        if !issuer.code_challenge_methods_supported.iter().any(|method| method == "S256") {
            return Err(Surprise::odd("the issuer does not say that it knows PKCE with S256"));
        }
        Ok(issuer)
    }

    async fn fetch<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, Surprise> {
        Answer::to(self.http.get(url)).await?.expect(StatusCode::OK).await?.json().await
    }

    /// Registers (RFC 7591), as a program on this computer that can keep no secret.
    pub(super) async fn register(&self, issuer: &Issuer) -> Result<Registered, Surprise> {
        let metadata = json!({
            "client_name": NAME,
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        });
        let request = self.http.post(issuer.registration_endpoint.clone()).json(&metadata);
        Answer::to(request).await?.expect(StatusCode::CREATED).await?.json().await
    }

    /// Removes the registration again (RFC 7592).
    pub(super) async fn deregister(&self, registered: &Registered) -> Result<(), Surprise> {
        let request = self.http.delete(registered.registration_client_uri.clone());
        let request = request.bearer_auth(registered.registration_access_token.expose());
        Answer::to(request).await?.expect(StatusCode::NO_CONTENT).await.map(drop)
    }

    /// An authorization request for this resource, with PKCE (RFC 7636) and RFC 8707's `resource`.
    pub(super) fn ask(
        &self,
        issuer: &Issuer,
        registered: &Registered,
        scope: &str,
        entropy: &Entropy,
    ) -> Result<Request, NoEntropy> {
        let (state, verifier) = (entropy.text::<16>()?, entropy.text::<32>()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let mut url = issuer.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &registered.client_id)
            .append_pair("redirect_uri", REDIRECT_URI)
            .append_pair("scope", scope)
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("resource", &self.resource);
        Ok(Request { url, state, verifier })
    }

    /// Takes the code from the address that the browser was sent to, after `state` and `iss` (RFC 9207) are found right.
    pub(super) fn code(&self, issuer: &Issuer, request: &Request, arrived: &Url) -> Result<SecretText, Surprise> {
        let get = |name| arrived.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
        if !arrived.as_str().starts_with(REDIRECT_URI) {
            return Err(Surprise::odd("the browser was sent to another address than the client's"));
        }
        if let Some(error) = get("error") {
            let why = get("error_description").map(|why| format!(": {why}")).unwrap_or_default();
            return Err(Surprise::odd(format!("the client was told {error}{why}")));
        }
        if get("state").as_ref() != Some(&request.state) {
            return Err(Surprise::odd("the client got back another state than it sent"));
        }
        if get("iss").as_ref() != Some(&issuer.issuer) {
            return Err(Surprise::odd("the answer does not say that it comes from the issuer"));
        }
        get("code").map(SecretText::new).ok_or_else(|| Surprise::odd("the client got no code"))
    }

    /// Exchanges the code.
    pub(super) async fn exchange(
        &self,
        issuer: &Issuer,
        registered: &Registered,
        request: &Request,
        code: &SecretText,
    ) -> Result<Tokens, Surprise> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", &registered.client_id),
            ("code_verifier", &request.verifier),
            ("resource", &self.resource),
        ];
        let sent = self.http.post(issuer.token_endpoint.clone()).form(&form);
        let tokens: Tokens = Answer::to(sent).await?.expect(StatusCode::OK).await?.json().await?;
        if tokens.token_type != "Bearer" {
            return Err(Surprise::odd("the token is not of type Bearer"));
        }
        Ok(tokens)
    }

    /// Hands the refresh token back, and all that came from its code with it (RFC 7009).
    pub(super) async fn revoke(
        &self,
        issuer: &Issuer,
        registered: &Registered,
        tokens: &Tokens,
    ) -> Result<(), Surprise> {
        let form = [
            ("token", tokens.refresh_token.expose()),
            ("token_type_hint", "refresh_token"),
            ("client_id", &registered.client_id),
        ];
        let request = self.http.post(issuer.revocation_endpoint.clone()).form(&form);
        Answer::to(request).await?.expect(StatusCode::OK).await.map(drop)
    }

    /// The names of the server's tools, sorted.
    pub(super) async fn tools(&self, tokens: &Tokens) -> Result<Vec<String>, Surprise> {
        mcp::tools(self.call(tokens, "tools/list", json!({})).await?).await
    }

    /// Calls the tool that tells what the upstream sees.
    pub(super) async fn whoami(&self, tokens: &Tokens) -> Result<mcp::Seen, Surprise> {
        let params = json!({"name": "whoami", "arguments": {}});
        mcp::seen(self.call(tokens, "tools/call", params).await?, tokens.access_token.expose()).await
    }

    async fn call(&self, tokens: &Tokens, method: &str, params: serde_json::Value) -> Result<Answer, Surprise> {
        let request = mcp::request(&self.http, &self.resource, method, params);
        let request = request.bearer_auth(tokens.access_token.expose());
        Answer::to(request).await?.expect(StatusCode::OK).await
    }

    /// Calls with a token that is no good any more, and gets the challenge that says so.
    pub(super) async fn refused(&self, tokens: &Tokens) -> Result<Challenge, Surprise> {
        let request = mcp::request(&self.http, &self.resource, "tools/list", json!({}));
        let request = request.bearer_auth(tokens.access_token.expose());
        let answer = Answer::to(request).await?.expect(StatusCode::UNAUTHORIZED).await?;
        let challenge = answer.header(header::WWW_AUTHENTICATE.as_str()).and_then(Challenge::parse);
        match challenge {
            Some(challenge) if challenge.get("error") == Some("invalid_token") => Ok(challenge),
            _ => Err(Surprise::odd("the 401 does not say invalid_token")),
        }
    }
}

/// Where the metadata of an issuer with a path are: the well-known part stands before the path (RFC 8414 §3.1).
fn well_known(issuer: &str) -> Result<String, Surprise> {
    let url = Url::parse(issuer).map_err(|_| Surprise::odd("the metadata name an issuer that is no address"))?;
    let path = url.path().trim_end_matches('/');
    Ok(format!("{}/.well-known/oauth-authorization-server{path}", url.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_stands_before_the_path() {
        let at = |issuer| well_known(issuer).unwrap();
        let base = "http://localhost:8080/.well-known/oauth-authorization-server";
        assert_eq!(at("http://localhost:8080/t/demo"), format!("{base}/t/demo"));
        assert_eq!(at("http://localhost:8080"), base);
    }
}
