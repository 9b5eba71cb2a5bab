//! What is said of an identity provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::body::{Check, Findings},
    apply::edit::ProviderForm,
    ids::Slug,
    people::oidc::{Accounts, OnLogout, ProviderSettings, RoleRule},
    secret::SecretText,
};

/// How this place proves itself to a provider.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuthMethod {
    /// By nothing: the provider knows it as a public client.
    None,
    /// By the client secret, in a header.
    ClientSecretBasic,
    /// By the client secret, in the request.
    ClientSecretPost,
}

impl AuthMethod {
    /// What is stored.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "client_secret_basic" => Self::ClientSecretBasic,
            "client_secret_post" => Self::ClientSecretPost,
            _ => Self::None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }
}

/// Who may come through a provider.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderAccounts {
    /// Only whom it is known for already.
    Known,
    /// Anybody who fits the rest: their account is made when they come for the first time.
    Create,
}

/// What ends here when the provider says that somebody is logged out there.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderLogout {
    /// Their sessions, and what they allowed to programs.
    Grants,
    /// Their sessions.
    Sessions,
}

/// What ID tokens are signed with.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
enum ProviderAlgorithm {
    EdDSA,
    /// The same as EdDSA, by its newer name.
    Ed25519,
    ES256,
    PS256,
    RS256,
}

impl ProviderAlgorithm {
    const ALL: [Self; 5] = [Self::EdDSA, Self::Ed25519, Self::ES256, Self::PS256, Self::RS256];

    const fn name(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::ES256 => "ES256",
            Self::PS256 => "PS256",
            Self::RS256 => "RS256",
        }
    }
}

/// A role that a claim gives, for as long as that login lasts.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProviderRole {
    /// The claim: a text, or a list of texts.
    claim: String,
    /// What it is, or has in its list.
    value: String,
    /// `administrator` or `auditor`.
    #[schema(pattern = "^(administrator|auditor)$")]
    role: String,
}

/// Who comes in through a provider, and as what. What is left out is as if it had never been set.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProviderRules {
    /// What is asked for beside `openid`.
    scopes: Vec<String>,
    /// What its ID tokens may be signed with.
    #[schema(min_items = 1)]
    algorithms: Vec<ProviderAlgorithm>,
    accounts: ProviderAccounts,
    /// Accounts are made only for verified addresses in one of these; none: in any.
    email_domains: Vec<String>,
    /// Claims that must be just so at each login.
    required_claims: BTreeMap<String, String>,
    /// The claim that new accounts are named after; empty: `preferred_username`, else `email`, else `sub`.
    username_claim: String,
    roles: Vec<ProviderRole>,
    /// Values of `amr` by which it says that it has seen a second factor, so that none is asked for here: `mfa`, for instance.
    multi_factor: Vec<String>,
    logout: ProviderLogout,
}

impl Default for ProviderRules {
    fn default() -> Self {
        ProviderSettings::default().into()
    }
}

impl From<ProviderSettings> for ProviderRules {
    fn from(settings: ProviderSettings) -> Self {
        let role = |RoleRule { claim, value, role }| ProviderRole { claim, value, role };
        let algorithm = |name: &String| ProviderAlgorithm::ALL.into_iter().find(|known| known.name() == name);
        Self {
            scopes: settings.scopes,
            algorithms: settings.algorithms.iter().filter_map(algorithm).collect(),
            accounts: match settings.accounts {
                Accounts::Known => ProviderAccounts::Known,
                Accounts::Create => ProviderAccounts::Create,
            },
            email_domains: settings.email_domains,
            required_claims: settings.required_claims,
            username_claim: settings.username_claim,
            roles: settings.roles.into_iter().map(role).collect(),
            multi_factor: settings.multi_factor,
            logout: match settings.logout {
                OnLogout::Grants => ProviderLogout::Grants,
                OnLogout::Sessions => ProviderLogout::Sessions,
            },
        }
    }
}

impl From<ProviderRules> for ProviderSettings {
    fn from(rules: ProviderRules) -> Self {
        let role = |ProviderRole { claim, value, role }| RoleRule { claim, value, role };
        Self {
            scopes: rules.scopes,
            algorithms: rules.algorithms.into_iter().map(|algorithm| algorithm.name().to_owned()).collect(),
            accounts: match rules.accounts {
                ProviderAccounts::Known => Accounts::Known,
                ProviderAccounts::Create => Accounts::Create,
            },
            email_domains: rules.email_domains,
            required_claims: rules.required_claims,
            username_claim: rules.username_claim,
            roles: rules.roles.into_iter().map(role).collect(),
            multi_factor: rules.multi_factor,
            logout: match rules.logout {
                ProviderLogout::Grants => OnLogout::Grants,
                ProviderLogout::Sessions => OnLogout::Sessions,
            },
        }
    }
}

/// A provider as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ProviderFacts {
    /// What its button says.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it calls this place.
    #[schema(min_length = 1, max_length = 500)]
    client_id: String,
    auth_method: AuthMethod,
    /// As the provider gave it. It is kept sealed, and in no answer; null: the one that is kept stays.
    #[schema(value_type = Option<String>, write_only, min_length = 1, max_length = 2000)]
    client_secret: Option<SecretText>,
    #[serde(default)]
    settings: ProviderRules,
}

/// A provider to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewProvider {
    /// Its name in addresses, those that the provider is told, too. It never changes.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    pub(super) slug: String,
    /// Its issuer, letter by letter as its metadata has it. It never changes: another issuer is another provider.
    #[schema(min_length = 1, max_length = 500)]
    pub(super) issuer: String,
    /// What is said of it.
    pub(super) provider: ProviderFacts,
}

impl Check for ProviderFacts {
    fn check(&self, findings: &mut Findings) {
        findings.length("name", &self.name, 1, 200);
        findings.length("client_id", &self.client_id, 1, 500);
        findings.length("client_secret", self.client_secret.as_ref().map_or("-", SecretText::expose), 1, 2000);
        if self.settings.algorithms.is_empty() {
            findings.add("algorithms", "must have one at least");
        }
    }
}

impl Check for NewProvider {
    fn check(&self, findings: &mut Findings) {
        if Slug::parse(&self.slug).is_err() {
            findings.add("slug", "must be small letters, digits and hyphens between them, 63 at most");
        }
        findings.length("issuer", &self.issuer, 1, 500);
        self.provider.check(findings);
    }
}

impl ProviderFacts {
    /// The same as the console's form has it, and the secret, if there is one.
    pub(super) fn form(self, slug: &str, issuer: &str) -> (ProviderForm, Option<SecretText>) {
        let form = ProviderForm {
            slug: slug.to_owned(),
            name: self.name,
            issuer: issuer.to_owned(),
            client_id: self.client_id,
            auth_method: self.auth_method.word().to_owned(),
            settings: self.settings.into(),
        };
        (form, self.client_secret)
    }
}
