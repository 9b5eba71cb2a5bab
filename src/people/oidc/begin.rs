//! The way to a provider.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, Scope,
    core::{CoreAuthPrompt, CoreAuthenticationFlow},
};
use serde::{Deserialize, Serialize};
use time::Duration;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Provider, Refusal, exchange, metadata};
use crate::{
    app::App,
    http::visit::Visit,
    keys::{open_under, seal_under},
    secret::{Entropy, Handle, HandleKind, NoEntropy},
    store::{StoreError, providers},
};

/// How long a login may take at the provider.
const LIFE: Duration = Duration::minutes(10);
const LABEL: &str = "login attempt";

/// What only the browser that began can open.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Secrets {
    pub(super) nonce: String,
    pub(super) verifier: String,
    /// Since when the person has to show once more who they are, if they have to: in seconds since 1970.
    pub(super) anew: Option<i64>,
    pub(super) purpose: Purpose,
}

/// What somebody goes to a provider for.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "snake_case")]
pub(in crate::people) enum Purpose {
    /// To log in. What waits for it is as in an address.
    LogIn(Option<String>),
    /// To link the account there to the account here. By the id of the session that asked.
    Link(String),
}

/// Writes an attempt, and says where the browser goes. `anew`: the person must show once more who they are, and the provider must say when
/// they did.
pub(in crate::people) async fn begin(
    visit: &Visit,
    provider: &Provider,
    purpose: Purpose,
    anew: bool,
) -> Result<String, Refusal> {
    let app = &*visit.app;
    let kept = metadata::of(app, visit.tenant.id, provider).await?;
    let state = Handle::generate(HandleKind::LoginState, &app.entropy).map_err(StoreError::from)?;
    let now = app.clock.now();
    let since = anew.then(|| now.unix_timestamp());
    let secrets = Secrets { nonce: word(&app.entropy)?, verifier: word(&app.entropy)?, anew: since, purpose };
    let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
    let (text, nonce) = (state.expose().to_owned(), secrets.nonce.clone());
    let client = exchange::client(app, &visit.tenant, provider, &kept.0)?;
    let mut request = client.authorize_url(
        CoreAuthenticationFlow::AuthorizationCode,
        move || CsrfToken::new(text),
        move || Nonce::new(nonce),
    );
    if anew {
        // The provider has to say when, too (Core §3.1.2.1): the browser could leave the prompt out.
        request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(std::time::Duration::ZERO);
    }
    for scope in &provider.settings.scopes {
        request = request.add_scope(Scope::new(scope.clone()));
    }
    let (url, ..) = request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier)).url();
    let hash = app.keyring.current_hash(visit.tenant.id, &state);
    let sealed = secrets.seal(app, visit.browser.handle(), &hash)?;
    let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
    providers::begin(&mut tx, (&hash, provider.row.id), &sealed, (now, now + LIFE)).await?;
    tx.commit().await?;
    Ok(url.into())
}

/// 256 random bits as text: a nonce, or a code verifier (RFC 7636 §4.1).
fn word(entropy: &Entropy) -> Result<String, StoreError> {
    Ok(URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?.as_slice()))
}

impl Secrets {
    fn seal(&self, app: &App, browser: &Handle, hash: &[u8]) -> Result<Vec<u8>, StoreError> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).map_err(StoreError::corrupt)?);
        Ok(seal_under(browser, LABEL, hash, &plain, &app.entropy).map_err(|NoEntropy| NoEntropy)?)
    }

    /// None: another browser began.
    pub(super) fn open(browser: &Handle, hash: &[u8], sealed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&open_under(browser, LABEL, hash, sealed).ok()?).ok()
    }
}
