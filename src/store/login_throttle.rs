//! How often logins failed, by account and by address. Buckets are keyed hashes: neither is kept in clear.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};

/// A bucket's keyed hash.
pub type Bucket = [u8; 32];

/// Counts one attempt in both buckets, and says how many there are now in each one's window. A bucket whose window
/// began at or before `window_floor` begins a new one.
pub async fn count(
    tx: &mut TenantTx,
    account: &Bucket,
    address: &Bucket,
    now: OffsetDateTime,
    window_floor: OffsetDateTime,
) -> Result<(u32, u32), StoreError> {
    let tenant = tx.tenant();
    // Always in the same order, or two attempts could wait for each other.
    let rows = sqlx::query!(
        "insert into login_throttle as t (tenant, bucket, failures, window_start)
         select $1, b, 1, $3 from unnest($2::bytea[]) b order by b
         on conflict (tenant, bucket) do update set
             failures = case when t.window_start > $4 then least(t.failures, 1000000) + 1 else 1 end,
             window_start = case when t.window_start > $4 then t.window_start else excluded.window_start end
         returning bucket, failures",
        tenant.0,
        &[account.to_vec(), address.to_vec()],
        now,
        window_floor
    )
    .fetch_all(tx.conn())
    .await?;
    let of = |bucket: &Bucket| {
        let row = rows.iter().find(|row| row.bucket == bucket);
        row.and_then(|row| u32::try_from(row.failures).ok())
            .ok_or_else(|| StoreError::corrupt("login_throttle.failures"))
    };
    Ok((of(account)?, of(address)?))
}

/// Takes back what one attempt counted: it did not fail. `clear` empties the account's bucket.
pub async fn take_back(tx: &mut TenantTx, account: &Bucket, address: &Bucket, clear: bool) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "with own as (
             select bucket from login_throttle where tenant = $1 and bucket in ($2, $3) order by bucket for update
         )
         update login_throttle t set failures = case when t.bucket = $2 and $4 then 0 else greatest(t.failures - 1, 0) end
           from own where t.tenant = $1 and t.bucket = own.bucket",
        tenant.0,
        account.as_slice(),
        address.as_slice(),
        clear
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
