//! What a provider says of itself (OpenID Connect Discovery §4).

use std::sync::Arc;

use quick_cache::sync::Cache;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::{Provider, Refusal};
use crate::{
    app::App,
    ids::{TenantId, is_document_address},
    mcp::json,
    tenants::is_ours,
    upstream::{Asker, Untrusted},
};

/// The largest document and the largest answer, in bytes.
pub(super) const MAX_BYTES: usize = 256 * 1024;
pub(super) const MAX_DEPTH: usize = 16;
/// For so long a document is believed.
const FRESH: Duration = Duration::HOUR;
/// Providers that are remembered at a time.
const MOST: usize = 1_000;

/// What is looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    /// It names itself in its answers (RFC 9207).
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub(super) names_itself: bool,
}

type Kept = Arc<(Metadata, OffsetDateTime)>;

/// What is known of identity providers.
pub struct Providers {
    pub(super) dialer: Untrusted,
    documents: Cache<(TenantId, String), Kept>,
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Providers")
    }
}

impl Providers {
    /// Nothing is known at first. The dialer is for these alone.
    pub fn new(dialer: Untrusted) -> Self {
        Self { dialer, documents: Cache::new(MOST) }
    }
}

/// Where an issuer has its metadata (§4).
pub(super) fn address(issuer: &str) -> Option<url::Url> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    url::Url::parse(&format!("{base}/.well-known/openid-configuration")).ok()
}

/// The provider's metadata, at most an hour old.
pub(super) async fn of(app: &App, tenant: TenantId, provider: &Provider) -> Result<Kept, Refusal> {
    let (issuer, now) = (&provider.row.issuer, app.clock.now());
    let key = (tenant, issuer.clone());
    if let Some(kept) = app.providers.documents.get(&key).filter(|kept| kept.1 <= now && now < kept.1 + FRESH) {
        return Ok(kept);
    }
    let url = address(issuer).ok_or(Refusal::Unreachable("no address can be built from the issuer"))?;
    let fetched = app.providers.dialer.fetch(Asker::Configured, tenant, &url, MAX_BYTES).await;
    let fetched = fetched.map_err(|error| {
        tracing::warn!(%tenant, issuer, error = error.detail(), "an identity provider's metadata cannot be had");
        Refusal::Unreachable("its metadata cannot be had")
    })?;
    let metadata = read(&fetched.body, app, issuer).ok_or(Refusal::Unreachable("its metadata is not usable"))?;
    let kept = Arc::new((metadata, now));
    app.providers.documents.insert(key, kept.clone());
    Ok(kept)
}

fn read(body: &[u8], app: &App, issuer: &str) -> Option<Metadata> {
    let metadata: Metadata = serde_json::from_str(json::check(body, MAX_DEPTH).ok()?).ok()?;
    let places = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
    let is_place = |text: &&String| is_document_address(text) && !is_ours(text, &app.config.public_url);
    // Byte by byte (§4.3): one of the two is not who it says, otherwise.
    (metadata.issuer == issuer && places.iter().all(is_place)).then_some(metadata)
}
