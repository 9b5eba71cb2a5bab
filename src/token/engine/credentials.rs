//! Driving the client credentials machine over a locked grant of the client itself.

use std::borrow::Cow;

use oxide_auth::{
    code_grant::client_credentials::{ClientCredentials, Error, Input, Output, Request},
    primitives::{
        registrar::{BoundClient, ClientUrl, PreGrant, Registrar as _},
        scope::Scope,
    },
};

use super::{REDIRECT_OMITTED, client::ClientView, refused};
use crate::{
    ids::ClientId,
    policy::ScopeSet,
    token::{TokenError, request::CredentialsRequest},
};

struct MachineRequest<'a> {
    client: &'a ClientId,
    request: &'a CredentialsRequest,
}

impl Request for MachineRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        // The client proved itself before; the machine is told who it is.
        Some((self.client.as_str().into(), Cow::Borrowed(&[])))
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.request.scope.as_ref().map(|scope| scope.to_string().into())
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("client_credentials".into())
    }
    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// The scopes of a token for the client itself: what it asks for, of what it has; all of it if it asks for nothing.
/// No state machine of this grant waits for anything, so nothing here does.
pub(in crate::token) fn client_credentials(
    client: &ClientId,
    request: &CredentialsRequest,
    granted: &ScopeSet,
) -> Result<Vec<String>, TokenError> {
    let view =
        ClientView { client_id: client.as_str(), redirect_uri: REDIRECT_OMITTED, declared: granted, defaults: granted };
    let mut machine = ClientCredentials::new(&MachineRequest { client, request });
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::Authenticate { client, .. } => {
                view.check(client, None).map_err(|_| refused(None))?;
                Input::Authenticated
            }
            Output::Binding { client_id } => Input::Bound { bound_client: bind(&view, client_id)? },
            Output::Extend => Input::Extended { extensions: Default::default() },
            Output::Negotiate { bound_client, scope } => {
                Input::Negotiated { pre_grant: negotiate(&view, bound_client, scope)? }
            }
            Output::Ok { pre_grant, .. } => return Ok(sorted(pre_grant)),
            Output::Err(mut error) => return Err(kind(&mut error)),
        };
    }
}

fn bind(view: &ClientView<'_>, client_id: &str) -> Result<BoundClient<'static>, TokenError> {
    let url = ClientUrl { client_id: client_id.to_owned().into(), redirect_uri: None };
    view.bound_redirect(url).map_err(|_| refused(None))
}

fn negotiate(
    view: &ClientView<'_>,
    client: &BoundClient<'static>,
    scope: Option<Scope>,
) -> Result<PreGrant, TokenError> {
    view.negotiate(client.clone(), scope).map_err(|_| refused(None))
}

fn sorted(pre_grant: &PreGrant) -> Vec<String> {
    let mut scopes: Vec<String> = pre_grant.scope.iter().map(str::to_owned).collect();
    scopes.sort_unstable();
    scopes
}

fn kind(error: &mut Error) -> TokenError {
    refused(error.description().map(oxide_auth::code_grant::error::AccessTokenError::kind))
}
