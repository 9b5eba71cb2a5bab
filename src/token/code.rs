//! Redeeming an authorization code (OAuth 2.1 §4.1.3).
//!
//! Everything is checked against the locked row first. A try that fails its checks neither consumes nor revokes, so a
//! leaked code is no lever against its owner; five of them end the code. A replay with everything right ends the family.

use super::{
    Mint, TokenError, TokenResponse, engine,
    request::CodeRequest,
    revoke::{self, Reason},
    verdict::Verdict,
};
use crate::{
    app::App,
    audit::{Event, Recorder},
    ids::ClientId,
    store::{
        TenantTx,
        handles::{self, CodeRow, FamilyState},
    },
    tenants::Tenant,
};

/// Failed tries after which a code is dead.
const MAX_FAILURES: i32 = 5;
const TOO_OFTEN: TokenError = TokenError::InvalidGrant("the code was tried too often");

/// Redeems a code for tokens. Commits `tx`, except on a fault.
pub(super) async fn redeem(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    client: &ClientId,
    request: &CodeRequest,
    mut tx: TenantTx,
) -> Result<TokenResponse, TokenError> {
    let verdict = judge(app, recorder, tenant, client, request, &mut tx).await?;
    verdict.conclude(app, tx).await
}

async fn judge(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    client: &ClientId,
    request: &CodeRequest,
    tx: &mut TenantTx,
) -> Result<Verdict, TokenError> {
    let mint = Mint::of(app);
    let hashes = app.keyring.lookup(tenant.id, &request.code);
    let Some(row) = handles::lock_code(tx, &hashes).await? else {
        return Ok(Verdict::Refused(TokenError::Unknown("the code is unknown or was removed")));
    };
    let family = handles::family_state(tx, row.family).await?;
    let tried_too_often = row.failures >= MAX_FAILURES;
    if let Err((error, reason)) = check(tenant, client, request, &row, &family) {
        if tried_too_often {
            return Ok(Verdict::Refused(TOO_OFTEN));
        }
        handles::count_code_failure(tx, &row.hash).await?;
        recorder.record(tx, &Event::CodeRefused { family: family.id, reason, failures: row.failures + 1 }).await?;
        return Ok(Verdict::Refused(error));
    }
    // However often it was tried: a thief who was faster could cover up the theft with wrong tries.
    if row.consumed_at.is_some() {
        // Once: whoever holds a code must not write into the log for ever.
        if family.live {
            recorder.record(tx, &Event::CodeReplayed { family: family.id, client: client.clone() }).await?;
        }
        let ticket = revoke::family(tx, recorder, family.id, Reason::CodeReplayed).await?;
        return Ok(Verdict::Replayed(ticket, "the code was used before; what it had issued is revoked"));
    }
    if tried_too_often {
        return Ok(Verdict::Refused(TOO_OFTEN));
    }
    if row.expires_at <= mint.now {
        return Ok(Verdict::Refused(TokenError::InvalidGrant("the code has expired")));
    }
    if !family.live {
        return Ok(Verdict::Refused(TokenError::InvalidGrant("the permission behind the code was taken back")));
    }
    match engine::redeem_code(mint, recorder, tx, client, request, row, family).await {
        Ok(answer) => Ok(Verdict::Issued(answer)),
        Err(TokenError::Fault(fault)) => Err(fault.into()),
        Err(error) => Ok(Verdict::Refused(error)),
    }
}

/// Client, redirect URI, resource and verifier, against the row.
fn check(
    tenant: &Tenant,
    client: &ClientId,
    request: &CodeRequest,
    row: &CodeRow,
    family: &FamilyState,
) -> Result<(), (TokenError, &'static str)> {
    if family.client != *client {
        return Err((TokenError::InvalidGrant("the code was issued to another client"), "client"));
    }
    if request.redirect_uri.as_ref().is_some_and(|uri| *uri != row.redirect_uri) {
        return Err((
            TokenError::InvalidGrant("redirect_uri differs from the one of the authorization request"),
            "redirect_uri",
        ));
    }
    let server = tenant.server_by_id(family.server);
    if !server.is_some_and(|server| request.target.is(&server.resource)) {
        return Err((TokenError::InvalidTarget("the code was issued for another resource"), "resource"));
    }
    if !engine::verifier_fits(&row.code_challenge, &request.verifier) {
        return Err((TokenError::InvalidGrant("code_verifier does not fit the code_challenge"), "code_verifier"));
    }
    Ok(())
}
