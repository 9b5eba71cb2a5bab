//! `[tokens]`

use std::time::Duration;

use super::reader::Reader;

const DAY: u64 = 86_400;

/// How long what is issued lives.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// An authorization code.
    pub code: Duration,
    /// A device code, and the user code that goes with it.
    pub device_code: Duration,
    /// An access token.
    pub access: Duration,
    /// A refresh token that nobody uses.
    pub refresh_idle: Duration,
    /// A family: one installation must ask its person again after this.
    pub family: Duration,
    /// The JWT that an upstream sees. At most 60 seconds, since it cannot be called back.
    pub inner_jwt: Duration,
}

impl Tokens {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let tokens = Self {
            code: reader.duration("tokens.code_seconds", 1, 60, 10..=600),
            device_code: reader.duration("tokens.device_code_seconds", 1, 600, 60..=1800),
            access: reader.duration("tokens.access_seconds", 1, 600, 60..=86_400),
            refresh_idle: reader.duration("tokens.refresh_idle_days", DAY, 30, 1..=365),
            family: reader.duration("tokens.family_days", DAY, 90, 1..=3650),
            inner_jwt: reader.duration("tokens.inner_jwt_seconds", 1, 60, 5..=60),
        };
        if tokens.refresh_idle > tokens.family {
            reader.problem("tokens.refresh_idle_days", "is longer than tokens.family_days");
        }
        if tokens.access > tokens.family {
            reader.problem("tokens.access_seconds", "is longer than tokens.family_days");
        }
        tokens
    }
}
