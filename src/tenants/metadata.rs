//! Metadata documents. What is not on is not advertised.

use serde::Serialize;

use super::{MetadataDocuments, Server, Tenant};
use crate::{
    clients::{AuthMethod, jwks, metadata::DEVICE_CODE},
    keys::SigningAlg,
    people,
};

/// Authorization server metadata (RFC 8414), the same body at all four spellings.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "members are named by RFC 8414")]
pub struct AuthorizationServer {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    pub revocation_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    pub jwks_uri: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    pub response_types_supported: [&'static str; 1],
    pub response_modes_supported: [&'static str; 1],
    pub grant_types_supported: Vec<&'static str>,
    pub code_challenge_methods_supported: [&'static str; 1],
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    pub token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_signing_alg_values_supported: Vec<&'static str>,
    pub authorization_response_iss_parameter_supported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub client_id_metadata_document_supported: bool,
    pub acr_values_supported: Vec<&'static str>,
}

/// What the token endpoint gives, as far as the tenant has it on.
fn grant_types(tenant: &Tenant) -> Vec<&'static str> {
    let device = tenant.settings.device_flow.is_on().then_some(DEVICE_CODE);
    ["authorization_code", "refresh_token", "client_credentials"].into_iter().chain(device).collect()
}

/// How clients may authenticate at every endpoint that asks them to.
fn auth_methods() -> Vec<&'static str> {
    AuthMethod::ALL.into_iter().map(AuthMethod::name).collect()
}

/// What they may sign with (RFC 8414 §2).
fn signing_algorithms() -> Vec<&'static str> {
    jwks::names()
}

impl AuthorizationServer {
    /// The document of a tenant.
    pub fn of(tenant: &Tenant) -> Self {
        let scopes: std::collections::BTreeSet<String> = tenant
            .servers
            .values()
            .flat_map(|server| server.policy.default_scopes().iter().map(ToString::to_string))
            .collect();
        let devices = tenant.settings.device_flow.is_on();
        let introspects = tenant.introspects();
        let when_introspecting = |values: &[&'static str]| if introspects { values.to_vec() } else { Vec::new() };
        Self {
            issuer: tenant.issuer.clone(),
            authorization_endpoint: tenant.endpoint("authorize"),
            token_endpoint: tenant.endpoint("token"),
            device_authorization_endpoint: devices.then(|| tenant.endpoint("device_authorization")),
            registration_endpoint: tenant.settings.lets_register().then(|| tenant.endpoint("register")),
            revocation_endpoint: tenant.endpoint("revoke"),
            introspection_endpoint: introspects.then(|| tenant.endpoint("introspect")),
            jwks_uri: tenant.endpoint("jwks.json"),
            scopes_supported: scopes.into_iter().collect(),
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: grant_types(tenant),
            code_challenge_methods_supported: ["S256"],
            token_endpoint_auth_methods_supported: auth_methods(),
            token_endpoint_auth_signing_alg_values_supported: signing_algorithms(),
            revocation_endpoint_auth_methods_supported: auth_methods(),
            revocation_endpoint_auth_signing_alg_values_supported: signing_algorithms(),
            introspection_endpoint_auth_methods_supported: when_introspecting(&[
                AuthMethod::ClientSecretBasic.name(),
                AuthMethod::ClientSecretPost.name(),
            ]),
            introspection_signing_alg_values_supported: when_introspecting(&[
                SigningAlg::EdDSA.name(),
                SigningAlg::ES256.name(),
            ]),
            authorization_response_iss_parameter_supported: true,
            client_id_metadata_document_supported: tenant.settings.metadata_documents != MetadataDocuments::Off,
            acr_values_supported: people::ACR_VALUES.to_vec(),
        }
    }
}

/// Protected resource metadata (RFC 9728).
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "members are named by RFC 9728")]
pub struct ProtectedResource {
    pub resource: String,
    /// Ours first, then those that the server trusts beside it.
    pub authorization_servers: Vec<String>,
    pub bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    pub resource_name: String,
}

impl ProtectedResource {
    /// The document of a server.
    pub fn of(tenant: &Tenant, server: &Server) -> Self {
        Self {
            resource: server.resource.clone(),
            authorization_servers: std::iter::once(&tenant.issuer)
                .chain(server.issuers.iter().map(|outside| &outside.issuer))
                .cloned()
                .collect(),
            bearer_methods_supported: ["header"],
            scopes_supported: server.policy.default_scopes().iter().map(ToString::to_string).collect(),
            resource_name: server.name.clone(),
        }
    }
}
