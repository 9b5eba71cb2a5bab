//! Who is the human, over real HTTP.

mod accounts;
mod errands;
mod events;
mod forms;
mod grants;
mod history;
mod identities;
pub(crate) mod links;
mod login;
mod passkey_logins;
mod passkeys;
mod provider_logout;
pub(crate) mod providers;
mod second;
mod security;
mod throttle;
