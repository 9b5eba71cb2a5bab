//! Authorizer and issuer of the machines, over one request's transaction and one locked row.

use async_trait::async_trait;
use oxide_auth::{
    code_grant::extensions::Pkce,
    primitives::{
        grant::{Extensions, Grant},
        issuer::{IssuedToken, RefreshedToken, TokenType},
    },
};
use oxide_auth_async::primitives::{Authorizer, Issuer};

use super::{REDIRECT_OMITTED, until};
use crate::{
    audit::{Event, Recorder},
    secret::Handle,
    store::{
        StoreError, TenantTx,
        handles::{self, CodeRow, FamilyState, RefreshRow, Rotation},
    },
    token::{
        Mint, TokenResponse,
        mint::Renewable,
        retry_box::{self, Place},
    },
};

/// The row that the request presented. It is locked, and was checked before the machine is asked.
pub(super) enum Presented<'a> {
    Code { row: CodeRow, redirect_given: bool },
    Refresh { row: RefreshRow, token: &'a Handle },
}

/// One request's view of the store. The machines carry no secret: what was minted stays here.
pub(super) struct Vault<'a> {
    pub(super) mint: Mint<'a>,
    pub(super) recorder: &'a Recorder,
    pub(super) tx: &'a mut TenantTx,
    pub(super) family: FamilyState,
    pub(super) presented: Presented<'a>,
    pub(super) answer: Option<TokenResponse>,
    /// The cause behind a `()` of the traits.
    pub(super) fault: Option<StoreError>,
}

impl Vault<'_> {
    fn grant(&self, scopes: &[String], redirect_uri: &str, at: time::OffsetDateTime) -> Result<Grant, StoreError> {
        Ok(Grant {
            owner_id: self.family.subject.clone(),
            client_id: self.family.client.to_string(),
            scope: scopes.join(" ").parse().map_err(|_| StoreError::corrupt("scopes"))?,
            redirect_uri: redirect_uri.parse().map_err(|_| StoreError::corrupt("redirect_uri"))?,
            until: until(at, self.mint.now),
            extensions: Extensions::new(),
        })
    }

    /// Consumes the code: the statement has one winner, whatever runs beside it.
    async fn extract_code(&mut self) -> Result<Option<Grant>, StoreError> {
        let Presented::Code { row, redirect_given } = &self.presented else { return Ok(None) };
        if !handles::consume_code(self.tx, &row.hash, self.mint.now).await? {
            return Ok(None);
        }
        let redirect = if *redirect_given { row.redirect_uri.as_str() } else { REDIRECT_OMITTED };
        let mut grant = self.grant(&row.scopes, redirect, row.expires_at)?;
        let pkce = Pkce::required();
        let challenge = pkce.challenge(Some("S256".into()), Some(row.code_challenge.as_str().into()));
        if let Some(value) = challenge.map_err(|()| StoreError::corrupt("code_challenge"))? {
            grant.extensions.set(&pkce, value);
        }
        Ok(Some(grant))
    }

    async fn issue_first(&mut self, grant: &Grant) -> Result<(), StoreError> {
        let scopes = scopes_of(grant);
        self.answer = Some(self.mint.first(self.recorder, self.tx, &self.family, &scopes, Renewable::Yes).await?);
        Ok(())
    }

    /// Rotates: a successor with the same scopes, an access token with those asked for, and the box.
    async fn rotate(&mut self, grant: &Grant) -> Result<(), StoreError> {
        let Presented::Refresh { row, token } = &self.presented else {
            return Err(StoreError::corrupt("no refresh token"));
        };
        let scopes = scopes_of(grant);
        let (tenant, family) = (self.tx.tenant(), &self.family);
        let access = self.mint.access(tenant, family)?;
        let successor = self.mint.refresh(tenant, family)?;
        let answer = TokenResponse::new(&self.mint, &access, Some(&successor), &scopes);
        let place = Place { tenant, family: family.id, generation: row.generation };
        let sealed_answer = &retry_box::seal(token, place, &answer, self.mint.entropy)?;
        let old = Rotation { hash: &row.hash, family: family.id, generation: row.generation, sealed_answer };
        let (client, generation) = (family.client.clone(), row.generation);
        let keyring = self.mint.keyring;
        let ((of_access, of_refresh), presented) =
            (answer.audit_handles(keyring), keyring.audit_handle(token.expose()));
        let event = Event::TokenRefreshed {
            family: family.id,
            client,
            generation,
            retried: false,
            presented,
            token: of_access,
            refresh: of_refresh,
        };
        let event = self.recorder.row(&event)?;
        let (access, successor) = (access.access(&scopes), successor.refresh(&row.scopes));
        if !handles::rotate(self.tx, old, access, successor, &event, self.mint.now).await? {
            return Err(StoreError::corrupt("a refresh token rotated under its own lock"));
        }
        self.answer = Some(answer);
        Ok(())
    }

    fn kept<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, ()> {
        outcome.map_err(|fault| self.fault = Some(fault))
    }
}

fn scopes_of(grant: &Grant) -> Vec<String> {
    let mut scopes: Vec<String> = grant.scope.iter().map(str::to_owned).collect();
    scopes.sort_unstable();
    scopes
}

#[async_trait]
impl Authorizer for Vault<'_> {
    /// Codes are made by consent, not by the machine.
    async fn authorize(&mut self, _grant: Grant) -> Result<String, ()> {
        Err(())
    }

    async fn extract(&mut self, _code: &str) -> Result<Option<Grant>, ()> {
        let outcome = self.extract_code().await;
        self.kept(outcome)
    }
}

#[async_trait]
impl Issuer for Vault<'_> {
    async fn issue(&mut self, grant: Grant) -> Result<IssuedToken, ()> {
        let outcome = self.issue_first(&grant).await;
        self.kept(outcome)?;
        Ok(IssuedToken { token: String::new(), refresh: None, until: grant.until, token_type: TokenType::Bearer })
    }

    async fn recover_refresh(&mut self, _token: &str) -> Result<Option<Grant>, ()> {
        let Presented::Refresh { row, .. } = &self.presented else { return Ok(None) };
        let outcome = self.grant(&row.scopes, REDIRECT_OMITTED, row.idle_expires_at).map(Some);
        self.kept(outcome)
    }

    async fn refresh(&mut self, _token: &str, grant: Grant) -> Result<RefreshedToken, ()> {
        let outcome = self.rotate(&grant).await;
        self.kept(outcome)?;
        Ok(RefreshedToken { token: String::new(), refresh: None, until: grant.until, token_type: TokenType::Bearer })
    }

    /// Access tokens are looked up by `token::verify`, not by the machine.
    async fn recover_token(&mut self, _token: &str) -> Result<Option<Grant>, ()> {
        Ok(None)
    }
}
