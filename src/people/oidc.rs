//! Login through a tenant's identity providers (OpenID Connect Core, authorization code with PKCE).
//!
//! ```text
//! begin     → login_attempt     state → nonce, verifier, errand: sealed under the browser's handle
//!           → the provider      with state, nonce, S256, and an address to come back to that is this provider's alone
//! callback  → Answer            state of this browser and this provider, good once; then `iss`; then `error`
//!           → exchange          code → ID token, over the dialer for addresses that others name
//!           → Claims            signature, iss, aud, azp, exp, iat, nonce, and what the settings require
//!           → account_for       who that is here: by (provider, sub) alone, never by a name or an address
//!           → session           as after a password
//! link      → person_identity   instead of a session, for whoever began it logged in: the account there is theirs from now on
//! check     → Finding           for administrators: what a provider says of itself, and what is wrong with it
//! logout    → logout_token      the provider says that somebody is logged out there: sessions end, and grants
//! ```

mod begin;
mod callback;
mod check;
mod claims;
mod exchange;
mod link;
mod listed;
mod logout;
mod metadata;
mod provider;

pub(super) use begin::{Purpose, begin};
pub(super) use callback::{Answer, returned};
pub use check::{Finding, Verdict, check};
pub use claims::{Account, Claims, NoAccount, SESSION_ROLES, account_for};
pub use exchange::Refusal;
pub(super) use link::{Unlinked, unlink};
pub use listed::{Listed, probe};
pub(super) use logout::log_out;
pub use metadata::Providers;
pub use provider::{Accounts, OnLogout, Provider, ProviderSettings, RoleRule, secret_place};
