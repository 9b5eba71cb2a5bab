//! Registration requests (RFC 7591 §2 and §3.1): JSON from a stranger becomes [`Metadata`].
//!
//! Unknown members are ignored, and a member that is null or empty counts as absent. What this server does not offer is
//! left out of lists, and the answer says what was registered; a choice that it cannot honour at all is an error that
//! names the member.

mod answer;
mod bearer;
mod error;
mod manage;
mod members;
mod register;
mod room;
pub mod routes;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use answer::Issued;
pub use error::RegistrationError;
pub use members::Members;
pub use register::register;
use time::OffsetDateTime;

use super::{
    jwks::{BadKeys, ClientKeys},
    metadata::{ApplicationType, AuthMethod, DEVICE_CODE, GrantType, KeysUri, Metadata, ResponseType, WebUri},
    redirect::{self, BadRedirectUri, CustomSchemes, RedirectUri},
    statement,
};
use crate::{
    http::oauth::OauthError,
    tenants::{Settings, Tenant},
};

/// The largest registration request, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The largest number of redirect URIs, and of elements of any other list.
pub const MAX_ITEMS: usize = 32;
const MAX_NAME: usize = 200;
const MAX_TEXT: usize = 256;
const MAX_SCOPE: usize = 4096;

/// Why a registration is refused (RFC 7591 §3.2.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// Not one JSON object, or one that names a member twice.
    #[error("the body is not acceptable JSON: {0}")]
    Json(&'static str),
    /// A redirect URI is not acceptable.
    #[error(transparent)]
    RedirectUri(#[from] BadRedirectUri),
    /// The key set is not acceptable.
    #[error("jwks {0}")]
    Keys(BadKeys),
    /// Too few or too many redirect URIs.
    #[error("redirect_uris must hold between 1 and 32 URIs")]
    RedirectUriCount,
    /// Something else is not acceptable.
    #[error("{member} {problem}")]
    Member {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

// === impl InvalidMetadata ===

impl From<InvalidMetadata> for OauthError {
    fn from(invalid: InvalidMetadata) -> Self {
        let code = match invalid {
            InvalidMetadata::RedirectUri(_) | InvalidMetadata::RedirectUriCount => "invalid_redirect_uri",
            InvalidMetadata::Json(_) | InvalidMetadata::Keys(_) | InvalidMetadata::Member { .. } => {
                "invalid_client_metadata"
            }
        };
        Self::new(http::StatusCode::BAD_REQUEST, code, invalid.to_string())
    }
}

// === impl Metadata ===

impl Metadata {
    /// Reads the metadata of a registration or of a replacement.
    ///
    /// # Errors
    /// The first member that is not acceptable.
    pub fn read(members: &Members, schemes: &CustomSchemes) -> Result<Self, InvalidMetadata> {
        Self::read_with(members, schemes, auth_method(members)?)
    }

    /// The same of a client that proves itself so.
    ///
    /// # Errors
    /// The first member that is not acceptable.
    pub fn read_with(members: &Members, schemes: &CustomSchemes, auth: AuthMethod) -> Result<Self, InvalidMetadata> {
        let grant_types = grant_types(members)?;
        let by_browser = grant_types.contains(&GrantType::AuthorizationCode);
        let redirect_uris = redirect_uris(members, schemes, by_browser)?;
        let (jwks, jwks_uri) = keys(members, auth)?;
        Ok(Self {
            response_types: if by_browser { response_types(members)? } else { Vec::new() },
            grant_types,
            client_name: members.text("client_name", MAX_NAME)?.map(str::to_owned),
            client_uri: web_uri(members, "client_uri")?,
            logo_uri: web_uri(members, "logo_uri")?,
            tos_uri: web_uri(members, "tos_uri")?,
            policy_uri: web_uri(members, "policy_uri")?,
            contacts: members.list("contacts", MAX_TEXT)?.into_iter().map(str::to_owned).collect(),
            scope: scope(members)?,
            application_type: application_type(members)?,
            jwks,
            jwks_uri,
            software_id: members.text("software_id", MAX_TEXT)?.map(str::to_owned),
            software_version: members.text("software_version", MAX_TEXT)?.map(str::to_owned),
            ..Self::new(redirect_uris, auth)
        })
    }

    /// Leaves out the grants that the tenant does not have.
    ///
    /// # Errors
    /// Nothing is left that the client could begin with.
    pub fn keep_grants(&mut self, settings: &Settings) -> Result<(), InvalidMetadata> {
        if settings.device_flow.is_on() { self.with_first_grant() } else { self.leave_out_devices() }
    }

    /// Leaves out the grant of devices.
    fn leave_out_devices(&mut self) -> Result<(), InvalidMetadata> {
        self.grant_types.retain(|grant| *grant != GrantType::DeviceCode);
        self.with_first_grant()
    }

    fn with_first_grant(&self) -> Result<(), InvalidMetadata> {
        if self.grant_types.iter().all(|grant| *grant == GrantType::RefreshToken) {
            return Err(NO_FIRST_GRANT);
        }
        Ok(())
    }

    /// Leaves out scopes that `known` does not name; asking for an unknown one is no reason to refuse a client.
    pub fn keep_scopes(&mut self, known: &BTreeSet<String>) {
        let kept = self.scope.take().unwrap_or_default();
        let kept: Vec<&str> = kept.split(' ').filter(|scope| known.contains(*scope)).collect();
        self.scope = Some(kept.join(" ")).filter(|scope| !scope.is_empty());
    }
}

/// All or none: a client that believes in a URI it does not have would fail later and in the dark. `needed`: it must have one.
fn redirect_uris(
    members: &Members,
    schemes: &CustomSchemes,
    needed: bool,
) -> Result<Vec<RedirectUri>, InvalidMetadata> {
    let asked = members.raw_list("redirect_uris")?;
    if !(usize::from(needed)..=MAX_ITEMS).contains(&asked.len()) {
        return Err(InvalidMetadata::RedirectUriCount);
    }
    let mut uris: Vec<RedirectUri> = Vec::new();
    for text in asked {
        let uri = RedirectUri::register(text, schemes)?;
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }
    Ok(uris)
}

fn auth_method(members: &Members) -> Result<AuthMethod, InvalidMetadata> {
    let member = "token_endpoint_auth_method";
    match members.text(member, MAX_TEXT)? {
        None | Some("client_secret_basic") => Ok(AuthMethod::ClientSecretBasic),
        Some("client_secret_post") => Ok(AuthMethod::ClientSecretPost),
        Some("none") => Ok(AuthMethod::None),
        Some("private_key_jwt") => Ok(AuthMethod::PrivateKeyJwt),
        Some(_) => {
            let problem = "must be one of none, private_key_jwt, client_secret_basic and client_secret_post";
            Err(InvalidMetadata::Member { member, problem })
        }
    }
}

/// The keys of a client that signs, or where it has them. Those of another are of no use, and left out.
fn keys(members: &Members, auth: AuthMethod) -> Result<(Option<ClientKeys>, Option<KeysUri>), InvalidMetadata> {
    const KEYS: &str = "jwks";
    const PLACE: &str = "jwks_uri";
    if auth != AuthMethod::PrivateKeyJwt {
        return Ok((None, None));
    }
    let wrong = |member, problem| InvalidMetadata::Member { member, problem };
    match (members.value(KEYS), members.text(PLACE, redirect::MAX_BYTES)?) {
        (Some(_), Some(_)) => Err(wrong(KEYS, "must not be there together with jwks_uri")),
        (Some(keys), None) => Ok((Some(ClientKeys::read(keys).map_err(InvalidMetadata::Keys)?), None)),
        (None, Some(place)) => {
            let place = KeysUri::parse(place);
            let place = place.ok_or(wrong(PLACE, "must be an https address in its plain spelling, with a path"))?;
            Ok((None, Some(place)))
        }
        (None, None) => Err(wrong(KEYS, "or jwks_uri is required with private_key_jwt")),
    }
}

/// The grants that something can begin with.
const FIRST_GRANTS: [(&str, GrantType); 2] =
    [("authorization_code", GrantType::AuthorizationCode), (DEVICE_CODE, GrantType::DeviceCode)];

const NO_FIRST_GRANT: InvalidMetadata = InvalidMetadata::Member {
    member: "grant_types",
    problem: "must hold authorization_code or urn:ietf:params:oauth:grant-type:device_code, as far as the metadata of \
              this server names it: every other grant offered here begins with one of them",
};

fn grant_types(members: &Members) -> Result<Vec<GrantType>, InvalidMetadata> {
    let asked = members.list("grant_types", MAX_TEXT)?;
    // RFC 7591 §2: without the member, only this one.
    if asked.is_empty() {
        return Ok(vec![GrantType::AuthorizationCode]);
    }
    let first = FIRST_GRANTS.into_iter().filter(|(name, _)| asked.contains(name)).map(|(_, grant)| grant);
    let mut grants: Vec<GrantType> = first.collect();
    if grants.is_empty() {
        return Err(NO_FIRST_GRANT);
    }
    if asked.contains(&"refresh_token") {
        grants.insert(1, GrantType::RefreshToken);
    }
    Ok(grants)
}

fn response_types(members: &Members) -> Result<Vec<ResponseType>, InvalidMetadata> {
    let asked = members.list("response_types", MAX_TEXT)?;
    if asked.is_empty() || asked.contains(&"code") {
        return Ok(vec![ResponseType::Code]);
    }
    let problem = "must hold code: no other response type is offered here";
    Err(InvalidMetadata::Member { member: "response_types", problem })
}

fn application_type(members: &Members) -> Result<Option<ApplicationType>, InvalidMetadata> {
    match members.text("application_type", MAX_TEXT)? {
        None => Ok(None),
        Some("native") => Ok(Some(ApplicationType::Native)),
        Some("web") => Ok(Some(ApplicationType::Web)),
        Some(_) => Err(InvalidMetadata::Member { member: "application_type", problem: "must be native or web" }),
    }
}

fn web_uri(members: &Members, member: &'static str) -> Result<Option<WebUri>, InvalidMetadata> {
    let Some(text) = members.text(member, redirect::MAX_BYTES)? else { return Ok(None) };
    let problem = "must be an http or https address";
    WebUri::parse(text).map(Some).ok_or(InvalidMetadata::Member { member, problem })
}

/// RFC 6749 §3.3: printable ASCII without quotes and backslashes.
fn scope(members: &Members) -> Result<Option<String>, InvalidMetadata> {
    let Some(text) = members.text("scope", MAX_SCOPE)? else { return Ok(None) };
    let legal = text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let mut scopes: Vec<&str> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    match legal {
        true => Ok(Some(scopes.join(" ")).filter(|scope| !scope.is_empty())),
        false => Err(InvalidMetadata::Member { member: "scope", problem: "has a character that no scope can have" }),
    }
}

/// What a registration or a replacement describes at this tenant, once a software statement has had its say.
fn described(tenant: &Tenant, members: Members, now: OffsetDateTime) -> Result<Metadata, RegistrationError> {
    let (members, statement) = statement::heed(tenant, members, now)?;
    let schemes = CustomSchemes::known_and(&tenant.settings.redirect_schemes);
    let mut metadata = Metadata { software_statement: statement, ..Metadata::read(&members, &schemes)? };
    metadata.keep_scopes(&known_scopes(tenant));
    if metadata.software_statement.as_ref().is_some_and(|statement| !statement.is_for_devices()) {
        metadata.leave_out_devices()?;
    }
    metadata.keep_grants(&tenant.settings)?;
    Ok(metadata)
}

/// Every scope that some server of the tenant declares.
pub(in crate::clients) fn known_scopes(tenant: &Tenant) -> BTreeSet<String> {
    tenant.servers.values().flat_map(|server| server.policy.declared().iter().map(ToString::to_string)).collect()
}
