//! Driving the refresh machine over a locked, checked refresh token that was never rotated.

use std::borrow::Cow;

use oxide_auth::{
    code_grant::refresh::{Input, Output, Refresh, Request},
    primitives::registrar::Registrar as _,
};
use oxide_auth_async::primitives::Issuer as _;

use super::{
    client::ClientView,
    code::fault,
    refused,
    vault::{Presented, Vault},
};
use crate::{
    audit::Recorder,
    ids::ClientId,
    policy::ScopeSet,
    store::{
        TenantTx,
        handles::{FamilyState, RefreshRow},
    },
    token::{Mint, TokenError, TokenResponse, request::RefreshRequest},
};

struct MachineRequest<'a> {
    client: &'a ClientId,
    scope: Option<&'a str>,
}

impl Request for MachineRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        // The machine passes it back to `recover_refresh`, which works on the locked row.
        Some("".into())
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.scope.map(Into::into)
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("refresh_token".into())
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        // The machine reads Basic only; the client proved itself before, by whichever method.
        Some((self.client.as_str().into(), Cow::Borrowed(&[])))
    }
    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Rotates a refresh token that was checked and is locked.
pub(in crate::token) async fn refresh(
    mint: Mint<'_>,
    recorder: &Recorder,
    tx: &mut TenantTx,
    client: &ClientId,
    request: &RefreshRequest,
    row: RefreshRow,
    family: FamilyState,
) -> Result<TokenResponse, TokenError> {
    let presented = Presented::Refresh { row, token: &request.token };
    let mut vault = Vault { mint, recorder, tx, family, presented, answer: None, fault: None };
    let view = ClientView {
        client_id: client.as_str(),
        redirect_uri: "",
        declared: &ScopeSet::EMPTY,
        defaults: &ScopeSet::EMPTY,
    };
    let scope = request.scope.as_ref().map(ToString::to_string);
    let scope = scope.as_deref();
    let mut machine = Refresh::new(&MachineRequest { client, scope });
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::Unauthenticated { client, pass } => {
                view.check(client, pass).map_err(|_| refused(None))?;
                Input::Authenticated { scope: scope.map(Into::into) }
            }
            Output::RecoverRefresh { .. } => match vault.recover_refresh("").await {
                Ok(grant) => Input::Recovered { scope: scope.map(Into::into), grant: grant.map(Box::new) },
                Err(()) => return Err(fault(&mut vault)),
            },
            Output::Refresh { grant, .. } => match vault.refresh("", *grant).await {
                Ok(refreshed) => Input::Refreshed(refreshed),
                Err(()) => return Err(fault(&mut vault)),
            },
            Output::Ok(_) => return vault.answer.take().ok_or_else(|| fault(&mut vault)),
            Output::Err(mut error) => {
                return Err(refused(error.description().map(oxide_auth::code_grant::error::AccessTokenError::kind)));
            }
        };
    }
}
