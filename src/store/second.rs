//! Second factors of people, and logins that wait for one.

mod factors;
mod steps;

pub use factors::{
    Held, TotpRow, add_recovery_codes, add_totp, drop_recovery_codes, drop_totp, held, reset, totp, use_recovery_code,
    use_totp,
};
pub use steps::{NewStep, StepRow, begin, find, use_up};
