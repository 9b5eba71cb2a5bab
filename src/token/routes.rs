//! `POST token` (OAuth 2.1 §3.2) and `POST revoke` (RFC 7009).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, PRAGMA},
};

use super::{
    TokenError, TokenResponse, code, credentials, device, refresh,
    request::{CodeRequest, CredentialsRequest, DeviceRequest, RefreshRequest},
    revoke::{self, Revocation},
};
use crate::{
    app::App,
    audit::Refused,
    clients::{
        authenticate::{AuthenticatedClient, Authentication, ClientAuthError, Meets, authenticate, fetch_ahead},
        metadata::DEVICE_CODE,
    },
    http::{
        address::ClientAddress,
        form::{Form, FormError},
        oauth::OauthError,
        request_id::RequestId,
    },
    store::TenantTx,
    tenants::Tenant,
};

/// `POST /t/{tenant}/token`.
pub async fn token(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    id: RequestId,
    from: ClientAddress,
    headers: HeaderMap,
    form: Result<Form, FormError>,
) -> Response {
    match (Desk { app: &app, id: &id, from }).grant(&slug, &headers, form).await {
        Ok(answer) => no_store(Json(answer)),
        Err(error) => error.into_response(),
    }
}

/// `POST /t/{tenant}/revoke`: returns when the token is refused everywhere.
pub async fn revoke(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    id: RequestId,
    from: ClientAddress,
    headers: HeaderMap,
    form: Result<Form, FormError>,
) -> Response {
    match (Desk { app: &app, id: &id, from }).revocation(&slug, &headers, form).await {
        Ok(Revocation::Done) => no_store(StatusCode::OK),
        Ok(Revocation::NotYours) => {
            OauthError::new(StatusCode::BAD_REQUEST, "invalid_grant", "the token was issued to another client")
                .into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// Where one request is dealt with, and what is refused is counted.
#[derive(Clone, Copy)]
struct Desk<'a> {
    app: &'a App,
    id: &'a RequestId,
    from: ClientAddress,
}

impl Desk<'_> {
    async fn grant(
        self,
        slug: &str,
        headers: &HeaderMap,
        form: Result<Form, FormError>,
    ) -> Result<TokenResponse, OauthError> {
        let tenant = self.tenant(slug).await?;
        let form = form?;
        let (client, tx) = self.client(&tenant, headers, &form).await?;
        let answer = self.issue(&tenant, &client, &form, tx).await;
        answer.map_err(|error| {
            if let Some(reason) = error.word() {
                self.app.refused(Some(tenant.id), Refused::Token { grant: grant_type(&form), reason }, self.from);
            }
            error.into()
        })
    }

    async fn issue(
        self,
        tenant: &Tenant,
        client: &AuthenticatedClient,
        form: &Form,
        tx: TenantTx,
    ) -> Result<TokenResponse, TokenError> {
        let recorder = self.app.recorder(Some(self.id.to_string()));
        let missing = || TokenError::InvalidRequest("grant_type is missing".into());
        match form.one("grant_type")?.ok_or_else(missing)? {
            "authorization_code" => {
                let request = CodeRequest::read(form)?;
                code::redeem(self.app, &recorder, tenant, &client.id, &request, tx).await
            }
            "refresh_token" => {
                let request = RefreshRequest::read(form)?;
                refresh::refresh(self.app, &recorder, tenant, &client.id, &request, tx).await
            }
            "client_credentials" => {
                let request = CredentialsRequest::read(form)?;
                credentials::issue(self.app, &recorder, tenant, client, &request, tx).await
            }
            DEVICE_CODE => {
                let request = DeviceRequest::read(form)?;
                device::redeem(self.app, &recorder, tenant, client, &request, tx).await
            }
            _ => Err(TokenError::UnsupportedGrantType),
        }
    }

    async fn revocation(
        self,
        slug: &str,
        headers: &HeaderMap,
        form: Result<Form, FormError>,
    ) -> Result<Revocation, OauthError> {
        let tenant = self.tenant(slug).await?;
        let form = form?;
        let (client, tx) = self.client(&tenant, headers, &form).await?;
        let missing = || TokenError::InvalidRequest("token is missing".into());
        let token = form.one("token")?.ok_or_else(missing)?;
        let recorder = self.app.recorder(Some(self.id.to_string()));
        let done = revoke::by_client(self.app, &recorder, &client.id, token, tx).await.map_err(TokenError::from)?;
        if matches!(done, Revocation::NotYours) {
            let refused = Refused::Token { grant: "revocation", reason: "invalid_grant" };
            self.app.refused(Some(tenant.id), refused, self.from);
        }
        Ok(done)
    }

    async fn tenant(self, slug: &str) -> Result<Arc<Tenant>, OauthError> {
        let tenant = self.app.tenant(slug).await.map_err(TokenError::from)?;
        tenant.ok_or_else(|| {
            self.app.refused(None, Refused::Request("unknown_tenant"), self.from);
            OauthError::new(StatusCode::NOT_FOUND, "not_found", "no such tenant")
        })
    }

    async fn client(
        self,
        tenant: &Tenant,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<(AuthenticatedClient, TenantTx), OauthError> {
        let app = self.app;
        let recorder = app.recorder(Some(self.id.to_string()));
        let fetched = fetch_ahead(app, &recorder, tenant, headers, form, (self.from, Meets::Known))
            .await
            .map_err(|error| self.refused(tenant, form, error))?;
        let mut tx = app.store.tenant_tx(tenant.id).await.map_err(TokenError::from)?;
        let with = Authentication { tenant, keyring: &app.keyring, clock: &app.clock, fetched: &fetched };
        match authenticate(with, &mut tx, headers, form).await {
            Ok(client) => Ok((client, tx)),
            Err(error) => Err(self.refused(tenant, form, error)),
        }
    }

    fn refused(self, tenant: &Tenant, form: &Form, error: ClientAuthError) -> OauthError {
        if error.is_refusal() {
            self.app.refused(Some(tenant.id), Refused::Client, self.from);
        }
        if let Some(reason) = error.barred() {
            let refused = Refused::Token { grant: grant_type(form), reason };
            self.app.refused(Some(tenant.id), refused, self.from);
        }
        error.into()
    }
}

/// A word of ours for what was sent.
fn grant_type(form: &Form) -> &'static str {
    match form.one("grant_type") {
        Ok(Some("authorization_code")) => "authorization_code",
        Ok(Some("refresh_token")) => "refresh_token",
        Ok(Some("client_credentials")) => "client_credentials",
        Ok(Some(DEVICE_CODE)) => "device_code",
        _ => "other",
    }
}

/// RFC 6749 §5.1: nobody on the way may keep a token.
fn no_store(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
