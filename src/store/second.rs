//! Second factors of people, and logins that wait for one.

mod factors;
mod passkeys;
mod steps;

pub use factors::{
    Held, TotpRow, add_recovery_codes, add_totp, drop_recovery_codes, drop_totp, held, reset, totp, use_recovery_code,
    use_totp,
};
pub use passkeys::{
    CREDENTIAL_TAKEN, PasskeyRow, add_passkey, any_passkey, drop_passkeys, passkey, passkey_owner, passkey_used,
    passkeys, use_challenge,
};
pub use steps::{NewStep, StepRow, begin, find, use_up};
