//! What is said between us and a provider without the browser: a code for an ID token, and the verification of that.

use chrono::DateTime;
use jsonwebtoken::Algorithm;
use openidconnect::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    IdTokenVerifier, IssuerUrl, Nonce, PkceCodeVerifier, RedirectUrl, RequestTokenError, TokenUrl,
    core::{CoreClient, CoreIdToken, CoreJsonWebKeySet, CoreJwsSigningAlgorithm},
};
use serde_json::{Map, Value};

use super::{
    Claims, NoAccount, Provider,
    begin::Secrets,
    metadata::{self, Metadata},
};
use crate::{
    app::App,
    clients::{jwks::ClientKeys, jws::Jws, metadata::KeysUri},
    store::StoreError,
    tenants::Tenant,
    token::outside::Wanted,
    upstream::Asker,
};

/// The longest ID token, in bytes. Those that name a person's groups are long.
pub(super) const MAX_TOKEN: usize = 32 * 1024;
/// An ID token is asked for and made now (seconds; clocks may differ).
const MAX_AGE: i64 = 600;
const LEEWAY: i64 = 60;

/// Why a login at a provider came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not begun in this browser at this provider, used before, or expired.
    #[error("the login was not begun here, or is over")]
    State,
    /// Another issuer answered (RFC 9207).
    #[error("another issuer answered")]
    Issuer,
    /// The provider says no.
    #[error("the provider says no")]
    Said,
    /// No tokens for the code.
    #[error("the provider gave no ID token: {0}")]
    Exchange(&'static str),
    /// The ID token is not good.
    #[error("the ID token is not good: {0}")]
    Token(&'static str),
    /// The person had to show once more who they are, and the provider does not say that they did.
    #[error("the provider does not say that the person logged in just now (auth_time)")]
    NotAnew,
    /// Nobody here.
    #[error("nobody here, and no account is made: {0}")]
    Account(#[from] NoAccount),
    /// The provider does not answer as it should.
    #[error("the provider does not work: {0}")]
    Unreachable(&'static str),
    /// A fault of ours.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

impl Refusal {
    /// For the count of what was refused. None: it is nobody's but ours.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::State => Some("state"),
            Self::Issuer => Some("iss"),
            Self::Said => Some("error"),
            Self::Exchange(_) => Some("exchange"),
            Self::Token(_) => Some("token"),
            Self::NotAnew => Some("auth_time"),
            Self::Account(_) => Some("account"),
            Self::Unreachable(_) => Some("unreachable"),
            Self::Fault(_) => None,
        }
    }
}

type Ready = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;

/// Us, as the provider knows us.
pub(super) fn client(app: &App, tenant: &Tenant, provider: &Provider, metadata: &Metadata) -> Result<Ready, Refusal> {
    let bad = |_| Refusal::Unreachable("its addresses are not usable");
    let issuer = IssuerUrl::new(provider.row.issuer.clone()).map_err(bad)?;
    let secret = provider.secret(&app.keyring, tenant.id)?;
    let method = match provider.row.auth_method.as_str() {
        "client_secret_basic" => AuthType::BasicAuth,
        _ => AuthType::RequestBody,
    };
    let mut client =
        CoreClient::new(ClientId::new(provider.row.client_id.clone()), issuer, CoreJsonWebKeySet::default());
    if let Some(secret) = secret {
        client = client.set_client_secret(ClientSecret::new(secret.to_string()));
    }
    Ok(client
        .set_auth_type(method)
        .set_redirect_uri(RedirectUrl::new(provider.redirect_uri(tenant)).map_err(bad)?)
        .set_auth_uri(AuthUrl::new(metadata.authorization_endpoint.clone()).map_err(bad)?)
        .set_token_uri(TokenUrl::new(metadata.token_endpoint.clone()).map_err(bad)?))
}

/// Exchanges a code and verifies the ID token.
pub(super) async fn exchange(
    app: &App,
    tenant: &Tenant,
    provider: &Provider,
    code: &str,
    secrets: &Secrets,
) -> Result<Claims, Refusal> {
    let kept = metadata::of(app, tenant.id, provider).await?;
    let client = client(app, tenant, provider, &kept.0)?;
    let hook = |request: HttpRequest| {
        let (dialer, tenant) = (app.providers.dialer.clone(), tenant.id);
        async move { dialer.post(Asker::Configured, tenant, request, metadata::MAX_BYTES).await }
    };
    let request = client
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier.clone()));
    let tokens = request.request_async(&hook).await.map_err(|error| match error {
        // What the provider says of it is not ours to repeat.
        RequestTokenError::ServerResponse(_) => Refusal::Exchange("it refused the code"),
        RequestTokenError::Request(error) => {
            tracing::warn!(tenant = %tenant.id, issuer = provider.row.issuer, error = error.detail(), "no code could be exchanged");
            Refusal::Unreachable("its token endpoint cannot be reached")
        }
        RequestTokenError::Parse(..) => Refusal::Exchange("its answer has no good ID token"),
        RequestTokenError::Other(_) => Refusal::Exchange("its answer cannot be read"),
    })?;
    let id_token = tokens.extra_fields().id_token().ok_or(Refusal::Exchange("its answer has no ID token"))?;
    verify(app, tenant, provider, (id_token, &kept.0), &secrets.nonce).await
}

async fn verify(
    app: &App,
    tenant: &Tenant,
    provider: &Provider,
    (id_token, metadata): (&CoreIdToken, &Metadata),
    nonce: &str,
) -> Result<Claims, Refusal> {
    let text = id_token.to_string();
    // Read once more, strictly: which key it names, and claims that nobody but the administrator has heard of.
    let jws = Jws::read_up_to(&text, MAX_TOKEN).map_err(|_| Refusal::Token("its form or algorithm"))?;
    let algorithm =
        of(jws.algorithm).filter(|_| provider.takes(jws.algorithm)).ok_or(Refusal::Token("its algorithm"))?;
    let keys = keys(app, tenant, provider, (&jws, metadata)).await?;
    let keys: CoreJsonWebKeySet =
        serde_json::from_str(&keys.canonical()).map_err(|_| Refusal::Unreachable("its keys are not usable"))?;
    let now = app.clock.unix();
    let issuer = IssuerUrl::new(provider.row.issuer.clone()).map_err(|_| Refusal::Token("its issuer"))?;
    let verifier = IdTokenVerifier::new_public_client(ClientId::new(provider.row.client_id.clone()), issuer, keys)
        .set_allowed_algs([algorithm])
        .set_time_fn(move || DateTime::from_timestamp(now, 0).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC))
        .set_issue_time_verifier_fn(move |issued_at| {
            let age = now - issued_at.timestamp();
            if (-LEEWAY..=MAX_AGE).contains(&age) { Ok(()) } else { Err("not of now".to_owned()) }
        });
    id_token.claims(&verifier, &Nonce::new(nonce.to_owned())).map_err(|error| {
        tracing::info!(tenant = %tenant.id, issuer = provider.row.issuer, %error, "an ID token was refused");
        Refusal::Token("its signature or its claims")
    })?;
    let claims: Map<String, Value> = jws.claims().map_err(|_| Refusal::Token("its claims"))?;
    let claims = Claims(claims);
    // The library compares issuers, and asks nothing about `azp` (OpenID Connect Core §3.1.3.7).
    if claims.text("iss") != Some(&provider.row.issuer) {
        return Err(Refusal::Token("its issuer"));
    }
    if claims.0.contains_key("azp") && claims.text("azp") != Some(&provider.row.client_id) {
        return Err(Refusal::Token("it is for another client"));
    }
    let fits = |(name, value): (&String, &String)| claims.has(name, value);
    if !provider.settings.required_claims.iter().all(fits) {
        return Err(Refusal::Account(NoAccount::Claims));
    }
    Ok(claims)
}

/// The provider's keys, fetched anew where none of those that are known has the name that the JWT gives.
pub(super) async fn keys(
    app: &App,
    tenant: &Tenant,
    provider: &Provider,
    (jws, metadata): (&Jws<'_>, &Metadata),
) -> Result<ClientKeys, Refusal> {
    let place = KeysUri::parse(&metadata.jwks_uri).ok_or(Refusal::Unreachable("its keys have no good address"))?;
    let wanted = Wanted {
        tenant: tenant.id,
        issuer: &provider.row.issuer,
        jwks_uri: Some(&place),
        kid: jws.kid.as_deref(),
        own: &app.config.public_url,
    };
    app.outside.get(&app.clock, wanted).await.map_err(|_| Refusal::Unreachable("its keys cannot be had"))
}

fn of(algorithm: Algorithm) -> Option<CoreJwsSigningAlgorithm> {
    match algorithm {
        Algorithm::EdDSA => Some(CoreJwsSigningAlgorithm::EdDsa),
        Algorithm::ES256 => Some(CoreJwsSigningAlgorithm::EcdsaP256Sha256),
        Algorithm::PS256 => Some(CoreJwsSigningAlgorithm::RsaSsaPssSha256),
        Algorithm::RS256 => Some(CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256),
        _ => None,
    }
}
