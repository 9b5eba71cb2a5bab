//! How often logins failed, by account and by address. Buckets are keyed hashes: neither is kept in clear.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};

/// A bucket's keyed hash.
pub type Bucket = [u8; 32];

/// Attempts in the windows of both buckets, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// From this address.
    pub address: u32,
    /// On this account. None: the address has too many already, so the account did not count this one.
    pub account: Option<u32>,
}

/// Counts one attempt. A bucket whose window began at or before `window_floor` begins a new one.
///
/// The address comes first: once it has more than `per_address`, nothing more is written under account names, which
/// strangers make up. The order is the same everywhere, so no two attempts wait for each other.
pub async fn count(
    tx: &mut TenantTx,
    account: &Bucket,
    address: &Bucket,
    per_address: u32,
    now: OffsetDateTime,
    window_floor: OffsetDateTime,
) -> Result<Counts, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"with address as (
             insert into login_throttle as t (tenant, bucket, failures, window_start) values ($1, $2, 1, $5)
             on conflict (tenant, bucket) do update set
                 failures = case when t.window_start > $6 then least(t.failures, 1000000) + 1 else 1 end,
                 window_start = case when t.window_start > $6 then t.window_start else excluded.window_start end
             returning failures
         ), account as (
             insert into login_throttle as t (tenant, bucket, failures, window_start)
             select $1, $3, 1, $5 from address where failures <= $4
             on conflict (tenant, bucket) do update set
                 failures = case when t.window_start > $6 then least(t.failures, 1000000) + 1 else 1 end,
                 window_start = case when t.window_start > $6 then t.window_start else excluded.window_start end
             returning failures
         )
         select address.failures as "address!", account.failures as "account?" from address left join account on true"#,
        tenant.0,
        address.as_slice(),
        account.as_slice(),
        i32::try_from(per_address).unwrap_or(i32::MAX),
        now,
        window_floor
    )
    .fetch_one(tx.conn())
    .await?;
    let count = |failures| u32::try_from(failures).map_err(|_| StoreError::corrupt("login_throttle.failures"));
    Ok(Counts { address: count(row.address)?, account: row.account.map(count).transpose()? })
}

/// Takes back what one attempt counted: it did not fail. `clear` empties the account's bucket.
pub async fn take_back(tx: &mut TenantTx, account: &Bucket, address: &Bucket, clear: bool) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    for (bucket, clear) in [(address, false), (account, clear)] {
        sqlx::query!(
            "update login_throttle set failures = case when $3 then 0 else greatest(failures - 1, 0) end
              where tenant = $1 and bucket = $2",
            tenant.0,
            bucket.as_slice(),
            clear
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}
