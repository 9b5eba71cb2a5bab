//! Client credentials (RFC 6749 §4.4, and the MCP extension `io.modelcontextprotocol/oauth-client-credentials`): a client
//! that acts for itself, within what an administrator granted it. No refresh token: it can ask again.

use super::{Mint, TokenError, TokenResponse, engine, mint::Renewable, request::CredentialsRequest};
use crate::{
    app::App,
    audit::Recorder,
    clients::authenticate::AuthenticatedClient,
    ids::FamilyId,
    policy::{Scope, ScopeSet},
    store::{
        StoreError, TenantTx,
        grants::{
            NewFamily,
            machine::{self, MachineGrant},
        },
        handles,
    },
    tenants::{Server, Tenant},
};

/// Issues an access token to the client itself. Commits `tx`, except on a fault.
pub(super) async fn issue(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &CredentialsRequest,
    mut tx: TenantTx,
) -> Result<TokenResponse, TokenError> {
    let outcome = within(app, recorder, tenant, client, request, &mut tx).await;
    // A refusal commits, too: an assertion that came with it is spent.
    if !matches!(outcome, Err(TokenError::Fault(_))) {
        tx.commit().await?;
    }
    outcome
}

async fn within(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &CredentialsRequest,
    tx: &mut TenantTx,
) -> Result<TokenResponse, TokenError> {
    if !client.is_confidential() {
        return Err(TokenError::UnauthorizedClient("a public client cannot act for itself: anybody could name it"));
    }
    let server = request.target.server(tenant)?;
    let grant = machine::lock(tx, &client.id, server.id).await?;
    let grant = grant.ok_or(TokenError::UnauthorizedClient(
        "an administrator has not granted this client anything on this server (client_credentials of sallyport apply)",
    ))?;
    let granted = granted(&grant, server)?;
    if request.scope.as_ref().is_some_and(|asked| !asked.iter().all(|scope| granted.contains(scope.as_str()))) {
        return Err(TokenError::InvalidScope("scope asks for more than an administrator granted this client"));
    }
    let scopes = engine::client_credentials(&client.id, request, &granted)?;
    let mint = Mint::of(app);
    let id = FamilyId::new(&app.clock, &app.entropy)?;
    let expires_at = mint.now + mint.lifetimes.access;
    let new = NewFamily { id, grant: grant.id, redirect_uri: None, auth_time: None, expires_at };
    let family = handles::begin_family(tx, new, mint.now).await?;
    if !family.live {
        return Err(TokenError::UnauthorizedClient("what was granted to this client was taken back"));
    }
    Ok(mint.first(recorder, tx, &family, &scopes, Renewable::No).await?)
}

/// What the grant allows and the server still declares.
fn granted(grant: &MachineGrant, server: &Server) -> Result<ScopeSet, TokenError> {
    let scopes: Result<ScopeSet, _> = grant.scopes.iter().map(|scope| Scope::new(scope)).collect();
    let granted = scopes.map_err(StoreError::corrupt)?.intersection(server.policy.declared());
    if granted.is_empty() {
        return Err(TokenError::InvalidScope(
            "the server has none of the scopes any more that this client was granted",
        ));
    }
    Ok(granted)
}
