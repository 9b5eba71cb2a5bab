//! Parameters of the token endpoint, validated once.

use super::TokenError;
use crate::{
    http::form::{Form, Repeated},
    policy::ScopeSet,
    secret::{Handle, HandleKind},
    tenants::{ResourceUri, Server, Tenant},
};

impl From<Repeated> for TokenError {
    fn from(error: Repeated) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

/// Which resource a token request names (RFC 8707).
#[derive(Debug)]
pub(super) enum Target {
    /// None: the grant's.
    Granted,
    /// This one.
    Named(ResourceUri),
}

impl Target {
    /// Reads `resource`: at most one.
    pub(super) fn read(form: &Form) -> Result<Self, TokenError> {
        let mut all = form.all("resource");
        match (all.next(), all.next()) {
            (None, _) => Ok(Self::Granted),
            (Some(one), None) => ResourceUri::parse(one)
                .map(Self::Named)
                .map_err(|_| TokenError::InvalidTarget("resource is not an absolute URI without fragment")),
            (Some(_), Some(_)) => {
                Err(TokenError::InvalidTarget("resource must be given once: a token is for one server"))
            }
        }
    }

    /// The server it means where there is no grant yet to go by: the tenant's default one, if none is named.
    pub(super) fn server<'t>(&self, tenant: &'t Tenant) -> Result<&'t Server, TokenError> {
        let server = match self {
            Self::Granted => tenant.default_server(),
            Self::Named(resource) => tenant.server_by_resource(resource),
        };
        let missing = match self {
            Self::Granted => "resource is missing: name the server that the token is for",
            Self::Named(_) => "resource is no server of this tenant",
        };
        server.map(AsRef::as_ref).ok_or(TokenError::InvalidTarget(missing))
    }

    /// Whether it means the server whose resource is `own`.
    pub(super) fn is(&self, own: &str) -> bool {
        match self {
            Self::Granted => true,
            Self::Named(resource) => resource.is(own),
        }
    }

    /// Like [`Target::is`]; the bare origin and the issuer count as the grant's resource too: old rmcp sends its base
    /// address when it refreshes.
    pub(super) fn is_on_refresh(&self, own: &str, tenant: &Tenant, public_url: &str) -> bool {
        self.is(own) || matches!(self, Self::Named(resource) if resource.is(public_url) || resource.is(&tenant.issuer))
    }
}

/// `code` grant parameters.
pub(super) struct CodeRequest {
    pub(super) code: Handle,
    pub(super) verifier: String,
    pub(super) redirect_uri: Option<String>,
    pub(super) target: Target,
}

impl CodeRequest {
    pub(super) fn read(form: &Form) -> Result<Self, TokenError> {
        let target = Target::read(form)?;
        let code = form.one("code")?.ok_or_else(|| TokenError::InvalidRequest("code is missing".into()))?;
        let verifier = form
            .one("code_verifier")?
            .ok_or_else(|| TokenError::InvalidRequest("code_verifier is missing: PKCE is required".into()))?;
        if !is_verifier(verifier) {
            return Err(TokenError::InvalidRequest(
                "code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~".into(),
            ));
        }
        let verifier = verifier.to_owned();
        let redirect_uri = form.one("redirect_uri")?.map(str::to_owned);
        let code = Handle::parse(HandleKind::Code, code)
            .map_err(|_| TokenError::Unknown("the code is not one of this server"))?;
        Ok(Self { code, verifier, redirect_uri, target })
    }
}

/// `urn:ietf:params:oauth:grant-type:device_code` grant parameters (RFC 8628 §3.4).
pub(super) struct DeviceRequest {
    pub(super) code: Handle,
    pub(super) verifier: Option<String>,
    pub(super) target: Target,
}

impl DeviceRequest {
    pub(super) fn read(form: &Form) -> Result<Self, TokenError> {
        let target = Target::read(form)?;
        let code =
            form.one("device_code")?.ok_or_else(|| TokenError::InvalidRequest("device_code is missing".into()))?;
        let verifier = form.one("code_verifier")?.map(str::to_owned);
        if verifier.as_ref().is_some_and(|verifier| !is_verifier(verifier)) {
            return Err(TokenError::InvalidRequest(
                "code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~".into(),
            ));
        }
        let code = Handle::parse(HandleKind::DeviceCode, code)
            .map_err(|_| TokenError::Unknown("the device code is not one of this server"))?;
        Ok(Self { code, verifier, target })
    }
}

/// `refresh_token` grant parameters.
pub(super) struct RefreshRequest {
    pub(super) token: Handle,
    /// Not empty.
    pub(super) scope: Option<ScopeSet>,
    pub(super) target: Target,
}

impl RefreshRequest {
    pub(super) fn read(form: &Form) -> Result<Self, TokenError> {
        let target = Target::read(form)?;
        let token =
            form.one("refresh_token")?.ok_or_else(|| TokenError::InvalidRequest("refresh_token is missing".into()))?;
        let scope = scope(form)?;
        let token = Handle::parse(HandleKind::RefreshToken, token)
            .map_err(|_| TokenError::Unknown("the refresh token is not one of this server"))?;
        Ok(Self { token, scope, target })
    }
}

/// `client_credentials` grant parameters.
pub(super) struct CredentialsRequest {
    /// Not empty.
    pub(super) scope: Option<ScopeSet>,
    pub(super) target: Target,
}

impl CredentialsRequest {
    pub(super) fn read(form: &Form) -> Result<Self, TokenError> {
        Ok(Self { target: Target::read(form)?, scope: scope(form)? })
    }
}

/// Blank is like absent (RFC 6749 §3.1), and would be a token for nothing.
fn scope(form: &Form) -> Result<Option<ScopeSet>, TokenError> {
    let scope = form.one("scope")?.map(ScopeSet::parse).transpose();
    let scope = scope.map_err(|_| TokenError::InvalidScope("scope has characters that no scope has"))?;
    Ok(scope.filter(|scope| !scope.is_empty()))
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}
