//! The client information response (RFC 7591 §3.2.1, RFC 7592 §3).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};
use serde::Serialize;

use crate::{
    clients::{Client, metadata::Metadata},
    secret::Handle,
    tenants::Tenant,
};

/// A client together with what only its owner is told.
pub struct Issued {
    /// The client as it is stored now.
    pub client: Client,
    /// A secret that was made just now. It is never told again.
    pub secret: Option<Handle>,
    /// The registration access token: made just now, or the one that was presented.
    pub token: Handle,
}

#[derive(Serialize)]
struct Body<'a> {
    client_id: &'a str,
    client_id_issued_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    /// Zero: never. There wherever the client has a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u8>,
    registration_access_token: &'a str,
    registration_client_uri: String,
    #[serde(flatten)]
    metadata: &'a Metadata,
}

// === impl Issued ===

impl Issued {
    /// The answer, with everything that is registered.
    pub fn respond(&self, status: StatusCode, tenant: &Tenant) -> Response {
        let client = &self.client;
        let body = Body {
            client_id: client.id.as_str(),
            client_id_issued_at: client.created_at.unix_timestamp(),
            client_secret: self.secret.as_ref().map(Handle::expose),
            client_secret_expires_at: client.secret.is_some().then_some(0),
            registration_access_token: self.token.expose(),
            registration_client_uri: tenant.endpoint(&format!("register/{}", client.id)),
            metadata: &client.metadata,
        };
        (status, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response()
    }
}
