//! What a file asks for, checked as far as that needs no database.

use crate::{
    clients::metadata::Metadata,
    ids::{ClientId, Slug},
    keys::SigningAlg,
    people::{Password, PasswordHash, Username, oidc::ProviderSettings},
    policy::{CatalogueItem, Scope, ScopeDef, ScopeSet},
    secret::{Handle, SecretText},
    tenants::{EraSetting, OutsideIssuer, Settings},
};

/// Everything that one file asks for.
#[derive(Debug, Default)]
pub struct Document {
    /// The file's name, for messages. Empty where there is no file.
    pub file: String,
    /// Tenants. Those not named stay as they are.
    pub tenants: Vec<TenantDoc>,
}

/// A tenant as it is to be.
#[derive(Debug)]
pub struct TenantDoc {
    /// Its name in addresses; says which tenant is meant.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Its settings, whole.
    pub settings: Settings,
    /// Whether it works. None: as now; a new one does.
    pub enabled: Option<bool>,
    /// Its servers.
    pub servers: Vec<ServerDoc>,
    /// Its people.
    pub people: Vec<PersonDoc>,
    /// Its clients; those that register themselves are none of `apply`'s business.
    pub clients: Vec<ClientDoc>,
    /// The identity providers through which its people log in.
    pub providers: Vec<ProviderDoc>,
    /// Where it stands in the file.
    pub line: Option<usize>,
}

/// How we can prove ourselves to an identity provider.
pub(super) const AUTH_METHODS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];

/// An identity provider as it is to be.
#[derive(Debug)]
pub struct ProviderDoc {
    /// Its name in addresses; says which provider is meant.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Its issuer identifier, byte by byte. Never changes.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// How we prove ourselves to it. None: as now; a new one with a secret takes `client_secret_basic`.
    pub auth_method: Option<String>,
    /// By what. None: as now.
    pub client_secret: Option<SecretText>,
    /// The rest, whole.
    pub settings: ProviderSettings,
    /// Whether people may log in through it. None: as now; a new one is in use.
    pub enabled: Option<bool>,
    /// Where it stands in the file.
    pub line: Option<usize>,
}

/// A server as it is to be.
#[derive(Debug)]
pub struct ServerDoc {
    /// Its name in addresses; says which server is meant.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// What it is for, in the tenant's words.
    pub description: String,
    /// Where it really is.
    pub upstream: String,
    /// `aud` of the inner JWT.
    pub audience: String,
    /// Which era it speaks.
    pub era: EraSetting,
    /// Algorithm of the inner JWT.
    pub signing: SigningAlg,
    /// Scopes and catalogue, as far as the file says anything of them.
    pub policy: PolicyDoc,
    /// By what it proves itself when it asks about tokens. None: as now; a new one cannot ask.
    pub introspection_secrets: Option<Vec<SecretDoc>>,
    /// Whose access tokens it accepts beside ours: all of them.
    pub issuers: Vec<OutsideIssuer>,
    /// Whether it works. None: as now; a new one does.
    pub enabled: Option<bool>,
    /// Where it stands in the file.
    pub line: Option<usize>,
}

/// A server's policy. What is None stays as it is: it may have been accepted elsewhere. A new server starts with
/// [`PolicySpec::starter`](crate::policy::PolicySpec::starter).
#[derive(Debug, Default)]
pub struct PolicyDoc {
    /// All scopes of the server.
    pub scopes: Option<Vec<ScopeDef>>,
    /// What a client gets that asks for no scope, and what the 401 challenge names.
    pub default_scopes: Option<ScopeSet>,
    /// What anything needs that is not in the catalogue; `Some(None)`: such things are forbidden.
    pub fallback_scope: Option<Option<Scope>>,
    /// The accepted items.
    pub catalogue: Option<Vec<CatalogueItem>>,
}

/// A person as they are to be.
#[derive(Debug)]
pub struct PersonDoc {
    /// The name at login; says which person is meant, whatever its case.
    pub username: Username,
    /// The name on pages.
    pub display_name: String,
    /// What they may do beside logging in.
    pub roles: Vec<String>,
    /// None: it stays as it is. A new person then cannot log in with a password.
    pub password: Option<PasswordDoc>,
    /// Whether they may log in. None: as now, since somebody may have been shut out in a hurry; a new person may.
    pub enabled: Option<bool>,
    /// Where the person stands in the file.
    pub line: Option<usize>,
}

/// A password as it is to be.
pub enum PasswordDoc {
    /// In clear, out of a file or a variable.
    Clear(Password),
    /// As an Argon2id PHC string.
    Hash(PasswordHash),
}

/// A client as it is to be.
#[derive(Debug)]
pub struct ClientDoc {
    /// Its `client_id`.
    pub id: ClientId,
    /// What a registration would say of it.
    pub metadata: Metadata,
    /// Its secret, exactly if its authentication method needs one.
    pub secret: Option<SecretDoc>,
    /// What it may do for itself, by client credentials. No server twice.
    pub own: Vec<OwnGrant>,
    /// Whether it may do anything. None: as now; a new one may.
    pub enabled: Option<bool>,
    /// Where it stands in the file.
    pub line: Option<usize>,
}

/// What a client may do for itself on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnGrant {
    /// The server.
    pub server: Slug,
    /// What; not empty.
    pub scopes: ScopeSet,
}

/// A client's or a server's secret, out of a file or a variable.
pub struct SecretDoc(pub Handle);

impl std::fmt::Debug for PasswordDoc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordDoc")
    }
}

impl std::fmt::Debug for SecretDoc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretDoc")
    }
}

/// What a person may be, beside a person.
pub const ROLES: [&str; 3] = ["person", "administrator", "auditor"];
