//! The client as the machines see it: a view of what was loaded and authenticated before. No I/O, no secrets.

use std::borrow::Cow;

use oxide_auth::primitives::{
    registrar::{BoundClient, ClientUrl, PreGrant, RegisteredUrl, Registrar, RegistrarError},
    scope::Scope,
};

use crate::policy::ScopeSet;

/// One client, one redirect URI that was matched byte for byte, and the scopes of one server.
pub(super) struct ClientView<'a> {
    pub(super) client_id: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) declared: &'a ScopeSet,
    pub(super) defaults: &'a ScopeSet,
}

impl Registrar for ClientView<'_> {
    fn bound_redirect<'a>(&self, bound: ClientUrl<'a>) -> Result<BoundClient<'a>, RegistrarError> {
        if bound.client_id != self.client_id || bound.redirect_uri.is_some_and(|uri| uri.as_str() != self.redirect_uri)
        {
            return Err(RegistrarError::Unspecified);
        }
        let exact = self.redirect_uri.parse().map_err(|_| RegistrarError::PrimitiveError)?;
        Ok(BoundClient { client_id: bound.client_id, redirect_uri: Cow::Owned(RegisteredUrl::Exact(exact)) })
    }

    /// Unknown scopes are dropped, no scope means the server's default: the answer says what was granted.
    fn negotiate(&self, client: BoundClient<'_>, scope: Option<Scope>) -> Result<PreGrant, RegistrarError> {
        let asked = scope.map(|scope| scope.iter().map(str::to_owned).collect::<Vec<_>>());
        let known: Vec<String> =
            asked.unwrap_or_default().into_iter().filter(|scope| self.declared.contains(scope)).collect();
        let granted = if known.is_empty() { self.defaults.to_string() } else { known.join(" ") };
        Ok(PreGrant {
            client_id: client.client_id.into_owned(),
            redirect_uri: client.redirect_uri.into_owned(),
            scope: granted.parse().map_err(|_| RegistrarError::PrimitiveError)?,
        })
    }

    /// The client proved itself before the machine was asked; here only that it is the same.
    fn check(&self, client_id: &str, _passphrase: Option<&[u8]>) -> Result<(), RegistrarError> {
        if client_id == self.client_id { Ok(()) } else { Err(RegistrarError::Unspecified) }
    }
}
