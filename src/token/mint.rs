//! The one place where tokens are made.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::{
    app::App,
    config::Tokens,
    keys::Keyring,
    secret::{Entropy, Handle, HandleKind},
    store::{
        StoreError, TenantTx,
        handles::{self, FamilyState},
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

/// A fresh access token.
pub(super) struct FreshAccess {
    pub(super) handle: Handle,
    pub(super) expires_at: OffsetDateTime,
}

impl<'a> Mint<'a> {
    /// A mint of this application, now.
    pub fn of(app: &'a App) -> Self {
        Self { keyring: &app.keyring, entropy: &app.entropy, lifetimes: &app.config.tokens, now: app.clock.now() }
    }

    /// A fresh access token of a family, with these scopes; it never outlives the family.
    pub(super) async fn access(
        &self,
        tx: &mut TenantTx,
        family: &FamilyState,
        scopes: &[String],
    ) -> Result<FreshAccess, StoreError> {
        let handle = Handle::generate(HandleKind::AccessToken, self.entropy)?;
        let expires_at = (self.now + self.lifetimes.access).min(family.expires_at);
        let stored = self.keyring.store(tx.tenant(), &handle);
        handles::insert_access_token(tx, &stored, family.id, scopes, self.now, expires_at).await?;
        Ok(FreshAccess { handle, expires_at })
    }

    /// A fresh refresh token of a family.
    pub(super) async fn refresh(
        &self,
        tx: &mut TenantTx,
        family: &FamilyState,
        generation: i32,
        scopes: &[String],
    ) -> Result<Handle, StoreError> {
        let handle = Handle::generate(HandleKind::RefreshToken, self.entropy)?;
        let idle = self.idle_end(family);
        let stored = self.keyring.store(tx.tenant(), &handle);
        handles::insert_refresh_token(tx, &stored, family.id, generation, scopes, self.now, idle).await?;
        Ok(handle)
    }

    /// The first tokens of a family, whatever it was begun by: an access token and, where the client can use one, a refresh
    /// token.
    pub(super) async fn first(
        &self,
        tx: &mut TenantTx,
        family: &FamilyState,
        scopes: &[String],
        renewable: Renewable,
    ) -> Result<TokenResponse, StoreError> {
        let access = self.access(tx, family, scopes).await?;
        let refresh = match renewable {
            Renewable::Yes => Some(self.refresh(tx, family, 1, scopes).await?),
            Renewable::No => None,
        };
        Ok(TokenResponse::new(self, &access, refresh.as_ref(), scopes))
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
    pub(super) fn new(mint: &Mint<'_>, access: &FreshAccess, refresh: Option<&Handle>, scopes: &[String]) -> Self {
        let mut sorted = scopes.to_vec();
        sorted.sort_unstable();
        Self {
            access_token: Zeroizing::new(access.handle.expose().to_owned()),
            token_type: "Bearer".to_owned(),
            expires_in: mint.seconds_until(access.expires_at),
            refresh_token: refresh.map(|refresh| Zeroizing::new(refresh.expose().to_owned())),
            scope: sorted.join(" "),
        }
    }
}
