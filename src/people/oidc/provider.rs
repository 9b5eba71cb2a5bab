//! An identity provider and what a tenant's administrator says of it.

use std::collections::BTreeMap;

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    clients::jwks,
    ids::{ProviderId, Slug, TenantId},
    keys::Keyring,
    store::{StoreError, TenantTx, providers, providers::ProviderRow},
    tenants::Tenant,
};

/// Who may come through a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accounts {
    /// Only whom it is known for already.
    #[default]
    Known,
    /// Anybody who fits the settings: their account is made when they come for the first time.
    Create,
}

/// What ends here when the provider says that somebody is logged out there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLogout {
    /// Their sessions, and what they allowed to programs.
    #[default]
    Grants,
    /// Their sessions.
    Sessions,
}

/// Who has a role by what the provider says, for as long as that login lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// The claim: a text, or a list of texts.
    pub claim: String,
    /// What it is, or has in its list.
    pub value: String,
    /// The role: `administrator` or `auditor`.
    pub role: String,
}

/// How people log in through a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSettings {
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The algorithms that its ID tokens may be signed with.
    pub algorithms: Vec<String>,
    /// Whether accounts are made.
    pub accounts: Accounts,
    /// Accounts are made only for verified addresses in one of these. None: for any.
    pub email_domains: Vec<String>,
    /// Claims that must be just so.
    pub required_claims: BTreeMap<String, String>,
    /// The claim for the username. Empty: `preferred_username`, else `email`, else `sub`.
    pub username_claim: String,
    /// Roles by claims.
    pub roles: Vec<RoleRule>,
    /// Values of `amr` (RFC 8176) that say that it has seen a second factor, so that we ask for none: `mfa`, for instance.
    pub multi_factor: Vec<String>,
    /// What ends with a logout there.
    pub logout: OnLogout,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            algorithms: jwks::ALGORITHMS.into_iter().map(|algorithm| jwks::name(algorithm).to_owned()).collect(),
            accounts: Accounts::default(),
            email_domains: Vec::new(),
            required_claims: BTreeMap::new(),
            username_claim: String::new(),
            roles: Vec::new(),
            multi_factor: Vec::new(),
            logout: OnLogout::default(),
        }
    }
}

/// An identity provider.
pub struct Provider {
    /// As it is kept.
    pub row: ProviderRow,
    /// What its settings say.
    pub settings: ProviderSettings,
}

/// Where a provider's client secret is sealed.
pub fn secret_place(tenant: TenantId, provider: ProviderId) -> String {
    format!("{tenant}/identity_provider/{provider}")
}

impl Provider {
    /// The provider of this name, if people may log in through it.
    ///
    /// # Errors
    /// A fault of ours.
    pub async fn find(tx: &mut TenantTx, slug: &str) -> Result<Option<Self>, StoreError> {
        // What is no name cannot be asked for.
        let Ok(slug) = Slug::parse(slug) else { return Ok(None) };
        providers::by_slug(tx, slug.as_str()).await?.map(Self::of).transpose()
    }

    /// Reads what is kept of one.
    ///
    /// # Errors
    /// Its settings are none.
    pub fn of(row: ProviderRow) -> Result<Self, StoreError> {
        let settings = serde_json::from_value(row.settings.clone()).map_err(StoreError::corrupt)?;
        Ok(Self { row, settings })
    }

    /// Where it says that somebody is logged out there (OpenID Connect Back-Channel Logout).
    pub fn logout_uri(&self, tenant: &Tenant) -> String {
        format!("{}/login/with/{}/logout", tenant.issuer, self.row.slug)
    }

    /// Where it sends people back to: an address of its own, so that no other provider's answer passes for its.
    pub fn redirect_uri(&self, tenant: &Tenant) -> String {
        format!("{}/login/with/{}/callback", tenant.issuer, self.row.slug)
    }

    /// Whether its ID tokens may be signed so.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        self.settings.algorithms.iter().any(|named| jwks::algorithm(named) == Some(algorithm))
    }

    /// By what we prove ourselves to it.
    pub(super) fn secret(&self, keyring: &Keyring, tenant: TenantId) -> Result<Option<Zeroizing<String>>, StoreError> {
        let Some(sealed) = &self.row.secret else { return Ok(None) };
        let place = secret_place(tenant, self.row.id);
        let plain = keyring.open(&sealed.kek_id, place.as_bytes(), &sealed.bytes).map_err(StoreError::corrupt)?;
        let text = std::str::from_utf8(&plain).map_err(StoreError::corrupt)?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }
}
