//! How many wrong passwords are too many, by account and by address.
//!
//! An attempt is counted before its password is looked at, so that parallel attempts cannot pass the limit together, and
//! taken back when it turns out right. A window begins with its first attempt and ends by itself: whoever knows the
//! password gets in again afterwards, however often others failed.

use super::person::PersonKey;
use crate::{
    config,
    http::address::ClientAddress,
    ids::{PersonId, TenantId},
    keys::Keyring,
    store::{
        StoreError, TenantTx,
        login_throttle::{self, Bucket, Counts},
    },
};
use time::OffsetDateTime;

/// What an attempt is counted under.
pub(super) struct Buckets {
    account: Bucket,
    address: Bucket,
}

/// What counting an attempt said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Look at the password.
    Open,
    /// Too many.
    Blocked,
}

impl Buckets {
    pub(super) fn of(keyring: &Keyring, tenant: TenantId, person: &PersonKey, address: ClientAddress) -> Self {
        let account = match person {
            PersonKey::Known(id) => keyring.keyed("throttle person", &[tenant.0.as_bytes(), id.0.as_bytes()]),
            PersonKey::Unknown(name) => keyring.keyed("throttle name", &[tenant.0.as_bytes(), name.as_bytes()]),
        };
        Self::at(keyring, tenant, account, address)
    }

    /// For second factors: apart from passwords, so that neither uses up the tries of the other.
    pub(super) fn of_second(keyring: &Keyring, tenant: TenantId, person: PersonId, address: ClientAddress) -> Self {
        let account = keyring.keyed("throttle second factor", &[tenant.0.as_bytes(), person.0.as_bytes()]);
        Self::at(keyring, tenant, account, address)
    }

    fn at(keyring: &Keyring, tenant: TenantId, account: Bucket, address: ClientAddress) -> Self {
        let tenant = tenant.0.as_bytes();
        let network = address.network().to_string();
        Self { account, address: keyring.keyed("throttle address", &[tenant, network.as_bytes()]) }
    }

    /// Counts one attempt. Commit before the password is looked at.
    pub(super) async fn count(
        &self,
        tx: &mut TenantTx,
        limits: &config::Throttle,
        now: OffsetDateTime,
    ) -> Result<Standing, StoreError> {
        let Self { account, address } = self;
        let floor = now - limits.window;
        let counts = login_throttle::count(tx, account, address, limits.per_address, now, floor).await?;
        Ok(standing(counts, limits))
    }

    /// The attempt was right: the account starts afresh, the address is as it was before.
    pub(super) async fn succeeded(&self, tx: &mut TenantTx) -> Result<(), StoreError> {
        login_throttle::take_back(tx, &self.account, &self.address, true).await
    }

    /// The password was never looked at, by no fault of the person's.
    pub(super) async fn not_tried(&self, tx: &mut TenantTx) -> Result<(), StoreError> {
        login_throttle::take_back(tx, &self.account, &self.address, false).await
    }
}

fn standing(counts: Counts, limits: &config::Throttle) -> Standing {
    match counts.account {
        Some(account) if account <= limits.per_account => Standing::Open,
        _ => Standing::Blocked,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn either_limit_blocks() {
        let limits = config::Throttle { per_account: 3, per_address: 9, window: Duration::from_secs(60) };
        let of = |account, address| standing(Counts { account, address }, &limits);
        assert_eq!(of(Some(3), 9), Standing::Open);
        assert_eq!(of(Some(4), 9), Standing::Blocked);
        assert_eq!(of(None, 10), Standing::Blocked);
    }
}
