//! How often somebody may ask for something, for one tenant from one address. Around what a stranger can make the server
//! write down.
//!
//! Hosted clients and offices come from few addresses, so the defaults leave room; what a tenant takes in all is bounded in
//! the database.

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

use super::{address::ClientAddress, oauth::OauthError, request_id::RequestId, trouble::Trouble};
use crate::{app::App, audit::Refused};

/// How often buckets that are full again are forgotten.
const TIDY: Duration = Duration::from_secs(60);

/// How often, and what is said to whom it is too often.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    per_minute: u32,
    burst: u32,
    counted: Refused,
    form: Form,
}

/// In which form the one who asks reads answers.
#[derive(Clone, Copy, Debug)]
enum Form {
    Page,
    Json,
}

impl Limit {
    /// Of registrations, and of changes of one.
    pub fn of_registrations(app: &App) -> Self {
        let limits = &app.config.registration;
        let (per_minute, burst) = (limits.per_minute, limits.burst);
        Self { per_minute, burst, counted: Refused::Registration("limited"), form: Form::Json }
    }

    /// Of authorization requests.
    pub fn of_authorizations(app: &App) -> Self {
        let limits = &app.config.authorization;
        let (per_minute, burst) = (limits.per_minute, limits.burst);
        Self { per_minute, burst, counted: Refused::Authorization("limited"), form: Form::Page }
    }

    /// Of device authorization requests, as many as of those for a browser.
    pub fn of_devices(app: &App) -> Self {
        let limits = &app.config.authorization;
        let (per_minute, burst) = (limits.per_minute, limits.burst);
        Self { per_minute, burst, counted: Refused::Device("limited"), form: Form::Json }
    }

    /// Puts the limit around an endpoint, which it then has for itself.
    pub fn around(self, app: &Arc<App>, endpoint: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
        let config = GovernorConfigBuilder::default()
            .key_extractor(PerTenantAndAddress(app.clone()))
            .period(Duration::from_secs(60) / self.per_minute.max(1))
            .burst_size(self.burst.max(1))
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
            .layer(GovernorLayer::<_, _, Body>::new(config).error_handler(|error| mark(&error)))
            .layer(from_fn_with_state((app.clone(), self), refuse))
    }

    fn refusal(self, wait: Duration, id: &RequestId) -> Response {
        match self.form {
            Form::Page => Trouble::too_many(wait, id).into_response(),
            Form::Json => OauthError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too many requests of this kind from this address; please wait and try again",
            )
            .retry_after(wait)
            .into_response(),
        }
    }
}

/// On an answer of the limiter: when to come back.
#[derive(Clone, Copy)]
struct Limited(Duration);

/// Refuses in words where the limiter refused: it does not tell whom, and does not know what they read.
async fn refuse(
    State((app, limit)): State<(Arc<App>, Limit)>,
    from: ClientAddress,
    id: RequestId,
    request: Request<Body>,
    next: Next,
) -> Response {
    let tenant = app.node.tenant(slug(&request)).map(|tenant| tenant.id);
    let response = next.run(request).await;
    match response.extensions().get::<Limited>() {
        Some(Limited(wait)) => {
            app.refused(tenant, limit.counted, from);
            limit.refusal(*wait, &id)
        }
        None => response,
    }
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

fn mark(error: &GovernorError) -> Response {
    let GovernorError::TooManyRequests { wait_time, .. } = error else { return OauthError::fault().into_response() };
    let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
    // Whole seconds, rounded down by the limiter.
    response.extensions_mut().insert(Limited(Duration::from_secs(wait_time.saturating_add(1))));
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
