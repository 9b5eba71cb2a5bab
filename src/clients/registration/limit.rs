//! How often clients may register, and how often change what they registered: for one tenant from one address.
//!
//! Hosted clients register for many people from few addresses, so the default leaves room; what a tenant takes in a day
//! is bounded by its quota in the database.

use std::{
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::MethodRouter,
};
use http::{Request, StatusCode};
use tower_governor::{GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor};

use crate::{
    app::App,
    audit::Refused,
    http::{address::ClientAddress, oauth::OauthError},
};

/// How often buckets that are full again are forgotten.
const TIDY: Duration = Duration::from_secs(60);

/// Puts the limit of the configuration around an endpoint, which it then has for itself.
pub fn limited(app: &Arc<App>, endpoint: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    let limits = &app.config.registration;
    let config = GovernorConfigBuilder::default()
        .key_extractor(PerTenantAndAddress(app.clone()))
        .period(Duration::from_secs(60) / limits.per_minute.max(1))
        .burst_size(limits.burst.max(1))
        .finish();
    // Neither number is zero, so there is always a limiter. Without one nothing would be answered.
    let Some(config) = config.map(Arc::new) else {
        return axum::routing::any(|| async { OauthError::fault() });
    };
    let limiter = Arc::downgrade(config.limiter());
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(tidy(limiter, |limiter| limiter.retain_recent()));
    }
    endpoint
        .layer(GovernorLayer::<_, _, Body>::new(config).error_handler(|error| refusal(&error)))
        .layer(from_fn_with_state(app.clone(), count))
}

/// On an answer of the limiter.
#[derive(Clone, Copy)]
struct Limited;

/// Counts what the limiter refuses: it does not tell whom.
async fn count(State(app): State<Arc<App>>, from: ClientAddress, request: Request<Body>, next: Next) -> Response {
    let tenant = app.node.tenant(slug(&request)).map(|tenant| tenant.id);
    let response = next.run(request).await;
    if response.extensions().get::<Limited>().is_some() {
        app.refused(tenant, Refused::Registration("limited"), from);
    }
    response
}

/// Ends with the limiter itself.
async fn tidy<L>(limiter: Weak<L>, forget: impl Fn(&L)) {
    loop {
        tokio::time::sleep(TIDY).await;
        match limiter.upgrade() {
            Some(limiter) => forget(&limiter),
            None => return,
        }
    }
}

fn refusal(error: &GovernorError) -> Response {
    let GovernorError::TooManyRequests { wait_time, .. } = error else { return OauthError::fault().into_response() };
    let refusal = OauthError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "temporarily_unavailable",
        "too many requests of this kind from this address; please wait and try again",
    )
    // Whole seconds, rounded down by the limiter.
    .retry_after(Duration::from_secs(wait_time.saturating_add(1)));
    let mut response = refusal.into_response();
    response.extensions_mut().insert(Limited);
    response
}

/// The tenant's name in the address.
fn slug<T>(request: &Request<T>) -> &str {
    request.uri().path().split('/').nth(2).unwrap_or_default()
}

#[derive(Clone)]
struct PerTenantAndAddress(Arc<App>);

impl KeyExtractor for PerTenantAndAddress {
    type Key = (String, IpAddr);

    fn extract<T>(&self, request: &Request<T>) -> Result<Self::Key, GovernorError> {
        let address = request.extensions().get::<ClientAddress>().ok_or(GovernorError::UnableToExtractKey)?;
        // Tenants that nobody knows share a bucket, or a stranger could fill the memory with made-up names.
        let known = self.0.node.tenant(slug(request)).map(|tenant| tenant.slug.to_string());
        Ok((known.unwrap_or_default(), address.network()))
    }
}
