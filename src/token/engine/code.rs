//! Driving the access token machine over a locked, checked code.

use std::borrow::Cow;

use oxide_auth::{
    code_grant::{
        accesstoken::{AccessToken, Authorization, Error, Input, Output, Request},
        extensions::Pkce,
    },
    primitives::{
        grant::{Extensions, Grant},
        registrar::Registrar as _,
    },
};
use oxide_auth_async::primitives::{Authorizer as _, Issuer as _};

use super::{
    REDIRECT_OMITTED,
    client::ClientView,
    refused,
    vault::{Presented, Vault},
};
use crate::{
    audit::Recorder,
    ids::ClientId,
    policy::ScopeSet,
    store::{
        StoreError, TenantTx,
        handles::{CodeRow, FamilyState},
    },
    token::{Mint, TokenError, TokenResponse, request::CodeRequest},
};

/// Whether the verifier fits the stored S256 challenge (RFC 7636 §4.6), in constant time.
pub(in crate::token) fn verifier_fits(challenge: &str, verifier: &str) -> bool {
    let pkce = Pkce::required();
    let Ok(kept) = pkce.challenge(Some("S256".into()), Some(challenge.into())) else { return false };
    pkce.verify(kept, Some(verifier.into())).is_ok()
}

struct MachineRequest<'a> {
    client: &'a ClientId,
    request: &'a CodeRequest,
}

impl Request for MachineRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        // The machine passes it back to `extract`, which works on the locked row.
        Some("".into())
    }
    fn authorization(&self) -> Authorization<'_> {
        Authorization::Username(self.client.as_str().into())
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        // A second mention counts as a duplicate.
        None
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(self.request.redirect_uri.as_deref().unwrap_or(REDIRECT_OMITTED).into())
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("authorization_code".into())
    }
    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Inputs hold a `&dyn Request`, which must not live across an await: steps are owned.
enum Step {
    Start,
    Authenticate(String),
    Recover,
    Extend(Extensions),
    Issue(Box<Grant>),
}

/// Redeems a code that was checked and is locked. The code is consumed in `tx` even where the machine refuses.
pub(in crate::token) async fn redeem_code(
    mint: Mint<'_>,
    recorder: &Recorder,
    tx: &mut TenantTx,
    client: &ClientId,
    request: &CodeRequest,
    row: CodeRow,
    family: FamilyState,
) -> Result<TokenResponse, TokenError> {
    let presented = Presented::Code { row, redirect_given: request.redirect_uri.is_some() };
    let mut vault = Vault { mint, recorder, tx, family, presented, answer: None, fault: None };
    let view = ClientView {
        client_id: client.as_str(),
        redirect_uri: REDIRECT_OMITTED,
        declared: &ScopeSet::EMPTY,
        defaults: &ScopeSet::EMPTY,
    };
    let mut machine = AccessToken::new(&MachineRequest { client, request });
    let mut step = Step::Start;
    loop {
        let input = match step {
            Step::Start => Input::None,
            Step::Authenticate(id) => {
                view.check(&id, None).map_err(|_| refused(None))?;
                Input::Authenticated
            }
            Step::Recover => match vault.extract("").await {
                Ok(grant) => Input::Recovered(grant.map(Box::new)),
                Err(()) => return Err(fault(&mut vault)),
            },
            Step::Extend(mut kept) => {
                let pkce = Pkce::required();
                let challenge = kept.remove(&pkce);
                pkce.verify(challenge, Some(request.verifier.as_str().into())).map_err(|()| refused(None))?;
                Input::Extended { access_extensions: kept }
            }
            Step::Issue(grant) => match vault.issue(*grant).await {
                Ok(issued) => Input::Issued(issued),
                Err(()) => return Err(fault(&mut vault)),
            },
        };
        step = match machine.advance(input) {
            Output::Authenticate { client, .. } => Step::Authenticate(client.to_owned()),
            Output::Recover { .. } => Step::Recover,
            Output::Extend { extensions } => Step::Extend(extensions.clone()),
            Output::Issue { grant } => Step::Issue(Box::new(grant.clone())),
            Output::Ok(_) => return vault.answer.take().ok_or_else(|| fault(&mut vault)),
            Output::Err(mut error) => return Err(kind(&mut error)),
        };
    }
}

fn kind(error: &mut Error) -> TokenError {
    refused(error.description().map(oxide_auth::code_grant::error::AccessTokenError::kind))
}

pub(super) fn fault(vault: &mut Vault<'_>) -> TokenError {
    TokenError::Fault(vault.fault.take().unwrap_or_else(|| StoreError::corrupt("the grant engine gave no answer")))
}
