//! The one place where tokens are made.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::{
    app::App,
    audit::{Event, Recorder},
    config::Tokens,
    ids::TenantId,
    keys::{Keyring, Stored},
    secret::{Entropy, Handle, HandleKind},
    store::{
        StoreError, TenantTx,
        handles::{self, FamilyState, NewAccess, NewRefresh, NewTokens},
    },
};

/// What is needed to make a token, at one moment.
#[derive(Clone, Copy)]
pub struct Mint<'a> {
    /// Keys outside the database.
    pub keyring: &'a Keyring,
    /// Where chance comes from.
    pub entropy: &'a Entropy,
    /// Lifetimes.
    pub lifetimes: &'a Tokens,
    /// The moment.
    pub now: OffsetDateTime,
}

/// Whether a family gets a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewable {
    Yes,
    /// The client can ask again at any time.
    No,
}

/// A fresh token, before it is stored.
pub(super) struct Fresh {
    pub(super) handle: Handle,
    pub(super) stored: Stored,
    /// When it ends; a refresh token only unless it is used.
    pub(super) expires_at: OffsetDateTime,
}

impl Fresh {
    pub(super) fn access<'a>(&'a self, scopes: &'a [String]) -> NewAccess<'a> {
        NewAccess { stored: &self.stored, scopes, expires_at: self.expires_at }
    }

    pub(super) fn refresh<'a>(&'a self, scopes: &'a [String]) -> NewRefresh<'a> {
        NewRefresh { stored: &self.stored, scopes, idle_expires_at: self.expires_at }
    }
}

impl<'a> Mint<'a> {
    /// A mint of this application, now.
    pub fn of(app: &'a App) -> Self {
        Self { keyring: &app.keyring, entropy: &app.entropy, lifetimes: &app.config.tokens, now: app.clock.now() }
    }

    /// A fresh access token of a family; it never outlives the family.
    pub(super) fn access(&self, tenant: TenantId, family: &FamilyState) -> Result<Fresh, StoreError> {
        let expires_at = (self.now + self.lifetimes.access).min(family.expires_at);
        self.fresh(tenant, HandleKind::AccessToken, expires_at)
    }

    /// A fresh refresh token of a family.
    pub(super) fn refresh(&self, tenant: TenantId, family: &FamilyState) -> Result<Fresh, StoreError> {
        self.fresh(tenant, HandleKind::RefreshToken, self.idle_end(family))
    }

    fn fresh(&self, tenant: TenantId, kind: HandleKind, expires_at: OffsetDateTime) -> Result<Fresh, StoreError> {
        let handle = Handle::generate(kind, self.entropy)?;
        let stored = self.keyring.store(tenant, &handle);
        Ok(Fresh { handle, stored, expires_at })
    }

    /// The first tokens of a family, whatever it was begun by: an access token and, where the client can use one, a refresh
    /// token. Written with the event that says so.
    pub(super) async fn first(
        &self,
        recorder: &Recorder,
        tx: &mut TenantTx,
        family: &FamilyState,
        scopes: &[String],
        renewable: Renewable,
    ) -> Result<TokenResponse, StoreError> {
        let access = self.access(tx.tenant(), family)?;
        let refresh = match renewable {
            Renewable::Yes => Some(self.refresh(tx.tenant(), family)?),
            Renewable::No => None,
        };
        let answer = TokenResponse::new(self, &access, refresh.as_ref(), scopes);
        let (client, issued) = (family.client.clone(), answer.scope.split(' ').map(str::to_owned).collect());
        let (token, of_refresh) = answer.audit_handles(self.keyring);
        let issued = Event::TokenIssued { family: family.id, client, scopes: issued, token, refresh: of_refresh };
        let event = recorder.row(&issued)?;
        let refresh = refresh.as_ref().map(|refresh| refresh.refresh(scopes));
        let tokens = NewTokens { family: family.id, access: access.access(scopes), refresh };
        handles::insert_first(tx, tokens, &event, self.now).await?;
        Ok(answer)
    }

    /// When a refresh token that is handed out now ends unless it is used.
    pub(super) fn idle_end(&self, family: &FamilyState) -> OffsetDateTime {
        (self.now + self.lifetimes.refresh_idle).min(family.expires_at)
    }

    /// Seconds until `at`, as `expires_in` counts them.
    pub(super) fn seconds_until(&self, at: OffsetDateTime) -> i64 {
        (at - self.now).max(Duration::ZERO).whole_seconds()
    }
}

/// A successful answer of the token endpoint (RFC 6749 §5.1), and the content of a refresh box. No Debug.
#[derive(Serialize, Deserialize)]
pub struct TokenResponse {
    pub(super) access_token: Zeroizing<String>,
    pub(super) token_type: String,
    pub(super) expires_in: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<Zeroizing<String>>,
    pub(super) scope: String,
}

impl TokenResponse {
    pub(super) fn new(mint: &Mint<'_>, access: &Fresh, refresh: Option<&Fresh>, scopes: &[String]) -> Self {
        let mut sorted = scopes.to_vec();
        sorted.sort_unstable();
        Self {
            access_token: Zeroizing::new(access.handle.expose().to_owned()),
            token_type: "Bearer".to_owned(),
            expires_in: mint.seconds_until(access.expires_at),
            refresh_token: refresh.map(|refresh| Zeroizing::new(refresh.handle.expose().to_owned())),
            scope: sorted.join(" "),
        }
    }

    /// What stands for its access token and its refresh token in the audit log.
    pub(super) fn audit_handles(&self, keyring: &Keyring) -> (String, Option<String>) {
        let refresh = self.refresh_token.as_ref().map(|refresh| keyring.audit_handle(refresh));
        (keyring.audit_handle(&self.access_token), refresh)
    }
}
