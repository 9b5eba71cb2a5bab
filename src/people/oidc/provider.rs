//! An identity provider and what a tenant's administrator says of it.

use std::collections::BTreeMap;

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SESSION_ROLES;
use crate::{
    clients::jwks,
    ids::{ProviderId, Slug, TenantId},
    keys::Keyring,
    policy::Scope,
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

/// The longest name of a claim, or value of `amr`, in characters.
const WORD: usize = 200;

impl ProviderSettings {
    /// What cannot be so: which setting, and why.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut hold = |key, wrong: Option<&String>, what: &str| {
            if let Some(text) = wrong {
                problems.push((key, format!("is wrong: \"{text}\" is no {what}")));
            }
        };
        let no_word = |text: &&String| !is_word(text);
        hold("scopes", self.scopes.iter().find(|text| Scope::try_from((*text).clone()).is_err()), "scope");
        hold("email_domains", self.email_domains.iter().find(|text| !is_domain(text)), "domain, such as example.com");
        hold(
            "required_claims",
            self.required_claims.keys().find(no_word),
            "name of a claim: it has a space, or is too long",
        );
        let named = (!self.username_claim.is_empty()).then_some(&self.username_claim);
        hold("username_claim", named.filter(no_word), "name of a claim: it has a space, or is too long");
        let claims = self.roles.iter().map(|rule| &rule.claim);
        hold("roles", claims.clone().find(|text| !is_word(text)), "name of a claim: it has a space, or is too long");
        hold("multi_factor", self.multi_factor.iter().find(no_word), "value of amr, such as mfa");
        if self.algorithms.is_empty() || self.algorithms.iter().any(|named| jwks::algorithm(named).is_none()) {
            problems.push(("algorithms", format!("must hold some of {}", jwks::names().join(", "))));
        }
        if self.roles.iter().any(|rule| !SESSION_ROLES.contains(&rule.role.as_str())) {
            problems.push(("roles", format!("must give roles that are one of {}", SESSION_ROLES.join(", "))));
        }
        problems
    }
}

/// A claim's name or a value of `amr`: visible, without a space. Names can be addresses.
fn is_word(text: &str) -> bool {
    (1..=WORD).contains(&text.chars().count()) && !text.chars().any(|sign| sign.is_whitespace() || sign.is_control())
}

/// A domain as addresses of mail have it.
fn is_domain(text: &str) -> bool {
    let is_host = matches!(url::Host::parse(text), Ok(url::Host::Domain(domain)) if domain.eq_ignore_ascii_case(text));
    let is_plain = text.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '.'));
    is_host && is_plain && text.contains('.') && !text.ends_with('.')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_token_can_say_is_no_rule() {
        let wrong =
            |settings: ProviderSettings| settings.problems().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        let one = |text: &str| vec![text.to_owned()];
        let role = |claim: &str, role: &str| RoleRule { claim: claim.into(), value: "v".into(), role: role.into() };
        let usual = ProviderSettings::default;
        assert!(wrong(usual()).is_empty());
        let good = ProviderSettings {
            scopes: vec!["api://x/.default".into()],
            email_domains: vec!["example.com".into(), "Mail.Example.org".into(), "xn--bcher-kva.example".into()],
            required_claims: [("https://x.example/tid".to_owned(), "a b".to_owned())].into(),
            username_claim: "preferred_username".into(),
            roles: vec![role("groups", "auditor")],
            multi_factor: one("mfa"),
            ..usual()
        };
        assert!(wrong(good).is_empty());
        for domain in
            ["x", "example.com.", "@example.com", "*.example.com", "10.0.0.1", "a b.example", "https://a.example", ""]
        {
            assert_eq!(
                wrong(ProviderSettings { email_domains: one(domain), ..usual() }),
                ["email_domains"],
                "{domain}"
            );
        }
        for scope in ["\"bad\"", "a\\b", "\u{e9}", ""] {
            assert_eq!(wrong(ProviderSettings { scopes: one(scope), ..usual() }), ["scopes"], "{scope}");
        }
        let long = "x".repeat(201);
        for word in ["x y", "\u{7f}", &long] {
            let claims = [(word.to_owned(), "v".to_owned())].into();
            assert_eq!(wrong(ProviderSettings { required_claims: claims, ..usual() }), ["required_claims"], "{word}");
            assert_eq!(
                wrong(ProviderSettings { username_claim: word.into(), ..usual() }),
                ["username_claim"],
                "{word}"
            );
            assert_eq!(wrong(ProviderSettings { roles: vec![role(word, "auditor")], ..usual() }), ["roles"], "{word}");
            assert_eq!(wrong(ProviderSettings { multi_factor: one(word), ..usual() }), ["multi_factor"], "{word}");
        }
        assert_eq!(wrong(ProviderSettings { roles: vec![role("groups", "root")], ..usual() }), ["roles"]);
        assert_eq!(wrong(ProviderSettings { algorithms: Vec::new(), ..usual() }), ["algorithms"]);
    }
}
