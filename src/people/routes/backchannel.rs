//! `/t/{tenant}/login/with/{provider}/logout`: an identity provider says that somebody is logged out there.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};

use super::super::oidc::{self, Provider, Refusal};
use crate::{
    app::App,
    audit::Refused,
    http::{
        address::ClientAddress,
        form::{Form, FormError},
        oauth::OauthError,
        request_id::RequestId,
    },
    store::StoreError,
};

/// `POST`: `logout_token`. 200 once everything that ends with it is refused everywhere (OpenID Connect Back-Channel Logout §2.8).
pub async fn provider_logout(
    State(app): State<Arc<App>>,
    Path((tenant, provider)): Path<(String, String)>,
    id: RequestId,
    from: ClientAddress,
    form: Result<Form, FormError>,
) -> Response {
    match log_out(&app, (&tenant, &provider), (&id, from), form).await {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn log_out(
    app: &Arc<App>,
    (tenant, slug): (&str, &str),
    (id, from): (&RequestId, ClientAddress),
    form: Result<Form, FormError>,
) -> Result<(), OauthError> {
    let fault = |error: StoreError| {
        tracing::error!(%error, "a logout at an identity provider could not be followed");
        OauthError::fault()
    };
    let Some(tenant) = app.tenant(tenant).await.map_err(fault)? else {
        app.refused(None, Refused::Request("unknown_tenant"), from);
        return Err(OauthError::new(StatusCode::NOT_FOUND, "invalid_request", "there is no such tenant"));
    };
    let refused = |word, status, why: &str| {
        app.refused(Some(tenant.id), Refused::Provider(word), from);
        OauthError::new(status, "invalid_request", why)
    };
    let bad = |why: &str| refused("logout", StatusCode::BAD_REQUEST, why);
    let form = form.map_err(|error| bad(&error.to_string()))?;
    let token = form.one("logout_token").map_err(|_| bad("logout_token is there more than once"))?;
    let token = token.ok_or_else(|| bad("logout_token is missing"))?;
    let found = async {
        let mut tx = app.store.tenant_tx(tenant.id).await?;
        let found = Provider::find(&mut tx, slug).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(found)
    };
    let provider = found.await.map_err(fault)?;
    let provider =
        provider.ok_or_else(|| refused("logout", StatusCode::NOT_FOUND, "there is no such identity provider"))?;
    let recorder = app.recorder(Some(id.to_string()));
    let ended = oidc::log_out((app, &tenant), &recorder, &provider, token).await;
    let ticket = ended.map_err(|refusal| match refusal {
        Refusal::Fault(error) => fault(error),
        Refusal::Unreachable(why) => {
            tracing::warn!(tenant = %tenant.id, provider = slug, why, "a logout token cannot be checked");
            app.refused(Some(tenant.id), Refused::Provider("logout"), from);
            OauthError::fault()
        }
        refusal => bad(&refusal.to_string()),
    })?;
    app.node.settle(ticket).await.map_err(fault)
}
