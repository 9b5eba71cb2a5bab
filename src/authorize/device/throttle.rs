//! How many wrong codes are too many, by person and by address. Limits and window are those of wrong passwords.
//!
//! A try is counted before the code is looked up, so that parallel tries cannot pass the limit together, and taken back when
//! it turns out right. It takes back only itself: anybody can have codes of their own that are right.

use time::OffsetDateTime;

use crate::{
    config,
    http::visit::Visit,
    ids::PersonId,
    store::{
        StoreError,
        login_throttle::{self, Bucket},
    },
};

/// What a try is counted under.
pub(super) struct Buckets {
    person: Bucket,
    address: Bucket,
}

impl Buckets {
    pub(super) fn of(visit: &Visit, person: PersonId) -> Self {
        let (keyring, tenant) = (&visit.app.keyring, visit.tenant.id.0.as_bytes());
        let network = visit.address.network().to_string();
        Self {
            person: keyring.keyed("device throttle person", &[tenant, person.0.as_bytes()]),
            address: keyring.keyed("device throttle address", &[tenant, network.as_bytes()]),
        }
    }

    /// Counts a try. False: enough.
    pub(super) async fn count(&self, visit: &Visit) -> Result<bool, StoreError> {
        let limits = limits(visit);
        let now = visit.app.clock.now();
        let floor: OffsetDateTime = now - limits.window;
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let (person, address) = (&self.person, &self.address);
        let counts = login_throttle::count(&mut tx, person, address, limits.per_address, now, floor).await?;
        tx.commit().await?;
        Ok(counts.account.is_some_and(|tries| tries <= limits.per_account))
    }

    /// The code was right.
    pub(super) async fn take_back(&self, visit: &Visit) -> Result<(), StoreError> {
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        login_throttle::take_back(&mut tx, &self.person, &self.address, false).await?;
        tx.commit().await
    }
}

pub(super) fn limits(visit: &Visit) -> &config::Throttle {
    &visit.app.config.login.throttle
}
