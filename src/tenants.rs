//! Issuer and resource identity; metadata documents.

mod load;
pub mod metadata;
mod outside;
mod resource;
pub mod routes;
mod settings;

use std::{collections::BTreeMap, sync::Arc};

pub use load::load;
pub(crate) use load::{Found, find, policy_spec, read_issuer, read_scope_of};
pub use outside::{OutsideIssuer, is_ours};
pub use resource::{BadResource, ResourceUri};
pub use settings::{
    AssertionAudience, DeviceFlow, Evidence, LoginPolicy, MetadataDocuments, RegistrationRule, SecondFactor, Settings,
    StatementIssuer,
};

use crate::{
    ids::{ServerId, Slug, TenantId},
    keys::{SigningAlg, SigningKeys},
    policy::ServerPolicy,
};

/// A tenant as requests need it: identity, settings, keys and servers, read once and kept until the authority log says otherwise.
#[derive(Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name in addresses.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// `{public_url}/t/{tenant}`: byte-stable, no trailing slash.
    pub issuer: String,
    /// Its settings.
    pub settings: Settings,
    /// Its signing keys, opened.
    pub signing: SigningKeys,
    /// Whether its people look after the other tenants: then it publishes nothing.
    pub platform: bool,
    /// Its active servers, by slug.
    pub servers: BTreeMap<String, Arc<Server>>,
}

impl Tenant {
    /// A server by its name in addresses.
    pub fn server(&self, slug: &str) -> Option<&Arc<Server>> {
        self.servers.get(slug)
    }

    /// A server by its id.
    pub fn server_by_id(&self, id: ServerId) -> Option<&Arc<Server>> {
        self.servers.values().find(|server| server.id == id)
    }

    /// The server that a `resource` parameter means (RFC 8707).
    pub fn server_by_resource(&self, resource: &ResourceUri) -> Option<&Arc<Server>> {
        self.servers.values().find(|server| resource.is(&server.resource))
    }

    /// The server for authorization requests without `resource`: only one that an administrator named.
    pub fn default_server(&self) -> Option<&Arc<Server>> {
        self.settings.default_server.as_ref().and_then(|slug| self.server(slug.as_str()))
    }

    /// Whether any of its servers may ask about tokens (RFC 7662).
    pub fn introspects(&self) -> bool {
        self.servers.values().any(|server| !server.introspection.is_empty())
    }

    /// Whom a client's assertion may be made for (RFC 7523 §3, `aud`).
    pub fn assertion_audiences(&self) -> Vec<String> {
        match self.settings.assertion_audience {
            AssertionAudience::Issuer => vec![self.issuer.clone()],
            AssertionAudience::IssuerOrTokenEndpoint => vec![self.issuer.clone(), self.endpoint("token")],
        }
    }

    /// The address of one of the issuer's endpoints, e.g. `token`.
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.issuer)
    }
}

/// Which era an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EraSetting {
    /// Requests pass in their own era; the upstream answers for itself.
    Auto,
    /// 2026-07-28 and newer only.
    Modern,
    /// Initialize-era only.
    Legacy,
}

impl EraSetting {
    /// The stored word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "modern" => Some(Self::Modern),
            "legacy" => Some(Self::Legacy),
            _ => None,
        }
    }
}

/// An upstream MCP server, published as a protected resource (RFC 9728).
#[derive(Clone, Debug)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its name in addresses.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// What it is for, in the tenant's words.
    pub description: String,
    /// Where it really is.
    pub upstream_url: url::Url,
    /// `aud` of the inner JWT.
    pub audience: String,
    /// Which era it speaks.
    pub era: EraSetting,
    /// Algorithm of the inner JWT.
    pub alg: SigningAlg,
    /// Grows with every change.
    pub version: i64,
    /// Scopes and catalogue.
    pub policy: ServerPolicy,
    /// Keyed hashes of the secrets by which it proves itself when it asks about tokens (RFC 7662).
    pub introspection: Vec<[u8; 32]>,
    /// Whose access tokens it accepts beside ours.
    pub issuers: Vec<OutsideIssuer>,
    /// `{public_url}/t/{tenant}/mcp/{server}`: byte-stable, no trailing slash.
    pub resource: String,
    /// Where its RFC 9728 document is.
    pub metadata_url: String,
}
