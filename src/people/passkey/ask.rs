//! Challenges that say themselves by whom and when they were set, so that nothing is kept of those that nobody answers.
//!
//! ```text
//! 8 bytes: when (seconds) | 8 bytes: chance | 16 bytes: keyed hash over both, the tenant, the browser, the purpose and the person
//! ```
//!
//! Whoever answers one uses it up: its hash is kept for as long as it could be answered.

use aws_lc_rs::digest::{SHA256, digest};
use time::{Duration, OffsetDateTime};

use super::Challenge;
use crate::{
    app::App,
    ids::{PersonId, TenantId},
    secret::{Handle, NoEntropy, same},
    store::{StoreError, TenantTx, second},
};

const LABEL: &str = "passkey challenge";
/// For how long one can be answered: as long as browsers wait.
const LIFE: Duration = Duration::minutes(5);

/// For whom and what a challenge is set.
pub(in crate::people) struct Question {
    pub(in crate::people) tenant: TenantId,
    /// A hash of the browser's handle.
    browser: [u8; 32],
    purpose: &'static str,
    pub(in crate::people) person: Option<PersonId>,
}

impl Question {
    /// `purpose` is `register`, `login` or `second`; at a login nobody is known yet.
    pub(in crate::people) fn of(
        tenant: TenantId,
        browser: &Handle,
        purpose: &'static str,
        person: Option<PersonId>,
    ) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, browser.expose().as_bytes()).as_ref());
        Self { tenant, browser: hash, purpose, person }
    }

    fn parts<'a>(&'a self, said: &'a [u8]) -> [&'a [u8]; 5] {
        let person = self.person.as_ref().map_or(&[][..], |person| person.0.as_bytes());
        [self.tenant.0.as_bytes(), &self.browser, self.purpose.as_bytes(), person, said]
    }

    /// Sets a challenge.
    pub(in crate::people) fn set(&self, app: &App) -> Result<Challenge, NoEntropy> {
        let mut said = [0; 16];
        let (when, chance) = said.split_at_mut(8);
        when.copy_from_slice(&app.clock.now().unix_timestamp().to_be_bytes());
        chance.copy_from_slice(app.entropy.bytes::<8>()?.as_slice());
        let mac = app.keyring.keyed(LABEL, &self.parts(&said));
        let mut bytes = [0; 32];
        let (front, back) = bytes.split_at_mut(16);
        front.copy_from_slice(&said);
        back.copy_from_slice(mac.first_chunk::<16>().ok_or(NoEntropy)?);
        Ok(Challenge(bytes))
    }

    /// Until when a challenge can be answered that was set for this. None: it was not, or that is over.
    pub(in crate::people) fn until(&self, app: &App, challenge: &Challenge) -> Option<OffsetDateTime> {
        let (said, mac) = challenge.0.split_at(16);
        let genuine = app.keyring.keyed_by_any(LABEL, &self.parts(said));
        let is_ours = genuine.iter().any(|genuine| genuine.first_chunk::<16>().is_some_and(|own| same(own, mac)));
        let set = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*said.first_chunk::<8>()?)).ok()?;
        (is_ours && set + LIFE > app.clock.now()).then_some(set + LIFE)
    }

    /// Uses a challenge up that was set for this. False: it was not, that is over, or it was answered before.
    pub(in crate::people) async fn use_up(
        &self,
        app: &App,
        tx: &mut TenantTx,
        challenge: &Challenge,
    ) -> Result<bool, StoreError> {
        match self.until(app, challenge) {
            Some(until) => second::use_challenge(tx, &challenge.hash(), until).await,
            None => Ok(false),
        }
    }
}
